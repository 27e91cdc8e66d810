//! More messages than a subscriber can take that does not read meanwhile.

use crate::support::{Peer, TestServer};

/// So many, of this length, are more than the system holds for a connection.
const MESSAGES: usize = 1_500;
const FILLER: usize = 16 * 1024;
const AT_ONCE: usize = 50;

/// Beside each of them, one to one of so many channels `side:0`, `side:1` and so on: more than are told apart at one place.
const SIDES: usize = 10;

/// Publishes to `news`, where the oldest messages of who does not keep up go: numbers from 0 on, each with a filler behind a
/// colon, and `last`.
pub(crate) fn publish(server: &TestServer) {
    let mut publisher = Peer::connect(&server.addr());
    publisher.call(&["CONFIG", "SET", "slow-subscriber-policy", "drop-oldest", "slow-subscriber-limit", "256kb 0"]);
    let filler = "x".repeat(FILLER);
    for first in (0..MESSAGES).step_by(AT_ONCE) {
        for number in first..first + AT_ONCE {
            publisher.send_command(&["PUBLISH", &format!("side:{}", number % SIDES), ""]);
            publisher.send_command(&["PUBLISH", "news", &format!("{number}:{filler}")]);
        }
        (0..2 * AT_ONCE).for_each(|_| drop(publisher.read_frame()));
    }
    publisher.call(&["PUBLISH", "news", "last"]);
}
