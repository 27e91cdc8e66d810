//! How a server empties itself before it ends.

use rustix::process::Signal;

use crate::child::eventually;
use crate::ending::{received, slow_subscriber};
use crate::support::{Peer, TestServer};

/// So long that nothing ends but what goes first.
const LONG: &str = "3600";

fn subscriber(server: &TestServer) -> Peer {
    let mut subscriber = Peer::connect(&server.addr());
    subscriber.send("SUBSCRIBE news\r\n");
    subscriber.expect("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    subscriber
}

/// A client that has been welcomed.
fn other(server: &TestServer) -> Peer {
    let mut other = Peer::connect(&server.addr());
    assert_eq!(other.call(&["PING"]), b"+PONG\r\n");
    other
}

fn state(client: &mut Peer) -> String {
    let info = String::from_utf8(client.call(&["INFO", "server"])).expect("text");
    let line = info.lines().find_map(|line| line.strip_prefix("pregon_state:"));
    line.expect("the field is there").to_owned()
}

#[test]
fn subscribers_go_last_and_are_served_until_then() {
    let mut server = TestServer::start(&["--drain-time", LONG, "--io-threads", "2"]);
    let (mut subscriber, mut others) = (subscriber(&server), [(); 3].map(|()| other(&server)));
    let mut waiting = other(&server);
    waiting.send("BLPOP queue 0\r\n");
    server.signal(Signal::TERM);
    server.expect_log("draining");
    others.iter_mut().for_each(Peer::expect_closed);
    waiting.expect_closed();
    subscriber.send("PING\r\n");
    subscriber.expect("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    // Told a second time, it waits for nobody.
    server.stop();
}

#[test]
fn each_goes_with_what_waits_for_it_and_new_ones_are_told_to_go_elsewhere() {
    let mut server = TestServer::start(&["--drain-time", LONG, "--drain-order", "subscribers-first"]);
    let (mut slow, mut other) = (slow_subscriber(&server), other(&server));
    server.signal(Signal::TERM);
    server.expect_log("draining");
    eventually("it drains", || (state(&mut other) == "draining").then_some(()));
    assert!(slow.read_to_end() == received(), "all that was published before");
    Peer::connect(&server.addr())
        .expect("-ERR this server is about to end and lets nobody in: connect to another one\r\n");
    assert_eq!(other.call(&["PING"]), b"+PONG\r\n", "its time has not come");
    server.stop();
}

#[test]
fn for_a_while_it_only_says_that_it_is_not_ready() {
    let mut server = TestServer::start(&["--drain-wait", LONG]);
    let mut first = other(&server);
    assert_eq!(state(&mut first), "ready");
    server.signal(Signal::TERM);
    server.expect_log("draining");
    eventually("it drains", || (state(&mut first) == "draining").then_some(()));
    assert_eq!(other(&server).call(&["PUBLISH", "news", "x"]), b":0\r\n");
    assert_eq!(first.call(&["SHUTDOWN", "ABORT"]), b"+OK\r\n");
    eventually("it serves again", || (state(&mut first) == "ready").then_some(()));
    server.signal(Signal::TERM);
    eventually("it drains", || (state(&mut first) == "draining").then_some(()));
    server.stop();
}

#[test]
fn a_command_empties_it_and_who_gave_it_stays_and_decides_how_it_goes_on() {
    let mut server = TestServer::start(&[]);
    let (mut operator, mut subscriber, mut half) = (other(&server), subscriber(&server), other(&server));
    assert!(operator.call(&["PREGON", "DRAIN", "ABORT"]).starts_with(b"-ERR the server does not drain"));
    half.send("PING\r\n*1\r\n$4\r\nPI");
    half.expect("+PONG\r\n");
    assert_eq!(operator.call(&["PREGON", "DRAIN"]), b"+OK\r\n");
    subscriber.expect_closed();
    half.send("NG\r\n");
    half.expect("+PONG\r\n");
    half.expect_closed();
    assert_eq!(state(&mut operator), "draining");
    Peer::connect(&server.addr()).expect("-ERR this server is about to end");
    assert_eq!(operator.call(&["PREGON", "DRAIN", "ABORT"]), b"+OK\r\n");
    eventually("it serves again", || (state(&mut operator) == "ready").then_some(()));
    let mut late = other(&server);
    assert_eq!(late.call(&["PREGON", "DRAIN"]), b"+OK\r\n");
    operator.expect_closed();
    late.send("SHUTDOWN\r\n");
    assert_eq!(server.wait_for_exit().code(), Some(0));
}
