//! What a worker does from time to time about clients that wait, idle or hold too much.

use std::time::Duration;

use pregon::client::Closing;
use pregon::client::held::Holding;
use pregon::pause::PauseMode;
use pregon::process::upkeep;

use crate::harness::{Peer, World, everywhere_with, pipeline, request};
use crate::value::Value;

/// Lets this many seconds pass, with the work that is due in each.
fn pass(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.wait(Duration::from_secs(1));
        world.workers.iter().for_each(|worker| upkeep::each_second(worker, &worker.all_clients()));
    }
}

#[test]
fn p7_a_soft_limit_ends_a_subscriber_also_when_no_further_message_comes() {
    everywhere_with(&[("client-output-buffer-limit", "pubsub 0 10kb 5")], |world| {
        let (mut publisher, mut stuck, mut reader) = (world.peer(), world.peer(), world.peer());
        stuck.joins("SUBSCRIBE a");
        reader.joins("SUBSCRIBE a");
        publisher.send(&request(["PUBLISH", "a", &"x".repeat(11_000)]));
        assert_eq!(reader.take_frames().len(), 1);
        pass(world, 5);
        assert_eq!(stuck.closing(), None);
        pass(world, 1);
        assert_eq!((stuck.closing(), reader.closing()), (Some(Closing::SoftLimit), None));
    });
}

#[test]
fn an_idle_client_is_closed_but_no_subscriber_and_no_client_that_waits() {
    everywhere_with(&[("timeout", "10")], |world| {
        let (idle, mut busy, mut subscriber) = (world.peer(), world.peer(), world.peer());
        let mut paused = world.peer();
        subscriber.joins("SUBSCRIBE a");
        world.server.pause.start(PauseMode::Write, 60_000, 0);
        paused.say("PUBLISH a x");
        pass(world, 10);
        busy.say("PING");
        assert_eq!(idle.closing(), None);
        pass(world, 1);
        assert_eq!(idle.closing(), Some(Closing::Idle));
        for other in [&busy, &subscriber, &paused] {
            assert_eq!(other.closing(), None);
        }
        subscriber.joins("UNSUBSCRIBE");
        pass(world, 10);
        assert_eq!(subscriber.closing(), None, "its time begins with its last command");
        pass(world, 1);
        assert_eq!(subscriber.closing(), Some(Closing::Idle));
    });
}

#[test]
fn the_clients_that_hold_most_are_evicted_until_all_fit() {
    everywhere_with(&[("maxmemory-clients", "1mb")], |world| {
        let mut peers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        let mut spared = world.peer();
        spared.send(&pipeline(&["CLIENT NO-EVICT ON", "MULTI"]));
        spared.send(&request(["PUBLISH", "a", &"x".repeat(700_000)]));
        for (peer, size) in peers.iter_mut().zip([200_000, 500_000, 50_000]) {
            peer.say("MULTI");
            peer.send(&request(["PUBLISH", "a", &"x".repeat(size)]));
        }
        upkeep::often(&world.workers[0]);
        world.workers.iter().for_each(|worker| worker.deliver_all());
        let closed: Vec<_> = peers.iter().map(|peer| peer.closing()).collect();
        assert_eq!(closed, [None, Some(Closing::Evicted), None]);
        assert_eq!(spared.closing(), None);
    });
}

#[test]
fn p11_subscriptions_count_against_what_all_clients_may_hold() {
    everywhere_with(&[("maxmemory-clients", "1mb")], |world| {
        let mut peers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        for (peer, count) in peers.iter_mut().zip([600, 900, 600]) {
            for number in 0..count {
                peer.joins(&format!("SUBSCRIBE {number}{}", "x".repeat(500)));
            }
        }
        peers[2].joins("UNSUBSCRIBE");
        let closed = || {
            upkeep::often(&world.workers[0]);
            world.workers.iter().for_each(|worker| worker.deliver_all());
            peers.iter().map(|peer| peer.closing()).collect::<Vec<_>>()
        };
        assert_eq!(closed(), [None, None, None]);
        world.peer().say("CONFIG SET maxmemory-clients 600kb");
        assert_eq!(closed(), [None, Some(Closing::Evicted), None]);
    });
}

