//! The promises about what is delivered and counted, P5 to P8.

use std::time::Duration;

use pregon::client::Closing;
use pregon::resp::Proto;

use crate::harness::{Peer, World, everywhere, everywhere_with, pipeline, request};
use crate::value::Value;

#[test]
fn p5_a_client_on_the_channel_and_two_patterns_counts_and_hears_three_times() {
    everywhere(|world| {
        let (mut publisher, mut subscriber, mut other) = (world.peer(), world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE news");
        subscriber.joins("PSUBSCRIBE n* *s unrelated*");
        other.joins("SUBSCRIBE news");
        assert_eq!(publisher.ask("PUBLISH news hello").to_string(), ":4");
        subscriber.hears_push(["message news hello"]);
        let mut by_pattern: Vec<String> = subscriber.take_frames().iter().map(Value::to_string).collect();
        by_pattern.sort();
        let mark = if world.proto == Proto::Resp3 { ">" } else { "" };
        assert_eq!(by_pattern, ["*s", "n*"].map(|pattern| format!("{mark}[pmessage {pattern} news hello]")));
        other.hears_push(["message news hello"]);
    });
}

#[test]
fn p5_a_repeated_subscription_counts_once() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.say("SUBSCRIBE a a");
        subscriber.say("SUBSCRIBE a");
        subscriber.hears_push(["subscribe a :1"; 3]);
        assert_eq!(publisher.ask("PUBLISH a x").to_string(), ":1");
        subscriber.hears_push(["message a x"]);
        subscriber.hears_nothing();
    });
}

