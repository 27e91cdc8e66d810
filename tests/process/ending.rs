//! The end: signals, what is still written, and what is left.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::child::eventually;
use crate::support::peer::encode_command;
use crate::support::{Peer, TestServer};

const MESSAGES: usize = 20;
const MESSAGE_BYTES: usize = 1 << 20;

/// A subscriber that has not read any of [`MESSAGES`] messages of 1 MiB: more than the sockets of both ends hold.
pub(crate) fn slow_subscriber(server: &TestServer) -> Peer {
    let mut subscriber = Peer::connect(&server.addr());
    subscriber.send("SUBSCRIBE news\r\n");
    subscriber.expect("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let mut publisher = Peer::connect(&server.addr());
    for message in messages() {
        assert_eq!(publisher.call(&[&b"PUBLISH"[..], b"news", &message]), b":1\r\n");
    }
    subscriber
}

/// What that receives.
pub(crate) fn received() -> Vec<u8> {
    messages().flat_map(|message| encode_command(&[&b"message"[..], b"news", &message])).collect()
}

fn messages() -> impl Iterator<Item = Vec<u8>> {
    (0..MESSAGES).map(|number| vec![b'a' + number as u8; MESSAGE_BYTES])
}

#[test]
fn a_slow_reader_gets_all_that_was_published_before_the_signal() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let mut server = TestServer::start(&[]);
        let mut subscriber = slow_subscriber(&server);
        server.signal(signal);
        server.expect_log(&format!("received {name}"));
        let (expected, heard) = (received(), subscriber.read_to_end());
        assert!(heard == expected, "{name}: {} bytes of {}", heard.len(), expected.len());
        assert_eq!(server.wait_for_exit().code(), Some(0), "{name}");
    }
}

#[test]
fn a_subscriber_that_never_reads_delays_the_end_by_shutdown_timeout_at_most() {
    let mut server = TestServer::start(&["--shutdown-timeout", "1"]);
    let _stuck = slow_subscriber(&server);
    server.stop();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = TestServer::start(&["--shutdown-timeout", "3600"]);
    let _stuck = slow_subscriber(&server);
    server.signal(Signal::TERM);
    server.expect_log("received SIGTERM");
    server.stop();
}

/// A server one of whose two io-threads is stuck for longer than the test lasts, and the client that has stalled it.
fn stalled(shutdown_timeout: &str) -> (TestServer, Peer) {
    let args = ["--io-threads", "2", "--enable-debug-command", "local", "--shutdown-timeout", shutdown_timeout];
    let server = TestServer::start(&args);
    let mut stalling = Peer::connect(&server.addr());
    assert_eq!(stalling.call(&["PING"]), b"+PONG\r\n");
    stalling.send("DEBUG STALL 3600\r\n");
    (server, stalling)
}

#[test]
fn a_stuck_io_thread_keeps_the_server_neither_from_new_clients_nor_from_its_end() {
    let (mut server, _stalling) = stalled("1");
    // Those that went to the stuck thread before that was noticed are answered by nobody.
    eventually("a new client is served", || answers(&server, "PING", "+PONG\r\n"));
    server.stop();
    server.expect_log("an io-thread is still busy");
}

#[test]
fn a_second_signal_ends_a_server_with_a_stuck_io_thread_at_once() {
    let (mut server, _stalling) = stalled("3600");
    server.signal(Signal::TERM);
    server.expect_log("received SIGTERM");
    server.stop();
}

#[test]
fn addresses_change_on_the_same_port_beside_a_stuck_io_thread() {
    let (server, _stalling) = stalled("1");
    for bind in ["*", "127.0.0.1"] {
        eventually("the addresses change", || answers(&server, &format!("CONFIG SET bind {bind}"), "+OK\r\n"));
        eventually("a new client is served", || answers(&server, "PING", "+PONG\r\n"));
    }
}

