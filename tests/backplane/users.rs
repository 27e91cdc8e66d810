//! `backplane-keys forward`: what users may do, and who they are at the upstream that has the keys.

use crate::forward::{FORWARD, ask, node, words};
use crate::node::{Engine, SecuredUpstream, client, start_alone};
use crate::support::nodes::{JOINED, eventually};
use crate::support::peer::encode_command;
use crate::support::{Peer, redis};

/// Each client is at the upstream who it has said to be.
const OWN_CREDENTIALS: &[&str] = &["--backplane-forward-auth", "client"];

pub(crate) fn rights_are_judged_before_anything_is_sent_on(engine: &mut Engine) {
    let node = node(engine);
    let mut admin = client(&node);
    ask(&mut admin, "ACL SETUSER ann on >x ~ann:* &news +@all");
    ask(&mut admin, "ACL SETUSER bob on >x allkeys allchannels +@all -del");
    let mut ann = client(&node);
    ask(&mut ann, "AUTH ann x");
    let requests = [
        "SET ann:a 1",
        "GET ann:a",
        "GET other",
        "GET ann:a",
        "HGET ann:h f",
        "EVAL return(1) 0",
        "SORT ann:l BY other",
    ];
    ann.send(requests.map(|request| encode_command(&words(request))).concat());
    let expected = ["+OK", "$1", "-NOPERM", "$1", "-NOPERM", "-NOPERM", "-ERR BY option"];
    for (request, expected) in requests.iter().zip(expected) {
        let answer = String::from_utf8_lossy(&ann.read_frame()).into_owned();
        assert!(answer.starts_with(expected), "{request}: {answer}");
    }
    for (request, expected) in
        [("MULTI", "+OK"), ("GET ann:a", "+QUEUED"), ("GET other", "-NOPERM"), ("EXEC", "-EXECABORT")]
    {
        assert!(ask(&mut ann, request).starts_with(expected), "{request}");
    }
    // What was queued is not executed with rights that have gone since.
    for request in ["MULTI", "SET ann:a 2"] {
        ask(&mut ann, request);
    }
    ask(&mut admin, "ACL SETUSER ann -set");
    assert!(ask(&mut ann, "EXEC").starts_with("-EXECABORT"));
    assert_eq!(ask(&mut ann, "GET ann:a"), "$1\r\n1\r\n");
    for request in ["MULTI", "GET ann:a"] {
        ask(&mut ann, request);
    }
    ask(&mut admin, "ACL SETUSER ann -exec");
    assert!(ask(&mut ann, "EXEC").starts_with("-EXECABORT"));
    assert_eq!(ask(&mut ann, "GET ann:a"), "$1\r\n1\r\n", "it is in no transaction any more");
    let mut bob = client(&node);
    ask(&mut bob, "AUTH bob x");
    assert!(ask(&mut bob, "DEL a").starts_with("-NOPERM"));
    assert!(ask(&mut admin, "MULTI").starts_with("+OK"));
    for (request, expected) in
        [("HSET h f v", "+QUEUED"), ("PUBLISH __pregon__:all x", "-ERR channels that begin"), ("EXEC", "-EXECABORT")]
    {
        assert!(ask(&mut admin, request).starts_with(expected), "{request}");
    }
}

pub(crate) fn p11_a_transaction_that_the_upstream_executes_publishes_no_more_than_its_user_may(engine: &mut Engine) {
    let node = node(engine);
    let mut peer = client(&node);
    assert_eq!(
        ask(&mut client(&node), "ACL SETUSER ann on >x allkeys allchannels +@all limit:publish-messages=2"),
        "+OK\r\n"
    );
    ask(&mut peer, "AUTH ann x");
    // What is queued before the upstream has the transaction counts as what is queued then.
    for (request, expected) in [
        ("MULTI", "+OK"),
        ("PUBLISH news 1", "+QUEUED"),
        ("GET a", "+QUEUED"),
        ("SPUBLISH news 2", "+QUEUED"),
        ("PUBLISH news 3", "-LIMIT"),
        ("EXEC", "-EXECABORT"),
    ] {
        let answer = ask(&mut peer, request);
        assert!(answer.starts_with(expected), "{request}: {answer}");
    }
    let refused = ask(&mut peer, "ACL LOG");
    assert!(refused.contains("publish-messages") && refused.contains("multi"), "{refused}");
}

