//! Limits on one client: silence, output that is not taken, requests that do not end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use crate::support::{DEADLINE, Peer, TestServer};

static MESSAGE: [u8; 256 * 1024] = [b'x'; 256 * 1024];
/// More than the sockets of both ends hold, by far.
const MANY_MESSAGES: usize = 80;
/// The length of a message beyond all limits on output here, in bytes.
const LARGE: usize = 8 * 1024 * 1024;

fn subscriber(server: &TestServer) -> Peer {
    let mut peer = Peer::connect(&server.addr());
    peer.send("SUBSCRIBE news\r\n");
    peer.expect("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    peer
}

fn publish(publisher: &mut Peer) -> Vec<u8> {
    publisher.call(&[&b"PUBLISH"[..], b"news", &MESSAGE])
}

fn expect_message(peer: &mut Peer) {
    let frame = peer.read_frame();
    assert!(
        frame.starts_with(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$262144\r\nxxx"),
        "{}",
        frame[..40].escape_ascii()
    );
}

#[test]
fn silence_closes_an_idle_client_but_no_subscriber() {
    let server = TestServer::start(&["--timeout", "1"]);
    let mut listening = subscriber(&server);
    let mut idle = Peer::connect(&server.addr());
    idle.expect_closed();
    assert_eq!(publish(&mut Peer::connect(&server.addr())), b":1\r\n");
    expect_message(&mut listening);
}

#[test]
fn a_stuck_subscriber_is_cut_at_the_hard_limit_and_nobody_else_notices() {
    let server = TestServer::start(&["--client-output-buffer-limit", "pubsub 4mb 0 0"]);
    let mut stuck = subscriber(&server);
    let mut keeps_up = subscriber(&server);
    let mut publisher = Peer::connect(&server.addr());
    let mut receivers = Vec::new();
    for _ in 0..MANY_MESSAGES {
        receivers.push(publish(&mut publisher));
        expect_message(&mut keeps_up);
    }
    assert_eq!(receivers.first().map(Vec::as_slice), Some(&b":2\r\n"[..]));
    assert_eq!(receivers.last().map(Vec::as_slice), Some(&b":1\r\n"[..]));
    let line = server.expect_log("output buffer hard limit reached");
    assert!(line.contains("WARN") && line.contains("channels=1") && line.contains("patterns=0"), "{line}");
    let waiting = line.split("output_bytes=").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(waiting.is_some_and(|bytes| bytes.parse().is_ok_and(|bytes: usize| bytes >= 4 << 20)), "{line}");
    assert!(stuck.read_to_end().len() < MANY_MESSAGES * MESSAGE.len());
    assert_eq!(server.log().matches("limit reached").count(), 1);
    let info = publisher.call(&["INFO", "stats"]);
    let info = String::from_utf8_lossy(&info);
    assert!(info.contains("client_output_buffer_limit_disconnections:1\r\n"), "{info}");
    assert!(!info.contains("total_writes_processed:0\r\n"), "{info}");
}

#[test]
fn a_stuck_subscriber_is_cut_at_the_soft_limit_also_when_no_further_message_comes() {
    let server = TestServer::start(&["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let _stuck = subscriber(&server);
    let mut publisher = Peer::connect(&server.addr());
    for _ in 0..MANY_MESSAGES {
        publish(&mut publisher);
    }
    server.expect_log("output buffer soft limit reached");
    assert_eq!(publish(&mut publisher), b":0\r\n");
}

#[test]
fn messages_larger_than_the_output_limit_reach_a_subscriber_that_reads() {
    let server = TestServer::start(&["--client-output-buffer-limit", "pubsub 1mb 1mb 60"]);
    let mut reader = subscriber(&server);
    let (has_read, heard) = mpsc::channel();
    let reading = thread::spawn(move || {
        for number in 0..5 {
            let frame = reader.read_frame();
            assert!(frame.ends_with(b"xxx\r\n") && frame.len() > LARGE, "message {number} of {} bytes", frame.len());
            let _ = has_read.send(());
        }
    });
    let mut publisher = Peer::connect(&server.addr());
    for number in 0..5 {
        // Two may be on their way; more would be a matter of how fast the subscriber happens to be.
        if number >= 2 {
            heard
                .recv()
                .unwrap_or_else(|_| panic!("the subscriber is gone before message {number}:\n{}", server.log()));
        }
        assert_eq!(publisher.call(&[&b"PUBLISH"[..], b"news", &vec![b'x'; LARGE]]), b":1\r\n");
    }
    reading.join().unwrap_or_else(|_| panic!("a message has not arrived:\n{}", server.log()));
}

#[test]
fn a_subscriber_below_the_soft_limit_in_time_is_not_cut() {
    let server = TestServer::start(&["--client-output-buffer-limit", "pubsub 0 1mb 3"]);
    let mut late = subscriber(&server);
    let mut publisher = Peer::connect(&server.addr());
    for _ in 0..3 {
        for _ in 0..MANY_MESSAGES {
            assert_eq!(publish(&mut publisher), b":1\r\n");
        }
        for _ in 0..MANY_MESSAGES {
            expect_message(&mut late);
        }
    }
}

#[test]
fn p11_a_request_beyond_client_query_buffer_limit_closes_the_connection() {
    let server = TestServer::start(&["--client-query-buffer-limit", "1mb"]);
    let mut other = Peer::connect(&server.addr());
    let mut greedy = TcpStream::connect(server.addr()).unwrap_or_else(|e| panic!("connecting: {e}"));
    let configured = greedy.set_read_timeout(Some(DEADLINE)).and_then(|()| greedy.set_write_timeout(Some(DEADLINE)));
    configured.unwrap_or_else(|e| panic!("deadlines: {e}"));
    let mut request = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$10000000\r\n".to_vec();
    request.resize(request.len() + 4_000_000, b'x');
    // The server may close before it has all of it, which is an error here.
    let _ = greedy.write_all(&request);
    let mut answer = Vec::new();
    let _ = greedy.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    server.expect_log("query buffer limit reached");
    assert_eq!(other.call(&["PING"]), b"+PONG\r\n");
}