/// Something if a new client gets this answer before long.
fn answers(server: &TestServer, command: &str, expected: &str) -> Option<()> {
    let mut answer = vec![0; expected.len()];
    let answered = TcpStream::connect(server.addr()).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        stream.read_exact(&mut answer)
    });
    (answered.is_ok() && answer == expected.as_bytes()).then_some(())
}

#[test]
fn shutdown_on_sigterm_now_waits_for_nobody() {
    let mut server = TestServer::start(&["--shutdown-timeout", "3600", "--shutdown-on-sigterm", "now"]);
    let _stuck = slow_subscriber(&server);
    server.stop();
}

#[test]
fn shutdown_ends_it_without_an_answer() {
    for args in [&["SHUTDOWN"][..], &["SHUTDOWN", "NOSAVE"], &["SHUTDOWN", "NOW", "FORCE"]] {
        let mut server = TestServer::start(&[]);
        let mut peer = Peer::connect(&server.addr());
        peer.send_command(args);
        peer.expect_closed();
        assert_eq!(server.wait_for_exit().code(), Some(0), "{args:?}");
    }
}

#[test]
fn shutdown_writes_what_is_queued_and_now_does_not_wait_for_it() {
    let mut server = TestServer::start(&["--shutdown-timeout", "3600"]);
    let mut subscriber = slow_subscriber(&server);
    Peer::connect(&server.addr()).send("SHUTDOWN\r\n");
    server.expect_log("writing what is queued");
    assert!(subscriber.read_to_end().len() > MESSAGES * MESSAGE_BYTES);
    assert_eq!(server.wait_for_exit().code(), Some(0));

    let mut server = TestServer::start(&["--shutdown-timeout", "3600"]);
    let mut subscriber = slow_subscriber(&server);
    Peer::connect(&server.addr()).send("SHUTDOWN NOW\r\n");
    assert_eq!(server.wait_for_exit().code(), Some(0));
    assert!(subscriber.read_to_end().len() < MESSAGES * MESSAGE_BYTES);
}

#[test]
fn an_aborted_shutdown_leaves_everything_as_it_was() {
    let server = TestServer::start(&["--shutdown-timeout", "3600"]);
    let mut subscriber = slow_subscriber(&server);
    let mut first = Peer::connect(&server.addr());
    let mut second = Peer::connect(&server.addr());
    assert_eq!(second.call(&["SHUTDOWN", "ABORT"]), b"-ERR No shutdown in progress.\r\n");
    first.send("SHUTDOWN\r\n");
    server.expect_log("writing what is queued");
    assert_eq!(second.call(&["SHUTDOWN", "ABORT"]), b"+OK\r\n");
    first.expect("-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    for peer in [&mut first, &mut second, &mut Peer::connect(&server.addr())] {
        assert_eq!(peer.call(&["PING"]), b"+PONG\r\n");
    }
    for message in messages() {
        subscriber.expect(encode_command(&[&b"message"[..], b"news", &message]));
    }
    assert_eq!(first.call(&["PUBLISH", "news", "still here"]), b":1\r\n");
    subscriber.expect(encode_command(&["message", "news", "still here"]));
}

#[test]
fn nobody_is_connected_after_the_end_and_the_log_says_it_ended() {
    let mut server = TestServer::start(&[]);
    let mut idle = Peer::connect(&server.addr());
    assert_eq!(idle.call(&["PING"]), b"+PONG\r\n");
    server.stop();
    idle.expect_closed();
    assert!(TcpStream::connect(server.addr()).is_err());
    server.expect_log("ended");
}

#[test]
fn signals_that_are_not_meant_to_end_it_do_no_harm() {
    let server = TestServer::start(&[]);
    for signal in [Signal::HUP, Signal::PIPE, Signal::USR1, Signal::USR2, Signal::ALARM] {
        server.signal(signal);
    }
    for name in ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM"] {
        server.expect_log(&format!("received {name}"));
    }
    for _ in 0..10 {
        assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), b"+PONG\r\n");
    }
}
