//! The promises about order, P1 to P4.

use crate::harness::{World, everywhere, pipeline};
use crate::value::Value;

/// The payloads of the messages among `frames`, in order.
fn payloads(frames: &[Value]) -> Vec<String> {
    let messages = frames.iter().filter(|frame| frame.items()[0].bulk().ends_with(b"message"));
    messages.map(|frame| frame.items().last().expect("a message has a payload").to_string()).collect()
}

#[test]
fn p1_messages_of_one_publisher_arrive_in_the_order_in_which_it_published_them() {
    everywhere(|world| {
        let mut publisher = world.peer();
        let mut subscribers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        subscribers.iter_mut().for_each(|subscriber| subscriber.joins("SUBSCRIBE a"));
        for n in 0..20 {
            publisher.say(&format!("PUBLISH a {n}"));
        }
        for subscriber in &mut subscribers {
            let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
            assert_eq!(payloads(&subscriber.take_frames()), expected);
        }
    });
}

#[test]
fn p1_the_order_of_one_publisher_holds_across_channels_and_patterns() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a b");
        subscriber.joins("PSUBSCRIBE c*");
        subscriber.joins("SSUBSCRIBE s");
        let commands = ["PUBLISH a 1", "PUBLISH cx 2", "PUBLISH b 3", "SPUBLISH s 4", "PUBLISH a 5", "PUBLISH cy 6"];
        publisher.send(&pipeline(&commands));
        publisher.hears([":1"; 6]);
        subscriber.hears_push([
            "message a 1",
            "pmessage c* cx 2",
            "message b 3",
            "smessage s 4",
            "message a 5",
            "pmessage c* cy 6",
        ]);
        subscriber.hears_nothing();
    });
}

#[test]
fn p1_a_run_of_pipelined_publishes_arrives_whole_and_in_order() {
    everywhere(|world| {
        let (mut publisher, mut one, mut other) = (world.peer(), world.peer(), world.peer());
        one.joins("SUBSCRIBE a");
        other.joins("PSUBSCRIBE *");
        let commands: Vec<String> = (0..500).map(|n| format!("PUBLISH a {n}")).collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        publisher.send(&pipeline(&commands));
        publisher.hears([":2"; 500]);
        let expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        assert_eq!(payloads(&one.take_frames()), expected);
        assert_eq!(payloads(&other.take_frames()), expected);
    });
}

#[test]
fn p1_runs_of_messages_of_all_sizes_to_several_channels_arrive_unmixed() {
    everywhere(|world| {
        let (mut publisher, mut first, mut second) = (world.peer(), world.peer(), world.peer());
        let mut old = world.stranger(0);
        first.joins("SUBSCRIBE a");
        second.joins("SUBSCRIBE a b");
        second.joins("SSUBSCRIBE a");
        old.joins("SUBSCRIBE a");
        let mut commands = Vec::new();
        for (n, size) in [3, 0, 9000, 9000, 16_300, 16_384, 40_000, 1, 1000, 1025, 5].into_iter().enumerate() {
            let channel = if n % 4 == 3 { "PUBLISH b" } else { "PUBLISH a" };
            commands.extend([channel, "PUBLISH a", "SPUBLISH a"].map(|to| format!("{to} {n}-{}", "x".repeat(size))));
        }
        publisher.send(&pipeline(&commands.iter().map(String::as_str).collect::<Vec<_>>()));
        let sent = |prefixes: &[&str]| -> Vec<String> {
            let to = commands.iter().filter(|command| prefixes.iter().any(|prefix| command.starts_with(prefix)));
            to.map(|command| command.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
        };
        assert!(payloads(&first.take_frames()) == sent(&["PUBLISH a"]));
        assert!(payloads(&old.take_frames()) == sent(&["PUBLISH a"]));
        assert!(payloads(&second.take_frames()) == sent(&["PUBLISH a", "PUBLISH b", "SPUBLISH a"]));
    });
}

#[test]
fn p1_the_order_of_one_publisher_holds_across_its_transactions() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        publisher.send(&pipeline(&["PUBLISH a 1", "MULTI", "PUBLISH a 2", "PUBLISH a 3", "EXEC", "PUBLISH a 4"]));
        publisher.hears([":1", "+OK", "+QUEUED", "+QUEUED", "[:1 :1]", ":1"]);
        subscriber.hears_push(["message a 1", "message a 2", "message a 3", "message a 4"]);
    });
}