pub(crate) fn an_upstream_with_users_and_tls_has_the_keys() {
    let upstream = SecuredUpstream::start();
    let port = upstream.port;
    let options = upstream.options();
    let options: Vec<&str> = options.iter().map(String::as_str).chain(FORWARD.iter().copied()).collect();
    let node = start_alone(&format!("rediss://ann:s3cr%40t@localhost:{port}"), &options);
    node.expect_log(JOINED);
    let (mut one, mut other) = (client(&node), client(&node));
    let long = vec![b'x'; 3_000_000];
    assert_eq!(one.call(&[&b"SET"[..], b"a", &long]), b"+OK\r\n");
    assert_eq!(ask(&mut other, "STRLEN a"), ":3000000\r\n");
    assert_eq!(one.call(&["GET", "a"]).len(), "$3000000\r\n\r\n".len() + long.len());
    let wrong = start_alone(&format!("rediss://ann:wrong@localhost:{port}"), &options);
    let refused = ask(&mut client(&wrong), "GET a");
    assert!(refused.contains("it refuses: WRONGPASS"), "{refused}");
}

pub(crate) fn a_client_is_at_the_upstream_who_it_has_said_to_be_where_that_is_to_be() {
    let users = "--user ann on >secret ~ann:* +@all -client --user bob on >secret ~* +@all --user cid on >other";
    let upstream = redis::start_reference(&words(users), &[]);
    let node = start_alone(&format!("redis://{}", upstream.addr()), &[FORWARD, OWN_CREDENTIALS].concat());
    node.expect_log(JOINED);
    let mut admin = client(&node);
    for user in ["ann", "bob", "cid"] {
        ask(&mut admin, &format!("ACL SETUSER {user} on >secret allkeys allchannels +@all"));
    }
    ask(&mut admin, "ACL SETUSER bob -del");
    let mut there = Peer::connect(&upstream.addr());
    let mut is_there = |user: &str| ask(&mut there, "CLIENT LIST").contains(&format!("user={user} "));
    let mut peer = client(&node);
    let requests = ["AUTH ann secret", "SET ann:a 1", "GET bob:a", "AUTH bob secret", "SET bob:a 1"];
    peer.send(requests.map(|request| encode_command(&words(request))).concat());
    let expected = ["+OK", "+OK", "-NOPERM", "+OK", "+OK"];
    for (request, expected) in requests.iter().zip(expected) {
        let answer = String::from_utf8_lossy(&peer.read_frame()).into_owned();
        assert!(answer.starts_with(expected), "{request}: {answer}");
    }
    assert!(is_there("bob") && !is_there("ann"));
    assert!(ask(&mut peer, "DEL bob:a").starts_with("-NOPERM"), "the node judges, too");
    // Who is nobody there is told so, and does nothing as who it was before.
    let requests = ["AUTH cid secret", "SET ann:a 2", "SET bob:a 2", "PING"];
    peer.send(requests.map(|request| encode_command(&words(request))).concat());
    for expected in ["+OK", "-WRONGPASS", "-WRONGPASS", "+PONG"] {
        let answer = String::from_utf8_lossy(&peer.read_frame()).into_owned();
        assert!(answer.starts_with(expected), "{answer}");
    }
    assert_eq!(ask(&mut admin, "MGET ann:a bob:a"), "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
    peer.call(&["HELLO", "3", "AUTH", "bob", "secret"]);
    for request in ["WATCH bob:a", "MULTI", "SET bob:a 3"] {
        ask(&mut peer, request);
    }
    assert_eq!(ask(&mut peer, "EXEC"), "*1\r\n+OK\r\n");
    assert!(is_there("bob"));
    ask(&mut peer, "RESET");
    assert_eq!(ask(&mut peer, "SET other 1"), "+OK\r\n");
    eventually("it is another user there", || !is_there("bob"));
    let long = "x".repeat(4097);
    assert!(ask(&mut peer, &format!("AUTH default {long}")).starts_with("-WRONGPASS"));
}