#[test]
fn p11_an_argument_beyond_proto_max_bulk_len_is_refused_when_it_is_announced() {
    everywhere_with(&[("proto-max-bulk-len", "1mb")], |world| {
        let (mut long, mut longest) = (world.peer(), world.peer());
        longest.send(b"*2\r\n$4\r\nECHO\r\n$1048576\r\n");
        longest.hears_nothing();
        long.send(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n");
        assert_eq!(long.take_bytes(), b"-ERR Protocol error: invalid bulk length\r\n");
        assert!(long.session.is_finished() && !longest.session.is_finished());
    });
}

#[test]
fn p11_whoever_does_not_read_is_ended_beyond_client_output_buffer_limit_in_each_class() {
    everywhere_with(&[("client-output-buffer-limit", "normal 100000 0 0 pubsub 100000 0 0")], |world| {
        let (mut asks, mut listens, mut reads) = (world.peer(), world.peer(), world.peer());
        listens.joins("SUBSCRIBE a");
        let text = "x".repeat(40_000);
        asks.send(&request(["SET", "k", &text]));
        asks.take_bytes();
        asks.send(&request(["MGET"].into_iter().chain(["k"; 4])));
        for _ in 0..3 {
            reads.send(&request(["PUBLISH", "a", &text]));
            reads.take_bytes();
        }
        assert_eq!(asks.closing(), Some(Closing::HardLimit));
        assert_eq!((listens.closing(), reads.closing()), (Some(Closing::HardLimit), None));
    });
}

#[test]
fn p11_whatever_a_client_makes_grow_counts_against_maxmemory_clients() {
    const ENOUGH: usize = 100_000;
    // What is withheld has a test beside the transactions that withhold it.
    for holding in Holding::ALL.iter().filter(|holding| **holding != Holding::Withheld) {
        let upstream = [("backplane", "redis://127.0.0.1:1"), ("backplane-keys", "forward")];
        let directives = [&[("maxmemory-clients", "100000")][..], &upstream].concat();
        let few = if *holding == Holding::Forwarded { directives.len() } else { 1 };
        everywhere_with(&directives[..few], |world| {
            let (mut greedy, mut other) = (world.peer(), world.peer());
            let at_least = grow(*holding, &mut greedy, &mut other);
            let held = greedy.client.info.held.get(*holding);
            assert!(held >= at_least, "{holding:?}: {held}");
            assert!(world.server.clients.held.total() > ENOUGH, "{holding:?}");
            upkeep::often(&world.workers[0]);
            world.workers.iter().for_each(|worker| worker.deliver_all());
            assert_eq!((greedy.closing(), other.closing()), (Some(Closing::Evicted), None), "{holding:?}");
        });
    }
}

/// Lets `greedy` hold at least so many bytes more of one kind.
fn grow(holding: Holding, greedy: &mut Peer, other: &mut Peer) -> usize {
    let long = |letter: &str| letter.repeat(60_000);
    let [a, b] = &["a", "b"].map(long);
    match holding {
        Holding::Input => greedy.send(format!("*2\r\n$4\r\nECHO\r\n$200000\r\n{a}{b}").as_bytes()),
        Holding::InputRoom => {
            greedy.send(format!("*2\r\n$4\r\nECHO\r\n$200000\r\n{a}{b}").as_bytes());
            greedy.send(b"c");
            return 1;
        }
        Holding::Spans => greedy.send(format!("*100000\r\n{}", "$0\r\n\r\n".repeat(20_000)).as_bytes()),
        Holding::Queued => {
            greedy.say("MULTI");
            greedy.send(&request(["ECHO", &[a.as_str(), b].concat()]));
        }
        Holding::Postponed => {
            other.say("CLIENT PAUSE 10000 ALL");
            greedy.send(&request(["ECHO", &[a.as_str(), b].concat()]));
        }
        // It waits for a connection, of which there is none here.
        Holding::Forwarded => greedy.send(&request(["SET", a, b])),
        Holding::Awaited => greedy.send(&request(["BLPOP", a, b, "0"])),
        Holding::Withheld => {}
        Holding::Output => {
            greedy.joins("SUBSCRIBE a");
            [a, b].iter().for_each(|text| other.send(&request(["PUBLISH", "a", text])));
        }
        Holding::Subscriptions => [a, b].iter().for_each(|name| greedy.send(&request(["SUBSCRIBE", name]))),
        Holding::Labels => {
            greedy.send(&request(["CLIENT", "SETNAME", a]));
            greedy.send(&request(["CLIENT", "SETINFO", "LIB-NAME", b]));
        }
        Holding::Permitted => {
            // That alone is never much.
            other.say("ACL SETUSER u on nopass +@all resetchannels &*c*");
            greedy.say("AUTH u x");
            greedy.say("PUBLISH c hello");
            greedy.send(&request(["CLIENT", "SETNAME", &[a.as_str(), b].concat()]));
            return 1;
        }
        Holding::Watched => greedy.send(&request(["WATCH", a, b])),
        Holding::Prefixes => greedy.send(&request(["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", a, "PREFIX", b])),
    }
    100_000
}

/// What a name that is one byte too long is answered.
fn too_long(what: &str, directive: &str) -> Value {
    Value::Error(format!("ERR {what} is longer than 20 bytes, which is what '{directive}' allows").into())
}

#[test]
fn p11_names_beyond_channel_name_max_len_and_pattern_max_len_are_refused() {
    let directives = [("channel-name-max-len", "20"), ("pattern-max-len", "20")];
    everywhere_with(&directives, |world| {
        let (mut subscriber, mut publisher) = (world.peer(), world.peer());
        let (fits, long) = ("x".repeat(20), "x".repeat(21));
        for (command, what, directive) in [
            ("SUBSCRIBE", "channel name", "channel-name-max-len"),
            ("SSUBSCRIBE", "channel name", "channel-name-max-len"),
            ("PSUBSCRIBE", "pattern", "pattern-max-len"),
        ] {
            assert_eq!(subscriber.ask(&format!("{command} a {long}")), too_long(what, directive), "{command}");
            assert!(!subscriber.client.is_subscriber(), "a command is refused as a whole");
            subscriber.joins(&format!("{command} {fits}"));
            subscriber.joins(&format!("{} {fits}", command.replace("SUB", "UNSUB")));
        }
        for command in ["PUBLISH", "SPUBLISH"] {
            let refused = too_long("channel name", "channel-name-max-len");
            assert_eq!(publisher.ask(&format!("{command} {long} hello")), refused);
            assert_eq!(publisher.ask(&format!("{command} {fits} hello")), Value::Integer(0));
            publisher.say("MULTI");
            publisher.say(&format!("{command} {long} hello"));
            publisher.say(&format!("{command} {fits} hello"));
            publisher.take_frames();
            assert_eq!(publisher.ask("EXEC"), Value::Array(vec![refused, Value::Integer(0)]));
        }
        publisher.ask("CONFIG SET channel-name-max-len 0 pattern-max-len 0");
        assert_eq!(publisher.ask(&format!("PUBLISH {} hello", long.repeat(10_000))), Value::Integer(0));
        subscriber.joins(&format!("PSUBSCRIBE {}", long.repeat(10_000)));
    });
}

#[test]
fn p11_a_key_whose_channel_would_be_too_long_is_told_of_by_its_event_only() {
    everywhere_with(&[("channel-name-max-len", "20"), ("notify-keyspace-events", "KEA")], |world| {
        let mut subscriber = world.peer();
        subscriber.joins("PSUBSCRIBE __key*");
        world.peer().say("SET 12345 x");
        assert_eq!(subscriber.take_frames().len(), 2);
        world.peer().say("SET 123456 x");
        assert_eq!(subscriber.take_frames().len(), 1);
    });
}
