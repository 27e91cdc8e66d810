//! STATS, TOP, SCAN, SUBSCRIBERS, TRACE.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::client::held::Holding;
use crate::command::test_support::{Peer, World};
use crate::message::Kind;
use crate::process::upkeep;
use crate::resp::Proto;

/// What is answered, without line ends.
fn words(answer: &str) -> String {
    answer.replace("\r\n", " ")
}

/// The fields of a map within an answer in RESP2, behind the name of its channel.
fn field(answer: &str, channel: &str, field: &str) -> i64 {
    let (_, rest) = answer.split_once(&format!("\r\n{channel}\r\n")).unwrap_or_else(|| panic!("{channel} in {answer}"));
    let (_, rest) = rest.split_once(&format!("\r\n{field}\r\n:")).unwrap_or_else(|| panic!("{field} in {answer}"));
    rest.split("\r\n").next().and_then(|number| number.parse().ok()).expect("a number follows")
}

/// Lets a second pass, with what is done in one.
fn pass_second(world: &World) {
    world.settle();
    world.advance(Duration::from_secs(1));
    for worker in &world.workers {
        upkeep::often(worker);
        while worker.flush_dirty(1000) {}
    }
    world.settle();
}

#[test]
fn stats_tell_what_has_become_of_what_was_published_since_somebody_has_listened() {
    let world = World::new();
    let (publisher, one, other) = (world.client(), world.client(), world.client_of(1));
    publisher.say("PUBLISH news before");
    assert!(
        words(&publisher.say("PUBSUB STATS news"))
            .starts_with("*1 *16 $7 channel $4 news $11 subscribers :0 $8 messages :0 ")
    );
    one.say("SUBSCRIBE news");
    other.say("PSUBSCRIBE n*");
    pass_second(&world);
    for payload in ["", "four", "sixsix"] {
        assert_eq!(publisher.say(&format!("PUBLISH news {payload:?}")), ":2\r\n");
    }
    publisher.say("SPUBLISH news no");
    let stats = publisher.say("PUBSUB STATS news none");
    let counted =
        ["subscribers", "messages", "bytes", "deliveries", "drops", "cuts"].map(|name| field(&stats, "news", name));
    assert_eq!(counted, [1, 3, 10, 6, 0, 0]);
    assert_eq!(field(&stats, "news", "last-publish-ms"), 1_767_225_601_000);
    assert_eq!(field(&stats, "none", "messages"), 0);
    let stats = publisher.say("PUBSUB SHARDSTATS news");
    assert_eq!(field(&stats, "news", "messages"), 0);
    one.say("UNSUBSCRIBE news");
    one.say("SUBSCRIBE news");
    assert_eq!(
        field(&publisher.say("PUBSUB STATS news"), "news", "messages"),
        0,
        "it was forgotten with its last subscriber"
    );
}

#[test]
fn top_tells_the_busiest_channels_and_those_to_which_nobody_listens() {
    let world = World::new();
    let (publisher, listener) = (world.client(), world.client_of(1));
    listener.say("SUBSCRIBE few");
    listener.say("SSUBSCRIBE shard");
    (0..5).for_each(|_| _ = publisher.say("PUBLISH many x"));
    (0..2).for_each(|_| _ = publisher.say("PUBLISH few 0123456789"));
    publisher.say("SPUBLISH shard 1");
    pass_second(&world);
    let top = publisher.say("PUBSUB TOP");
    assert!(top.find("\r\nmany\r\n") < top.find("\r\nfew\r\n"), "{top}");
    assert_eq!(
        ["messages", "length", "at-most-too-many", "subscribers"].map(|name| field(&top, "many", name)),
        [5, 4, 0, 0]
    );
    assert_eq!(["messages", "per-second", "subscribers"].map(|name| field(&top, "few", name)), [2, 2, 1]);
    let top = words(&publisher.say("PUBSUB TOP COUNT 1 BY bytes"));
    assert!(
        top.contains("$5 bytes :20 ") && !top.contains("$4 many") && top.contains("$16 looked-at-one-in :1"),
        "{top}"
    );
    let top = words(&publisher.say("PUBSUB TOP BY DELIVERIES"));
    assert!(top.contains("$5 shard $4 kind $12 shardchannel") && !top.contains("$4 many"), "{top}");
    assert_eq!(
        words(&publisher.say("PUBSUB TOP BY drops")),
        "*8 $2 by $5 drops $9 window-ms :1000 $16 looked-at-one-in :1 $8 channels *0 "
    );
    let top = words(&publisher.say("PUBSUB TOP BY subscribers COUNT 1"));
    let few = "*6 $7 channel $3 few $4 kind $7 channel $11 subscribers :1 ";
    assert_eq!(top, format!("*4 $2 by $11 subscribers $8 channels *1 {few}"));
    for wrong in ["BY", "BY size", "COUNT 0", "COUNT x", "ALL 1"] {
        assert!(publisher.say(&format!("PUBSUB TOP {wrong}")).starts_with("-ERR "), "{wrong}");
    }
}