#[test]
fn p2_all_subscribers_of_a_channel_hear_its_messages_in_the_same_order() {
    everywhere(|world| {
        let mut publishers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        let mut subscribers: Vec<_> = (0..4).map(|_| world.peer()).collect();
        for (n, subscriber) in subscribers.iter_mut().enumerate() {
            subscriber.joins(if n % 2 == 0 { "SUBSCRIBE a" } else { "PSUBSCRIBE a*" });
        }
        for n in 0..30 {
            publishers[n * 7 % 3].send_only(&pipeline(&[&format!("PUBLISH a {n}")]));
            if n % 5 == 0 {
                world.workers[n % world.workers.len()].deliver_all();
            }
        }
        world.workers.iter().for_each(|worker| worker.deliver_all());
        let heard: Vec<Vec<String>> = subscribers.iter_mut().map(|s| payloads(&s.take_frames())).collect();
        assert_eq!(heard[0].len(), 30);
        assert!(heard.iter().all(|payloads| *payloads == heard[0]), "{heard:?}");
    });
}

#[test]
fn p3_an_effect_never_arrives_before_its_cause() {
    everywhere(|world| {
        let (mut cause, mut relay, mut witness) = (world.peer(), world.peer(), world.peer());
        let mut effect = world.peer();
        relay.joins("SUBSCRIBE question");
        witness.joins("PSUBSCRIBE *");
        for n in 0..10 {
            cause.send_only(&pipeline(&[&format!("PUBLISH question {n}")]));
            relay.worker.deliver_all();
            relay.hears_push([format!("message question {n}").as_str()]);
            effect.send_only(&pipeline(&[&format!("PUBLISH answer {n}")]));
        }
        witness.worker.deliver_all();
        for n in 0..10 {
            witness
                .hears_push([format!("pmessage * question {n}").as_str(), format!("pmessage * answer {n}").as_str()]);
        }
    });
}

#[test]
fn p4_the_confirmation_comes_before_the_first_message() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        publisher.say("PUBLISH a early");
        subscriber.say("SUBSCRIBE a");
        publisher.say("PUBLISH a late");
        publisher.hears([":0", ":1"]);
        subscriber.hears_push(["subscribe a :1", "message a late"]);
        subscriber.hears_nothing();
    });
}

#[test]
fn p4_nothing_arrives_after_the_unsubscribe_confirmation() {
    everywhere(|world| {
        for (join, leave, word) in [
            ("SUBSCRIBE a", "UNSUBSCRIBE a", "unsubscribe"),
            ("SUBSCRIBE a", "UNSUBSCRIBE", "unsubscribe"),
            ("PSUBSCRIBE a", "PUNSUBSCRIBE a", "punsubscribe"),
        ] {
            let (mut publisher, mut subscriber) = (world.peer(), world.peer());
            subscriber.joins(join);
            // It waits in the mailbox of the subscriber's worker when that worker comes to the command.
            publisher.send_only(&pipeline(&["PUBLISH a before"]));
            subscriber.say(leave);
            publisher.say("PUBLISH a after");
            publisher.hears([":1", ":0"]);
            let before = if join.starts_with('P') { "pmessage a a before" } else { "message a before" };
            subscriber.hears_push([before, &format!("{word} a :0")]);
            subscriber.hears_nothing();
        }
    });
}

#[test]
fn p4_a_message_that_waits_in_the_mailbox_precedes_a_new_confirmation() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        publisher.send_only(&pipeline(&["PUBLISH a 1", "PUBLISH b unheard"]));
        subscriber.say("SUBSCRIBE b");
        publisher.say("PUBLISH b 2");
        publisher.hears([":1", ":0", ":1"]);
        subscriber.hears_push(["message a 1", "subscribe b :2", "message b 2"]);
        subscriber.hears_nothing();
    });
}

