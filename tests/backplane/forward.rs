//! `backplane-keys forward`: an upstream has the keys, and a client of a node notices nothing of that.

use std::process::Command;

use rustix::process::Signal;

use crate::node::{Engine, client, expect_figure, expect_message, figure, parts, publish, start, subscriber};
use crate::support::nodes::eventually;
use crate::support::peer::encode_command;
use crate::support::{Peer, TestServer, redis};

pub(crate) const FORWARD: &[&str] = &["--backplane-keys", "forward"];

pub(crate) fn node(engine: &Engine) -> TestServer {
    start(engine, FORWARD)
}

fn direct(engine: &Engine) -> Peer {
    Peer::connect(engine.url().trim_start_matches("redis://"))
}

pub(crate) fn words(request: &str) -> Vec<&str> {
    request.split(' ').collect()
}

pub(crate) fn ask(peer: &mut Peer, request: &str) -> String {
    String::from_utf8_lossy(&peer.call(&words(request))).into_owned()
}

/// Requests of one connection whose answers are the same at any server of a version.
const REQUESTS: &[&str] = &[
    "SET a 1",
    "INCR a",
    "GET a",
    "HSET h f v g w",
    "HGETALL h",
    "HGET h",
    "SADD s 3 1 2",
    "SMEMBERS s",
    "ZADD z 1.5 a 2 b",
    "ZRANGE z 0 -1 WITHSCORES",
    "ZRANGE z 0 -1 BYSCORE REV",
    "PFADD l a b",
    "SETBIT bits 7 1",
    "GEOADD g 13.361389 38.115556 Palermo",
    "NOSUCHCOMMAND x y",
    "XINFO NOSUCHSUBCOMMAND",
    "LPUSH h x",
    "EVAL return{1,{2,{3,'four'}},redis.call('incr',KEYS[1])} 1 a",
    "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0",
    "SCRIPT EXISTS ffffffffffffffffffffffffffffffffffffffff",
    "PING",
    "ECHO between",
    "PUBLISH nobody x",
    "SELECT 3",
    "GET a",
    "SET a other",
    "SELECT 99",
    "GET a",
    "SELECT 0",
    "MULTI",
    "PUBLISH nobody x",
    "GET a",
    "HINCRBY h n 5",
    "EXEC",
    "MULTI",
    "PUBLISH nobody x",
    "PING",
    "EXEC",
    "MULTI",
    "NOSUCHCOMMAND",
    "GET a",
    "EXEC",
    "MULTI",
    "SET a",
    "EXEC",
    "MULTI",
    "GET a",
    "MULTI",
    "WATCH a",
    "DISCARD",
    "EXEC",
    "WATCH a",
    "SET a changed",
    "MULTI",
    "GET a",
    "EXEC",
    "MULTI",
    "PING",
    "EXEC",
    "WATCH a",
    "UNWATCH",
    "SET a again",
    "MULTI",
    "SELECT 2",
    "SET b in-two",
    "EXEC",
    "GET b",
    "SELECT 0",
    "BLPOP nothing 0.01",
    "XADD stream 1-1 f v",
    "XREAD BLOCK 10 STREAMS stream $",
    "XREAD STREAMS stream 0",
    "WAIT 0 10",
    "OBJECT ENCODING h",
    "SORT s DESC",
    "COPY a c",
    "DBSIZE",
    "CLIENT TRACKINGINFO",
    "CLIENT GETREDIR",
    "CLIENT TRACKING ON",
    "CLIENT CACHING YES",
    "GET a",
    "CLIENT TRACKING OFF",
    "COMMAND COUNT",
    "COMMAND GETKEYS HSET key f v",
    "FUNCTION LIST",
    "TYPE z",
    "RESET",
    "GET a",
    "FLUSHALL",
    "DBSIZE",
];