#[test]
fn of_names_of_which_only_the_front_is_kept_top_does_not_say_who_listens() {
    let world = World::new();
    let (publisher, listener) = (world.client(), world.client_of(1));
    let (front, long) = ("n".repeat(256), "n".repeat(257));
    listener.say(&format!("SUBSCRIBE {front}"));
    publisher.say(&format!("PUBLISH {long} x"));
    let top = words(&publisher.say("PUBSUB TOP"));
    assert!(top.contains(&format!("${} {front} ", front.len())) && top.contains(" $6 length :257 "), "{top}");
    assert!(top.ends_with(" $11 subscribers $-1 "), "{top}");
}

#[test]
fn what_shows_other_clients_is_for_operators() {
    let world = World::new();
    let (operator, user) = (world.client(), world.client());
    operator.say("ACL SETUSER u on nopass +@all -@admin allchannels allkeys");
    user.say("AUTH u x");
    for request in ["SUBSCRIBERS a", "TRACE *"] {
        assert!(user.say(&format!("PUBSUB {request}")).starts_with("-NOPERM "), "{request}");
    }
    for request in ["STATS a", "SHARDSTATS a", "TOP", "SCAN 0"] {
        assert!(user.say(&format!("PUBSUB {request}")).starts_with('*'), "{request}");
    }
    assert_eq!(user.say("PUBSUB TRACE"), user.say("PUBSUB TRACE *"));
}

#[test]
fn what_very_many_channels_have_lost_is_told_some_at_a_time() {
    let world = World::new();
    let publisher = world.client();
    world.client_of(1).say("SUBSCRIBE c7");
    // More than may be done under one hold of the hub's lock.
    (0..40_000).for_each(|number| world.workers[1].note_cut(Kind::Channel, format!("c{number}").as_bytes()));
    pass_second(&world);
    assert_eq!(field(&publisher.say("PUBSUB STATS c7"), "c7", "cuts"), 1);
}

#[test]
fn what_slow_subscribers_lose_is_counted_for_the_channel_of_each_message() {
    let world = World::with(&[("slow-subscriber-policy", "drop-oldest"), ("slow-subscriber-limit", "0 2")]);
    // Without a socket that takes anything both lose what is beyond two messages.
    let (publisher, slow, too) = (world.client(), world.client_of(1), world.client_of(1));
    slow.say("PSUBSCRIBE *");
    too.say("SUBSCRIBE a b");
    for channel in ["a", "a", "b", "b", "a"] {
        publisher.say(&format!("PUBLISH {channel} x"));
    }
    world.settle();
    let stats = publisher.say("PUBSUB STATS a b");
    assert_eq!([field(&stats, "a", "drops"), field(&stats, "b", "drops")], [4, 2]);
    let top = publisher.say("PUBSUB TOP BY drops");
    assert_eq!([field(&top, "a", "drops"), field(&top, "b", "drops")], [4, 2]);
}

