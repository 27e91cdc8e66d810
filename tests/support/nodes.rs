//! Nodes of a deployment: servers that an engine joins.

use std::time::Instant;

use super::{DEADLINE, TestServer};

/// What a node prints when the engine knows of everything that it wants.
pub const JOINED: &str = "the backplane knows of all subscriptions";

/// Starts a node of a deployment whose engine is at this address, and may not be there.
pub fn start_alone(url: &str, options: &[&str]) -> TestServer {
    TestServer::start(&[&["--backplane", url, "--io-threads", "2"], options].concat())
}

/// Waits until this is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::yield_now();
    }
}
