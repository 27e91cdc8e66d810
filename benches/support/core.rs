//! A server without sockets: sessions are fed by hand, and what they are sent stays in their outboxes.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use pregon::client::Client;
use pregon::clock::Clock;
use pregon::command::new_server;
use pregon::config::Config;
use pregon::ids::Address;
use pregon::server::Server;
use pregon::session::Session;
use pregon::worker::Worker;

/// A server with so many io-threads and otherwise the default settings.
pub(crate) fn server(io_threads: usize) -> Arc<Server> {
    let config = Config::from_pairs(&[("io-threads", &io_threads.to_string())]).expect("a number of threads is valid");
    new_server(config, Clock::real()).expect("no command is renamed")
}

/// All workers of a server, on this thread.
pub(crate) struct Core {
    workers: Vec<Rc<Worker>>,
    subscribers: Vec<(Session, Rc<Client>)>,
}

impl Core {
    /// The core of this server.
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        let workers = (0..server.workers.len()).map(|id| Worker::new(server.clone(), id)).collect();
        Core { workers, subscribers: Vec::new() }
    }

    /// A new client of this worker.
    pub(crate) fn connect(&self, worker: usize) -> (Session, Rc<Client>) {
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 6379));
        let client = self.workers[worker].register(Address::Tcp { peer: end, local: end });
        (Session::new(self.workers[worker].clone(), client.clone()), client)
    }

    /// A new client of this worker that has sent this line, which subscribes it to something.
    pub(crate) fn subscribe(&mut self, worker: usize, line: &str) {
        let (mut session, client) = self.connect(worker);
        session.feed(format!("{line}\r\n").as_bytes());
        client.take_output();
        self.subscribers.push((session, client));
    }

    /// Delivers what has been published and throws it away.
    pub(crate) fn deliver_and_forget(&mut self) {
        self.workers.iter().for_each(|worker| worker.deliver_all());
        self.subscribers.iter().for_each(|(_, client)| drop(client.take_output()));
    }
}
