//! Commands that begin or end very many subscriptions: some in each of the client's turns, and P4 all the same.

use std::collections::HashMap;

use pregon::client::Closing;
use pregon::resp::Proto;

use crate::harness::{Peer, World, everywhere, pipeline, request};

const NAMES: usize = 3000;
/// What a client may begin or end in one turn.
const IN_TURN: usize = 512;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("c{number}")).collect()
}

/// A command about so many names.
fn command(word: &str, count: usize) -> String {
    format!("{word} {}", names(count).join(" "))
}

/// The next turn of a session that has more to do; false if it has not.
fn next_turn(peer: &mut Peer) -> bool {
    let has_more = peer.session.has_more();
    if has_more {
        peer.session.resume();
        peer.session.spread();
    }
    has_more
}

/// What a client hears in each of its turns until it has no more to do, as text.
fn turns(peer: &mut Peer, bytes: &[u8]) -> Vec<Vec<String>> {
    peer.session.feed(bytes);
    peer.session.spread();
    let mut turns = Vec::new();
    loop {
        turns.push(peer.take_frames().iter().map(ToString::to_string).collect());
        if !next_turn(peer) {
            return turns;
        }
    }
}

fn push(world: &World, text: &str) -> String {
    format!("{}[{text}]", if world.proto == Proto::Resp3 { ">" } else { "" })
}

#[test]
fn very_many_subscriptions_begin_and_end_some_in_each_turn() {
    everywhere(|world| {
        let mut peer = world.peer();
        for (begin, end) in
            [("subscribe", "unsubscribe"), ("psubscribe", "punsubscribe"), ("ssubscribe", "sunsubscribe")]
        {
            let mut check = |request: &[u8], expected: &[String]| {
                let turns = turns(&mut peer, request);
                assert!(turns.iter().all(|heard| heard.len() <= IN_TURN), "{begin}");
                assert!(turns.len() >= NAMES / IN_TURN, "{begin}");
                let mut heard = turns.concat();
                if request.starts_with(b"*1") {
                    // All are ended, in no order.
                    let name_of = |text: &String| text.split(' ').nth(1).unwrap_or_default().to_owned();
                    let mut all: Vec<String> = heard.iter().map(name_of).collect();
                    all.sort();
                    let mut expected = names(NAMES);
                    expected.sort();
                    assert_eq!(all, expected);
                    heard.drain(..NAMES - 1);
                    assert!(heard[0].ends_with(" :0]"), "{heard:?}");
                } else {
                    assert_eq!(heard, expected);
                }
            };
            let confirmed = |word: &str, count: &dyn Fn(usize) -> usize| -> Vec<String> {
                let text = |i: usize| push(world, &format!("{word} c{i} :{}", count(i)));
                (0..NAMES).map(text).collect()
            };
            let subscribe = request(command(begin, NAMES).split(' '));
            check(&subscribe, &confirmed(begin, &|i| i + 1));
            check(&request(command(end, NAMES).split(' ')), &confirmed(end, &|i| NAMES - i - 1));
            check(&subscribe, &confirmed(begin, &|i| i + 1));
            check(&request([end]), &[]);
        }
    });
}

#[test]
fn reset_ends_very_many_subscriptions_some_in_each_turn_before_it_answers() {
    everywhere(|world| {
        let mut peer = world.peer();
        peer.say("CLIENT REPLY OFF");
        peer.joins(&command("SUBSCRIBE", NAMES));
        peer.joins(&command("PSUBSCRIBE", NAMES));
        let turns = turns(&mut peer, b"RESET\r\nECHO x\r\n");
        assert!(turns.len() >= 2 * NAMES / IN_TURN, "{} turns", turns.len());
        assert_eq!(turns.concat(), ["+RESET", "x"]);
        assert_eq!(peer.client.proto(), Proto::Resp2);
        assert_eq!(peer.ask("PUBSUB NUMSUB c0 c2999").to_string(), "[c0 :0 c2999 :0]");
        assert_eq!(peer.ask("PUBSUB NUMPAT").to_string(), ":0");
    });
}

