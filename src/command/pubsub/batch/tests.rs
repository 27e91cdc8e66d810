use std::cell::Cell;
use std::time::Duration;

use fastrand::Rng;

use super::*;
use crate::command::test_support::{Peer, World};
use crate::mailbox::CROWDED_BYTES;

/// Every message is in a batch that may be: none is looked at for PUBSUB TOP.
const UNSAMPLED: (&str, &str) = ("channel-top-size", "0");

/// A world in which each message may be in a batch, and a publisher whose last message has been heard by a subscriber of `news`
/// on each of the other workers.
fn world_of_news(directives: &[(&str, &str)]) -> (World, Peer, [Peer; 2]) {
    let world = World::with(&[&[("io-threads", "3"), UNSAMPLED], directives].concat());
    let (publisher, subscribers) = (world.client(), [world.client_of(1), world.client_of(2)]);
    for subscriber in &subscribers {
        subscriber.say("SUBSCRIBE news\r\nSSUBSCRIBE shard");
    }
    publisher.say("PUBLISH news first");
    // Told once that none is to be looked at, it asks no more.
    publisher.say("PUBLISH news second");
    world.settle();
    subscribers.iter().for_each(|subscriber| _ = subscriber.heard());
    (world, publisher, subscribers)
}

/// So many times PUBLISH to `news`.
fn publishes(count: usize) -> String {
    (0..count).map(|number| format!("PUBLISH news {number}\r\n")).collect()
}

/// How many holds of the hub's lock this takes, which is said in one read.
fn holds(world: &World, publisher: &Peer, requests: &str) -> (usize, String) {
    let before = world.server.hub.holds();
    publisher.feed(requests.as_bytes());
    (world.server.hub.holds() - before, publisher.heard())
}

#[test]
fn the_messages_of_a_read_are_posted_under_one_hold_of_the_lock_for_each_16() {
    let (world, publisher, subscribers) = world_of_news(&[]);
    for (count, expected) in [(1, 1), (2, 1), (15, 1), (16, 1), (17, 2), (32, 2), (40, 3)] {
        let (holds, answers) = holds(&world, &publisher, &publishes(count));
        assert_eq!((holds, answers), (expected, ":2\r\n".repeat(count)), "{count} messages");
        world.settle();
        for subscriber in &subscribers {
            let heard = subscriber.heard();
            let payloads = heard.split("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n").skip(1);
            let expected =
                (0..count).map(|number| number.to_string()).map(|text| format!("${}\r\n{text}\r\n", text.len()));
            assert!(payloads.eq(expected), "{heard}");
        }
    }
}

