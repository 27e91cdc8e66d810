//! The harness itself: what the other tests rely on.

use crate::support::{Peer, TestServer};

#[test]
fn servers_of_one_process_have_ports_of_their_own() {
    let one = TestServer::start(&[]);
    let other = TestServer::start(&[]);
    assert_ne!(one.port(), other.port());
    for server in [one, other] {
        assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), b"+PONG\r\n");
    }
}

#[test]
fn a_restarted_server_has_its_port_and_no_connection_of_before() {
    let mut server = TestServer::start(&[]);
    let addr = server.addr();
    let mut before = Peer::connect(&addr);
    before.send("PING\r\n");
    before.expect("+PONG\r\n");
    server.restart();
    before.expect_closed();
    assert_eq!(Peer::connect(&addr).call(&["PING"]), b"+PONG\r\n");
}

#[test]
fn a_frame_is_read_whole_however_it_nests() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    let hello = peer.call(&["HELLO", "3"]);
    assert!(hello.starts_with(b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"), "{}", hello.escape_ascii());
    peer.send_command(&["SUBSCRIBE", "news", "sport"]);
    assert_eq!(peer.read_frame(), b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_eq!(peer.read_frame(), b">3\r\n$9\r\nsubscribe\r\n$5\r\nsport\r\n:2\r\n");
    assert_eq!(peer.call(&["PING", "\r\n"]), b"$2\r\n\r\n\r\n");
}
