//! So long a silence that the server shows quiet subscribers that it is alive.

use crate::support::{Peer, TestServer};

/// Waits until every subscriber that speaks RESP3, and has been one before, has been sent a sign of life.
pub(crate) fn pass(server: &TestServer) {
    let mut subscriber = Peer::connect(&server.addr());
    subscriber.call(&["CONFIG", "SET", "subscriber-sign-of-life", "1"]);
    subscriber.call(&["HELLO", "3"]);
    subscriber.call(&["SUBSCRIBE", "quiet"]);
    // Each io-thread looks once in a second at its own.
    for _ in 0..2 {
        subscriber.expect(">3\r\n$5\r\nalive\r\n_\r\n:0\r\n");
    }
}