pub(crate) fn a_client_that_uses_everything_notices_no_difference(engine: &mut Engine) {
    let node = node(engine);
    let reference = redis::start_reference(&[], &[]);
    for version in ["2", "3"] {
        for at_once in [false, true] {
            let mut peers = [client(&node), Peer::connect(&reference.addr())];
            for peer in &mut peers {
                peer.call(&["HELLO", version, "SETNAME", "both"]);
                if at_once {
                    let all: Vec<Vec<u8>> = REQUESTS.iter().map(|request| encode_command(&words(request))).collect();
                    peer.send(all.concat());
                }
            }
            for request in REQUESTS {
                let [ours, theirs] = peers.each_mut().map(|peer| {
                    let answer = if at_once { peer.read_frame() } else { peer.call(&words(request)) };
                    answer.escape_ascii().to_string()
                });
                assert!(ours == theirs, "{request}: {ours} instead of {theirs}");
            }
        }
    }
    let mut operator = client(&node);
    assert_eq!(ask(&mut operator, "HELLO"), ask(&mut operator, "HELLO"));
    assert_ne!(figure(&mut operator, "forwarded_commands"), "0");
    let theirs = ask(&mut Peer::connect(&reference.addr()), "INFO server");
    let version = theirs.lines().find(|line| line.starts_with("redis_version")).expect("it says so");
    assert!(ask(&mut operator, "INFO server").contains(version), "programs look at that");
}

pub(crate) fn values_of_any_length_and_many_requests_at_once_go_through(engine: &mut Engine) {
    let node = node(engine);
    let mut peer = client(&node);
    let long: Vec<u8> = (0..5_000_000).map(|number: u32| (number / 7) as u8).collect();
    assert_eq!(peer.call(&[&b"SET"[..], b"long", &long]), b"+OK\r\n");
    let answer = [format!("${}\r\n", long.len()).as_bytes(), &long, b"\r\n"].concat();
    assert!(peer.call(&["GET", "long"]) == answer);
    let count = 30_000;
    let incr = encode_command(&["INCR", "number"]);
    peer.send(incr.repeat(count));
    for number in 1..=count {
        assert_eq!(peer.read_frame(), format!(":{number}\r\n").as_bytes());
    }
    // A client that sends much and reads late is neither closed nor does it fill memory.
    peer.send(encode_command(&["GET", "long"]).repeat(40));
    let mut operator = client(&node);
    let held = |operator: &mut Peer, name: &str| -> usize {
        let list = ask(operator, "CLIENT LIST");
        let sums = list.split_whitespace().filter_map(|word| word.strip_prefix(name)?.parse::<usize>().ok());
        sums.max().expect("clients are listed")
    };
    eventually("its socket is full", || held(&mut operator, "omem=") > 0);
    for _ in 0..100 {
        assert!(held(&mut operator, "omem=") < 1_000_000);
    }
    for _ in 0..40 {
        assert!(peer.read_frame() == answer);
    }
    assert_eq!(ask(&mut peer, "PING"), "+PONG\r\n");
}

pub(crate) fn what_is_published_is_heard_behind_what_its_publisher_has_stored_before(engine: &mut Engine) {
    let node = node(engine);
    let (mut writer, mut reader) = (client(&node), client(&node));
    let mut hears = subscriber(&node, "SUBSCRIBE", &[b"news"]);
    for round in 0..200 {
        let value = round.to_string();
        let requests = [&["SET", "state", &value][..], &["PUBLISH", "news", &value]];
        writer.send(requests.map(encode_command).concat());
        expect_message(&mut hears, b"news", value.as_bytes());
        assert_eq!(ask(&mut reader, "GET state"), format!("${}\r\n{value}\r\n", value.len()));
    }
    // Scripts and transactions there publish to clients here, too.
    ask(&mut writer, "EVAL return(redis.call('PUBLISH','news','script')) 0");
    expect_message(&mut hears, b"news", b"script");
    for request in ["MULTI", "HSET h f v", "PUBLISH news transaction", "EXEC"] {
        writer.call(&words(request));
    }
    expect_message(&mut hears, b"news", b"transaction");
}

