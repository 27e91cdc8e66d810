//! A server without sockets: sessions are fed by hand, and what they are sent stays in their outboxes.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use pregon::client::Client;
use pregon::clients::Address;
use pregon::clock::Clock;
use pregon::config::Config;
use pregon::server::Server;
use pregon::session::Session;
use pregon::shard::Shard;

/// A server with so many io-threads and otherwise the default settings.
pub(crate) fn server(io_threads: usize) -> Arc<Server> {
    let config = Config::from_pairs(&[("io-threads", &io_threads.to_string())]).expect("a number of threads is valid");
    Server::new(config, Clock::real()).expect("no command is renamed")
}

/// All shards of a server, on this thread.
pub(crate) struct Core {
    shards: Vec<Rc<Shard>>,
    subscribers: Vec<(Session, Rc<Client>)>,
}

impl Core {
    /// The core of this server.
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        let shards = (0..server.shards.len()).map(|id| Shard::new(server.clone(), id)).collect();
        Core { shards, subscribers: Vec::new() }
    }

    /// A new client of this shard.
    pub(crate) fn connect(&self, shard: usize) -> (Session, Rc<Client>) {
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 6379));
        let client = self.shards[shard].register(Address::Tcp { peer: end, local: end });
        (Session::new(self.shards[shard].clone(), client.clone()), client)
    }

    /// A new client of this shard that has sent this line, which subscribes it to something.
    pub(crate) fn subscribe(&mut self, shard: usize, line: &str) {
        let (mut session, client) = self.connect(shard);
        session.feed(format!("{line}\r\n").as_bytes());
        client.take_output();
        self.subscribers.push((session, client));
    }

    /// Delivers what has been published and throws it away.
    pub(crate) fn deliver_and_forget(&mut self) {
        self.shards.iter().for_each(|shard| shard.deliver_inbox());
        self.subscribers.iter().for_each(|(_, client)| drop(client.take_output()));
    }
}