#[test]
fn another_command_is_behind_what_was_published_before_it() {
    let (world, publisher, [subscriber, _]) = world_of_news(&[("notify-keyspace-events", "KEA")]);
    subscriber.say("SUBSCRIBE __keyevent@0__:set");
    let (taken, answers) = holds(&world, &publisher, "PUBLISH news 1\r\nPUBLISH news 2\r\nPING\r\nPUBLISH news 3\r\n");
    assert_eq!((taken, &*answers), (2, ":2\r\n:2\r\n+PONG\r\n:2\r\n"));
    world.settle();
    subscriber.heard();
    publisher.feed(b"PUBLISH news 1\r\nSET key 2\r\nPUBLISH news 3\r\nGET key\r\n");
    assert_eq!(publisher.heard(), ":2\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
    world.settle();
    let heard = subscriber.heard();
    let places = ["$1\r\n1\r\n", "key\r\n", "$1\r\n3\r\n"].map(|word| heard.find(word));
    assert!(places.is_sorted() && places[0].is_some(), "{heard}");
}

#[test]
fn messages_are_posted_before_their_client_is_answered_an_error_or_goes() {
    for (last, answer, finishes) in [
        ("nonsense", "-ERR unknown command 'nonsense', with args beginning with: \r\n", false),
        ("PUBLISH news", "-ERR wrong number of arguments for 'publish' command\r\n", false),
        ("*1\r\n!", "-ERR Protocol error: expected '$', got '!'\r\n", true),
        ("QUIT", "+OK\r\n", true),
        ("POST /", "", true),
        ("PUBLISH news 3\r\nPUBLISH ne", ":2\r\n", false),
    ] {
        let (world, publisher, [subscriber, _]) = world_of_news(&[]);
        publisher.feed(format!("PUBLISH news 1\r\nPUBLISH news 2\r\n{last}").as_bytes());
        if !last.ends_with("ne") {
            publisher.feed(b"\r\n");
        }
        let expected = if last.starts_with("POST") { String::new() } else { format!(":2\r\n:2\r\n{answer}") };
        assert_eq!(publisher.heard(), expected, "{last}");
        assert_eq!(publisher.is_finished(), finishes, "{last}");
        world.settle();
        assert!(subscriber.heard().ends_with(if answer == ":2\r\n" { "$1\r\n3\r\n" } else { "$1\r\n2\r\n" }), "{last}");
    }
}

#[test]
fn what_a_pause_holds_back_is_behind_what_was_published_before_it() {
    let (world, publisher, [subscriber, other]) = world_of_news(&[]);
    publisher
        .feed(b"PUBLISH news 1\r\nPUBLISH news 2\r\nCLIENT PAUSE 1000 WRITE\r\nPUBLISH news 3\r\nPUBLISH news 4\r\n");
    assert_eq!(publisher.heard(), ":2\r\n:2\r\n+OK\r\n");
    world.settle();
    assert!(subscriber.heard().ends_with("$1\r\n2\r\n"));
    world.advance(Duration::from_secs(2));
    assert_eq!(publisher.resume(), ":2\r\n:2\r\n");
    world.settle();
    assert!(other.heard().ends_with("$1\r\n4\r\n"));
}

#[test]
fn a_batch_that_makes_a_port_crowded_ends_the_turn_and_is_little_beyond() {
    let (world, publisher, [_, subscriber]) = world_of_news(&[]);
    let message = |len: usize| format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n${len}\r\n{}\r\n", "x".repeat(len));
    publisher.feed(message(CROWDED_BYTES - 100_000).as_bytes());
    assert_eq!((publisher.heard(), publisher.crowded()), (":2\r\n".into(), vec![]));
    publisher.feed(message(3000).repeat(200).as_bytes());
    assert_eq!(publisher.crowded(), [1, 2]);
    let run = publisher.heard().matches(":2\r\n").count();
    let needed = 100_000 / 3000;
    assert!((needed - 4..=needed + 2 * MOST_BYTES / 3000).contains(&run), "{run} messages");
    world.settle();
    while !publisher.resume().is_empty() {
        world.settle();
    }
    assert_eq!(subscriber.heard().matches("\r\n$3000\r\n").count(), 200);
}

#[test]
fn commands_of_a_batch_are_counted_one_by_one() {
    let (_world, publisher, _subscribers) = world_of_news(&[]);
    publisher.say("CONFIG RESETSTAT");
    publisher.feed(publishes(20).as_bytes());
    publisher.feed(b"SPUBLISH shard 1\r\nSPUBLISH shard 2\r\nPUBLISH news 1\r\n");
    publisher.heard();
    let stats = publisher.say("INFO commandstats\r\nINFO latencystats\r\nINFO stats\r\nLATENCY HISTOGRAM publish");
    for line in
        ["cmdstat_publish:calls=21,usec=0,", "cmdstat_spublish:calls=2,usec=0,", "total_commands_processed:26\r\n"]
    {
        assert!(stats.contains(line), "{line} in {stats}");
    }
    assert!(stats.contains("$5\r\ncalls\r\n:21\r\n"), "{stats}");
    let info = publisher.say("CLIENT INFO");
    assert!(info.trim_end().ends_with(" tot-cmds=30"), "as many as it has sent before: {info}");
}

#[test]
fn who_watches_each_command_or_message_makes_them_run_one_by_one() {
    let (world, publisher, _subscribers) = world_of_news(&[]);
    let watcher = world.client_of(1);
    let look = |request: &str, expected: usize, answered: bool| {
        watcher.say(request);
        let (taken, answers) = holds(&world, &publisher, &publishes(4));
        assert_eq!(answers, if answered { ":2\r\n".repeat(4) } else { String::new() }, "{request}");
        assert!(taken >= expected && (expected > 1 || taken == 1), "{request}: {taken}");
        world.settle();
    };
    look("PING", 1, true);
    look("CONFIG SET slowlog-log-slower-than 999", 4, true);
    look("CONFIG SET slowlog-log-slower-than 1000", 1, true);
    look("CONFIG SET slowlog-log-slower-than -1", 1, true);
    look("CONFIG SET channel-top-size 10", 1, true);
    look("CONFIG SET channel-top-size 0", 1, true);
    look("MONITOR", 4, true);
    let heard = watcher.heard();
    assert_eq!(heard.matches(r#""PUBLISH" "news""#).count(), 4, "{heard}");
    watcher.say("RESET");
    publisher.say("CLIENT REPLY OFF");
    let (taken, answers) = holds(&world, &publisher, &publishes(4));
    assert_eq!((taken, &*answers), (4, ""));
    publisher.say("CLIENT REPLY ON");
    publisher.say("HELLO 3\r\nSUBSCRIBE other");
    assert_eq!(holds(&world, &publisher, &publishes(4)), (8, ":2\r\n".repeat(4)), "it may have to hear of each");
}

/// One request of any kind that may stand beside PUBLISH.
fn request(random: &mut Rng, number: usize) -> String {
    const OTHERS: [&str; 26] = [
        "PING",
        "SPUBLISH shard 1",
        "SPUBLISH unheard 1",
        "PUBLISH unheard 1",
        "PUBLISH new 1",
        "PUBLISH news",
        "nonsense",
        "SET key value",
        "GET key",
        "MULTI",
        "EXEC",
        "DISCARD",
        "SUBSCRIBE other",
        "UNSUBSCRIBE",
        "CLIENT REPLY SKIP",
        "CLIENT REPLY OFF",
        "CLIENT REPLY ON",
        "EVAL \"return redis.call('publish', 'news', 'script')\" 0",
        "PUBSUB NUMSUB news shard",
        "HELLO 2",
        "HELLO 3",
        "CLIENT TRACKING ON BCAST",
        "CLIENT TRACKING OFF",
        "PUBLISH __pregon__ x",
        "INFO commandstats",
        "RESET",
    ];
    match random.usize(..20) {
        0..12 => format!("PUBLISH news {number}\r\n"),
        12 => format!("PUBLISH news {}\r\n", "x".repeat(random.usize(..30_000))),
        13 => format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$2\r\n{number:02}\r\n"),
        _ => format!("{}\r\n", OTHERS[random.usize(..OTHERS.len())]),
    }
}

/// What the publisher and two subscribers are sent of these requests, said some at once.
fn said(requests: &[String], at_once: impl Fn() -> usize) -> [String; 3] {
    let (world, publisher, subscribers) = world_of_news(&[("notify-keyspace-events", "KEA")]);
    subscribers[0].say("PSUBSCRIBE *");
    subscribers[1].say("HELLO 3\r\nSUBSCRIBE other");
    subscribers.iter().for_each(|subscriber| _ = subscriber.heard());
    let mut rest = requests;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(at_once().min(rest.len()));
        publisher.feed(now.concat().as_bytes());
        rest = later;
    }
    world.settle();
    [publisher.heard(), subscribers[0].heard(), subscribers[1].heard()]
}

#[test]
fn nobody_can_tell_commands_of_one_read_from_commands_that_come_one_by_one() {
    for seed in 0..300 {
        let mut random = Rng::with_seed(seed);
        let requests: Vec<String> = (0..60).map(|number| request(&mut random, number)).collect();
        let alone = said(&requests, || 1);
        let some = Cell::new(0);
        let together = said(&requests, || {
            some.set(some.get() * 7 % 23 + 1);
            some.get()
        });
        for (alone, together) in alone.iter().zip(&together).chain(alone.iter().zip(&said(&requests, || usize::MAX))) {
            assert!(alone == together, "seed {seed}: {requests:?}\none by one: {alone}\ntogether: {together}");
        }
    }
}