/// All that a scan with these options lists.
fn scanned(peer: &Peer, options: &str) -> (Vec<String>, usize) {
    let (mut names, mut cursor, mut calls) = (Vec::new(), "0".to_owned(), 0);
    loop {
        let answer = peer.say(&format!("PUBSUB SCAN {cursor} {options}"));
        let mut lines = answer.split("\r\n").skip(2);
        cursor = lines.next().expect("the cursor comes first").to_owned();
        names.extend(lines.skip(1).skip(1).step_by(2).map(str::to_owned).filter(|name| !name.is_empty()));
        calls += 1;
        if cursor == "0" {
            return (names, calls);
        }
    }
}

#[test]
fn a_scan_lists_channels_sharded_channels_and_patterns_by_and_by() {
    let world = World::new();
    let (listener, operator) = (world.client_of(1), world.client());
    for number in 0..500 {
        listener.say(&format!("SUBSCRIBE c{number}"));
        listener.say(&format!("SSUBSCRIBE s{number}"));
        listener.say(&format!("PSUBSCRIBE p{number}*"));
    }
    for (options, prefix, suffix) in [("", "c", ""), ("TYPE shardchannel", "s", ""), ("TYPE pattern", "p", "*")] {
        let all: BTreeSet<String> = (0..500).map(|number| format!("{prefix}{number}{suffix}")).collect();
        for (count, most) in [(7, 100), (1000, 1)] {
            let (names, calls) = scanned(&operator, &format!("{options} COUNT {count}"));
            assert_eq!(names.len(), 500);
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), all);
            assert!(calls <= most, "{calls} calls");
        }
    }
    let (names, _) = scanned(&operator, "MATCH c1?");
    assert_eq!(names.len(), 10);
    assert_eq!(operator.say("PUBSUB SCAN x"), "-ERR invalid cursor\r\n");
    for wrong in ["COUNT 0", "COUNT", "TYPE list", "WITH x"] {
        assert_eq!(operator.say(&format!("PUBSUB SCAN 0 {wrong}")), "-ERR syntax error\r\n", "{wrong}");
    }
}

#[test]
fn subscribers_are_told_of_all_workers_with_what_waits_for_them() {
    let world = World::new();
    let (operator, one, other) = (world.client(), world.client(), world.client_of(1));
    one.say("CLIENT SETNAME first\r\nSUBSCRIBE news more");
    other.say("PSUBSCRIBE news");
    world.client_of(1).say("SUBSCRIBE others");
    assert_eq!(operator.say("PUBSUB SUBSCRIBERS news\r\nPING"), "", "it waits for the other worker");
    world.settle();
    let answer = operator.resume();
    let lines: Vec<&str> = answer.split("\r\n").nth(1).expect("a text").lines().collect();
    let line = |peer: &Peer, name: &str, by: &str, waits: usize| {
        let (id, policy) = (peer.id(), "slow=disconnect lost=0");
        format!("id={id} addr=127.0.0.1:{id} name={name} user=default by={by} resp=2 omem={waits} oll=1 {policy}")
    };
    assert_eq!(lines, [line(&one, "first", "channel", 71), line(&other, "", "pattern", 35)]);
    assert!(answer.ends_with("+PONG\r\n"));
    // One behind many, for whom more waits.
    let late: Vec<Peer> = (0..50).map(|_| world.client_of(1)).collect();
    late.iter().for_each(|peer| drop(peer.say("SUBSCRIBE news")));
    late[40].client.info.held.set(Holding::Output, 9_000);
    operator.say("PUBSUB SUBSCRIBERS news COUNT 1");
    world.settle();
    let answer = operator.resume();
    assert!(answer.matches("id=").count() == 1 && answer.contains(&format!("id={} ", late[40].id())), "{answer}");
    assert_eq!(operator.say("PUBSUB SUBSCRIBERS none"), "$0\r\n\r\n", "there is nobody to ask");
    assert_eq!(operator.say("PUBSUB SUBSCRIBERS a COUNT 0"), "-ERR syntax error\r\n");
    assert!(
        operator.say("MULTI\r\nPUBSUB SUBSCRIBERS a").ends_with("-ERR Command not allowed inside a transaction\r\n")
    );
}

