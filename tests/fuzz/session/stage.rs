//! A server in memory and its clients. The first one hears everything.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use pregon::client::Client;
use pregon::clock::Clock;
use pregon::command::new_server;
use pregon::config::Config;
use pregon::ids::Address;
use pregon::process::upkeep;
use pregon::server::Server;
use pregon::session::Session;
use pregon::worker::Worker;

use super::commands::CHANNELS;

/// How often sessions that wait are asked to go on before they count as waiting: a listing takes several turns.
const ROUNDS: usize = 16;

/// The whole of it.
pub(super) struct Stage {
    server: Arc<Server>,
    workers: Vec<Rc<Worker>>,
    peers: Vec<Peer>,
}

struct Peer {
    session: Session,
    client: Rc<Client>,
    worker: Rc<Worker>,
}

/// How a client stands with the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Its commands wait.
    pub(super) waits: bool,
    /// The server closes the connection.
    pub(super) ends: bool,
}

impl Stage {
    /// A server with so many io-threads and these directives, and so many clients beside the one that hears everything.
    pub(super) fn new(threads: usize, directives: &[(&str, &str)], clients: usize) -> Stage {
        let threads_text = threads.to_string();
        let mut pairs = vec![("io-threads", threads_text.as_str())];
        pairs.extend(directives);
        let config = Config::from_pairs(&pairs).expect("the directives are right");
        let server = new_server(config, Clock::simulated()).expect("no command is renamed");
        let workers: Vec<Rc<Worker>> = (0..threads).map(|id| Worker::new(server.clone(), id)).collect();
        let peers = (0..=clients).map(|index| Peer::new(&workers[index % threads])).collect();
        let mut stage = Stage { server, workers, peers };
        stage.feed(0, format!("PSUBSCRIBE *\r\nSSUBSCRIBE {}\r\n", CHANNELS.join(" ")).as_bytes());
        stage
    }

    /// A client sends something, and nobody but its own thread comes to it yet.
    pub(super) fn feed(&mut self, index: usize, bytes: &[u8]) {
        let peer = &mut self.peers[index];
        if !bytes.is_empty() && !peer.ends() {
            peer.session.feed(bytes);
            peer.session.spread();
        }
    }

    /// Time passes, with what is due then.
    pub(super) fn wait(&mut self, time: Duration) {
        self.server.clock.advance(time);
        self.workers.iter().for_each(|worker| upkeep::each_second(worker, &worker.all_clients()));
    }

    /// All threads deliver what waits, and sessions go on that can.
    pub(super) fn settle(&mut self, random: &mut Rng) {
        for round in 0..ROUNDS {
            let goes_on = |peer: &Peer| peer.session.is_blocked() || peer.session.has_more();
            if round > 1 && !self.peers.iter().any(goes_on) {
                break;
            }
            random.shuffle(&mut self.workers);
            self.workers.iter().for_each(|worker| worker.deliver_all());
            for peer in self.peers.iter_mut().filter(|peer| !peer.ends()) {
                peer.session.resume();
                peer.session.spread();
            }
        }
        self.workers.iter().for_each(|worker| worker.deliver_all());
    }

    /// What a client has been sent since it was asked last.
    pub(super) fn take(&mut self, index: usize) -> Vec<u8> {
        self.peers[index].client.take_output()
    }

    /// How a client stands with the server.
    pub(super) fn state(&self, index: usize) -> State {
        let peer = &self.peers[index];
        State { waits: peer.session.is_blocked(), ends: peer.ends() }
    }

    /// A client goes, and another one connects to the same thread.
    pub(super) fn replace(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        peer.session.end();
        peer.worker.unregister(&peer.client);
        *peer = Peer::new(&peer.worker.clone());
    }
}

impl Peer {
    fn new(worker: &Rc<Worker>) -> Peer {
        let client = worker.register(Address::Unix("/x".into()));
        let session = Session::new(worker.clone(), client.clone());
        Peer { session, client, worker: worker.clone() }
    }

    fn ends(&self) -> bool {
        self.session.is_finished() || self.client.closing().is_some()
    }
}
