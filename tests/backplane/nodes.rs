//! Which nodes there are, and what all of them together have.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::node::{
    Engine, client, eventually, expect_figure, expect_message, figure, parts, publish, start, subscribe, subscriber,
};
use crate::support::{Peer, TestServer};

/// What a node says of the nodes that there are: their names.
fn nodes(peer: &mut Peer) -> BTreeSet<String> {
    let words: Vec<String> =
        parts(&peer.call(&["PREGON", "NODES"])).iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    words.windows(2).filter(|pair| pair[0] == "id").map(|pair| pair[1].clone()).collect()
}

fn expect_nodes(node: &TestServer, expected: &[&str]) {
    let mut peer = client(node);
    let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
    eventually(&format!("{expected:?} are there"), || nodes(&mut peer) == expected);
}

fn start_named(engine: &Engine, name: &str) -> TestServer {
    start(engine, &["--backplane-id", name])
}

pub(crate) fn nodes_find_each_other_and_notice_who_goes(engine: &mut Engine) {
    let [one, mut two, three] = ["one", "two", "three"].map(|name| start_named(engine, name));
    for node in [&one, &two, &three] {
        expect_nodes(node, &["one", "two", "three"]);
    }
    assert_eq!(figure(&mut client(&one), "nodes"), "3");
    two.stop();
    expect_nodes(&one, &["one", "three"]);
    one.expect_log("a node goes");
    three.signal(Signal::KILL);
    expect_nodes(&one, &["one"]);
    one.expect_log("counts as gone");
    let _again = start_named(engine, "one");
    one.expect_log("two nodes call themselves the same");
    let line = client(&one).call(&["PREGON", "NODES"]);
    assert!(line.windows(10).any(|part| part == b"127.0.0.1:"), "{}", line.escape_ascii());
    let alone = TestServer::start(&[]);
    assert!(client(&alone).call(&["PREGON", "NODES"]).starts_with(b"-ERR this server has no backplane"));
}