#[test]
fn who_traces_is_told_of_each_message_what_became_of_it() {
    let world = World::new();
    let (tracer, publisher) = (world.client().speaking(Proto::Resp3), world.client_of(1));
    let old = world.client_of(1);
    assert_eq!(tracer.say("PUBSUB TRACE n*"), "+OK\r\n");
    assert_eq!(old.say("PUBSUB TRACE news"), "+OK\r\n");
    publisher.say("PUBLISH news nobody");
    publisher.say("PUBLISH other nobody");
    world.settle();
    let told = "1767225600.000000 id=2 addr=127.0.0.1:2 user=\"default\" name=\"\" cmd=\"publish\" channel=\"news\" bytes=6 receivers=0";
    assert_eq!(tracer.heard(), format!(">2\r\n$5\r\ntrace\r\n${}\r\n{told}\r\n", told.len()));
    assert_eq!(old.heard(), format!("*3\r\n$7\r\nmessage\r\n$16\r\n__pregon__:trace\r\n${}\r\n{told}\r\n", told.len()));
    let listeners = [world.client(), world.client_of(1)];
    listeners[0].say("SUBSCRIBE news");
    listeners[1].say("PSUBSCRIBE new*");
    publisher.say("PUBLISH news all");
    world.settle();
    assert_eq!(tracer.heard(), "", "it is on its way");
    pass_second(&world);
    let heard = tracer.heard();
    assert!(heard.contains(" bytes=3 receivers=2 posted-us=0 fanned-out-us=0 written-us=1000000\r\n"), "{heard}");
    assert_eq!(tracer.say("PUBSUB TRACE"), "+OK\r\n");
    old.say("RESET");
    publisher.say("PUBLISH news quiet");
    pass_second(&world);
    assert_eq!((tracer.heard(), old.heard()), (String::new(), String::new()));
}

#[test]
fn p11_channel_trace_clients_and_channel_trace_rate_bound_what_is_traced() {
    let world = World::new();
    let (tracer, publisher) = (world.client(), world.client_of(1));
    assert_eq!(tracer.say("PUBSUB TRACE * RATE 1/10"), "+OK\r\n");
    (0..95).for_each(|_| _ = publisher.say("PUBLISH a x"));
    world.settle();
    assert_eq!(tracer.heard().matches("cmd=").count(), 10);
    assert_eq!(tracer.say("PUBSUB TRACE * RATE 1"), "+OK\r\n");
    (0..3000).for_each(|_| _ = publisher.say("PUBLISH a x"));
    world.settle();
    assert_eq!(tracer.heard().matches("cmd=").count(), 1000, "in one second");
    for wrong in ["RATE", "RATE 0", "RATE 1/0", "RATE x", "a b"] {
        assert!(tracer.say(&format!("PUBSUB TRACE * {wrong}")).starts_with("-ERR "), "{wrong}");
    }
    let others: Vec<Peer> = (0..7).map(|_| world.client()).collect();
    others.iter().for_each(|other| assert_eq!(other.say("PUBSUB TRACE *"), "+OK\r\n"));
    assert_eq!(
        world.client().say("PUBSUB TRACE *"),
        "-ERR 8 clients trace already, as channel-trace-clients allows\r\n"
    );
    others.into_iter().next().expect("there are some").leave();
    assert_eq!(world.client().say("PUBSUB TRACE *"), "+OK\r\n");
}

#[test]
fn the_time_that_messages_take_is_measured_for_some_of_them() {
    let world = World::new();
    let (publisher, listener) = (world.client(), world.client_of(1));
    listener.say("SUBSCRIBE a");
    for _ in 0..10 {
        publisher.say("PUBLISH a x");
        pass_second(&world);
    }
    let mut taken = [crate::observe::delays::Distribution::default(), Default::default()];
    world.server.workers[1].stats.fan_out.add_to(&mut taken[0]);
    world.server.workers[1].stats.written.add_to(&mut taken[1]);
    assert_eq!(taken.each_ref().map(|taken| taken.counts.iter().sum::<u64>()), [10, 10]);
    assert_eq!(taken[1].sum_ns, 10_000_000_000);
}