/// Lets another client publish to all names in each turn of `peer`, and sees whether everything that was counted arrived,
/// and nothing before the confirmation that begins a subscription or behind the one that ends it.
fn assert_p4(peer: &mut Peer, publisher: &mut Peer, request: &[u8], begins: bool) {
    let mut counted = 0;
    let mut publish = |counted: &mut usize| {
        for number in (0..NAMES).step_by(97) {
            let command = format!("PUBLISH c{number} x");
            publisher.send_only(&pipeline(&[&*command]));
            *counted += usize::from(publisher.next_frame().to_string() == ":1");
        }
    };
    peer.session.feed(request);
    peer.session.spread();
    publish(&mut counted);
    while next_turn(peer) {
        publish(&mut counted);
    }
    peer.worker.deliver_all();
    let mut listens: HashMap<String, bool> = HashMap::new();
    let mut received = 0;
    for frame in peer.take_frames() {
        let text = frame.to_string();
        let mut words = text.trim_start_matches(['>', '[']).split(' ');
        let (word, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if word == "message" {
            assert!(*listens.get(name).unwrap_or(&!begins), "{name}: {text}");
            received += 1;
        } else {
            assert!(word.ends_with("subscribe"), "{text}");
            listens.insert(name.to_owned(), begins);
        }
    }
    assert_eq!(received, counted);
    assert!(counted > NAMES / 97 / 2, "{counted} messages had a receiver");
    assert_eq!(listens.len(), NAMES);
}

#[test]
fn p4_holds_for_each_name_of_very_many_that_a_command_begins_or_ends() {
    everywhere(|world| {
        let (mut peer, mut publisher) = (world.peer(), world.peer());
        assert_p4(&mut peer, &mut publisher, &request(command("SUBSCRIBE", NAMES).split(' ')), true);
        assert_p4(&mut peer, &mut publisher, &request(command("UNSUBSCRIBE", NAMES).split(' ')), false);
        peer.joins(&command("SUBSCRIBE", NAMES));
        assert_p4(&mut peer, &mut publisher, b"UNSUBSCRIBE\r\n", false);
        assert_eq!(publisher.ask("PUBSUB NUMSUB c0 c2999").to_string(), "[c0 :0 c2999 :0]");
    });
}

#[test]
fn names_that_are_given_repeatedly_count_once() {
    everywhere(|world| {
        let (mut peer, mut publisher) = (world.peer(), world.peer());
        peer.say("SUBSCRIBE a b a c b a");
        peer.hears_push(["subscribe a :1", "subscribe b :2", "subscribe a :2", "subscribe c :3"]);
        peer.hears_push(["subscribe b :3", "subscribe a :3"]);
        assert_eq!(publisher.ask("PUBSUB NUMSUB a b c").to_string(), "[a :1 b :1 c :1]");
        peer.say("UNSUBSCRIBE a x a b b");
        peer.hears_push(["unsubscribe a :2", "unsubscribe x :2", "unsubscribe a :2"]);
        peer.hears_push(["unsubscribe b :1", "unsubscribe b :1"]);
        assert_eq!(publisher.ask("PUBSUB NUMSUB a b c").to_string(), "[a :0 b :0 c :1]");
    });
}

#[test]
fn commands_behind_very_many_subscriptions_wait_for_the_last_and_what_held_for_these_alone_holds_no_more() {
    everywhere(|world| {
        let mut peer = world.peer();
        let subscribe = command("SUBSCRIBE", NAMES);
        peer.session.feed(&pipeline(&["CLIENT REPLY SKIP", &*subscribe, "PING", "UNSUBSCRIBE x"]));
        assert!(peer.session.is_blocked());
        while next_turn(&mut peer) {}
        let confirmed = (0..NAMES).map(|i| push(world, &format!("subscribe c{i} :{}", i + 1)));
        confirmed.for_each(|expected| assert_eq!(peer.next_frame().to_string(), expected));
        let pong = if world.proto == Proto::Resp3 { "+PONG" } else { "[pong \"\"]" };
        peer.hears([pong]);
        peer.hears_push(["unsubscribe x :3000"]);
        peer.hears_nothing();
    });
}

#[test]
fn a_client_that_leaves_or_is_killed_meanwhile_joins_nothing_more() {
    everywhere(|world| {
        let (mut gone, mut killed, mut other) = (world.peer(), world.peer(), world.peer());
        for peer in [&mut gone, &mut killed] {
            peer.session.feed(&request(command("SUBSCRIBE", NAMES).split(' ')));
            assert!(next_turn(peer) && peer.session.has_more());
        }
        gone.hangs_up();
        other.say(&format!("CLIENT KILL ID {}", killed.client.info.id));
        killed.worker.deliver_all();
        assert_eq!(killed.closing(), Some(Closing::Killed));
        while next_turn(&mut killed) {}
        other.resume();
        other.hears([":1"]);
        assert_eq!(other.ask("PUBSUB CHANNELS").to_string(), "[]");
        assert!(killed.take_bytes().is_empty());
    });
}

#[test]
fn a_command_that_takes_several_turns_counts_once() {
    everywhere(|world| {
        let mut peer = world.peer();
        peer.joins(&command("SUBSCRIBE", NAMES));
        peer.say("RESET");
        peer.take_frames();
        let stats = peer.ask("INFO commandstats").to_string();
        assert!(stats.contains("cmdstat_subscribe:calls=1,"), "{stats}");
        assert!(stats.contains("cmdstat_reset:calls=1,"), "{stats}");
    });
}