pub(crate) fn who_waits_for_keys_is_served_and_waits_no_more_when_it_has_gone(engine: &mut Engine) {
    let node = node(engine);
    let (mut waits, mut pushes) = (client(&node), client(&node));
    let id = ask(&mut waits, "CLIENT ID").trim_start_matches(':').trim().to_owned();
    waits.send([encode_command(&["BLPOP", "queue", "0"]), encode_command(&["PING"])].concat());
    let mut there = direct(engine);
    let blocked =
        |there: &mut Peer, count: usize| ask(there, "INFO clients").contains(&format!("blocked_clients:{count}\r"));
    eventually("it waits there", || blocked(&mut there, 1));
    ask(&mut pushes, "RPUSH queue one");
    waits.expect(b"*2\r\n$5\r\nqueue\r\n$3\r\none\r\n+PONG\r\n");
    waits.send_command(&["BLPOP", "queue", "0"]);
    eventually("it waits again", || blocked(&mut there, 1));
    assert_eq!(ask(&mut pushes, &format!("CLIENT UNBLOCK {id} ERROR")), ":1\r\n");
    assert!(waits.read_frame().starts_with(b"-UNBLOCKED"));
    assert_eq!(ask(&mut pushes, &format!("CLIENT UNBLOCK {id}")), ":0\r\n");
    waits.send_command(&["BLPOP", "queue", "0"]);
    eventually("it waits once more", || blocked(&mut there, 1));
    drop(waits);
    eventually("nobody waits", || blocked(&mut there, 0));
    assert_eq!(ask(&mut pushes, "RPUSH queue two"), ":1\r\n");
}

