//! CONFIG SET of what the process around the core owns: addresses, and the options of their sockets.

use std::net::{TcpListener, TcpStream};

use crate::support::{Peer, TestServer};

const OK: &[u8] = b"+OK\r\n";
const PONG: &[u8] = b"+PONG\r\n";

/// A socket on a port that nobody else uses while it is held.
fn occupied_port() -> (TcpListener, u16) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a free port");
    let port = socket.local_addr().expect("it is bound").port();
    (socket, port)
}

fn is_served(addr: &str) -> bool {
    TcpStream::connect(addr).is_ok() && Peer::connect(addr).call(&["PING"]) == PONG
}

#[test]
fn a_changed_port_is_served_at_once_and_the_old_one_no_more() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    // A port that is free now may be taken by another program before the server binds it.
    let moved = (0..20).find_map(|_| {
        let (socket, port) = occupied_port();
        drop(socket);
        (peer.call(&["CONFIG", "SET", "port", &port.to_string()]) == OK).then_some(port)
    });
    let port = moved.expect("one of twenty ports is still free");
    assert!(is_served(&format!("127.0.0.1:{port}")));
    assert!(TcpStream::connect(server.addr()).is_err());
    assert_eq!(peer.call(&["PING"]), PONG, "connections of before live on");
}

#[test]
fn a_port_in_use_is_refused_and_nothing_changes() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    let (_socket, port) = occupied_port();
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check \
                   server logs.\r\n";
    let answer = peer.call(&["CONFIG", "SET", "timeout", "7", "port", &port.to_string()]);
    assert_eq!(String::from_utf8_lossy(&answer), refusal);
    assert_eq!(peer.call(&["CONFIG", "GET", "timeout"]), b"*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n");
    assert!(is_served(&server.addr()));
}

#[test]
fn addresses_change_on_the_same_port_and_stay_where_new_ones_cannot_be_had() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    for bind in ["*", "127.0.0.1", "127.0.0.1 -::1"] {
        assert_eq!(peer.call(&["CONFIG", "SET", "bind", bind]), OK, "{bind}");
        assert!(is_served(&server.addr()), "{bind}");
    }
    // An address for documentation, which no machine has.
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified \
                   addresses.\r\n";
    let answer = peer.call(&["CONFIG", "SET", "bind", "192.0.2.1"]);
    assert_eq!(String::from_utf8_lossy(&answer), refusal);
    assert!(is_served(&server.addr()));
    assert_eq!(peer.call(&["CONFIG", "SET", "tcp-keepalive", "60"]), OK);
    assert!(is_served(&server.addr()));
}
