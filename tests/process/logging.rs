//! What is logged, how, and when.

use serde_json::Value;

use crate::child::eventually;
use crate::support::{Peer, TestServer};

#[test]
fn one_line_says_what_started_and_that_it_is_ready() {
    let server = TestServer::start(&[]);
    let line = server.expect_log("ready to accept connections");
    let facts = [format!("port={}", server.port()), format!("pid={}", server.pid().unwrap_or_default())];
    for fact in facts.iter().map(String::as_str).chain(["version=\"", "io_threads="]) {
        assert!(line.contains(fact), "{fact} is missing in {line}");
    }
}

#[test]
fn a_changed_loglevel_changes_what_is_logged() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    assert_eq!(peer.call(&["CONFIG", "SET", "loglevel", "debug"]), b"+OK\r\n");
    eventually("connections are logged", || {
        let _connected = Peer::connect(&server.addr());
        server.log().contains("connected").then_some(())
    });
    assert_eq!(peer.call(&["CONFIG", "SET", "loglevel", "verbosely"])[0], b'-');
}

#[test]
fn no_message_is_logged_at_any_level() {
    let server = TestServer::start(&["--loglevel", "debug"]);
    let mut peer = Peer::connect(&server.addr());
    assert_eq!(peer.call(&["PUBLISH", "a-channel", "a-message"]), b":0\r\n");
    assert_eq!(peer.call(&["AUTH", "a-password"])[0], b'-');
    drop(peer);
    let line = server.expect_log("disconnected");
    assert!(line.contains("DEBUG"), "{line}");
    let log = server.log();
    assert!(!log.contains("a-channel") && !log.contains("a-message") && !log.contains("a-password"), "{log}");
}

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let mut server = TestServer::start(&["--logformat", "json", "--appendonly", "yes", "--loglevel", "debug"]);
    Peer::connect(&server.addr()).send("POST / HTTP/1.1\r\n\r\n");
    server.expect_log("cross-protocol");
    server.stop();
    let log = server.log();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(event[field].is_string(), "{field} is missing in {line}");
        }
    }
    let ready = log.lines().find(|line| line.contains("ready to accept")).unwrap_or_default();
    let ready: Value = serde_json::from_str(ready).unwrap_or_default();
    assert_eq!(ready["port"], u64::from(server.port()));
    assert_eq!(ready["level"], "INFO");
}
