//! What joins nodes: NATS, or an upstream that speaks the Redis protocol.

use rustix::process::Signal;

use super::{NatsServer, TestServer, nats, redis};

/// What engines there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Debian's nats-server.
    Nats,
    /// Debian's redis-server.
    Redis,
    /// The server under test.
    Pregon,
}

impl EngineKind {
    /// All of them.
    pub const ALL: [EngineKind; 3] = [EngineKind::Nats, EngineKind::Redis, EngineKind::Pregon];

    /// What it is called in names of tests.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Nats => "nats",
            EngineKind::Redis => "redis",
            EngineKind::Pregon => "pregon",
        }
    }

    /// Why this machine cannot run it, if it cannot.
    pub fn missing(self) -> Option<String> {
        match self {
            EngineKind::Nats => nats::missing(),
            EngineKind::Redis => redis::reference_version().err(),
            EngineKind::Pregon => None,
        }
    }

    /// Starts one.
    pub fn start(self) -> Engine {
        // A node that falls behind is not cut off.
        let unlimited = ["--client-output-buffer-limit", "pubsub 0 0 0"];
        match self {
            EngineKind::Nats => Engine::Nats(NatsServer::start("")),
            EngineKind::Redis => Engine::Upstream(redis::start_reference(&unlimited, &[])),
            EngineKind::Pregon => Engine::Upstream(TestServer::start(&unlimited)),
        }
    }
}

/// What joins nodes.
#[derive(Debug)]
pub enum Engine {
    /// A server of NATS.
    Nats(NatsServer),
    /// Redis, or another server of this kind.
    Upstream(TestServer),
}

impl Engine {
    /// Its address, as the directive takes it.
    pub fn url(&self) -> String {
        match self {
            Engine::Nats(server) => server.url(),
            Engine::Upstream(server) => format!("redis://{}", server.addr()),
        }
    }

    /// Whether what a node publishes is heard there only when the engine brings it back.
    pub fn delivers_own(&self) -> bool {
        matches!(self, Engine::Upstream(_))
    }

    /// Whether nodes ask it for trees.
    pub fn has_trees(&self) -> bool {
        matches!(self, Engine::Nats(_))
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        match self {
            Engine::Nats(server) => server.kill(),
            Engine::Upstream(server) => {
                server.signal(Signal::KILL);
                server.wait_for_exit();
            }
        }
    }

    /// Starts it again at the same address.
    pub fn start_again(&mut self) {
        match self {
            Engine::Nats(server) => server.start_again(),
            Engine::Upstream(server) => server.start_again(),
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        match self {
            Engine::Nats(server) => server.signal(signal),
            Engine::Upstream(server) => server.signal(signal),
        }
    }
}
