//! Requests that a socket and two ends make harder than the decoder alone.

use crate::child::eventually;
use crate::support::peer::encode_command;
use crate::support::{Peer, TestServer};

#[test]
fn a_pipeline_that_is_sent_wholly_before_anything_is_read_does_not_deadlock() {
    const COMMANDS: usize = 16_000;
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    let payload = [b'x'; 1000];
    // 16 MB in both directions: more than the sockets hold.
    peer.send(encode_command(&[&b"ECHO"[..], &payload]).repeat(COMMANDS));
    peer.send("QUIT\r\n");
    let mut expected = [&b"$1000\r\n"[..], &payload, b"\r\n"].concat().repeat(COMMANDS);
    expected.extend_from_slice(b"+OK\r\n");
    let received = peer.read_to_end();
    assert!(received == expected, "{} bytes of {}", received.len(), expected.len());
}

#[test]
fn what_a_browser_sends_closes_the_connection_without_an_answer() {
    let mut server = TestServer::start(&[]);
    for request in ["POST / HTTP/1.1\r\nHost: localhost\r\n\r\nPING\r\n", "Host: localhost\r\nPING\r\n"].repeat(10) {
        let mut browser = Peer::connect(&server.addr());
        browser.send(request);
        browser.expect_closed();
    }
    let line = server.expect_log("possible cross-protocol attack");
    assert!(line.contains("WARN"), "{line}");
    assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), b"+PONG\r\n");
    server.stop();
    server.expect_log("ended");
    assert_eq!(server.log().matches("possible cross-protocol attack").count(), 1, "others are counted");
}

#[test]
fn a_request_is_answered_after_the_peer_has_finished_sending() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    peer.send("PING\r\nECHO hello\r\n");
    peer.finish_sending();
    assert_eq!(peer.read_to_end(), b"+PONG\r\n$5\r\nhello\r\n");
}

#[test]
fn what_a_peer_left_unfinished_ends_with_its_connection() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    peer.send("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$5\r\nhel");
    peer.finish_sending();
    peer.expect_closed();
    assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), b"+PONG\r\n");
}

#[test]
fn a_panic_closes_its_connection_and_no_other() {
    let server = TestServer::start(&["--enable-debug-command", "local"]);
    let mut others: Vec<Peer> = (0..8).map(|_| Peer::connect(&server.addr())).collect();
    for peer in &mut others {
        peer.send("SUBSCRIBE news\r\n");
        peer.expect("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    }
    for _ in 0..8 {
        let mut failing = Peer::connect(&server.addr());
        failing.send("HELLO 3\r\n");
        failing.read_frame();
        failing.send("SUBSCRIBE news\r\n");
        failing.expect(">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
        failing.send("DEBUG PANIC\r\n");
        failing.expect_closed();
    }
    assert!(server.expect_log("a panic").contains("ERROR"));
    assert_eq!(Peer::connect(&server.addr()).call(&["PUBLISH", "news", "hello"]), b":8\r\n");
    for peer in &mut others {
        peer.expect("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    }
}

#[test]
fn what_was_published_before_a_panic_in_the_same_read_is_delivered_on_every_io_thread() {
    let server = TestServer::start(&["--enable-debug-command", "local", "--io-threads", "2"]);
    let mut subscribers: Vec<Peer> = (0..4).map(|_| Peer::connect(&server.addr())).collect();
    for peer in &mut subscribers {
        peer.send("SUBSCRIBE news\r\n");
        peer.expect("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    }
    let mut failing = Peer::connect(&server.addr());
    failing.send("PUBLISH news hello\r\nDEBUG PANIC\r\n");
    // On a busy machine others may have their turn between both; then the first has been answered.
    let heard = failing.read_to_end();
    assert!(heard.is_empty() || heard == b":4\r\n", "{}", heard.escape_ascii());
    for peer in &mut subscribers {
        peer.expect("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    }
}

#[test]
fn a_client_that_waits_again_after_a_pause_does_not_wait_for_the_end_that_the_pause_had() {
    let server = TestServer::start(&["--enable-debug-command", "local"]);
    let mut control = Peer::connect(&server.addr());
    assert_eq!(control.call(&["CLIENT", "PAUSE", "3600000", "WRITE"]), b"+OK\r\n");
    let mut waiting = Peer::connect(&server.addr());
    waiting.send("PUBLISH news hello\r\nDEBUG SLEEP 0.01\r\n");
    while !String::from_utf8_lossy(&control.call(&["CLIENT", "LIST"])).contains("flags=b") {}
    assert_eq!(control.call(&["CLIENT", "UNPAUSE"]), b"+OK\r\n");
    waiting.expect(":0\r\n+OK\r\n");
}

#[test]
fn info_shows_the_time_of_the_thread_that_serves_clients_first_as_that_of_the_main_thread() {
    let server = TestServer::start(&["--io-threads", "1"]);
    let mut peer = Peer::connect(&server.addr());
    // The thread that the process began with does next to nothing.
    eventually("the io-thread has worked for a tenth of a second", || {
        for _ in 0..1000 {
            peer.call(&["PING"]);
        }
        let info = String::from_utf8_lossy(&peer.call(&["INFO", "cpu"])).into_owned();
        let times = info.lines().filter_map(|line| line.split_once("_main_thread:")?.1.parse::<f64>().ok());
        (times.sum::<f64>() >= 0.1).then_some(())
    });
}
