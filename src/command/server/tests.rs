//! Sessions in memory, on one server with simulated time.

mod answers;
mod debug;
mod monitor;
mod shutdown;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::clients::Address;
use crate::clock::Clock;
use crate::config::Config;
use crate::resp::Proto;
use crate::server::Server;
use crate::session::Session;
use crate::shard::Shard;

/// One server with as many shards as io-threads, all on this thread.
struct Town {
    server: Arc<Server>,
    shards: Vec<Rc<Shard>>,
}

impl Town {
    fn new(directives: &[(&str, &str)]) -> Self {
        let config = Config::from_pairs(directives).expect("the tests give directives that exist");
        let server = Server::new(config, Clock::simulated()).expect("the tests rename nothing");
        let shards = (0..server.shards.len()).map(|id| Shard::new(server.clone(), id)).collect();
        Town { server, shards }
    }

    /// With DEBUG, which tests need an own directive for.
    fn with_debug() -> Self {
        Town::new(&[("enable-debug-command", "yes"), ("io-threads", "2")])
    }

    fn client(&self, shard: usize, proto: Proto) -> Peer {
        let shard = self.shards[shard].clone();
        let client = shard.register(Address::Tcp { peer: PEER, local: PEER });
        let mut peer = Peer { session: Session::new(shard.clone(), client.clone()), client, shard };
        if proto == Proto::Resp3 {
            peer.ask("HELLO 3");
        }
        peer
    }

    fn advance(&self, ms: u64) {
        self.server.clock.advance(Duration::from_millis(ms));
    }

    fn deliver(&self) {
        self.shards.iter().for_each(|shard| shard.deliver_inbox());
    }
}

const PEER: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50_000);

/// One connection without a socket.
struct Peer {
    session: Session,
    client: Rc<Client>,
    shard: Rc<Shard>,
}

impl Peer {
    /// Sends inline commands, one on each line, and answers all that has come since the last time.
    fn ask(&mut self, lines: &str) -> String {
        self.session.feed(format!("{lines}\r\n").as_bytes());
        self.session.spread();
        self.heard()
    }

    /// Does what the connection's task does when its bell rings, and answers all that has come since the last time.
    fn wake(&mut self) -> String {
        self.session.resume();
        self.session.spread();
        self.heard()
    }

    /// All that has come since the last time.
    fn heard(&mut self) -> String {
        String::from_utf8(self.client.take_output()).expect("the tests answer text")
    }

    fn leave(mut self) {
        self.shard.unregister(&self.client);
        self.session.end();
    }
}