#[test]
fn p4_a_publish_counts_a_client_from_its_confirmation_on_and_not_after_its_end() {
    everywhere(|world| {
        let (mut publisher, mut one, mut other) = (world.peer(), world.peer(), world.peer());
        one.joins("SUBSCRIBE a");
        assert_eq!(publisher.ask("PUBLISH a 1").to_string(), ":1");
        other.joins("PSUBSCRIBE ?");
        assert_eq!(publisher.ask("PUBLISH a 2").to_string(), ":2");
        one.joins("UNSUBSCRIBE a");
        assert_eq!(publisher.ask("PUBLISH a 3").to_string(), ":1");
        other.hangs_up();
        assert_eq!(publisher.ask("PUBLISH a 4").to_string(), ":0");
    });
}

#[test]
fn p4_a_subscription_within_a_transaction_starts_and_ends_at_its_place() {
    everywhere(|world| {
        let mut publisher = world.peer();
        let mut both = world.peer();
        publisher.send_only(&pipeline(&["PUBLISH a unheard"]));
        both.send(&pipeline(&[
            "MULTI",
            "PUBLISH a 1",
            "SUBSCRIBE a",
            "PUBLISH a 2",
            "UNSUBSCRIBE a",
            "PUBLISH a 3",
            "EXEC",
        ]));
        both.hears(["+OK", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED", "+QUEUED"]);
        let mark = if world.proto == pregon::resp::Proto::Resp3 { ">" } else { "" };
        both.hears([&*format!("[:0 {mark}[subscribe a :1] :1 {mark}[unsubscribe a :0] :0]")]);
        both.hears_push(["message a 2"]);
        both.hears_nothing();
        publisher.hears([":0"]);
    });
}

#[test]
fn p4_a_disconnected_client_is_not_counted_and_takes_nobody_with_it() {
    everywhere(|world| {
        let mut publisher = world.peer();
        let mut subscribers: Vec<_> = (0..6).map(|_| world.peer()).collect();
        subscribers.iter_mut().for_each(|subscriber| subscriber.joins("SUBSCRIBE a b"));
        publisher.send_only(&pipeline(&["PUBLISH a 1"]));
        let mut gone = subscribers.remove(0);
        gone.hangs_up();
        let mut gone = subscribers.remove(2);
        gone.hangs_up();
        publisher.say("PUBLISH b 2");
        publisher.hears([":6", ":4"]);
        for subscriber in &mut subscribers {
            subscriber.hears_push(["message a 1", "message b 2"]);
            subscriber.hears_nothing();
        }
    });
}

#[test]
fn a_name_is_forgotten_with_its_last_subscriber_on_any_worker() {
    everywhere(|world: &World| {
        let mut asker = world.peer();
        let mut subscribers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        for subscriber in &mut subscribers {
            subscriber.joins("SUBSCRIBE a");
            subscriber.joins("PSUBSCRIBE a*");
        }
        asker.send(&pipeline(&["PUBSUB NUMSUB a", "PUBSUB NUMPAT", "PUBSUB CHANNELS"]));
        asker.hears(["[a :3]", ":1", "[a]"]);
        subscribers.iter_mut().for_each(|subscriber| subscriber.hangs_up());
        asker.send(&pipeline(&["PUBSUB NUMSUB a", "PUBSUB NUMPAT", "PUBSUB CHANNELS"]));
        asker.hears(["[a :0]", ":0", "[]"]);
    });
}

#[test]
fn p4_what_waits_when_a_transaction_unsubscribes_arrives_before_its_confirmation() {
    for workers in 1..=3 {
        let world = World::new(workers, pregon::resp::Proto::Resp3, &[]);
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        publisher.worker.deliver_all();
        publisher.session.feed(&pipeline(&["PUBLISH a 1"]));
        subscriber.send(&pipeline(&["MULTI", "UNSUBSCRIBE a", "EXEC"]));
        publisher.session.spread();
        let heard: Vec<String> = subscriber.take_frames().iter().map(Value::to_string).collect();
        assert_eq!(heard, ["+OK", "+QUEUED", ">[message a 1]", "[>[unsubscribe a :0]]"]);
    }
}
