//! Nodes of a deployment: servers that an engine joins.

use std::time::Instant;

use super::{DEADLINE, NatsServer, Peer, TestServer};

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

/// Two nodes and the NATS between them, for clients that publish at one and subscribe at the other.
#[derive(Debug)]
pub struct TwoNodes {
    /// Where clients publish.
    pub publishers: TestServer,
    /// Where they subscribe.
    pub subscribers: TestServer,
    _engine: NatsServer,
}

impl TwoNodes {
    /// Starts them, and waits until they know each other.
    pub fn start() -> TwoNodes {
        let engine = NatsServer::start("");
        let [publishers, subscribers] = [(); 2].map(|()| start_alone(&engine.url(), &[]));
        let nodes = TwoNodes { publishers, subscribers, _engine: engine };
        nodes.expect_both(1);
        nodes
    }

    /// Starts the node with the subscribers again, and waits until it has joined the other.
    pub fn restart_subscribers(&mut self) {
        let joined = times_joined(&self.subscribers);
        self.subscribers.restart();
        self.expect_both(joined + 1);
    }

    fn expect_both(&self, times: usize) {
        eventually("the node has joined", || times_joined(&self.subscribers) == times);
        for node in [&self.publishers, &self.subscribers] {
            let mut peer = Peer::connect(&node.addr());
            eventually("both nodes know each other", || {
                let info = peer.call(&["INFO", "backplane"]);
                String::from_utf8_lossy(&info).contains("backplane_nodes:2\r\n")
            });
        }
    }
}

/// How often a node has joined.
fn times_joined(node: &TestServer) -> usize {
    node.log().matches(JOINED).count()
}
