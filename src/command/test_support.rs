//! What the tests of commands share: a server in memory with simulated time, and clients that speak raw bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use crate::client::Client;
use crate::clients::Address;
use crate::clock::Clock;
use crate::config::Config;
use crate::server::Server;
use crate::session::Session;
use crate::shard::Shard;

/// A server with one shard, and what runs on it.
pub(crate) struct Bench {
    pub(crate) server: Arc<Server>,
    shard: Rc<Shard>,
}

impl Bench {
    /// A server with these directives.
    pub(crate) fn new(directives: &[(&str, &str)]) -> Self {
        let config = Config::from_pairs(directives).expect("the test gives valid directives");
        Self::with(config)
    }

    /// A server with this configuration.
    pub(crate) fn with(config: Config) -> Self {
        let server = Server::new(config, Clock::simulated()).expect("the test renames no command wrongly");
        Bench { shard: Shard::new(server.clone(), 0), server }
    }

    /// A client on this machine that speaks RESP2.
    pub(crate) fn client(&self) -> Peer {
        self.client_at([127, 0, 0, 1])
    }

    /// A client at this address that speaks RESP2.
    pub(crate) fn client_at(&self, ip: [u8; 4]) -> Peer {
        let end = |ip: [u8; 4], port| SocketAddr::from((Ipv4Addr::from(ip), port));
        let address = Address::Tcp { peer: end(ip, 50000), local: end([127, 0, 0, 1], 6379) };
        let client = self.shard.register(address);
        Peer { session: Session::new(self.shard.clone(), client.clone()), client }
    }

    /// A client that speaks RESP3.
    pub(crate) fn client3(&self) -> Peer {
        let mut peer = self.client();
        peer.call("HELLO 3");
        peer
    }
}

/// A client of a test.
pub(crate) struct Peer {
    session: Session,
    pub(crate) client: Rc<Client>,
}

impl Peer {
    /// Sends one command, its arguments quoted as people type them, and answers what comes back.
    pub(crate) fn call(&mut self, line: &str) -> String {
        let args = crate::quoting::split(line.as_bytes()).expect("the test balances its quotes");
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            crate::resp::encode::bulk(&mut request, &arg);
        }
        self.feed(&request)
    }

    /// Sends bytes and answers what comes back.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> String {
        self.session.feed(bytes);
        self.session.spread();
        String::from_utf8_lossy(&self.client.take_output()).into_owned()
    }
}