pub(crate) fn caches_are_told_what_to_forget(engine: &mut Engine) {
    let node = node(engine);
    let (mut caches, mut writes) = (client(&node), client(&node));
    caches.call(&["HELLO", "3"]);
    assert_eq!(ask(&mut caches, "CLIENT TRACKING ON"), "+OK\r\n");
    ask(&mut caches, "GET a");
    ask(&mut writes, "SET a 1");
    assert_eq!(parts(&caches.read_frame()), [b"invalidate".to_vec(), b"a".to_vec()]);
    // A connection there that ends is renewed with what was asked for, and what is cached is forgotten.
    ask(&mut caches, "GET a");
    ask(&mut direct(engine), "CLIENT KILL TYPE normal");
    caches.expect(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
    ask(&mut caches, "GET a");
    ask(&mut writes, "SET a 2");
    assert_eq!(parts(&caches.read_frame()), [b"invalidate".to_vec(), b"a".to_vec()]);
    assert!(ask(&mut caches, "CLIENT TRACKING ON REDIRECT 1").starts_with("-ERR REDIRECT is not possible"));
}

pub(crate) fn without_an_upstream_commands_on_keys_fail_and_nothing_is_done_twice(engine: &mut Engine) {
    let node = node(engine);
    let (mut peer, mut multi, mut watch) = (client(&node), client(&node), client(&node));
    ask(&mut peer, "SET a 1");
    ["MULTI", "GET a"].iter().for_each(|request| _ = ask(&mut multi, request));
    ask(&mut watch, "WATCH a");
    // A connection that ends while nothing waits for it is renewed, and nobody notices.
    ask(&mut direct(engine), "CLIENT KILL TYPE normal SKIPME yes");
    let mut operator = client(&node);
    expect_figure(&mut operator, "state", |state| state == "up");
    eventually("it is known that the connection has ended", || ask(&mut peer, "GET a") == "$1\r\n1\r\n");
    for (peer, requests) in [(&mut multi, &["GET a", "EXEC"][..]), (&mut watch, &["MULTI", "GET a", "EXEC"])] {
        let answers: Vec<String> = requests.iter().map(|request| ask(peer, request)).collect();
        assert!(answers.last().is_some_and(|answer| answer.starts_with("-EXECABORT")), "{answers:?}");
        assert_eq!(ask(peer, "GET a"), "$1\r\n1\r\n", "they go on");
    }
    // What waits for an answer when the upstream goes is told so.
    let sent = figure(&mut operator, "forwarded_commands");
    engine.signal(Signal::STOP);
    peer.send_command(&["INCR", "a"]);
    expect_figure(&mut operator, "forwarded_commands", |count| count != sent);
    engine.kill();
    assert!(peer.read_frame().starts_with(b"-ERR the connection to the upstream was lost"));
    assert!(ask(&mut peer, "GET a").starts_with("-ERR the upstream that has the keys is not reached"));
    assert_eq!(ask(&mut peer, "PING"), "+PONG\r\n");
    engine.start_again();
    eventually("it is there again", || ask(&mut peer, "SET a 2") == "+OK\r\n");
    assert_eq!(ask(&mut peer, "GET a"), "$1\r\n2\r\n");
}

pub(crate) fn subscribers_of_either_protocol_use_keys_as_they_may(engine: &mut Engine) {
    let node = node(engine);
    let mut old = subscriber(&node, "SUBSCRIBE", &[b"news"]);
    assert!(ask(&mut old, "GET a").starts_with("-ERR Can't execute 'get'"));
    let mut peer = client(&node);
    peer.call(&["HELLO", "3"]);
    peer.call(&["SUBSCRIBE", "news"]);
    let (mut publisher, count) = (client(&node), 500);
    for number in 0..count {
        publish(&mut publisher, b"news", number.to_string().as_bytes());
    }
    peer.send(encode_command(&["INCR", "n"]).repeat(count));
    let (mut answers, mut messages) = (0, 0);
    while answers < count || messages < count {
        match peer.read_frame()[..] {
            [b':', ..] => answers += 1,
            [b'>', ..] => messages += 1,
            ref other => panic!("{}", other.escape_ascii()),
        }
    }
    for (request, expected) in [
        ("MULTI", "+OK"),
        ("SUBSCRIBE more", "+QUEUED"),
        ("GET a", "-ERR this command can not"),
        ("EXEC", "-EXECABORT"),
    ] {
        assert!(ask(&mut peer, request).starts_with(expected), "{request}");
    }
}

pub(crate) fn who_ends_its_own_direction_gets_the_answers_that_are_due(engine: &mut Engine) {
    let (node, _other) = (node(engine), node(engine));
    expect_figure(&mut client(&node), "nodes", |count| count == "2");
    let reference = redis::start_reference(&[], &[]);
    let long = "x".repeat(1_000_000);
    for requests in [
        ["SET a 1", "GET a", "HSET h f v", "HGETALL h"].join("\n"),
        ["GET a", "BLPOP queue 0", "GET a"].join("\n"),
        ["GET a", "BZPOPMIN queue 0", "PING"].join("\n"),
        ["RPUSH queue x", "BLPOP queue 0"].join("\n"),
        ["GET a", "PUBSUB NUMSUB news", "PUBLISH news x", "SUBSCRIBE news", "PING"].join("\n"),
        ["MULTI", "GET a", "EXEC", "MULTI", "GET a"].join("\n"),
        ["INCR a"].repeat(30_000).join("\n"),
        [&format!("SET long {long}"), "GET long"].join("\n"),
    ] {
        let all: Vec<u8> = requests.lines().flat_map(|request| encode_command(&words(request))).collect();
        let [ours, theirs] = [&node, &reference].map(|server| {
            let mut peer = client(server);
            peer.send(&all);
            peer.finish_sending();
            peer.read_to_end()
        });
        let shown = requests.lines().next().unwrap_or_default();
        assert!(ours == theirs, "{} after {shown:.40}, {} at Redis", ours.len(), theirs.len());
    }
    let mut there = direct(engine);
    eventually("nobody waits there", || ask(&mut there, "INFO clients").contains("blocked_clients:0\r"));
    assert_eq!(ask(&mut there, "RPUSH queue y"), ":1\r\n");
}

pub(crate) fn keys_are_forwarded_to_an_upstream_only() {
    for (options, texts) in [
        (&["--backplane", "nats://a"][..], ["backplane-keys forward", "redis://"]),
        (&[], ["backplane-keys forward", "redis://"]),
        (&["--backplane", "redis://a", "--cluster-enabled", "yes"], ["cluster-enabled", "refuse"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pregon"));
        let output =
            command.args(options).args(FORWARD).args(["--maxclients", "100"]).output().expect("it can be started");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(texts.iter().all(|text| said.contains(text)) && said.trim().lines().count() == 1, "{said}");
    }
}