pub(crate) fn pubsub_answers_for_all_nodes(engine: &mut Engine) {
    let [one, two, three] = ["one", "two", "three"].map(|name| start_named(engine, name));
    let mut peers: Vec<Peer> = Vec::new();
    for (index, node) in [&one, &two, &three].into_iter().enumerate() {
        let own = format!("own:{index}");
        let mut peer = subscriber(node, "SUBSCRIBE", &[b"all", own.as_bytes()]);
        subscribe(&mut peer, "PSUBSCRIBE", &[b"a*"]);
        subscribe(&mut peer, "SSUBSCRIBE", &[b"shard", own.as_bytes()]);
        peers.push(peer);
    }
    let names = |bytes: &[u8]| -> BTreeSet<String> {
        parts(bytes).iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
    for node in [&one, &two, &three] {
        expect_nodes(node, &["one", "two", "three"]);
        let mut peer = client(node);
        assert_eq!(names(&peer.call(&["PUBSUB", "CHANNELS"])), set(&["all", "own:0", "own:1", "own:2"]));
        assert_eq!(names(&peer.call(&["PUBSUB", "CHANNELS", "own:[12]"])), set(&["own:1", "own:2"]));
        assert_eq!(names(&peer.call(&["PUBSUB", "SHARDCHANNELS", "s*"])), set(&["shard"]));
        let counts = peer.call(&["PUBSUB", "NUMSUB", "all", "own:1", "none", "all"]);
        let expected = "*8\r\n$3\r\nall\r\n:3\r\n$5\r\nown:1\r\n:1\r\n$4\r\nnone\r\n:0\r\n$3\r\nall\r\n:3\r\n";
        assert_eq!(counts, expected.as_bytes());
        assert_eq!(peer.call(&["PUBSUB", "SHARDNUMSUB", "shard"]), b"*2\r\n$5\r\nshard\r\n:3\r\n");
        assert_eq!(peer.call(&["PUBSUB", "NUMPAT"]), b":3\r\n");
        // The local forms, and what is asked within a transaction or a script, are about this node.
        assert_eq!(peer.call(&["PREGON", "NUMSUB", "all"]), b"*2\r\n$3\r\nall\r\n:1\r\n");
        assert_eq!(names(&peer.call(&["PREGON", "CHANNELS"])).len(), 2);
        assert_eq!(peer.call(&["PREGON", "NUMPAT"]), b":1\r\n");
        assert_eq!(peer.call(&["EVAL", "return redis.call('PUBSUB', 'NUMPAT')", "0"]), b":1\r\n");
        for (command, answer) in [("MULTI", "+OK"), ("PUBSUB NUMPAT", "+QUEUED"), ("EXEC", "*1\r\n:1")] {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(peer.call(&words), format!("{answer}\r\n").as_bytes());
        }
        assert_eq!(figure(&mut peer, "incomplete_answers"), "0");
    }
}

pub(crate) fn very_many_names_of_other_nodes_are_listed(engine: &mut Engine) {
    const CHANNELS: usize = 20_000;
    let [one, two] =
        ["one", "two"].map(|name| start(engine, &["--backplane-id", name, "--backplane-gather-timeout", "20000"]));
    let all: Vec<String> = (0..CHANNELS).map(|number| format!("user:{number}")).collect();
    let mut peer = client(&two);
    subscribe(&mut peer, "SUBSCRIBE", &all.iter().map(String::as_bytes).collect::<Vec<_>>());
    expect_nodes(&one, &["one", "two"]);
    let mut asks = client(&one);
    assert_eq!(parts(&asks.call(&["PUBSUB", "CHANNELS"])).len(), CHANNELS);
    let question = [&["PUBSUB", "NUMSUB"][..], &all.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let counts = asks.call(&question);
    assert_eq!(counts.windows(6).filter(|part| part == b"\r\n:1\r\n").count(), CHANNELS);
}

pub(crate) fn a_node_that_does_not_answer_is_missing_from_the_answer_and_that_is_counted(engine: &mut Engine) {
    let [one, two, three] = ["one", "two", "three"].map(|name| start_named(engine, name));
    let _peers = [&one, &two, &three].map(|node| subscriber(node, "SUBSCRIBE", &[b"all"]));
    expect_nodes(&one, &["one", "two", "three"]);
    three.signal(Signal::STOP);
    let mut peer = client(&one);
    // It may still answer what was asked at the same moment.
    eventually("it is missing", || peer.call(&["PUBSUB", "NUMSUB", "all"]) == b"*2\r\n$3\r\nall\r\n:2\r\n");
    assert_ne!(figure(&mut peer, "incomplete_answers"), "0");
    one.expect_log("a node has not answered in time");
    three.signal(Signal::CONT);
    eventually("it is there again", || peer.call(&["PUBSUB", "NUMSUB", "all"]) == b"*2\r\n$3\r\nall\r\n:3\r\n");
}

pub(crate) fn what_was_published_before_a_node_ends_is_heard_at_the_others(engine: &mut Engine) {
    const MESSAGES: usize = 2000;
    let (mut here, there) = (start_named(engine, "here"), start_named(engine, "there"));
    let mut far = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&here);
    for number in 0..MESSAGES {
        publish(&mut publisher, b"news", &[number.to_string().as_bytes(), &[b' '; 5000]].concat());
    }
    here.stop();
    for number in 0..MESSAGES {
        let message = parts(&far.read_frame());
        assert_eq!(String::from_utf8_lossy(&message[2]).trim(), number.to_string());
    }
}

pub(crate) fn publish_counts_the_receivers_at_all_nodes_where_it_is_to(engine: &mut Engine) {
    let start = |name: &str| start(engine, &["--backplane-id", name, "--backplane-counts", "cluster"]);
    let [one, two] = ["one", "two"].map(start);
    let mut near = subscriber(&one, "SUBSCRIBE", &[b"news"]);
    let mut far = subscriber(&two, "SUBSCRIBE", &[b"news"]);
    subscribe(&mut far, "PSUBSCRIBE", &[b"n*", b"*s"]);
    subscribe(&mut far, "SSUBSCRIBE", &[b"news"]);
    expect_nodes(&one, &["one", "two"]);
    let mut publisher = client(&one);
    assert_eq!(publish(&mut publisher, b"news", b"x"), b":4\r\n");
    assert_eq!(publish(&mut publisher, b"other", b"x"), b":0\r\n");
    assert_eq!(publisher.call(&["SPUBLISH", "news", "x"]), b":1\r\n");
    expect_message(&mut near, b"news", b"x");
    expect_message(&mut far, b"news", b"x");
}

pub(crate) fn what_can_be_changed_while_nodes_run_takes_effect(engine: &mut Engine) {
    let [one, two] = [(); 2].map(|()| start(engine, &["--backplane-linger", "3600000"]));
    let mut operator = client(&one);
    expect_figure(&mut operator, "nodes", |count| count == "2");
    let _hears = subscriber(&two, "SUBSCRIBE", &[b"news"]);
    let mut set = |name: &str, value: &str| {
        String::from_utf8(operator.call(&["CONFIG", "SET", name, value])).expect("answers are text")
    };
    assert_eq!(set("backplane-counts", "cluster"), "+OK\r\n");
    for (name, value) in [
        ("backplane-gather-timeout", "5000"),
        ("backplane-confirm", "no"),
        ("backplane-linger", "0"),
        ("backplane-queue-limit", "2mb"),
        ("backplane-timeout", "3"),
        ("backplane-offline", "refuse"),
    ] {
        assert_eq!(set(name, value), "+OK\r\n", "{name}");
    }
    for name in ["backplane", "backplane-id", "backplane-prefix", "backplane-keys", "backplane-pieces-limit"] {
        let refused = set(name, "1gb");
        assert!(refused.contains("can't set immutable config"), "{name}: {refused}");
    }
    assert_eq!(publish(&mut operator, b"news", b"x"), b":1\r\n", "the other node counts");
    // What nobody wants any more is not asked for any longer at once.
    let mut leaves = subscriber(&one, "SUBSCRIBE", &[b"a"]);
    leaves.call(&["UNSUBSCRIBE", "a"]);
    expect_figure(&mut operator, "interest_asked", |count| count == "0");
    engine.kill();
    eventually("it is known that the engine is away", || {
        publish(&mut operator, b"news", b"x").starts_with(b"-OFFLINE")
    });
}
