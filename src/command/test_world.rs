//! Clients of several shards at once, for the tests of commands that reach beyond their own client: all run on the
//! thread of the test, and nothing crosses from shard to shard before it says so.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Closing};
use crate::clients::{Address, ClientId};
use crate::clock::Clock;
use crate::config::Config;
use crate::server::Server;
use crate::session::Session;
use crate::shard::Shard;

/// A server with two shards, all on the thread of the test.
pub(super) struct World {
    pub(super) server: Arc<Server>,
    pub(super) shards: [Rc<Shard>; 2],
    clients: Cell<u16>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// A world with these directives.
    pub(super) fn with(directives: &[(&str, &str)]) -> Self {
        let pairs = [&[("io-threads", "2")], directives].concat();
        let config = Config::from_pairs(&pairs).expect("the tests give valid directives");
        let server = Server::new(config, Clock::simulated()).expect("nothing is renamed to what exists");
        let shards = [Shard::new(server.clone(), 0), Shard::new(server.clone(), 1)];
        World { server, shards, clients: Cell::new(0) }
    }

    /// A new client of the first shard. The nth client of a world has port n, and the number n too.
    pub(super) fn client(&self) -> Peer {
        self.client_of(0)
    }

    /// A new client of this shard.
    pub(super) fn client_of(&self, shard: usize) -> Peer {
        self.clients.set(self.clients.get() + 1);
        let peer = ([127, 0, 0, 1], self.clients.get()).into();
        let address = Address::Tcp { peer, local: ([127, 0, 0, 1], 6379).into() };
        let client = self.shards[shard].register(address);
        let session = Session::new(self.shards[shard].clone(), client.clone());
        Peer { client, session: RefCell::new(session) }
    }

    /// A new client of the first shard that speaks this version of the protocol.
    pub(super) fn client_speaking(&self, proto: u8) -> Peer {
        let peer = self.client();
        peer.say(&format!("HELLO {proto}"));
        peer
    }

    pub(super) fn advance(&self, by: Duration) {
        self.server.clock.advance(by);
    }

    /// Lets every shard do what others have asked of it, until nothing is left to do.
    pub(super) fn settle(&self) {
        for _ in 0..2 {
            self.shards.iter().for_each(|shard| shard.deliver_inbox());
        }
    }
}

/// One client with its session.
pub(super) struct Peer {
    pub(super) client: Rc<Client>,
    session: RefCell<Session>,
}

impl Peer {
    /// Sends inline requests, one for each line, and answers what has come back so far.
    pub(super) fn say(&self, requests: &str) -> String {
        let mut session = self.session.borrow_mut();
        session.feed(format!("{requests}\r\n").as_bytes());
        session.spread();
        self.heard()
    }

    /// Goes on if it was blocked and may, and answers what has come back.
    pub(super) fn resume(&self) -> String {
        let mut session = self.session.borrow_mut();
        session.resume();
        session.spread();
        self.heard()
    }

    /// What has come since it was last asked.
    pub(super) fn heard(&self) -> String {
        String::from_utf8(self.client.take_output()).expect("the tests speak text")
    }

    pub(super) fn id(&self) -> ClientId {
        self.client.info.id
    }

    pub(super) fn is_killed(&self) -> bool {
        self.client.closing() == Some(Closing::Killed)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.session.borrow().is_finished()
    }
}
