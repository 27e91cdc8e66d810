//! Nodes of a deployment: servers that an engine joins.

use std::time::Instant;

use super::engine::{Engine, EngineKind};
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

/// Two nodes and the engine between them, for clients that publish at one and subscribe at the other.
#[derive(Debug)]
pub struct TwoNodes {
    /// Where clients publish.
    pub publishers: TestServer,
    /// Where they subscribe.
    pub subscribers: TestServer,
    _engine: Engine,
}

impl TwoNodes {
    /// Starts them, and waits until they know each other.
    pub fn start(kind: EngineKind) -> TwoNodes {
        let engine = kind.start();
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

/// Three nodes that look like those of a Redis Cluster, and the NATS between them.
#[derive(Debug)]
pub struct ThreeNodes {
    /// Those that are there.
    pub nodes: Vec<TestServer>,
    _engine: NatsServer,
}

impl ThreeNodes {
    /// Starts them, and waits until they agree about who has which slot.
    pub fn start() -> ThreeNodes {
        ThreeNodes::start_with(Vec::new)
    }

    /// The same with what more each of them is started with.
    pub fn start_with(mut options: impl FnMut() -> Vec<String>) -> ThreeNodes {
        let engine = NatsServer::start("");
        let mut start = |name: &str| {
            let options = options();
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            start_alone(&engine.url(), &[&["--cluster-enabled", "yes", "--backplane-id", name], &options[..]].concat())
        };
        let nodes = ["one", "two", "three"].map(&mut start).into();
        expect_agreement(&nodes);
        ThreeNodes { nodes, _engine: engine }
    }

    /// Ends the node at a port, and waits until the others have dealt out its slots.
    pub fn end(&mut self, port: u16) {
        let index = self.nodes.iter().position(|node| node.port() == port).expect("there is a node at this port");
        self.nodes.remove(index).stop();
        expect_agreement(&self.nodes);
    }
}

/// Waits until all these nodes show each other and nobody else, with the same slots.
pub fn expect_agreement<'n>(nodes: impl IntoIterator<Item = &'n TestServer>) {
    let mut peers: Vec<Peer> = nodes.into_iter().map(|node| Peer::connect(&node.addr())).collect();
    let known = format!("cluster_known_nodes:{}\r\n", peers.len());
    eventually("all nodes deal out the same slots", || {
        let shown: Vec<Vec<u8>> = peers.iter_mut().map(|peer| peer.call(&["CLUSTER", "SLOTS"])).collect();
        let agree = shown.iter().all(|slots| *slots == shown[0] && slots.starts_with(b"*"));
        let mut infos = peers.iter_mut().map(|peer| peer.call(&["CLUSTER", "INFO"]));
        agree && infos.all(|info| String::from_utf8_lossy(&info).contains(&known))
    });
}

/// How often a node has joined.
fn times_joined(node: &TestServer) -> usize {
    node.log().matches(JOINED).count()
}