#[test]
fn p5_sharded_channels_are_apart_from_channels_and_patterns() {
    everywhere(|world| {
        let (mut publisher, mut subscriber, mut sharded) = (world.peer(), world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        subscriber.joins("PSUBSCRIBE *");
        sharded.joins("SSUBSCRIBE a");
        assert_eq!(publisher.ask("SPUBLISH a x").to_string(), ":1");
        assert_eq!(publisher.ask("PUBLISH a y").to_string(), ":2");
        sharded.hears_push(["smessage a x"]);
        sharded.hears_nothing();
        subscriber.hears_push(["message a y", "pmessage * a y"]);
        subscriber.hears_nothing();
    });
}

#[test]
fn p6_large_and_binary_messages_arrive_once_and_unaltered() {
    everywhere(|world| {
        let (mut publisher, mut one, mut other) = (world.peer(), world.peer(), world.peer());
        let channel: Vec<u8> = (0..=255).collect();
        one.send(&request([&b"SUBSCRIBE"[..], &channel]));
        other.send(&request([&b"PSUBSCRIBE"[..], b"*"]));
        for size in [0, 1, 900, 1023, 1024, 1025, 16 * 1024, 3_000_000] {
            let payload: Vec<u8> = (0..size).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            one.take_frames();
            other.take_frames();
            publisher.send(&request([&b"PUBLISH"[..], &channel, &payload]));
            publisher.hears([":2"]);
            for (peer, at) in [(&mut one, 1), (&mut other, 2)] {
                let frames = peer.take_frames();
                assert_eq!(frames.len(), 1);
                assert_eq!(frames[0].items()[at].bulk(), channel);
                assert!(frames[0].items()[at + 1].bulk() == payload, "a payload of {size} bytes was altered");
            }
        }
    });
}

/// Subscribers of one channel: one that never reads, and others that do.
fn crowd(world: &World) -> (Peer, Peer, Vec<Peer>) {
    let (publisher, mut stuck) = (world.peer(), world.peer());
    let mut readers: Vec<Peer> = (0..4).map(|_| world.peer()).collect();
    stuck.joins("SUBSCRIBE a");
    readers.iter_mut().for_each(|reader| reader.joins("SUBSCRIBE a"));
    (publisher, stuck, readers)
}

#[test]
fn p7_a_subscriber_at_its_hard_limit_is_closed_and_nobody_else_notices() {
    everywhere_with(&[("client-output-buffer-limit", "pubsub 100kb 0 0")], |world| {
        let (mut publisher, mut stuck, mut readers) = crowd(world);
        let payload = "x".repeat(10_000);
        for n in 0..20 {
            assert_eq!(publisher.ask(&format!("PUBLISH a {n}-{payload}")).to_string(), ":5");
            for reader in &mut readers {
                reader.hears_push([format!("message a {n}-{payload}").as_str()]);
            }
            let expected = if n < 10 { None } else { Some(Closing::HardLimit) };
            assert_eq!(stuck.closing(), expected, "after message {n}");
        }
        assert!(stuck.take_bytes().is_empty(), "no error is sent, and what waited is gone");
        assert!(readers.iter().all(|reader| reader.closing().is_none()));
        stuck.hangs_up();
        assert_eq!(publisher.ask("PUBLISH a last").to_string(), ":4");
        readers.iter_mut().for_each(|reader| reader.hears_push(["message a last"]));
    });
}

#[test]
fn p7_reaching_the_hard_limit_is_enough() {
    for proto in Proto::ALL {
        // One message is 33 + 1000 bytes on the wire: "*3 $7 message $1 a $1000 xxx...".
        for (limit, closing) in [(2067, None), (2066, Some(Closing::HardLimit)), (2065, Some(Closing::HardLimit))] {
            let world = World::new(2, proto, &[("client-output-buffer-limit", &format!("pubsub {limit} 0 0"))]);
            let (mut publisher, mut subscriber) = (world.peer(), world.peer());
            subscriber.joins("SUBSCRIBE a");
            publisher.say(&format!("PUBLISH a {}", "x".repeat(1000)));
            assert_eq!(subscriber.closing(), None, "one message may be longer than the limit");
            publisher.say(&format!("PUBLISH a {}", "x".repeat(1000)));
            assert_eq!(subscriber.closing(), closing, "with a limit of {limit} bytes");
        }
    }
}

#[test]
fn p7_a_subscriber_over_its_soft_limit_is_closed_only_when_that_lasts() {
    everywhere_with(&[("client-output-buffer-limit", "pubsub 0 10kb 5")], |world| {
        let (mut publisher, stuck, mut readers) = crowd(world);
        let mut slow = readers.remove(0);
        let mut publish = || {
            publisher.say(&format!("PUBLISH a {}", "x".repeat(11_000)));
            readers.iter_mut().for_each(|reader| assert_eq!(reader.take_frames().len(), 1));
        };
        publish();
        world.wait(Duration::from_secs(5));
        publish();
        assert_eq!(stuck.closing(), None, "five seconds are not more than five seconds");
        // The slow one reads in time, so its time begins anew.
        assert_eq!(slow.take_frames().len(), 2);
        world.wait(Duration::from_secs(1));
        publish();
        assert_eq!(stuck.closing(), Some(Closing::SoftLimit));
        assert_eq!(slow.closing(), None);
    });
}

#[test]
fn p7_the_limits_of_subscribers_do_not_bind_others() {
    everywhere_with(&[("client-output-buffer-limit", "pubsub 1kb 0 0")], |world| {
        let mut asker = world.peer();
        asker.say(&format!("ECHO {}", "x".repeat(5000)));
        assert_eq!(asker.closing(), None);
        assert_eq!(asker.take_frames().len(), 1);
    });
}

#[test]
fn p8_a_push_to_the_publisher_itself_follows_the_reply_of_its_command() {
    for workers in 1..=3 {
        let world = World::new(workers, Proto::Resp3, &[]);
        let (mut both, mut other) = (world.peer(), world.peer());
        both.joins("SUBSCRIBE a");
        both.joins("PSUBSCRIBE a*");
        other.joins("SUBSCRIBE a");
        both.send(&pipeline(&["PUBLISH a 1", "PING", "PUBLISH a 2", "PUBLISH b unheard"]));
        both.hears([":3", ">[message a 1]", ">[pmessage a* a 1]", "+PONG"]);
        both.hears([":3", ">[message a 2]", ">[pmessage a* a 2]", ":0"]);
        both.hears_nothing();
        other.hears_push(["message a 1", "message a 2"]);
    }
}

#[test]
fn p8_pushes_to_the_executing_client_follow_the_whole_exec_array() {
    for workers in 1..=3 {
        let world = World::new(workers, Proto::Resp3, &[]);
        let (mut both, mut other) = (world.peer(), world.peer());
        both.joins("SUBSCRIBE a");
        other.send_only(&pipeline(&["PUBLISH a 0"]));
        both.send(&pipeline(&["MULTI", "PUBLISH a 1", "SUBSCRIBE b", "PUBLISH b 2", "PING", "EXEC", "PING"]));
        both.worker.deliver_all();
        let mut heard: Vec<String> = both.take_frames().iter().map(Value::to_string).collect();
        // Another client's message was not caused by this client, and may come earlier, but not into the array.
        let foreign = heard.iter().position(|frame| frame == ">[message a 0]").expect("it arrives");
        assert!(heard[foreign + 1..].contains(&">[message a 1]".into()), "P2: {heard:?}");
        heard.remove(foreign);
        let expected = ["+OK", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED", "[:1 >[subscribe b :2] :1 +PONG]"];
        assert_eq!(heard[..6], expected);
        assert_eq!(heard[6..], [">[message a 1]", ">[message b 2]", "+PONG"]);
    }
}

#[test]
fn p8_a_transaction_that_subscribes_hears_its_own_messages_behind_its_array() {
    everywhere(|world| {
        let mut both = world.peer();
        both.send(&pipeline(&["MULTI", "SUBSCRIBE a", "PUBLISH a 1", "PSUBSCRIBE *", "PUBLISH a 2", "EXEC"]));
        both.hears(["+OK", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED"]);
        let mark = if world.proto == Proto::Resp3 { ">" } else { "" };
        both.hears([&*format!("[{mark}[subscribe a :1] :1 {mark}[psubscribe * :2] :2]")]);
        both.hears_push(["message a 1", "message a 2", "pmessage * a 2"]);
        both.hears_nothing();
    });
}

#[test]
fn what_was_published_before_hello_is_sent_in_the_version_spoken_then() {
    for workers in 1..=3 {
        let world = World::new(workers, Proto::Resp3, &[]);
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        publisher.session.feed(&pipeline(&["PUBLISH a 1"]));
        subscriber.say("HELLO 2");
        publisher.session.spread();
        publisher.say("PUBLISH a 2");
        subscriber.hears([">[message a 1]"]);
        assert_eq!(subscriber.next_frame().items().len(), 14, "HELLO answers in the new version");
        subscriber.hears(["[message a 2]"]);
    }
}
