//! What the tests of commands share: a server in memory with simulated time, and clients that speak to it without
//! sockets. All workers are on the thread of the test, and nothing crosses from one to another before the test says so.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use crate::client::{Client, Closing};
use crate::clock::Clock;
use crate::command::new_server;
use crate::config::Config;
use crate::ids::{Address, ClientId, PortSet};
use crate::resp::Proto;
use crate::server::Server;
use crate::session::{Luggage, Session};
use crate::worker::Worker;

/// A server with its workers.
pub(crate) struct World {
    pub(crate) server: Arc<Server>,
    pub(crate) workers: Vec<Rc<Worker>>,
    clients: Cell<u16>,
}

impl World {
    /// A server with two workers.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A server with these directives; two workers unless they say otherwise.
    pub(crate) fn with(directives: &[(&str, &str)]) -> Self {
        let pairs = [&[("io-threads", "2")], directives].concat();
        Self::configured(Config::from_pairs(&pairs).expect("the tests give valid directives"))
    }

    /// A server with this configuration.
    pub(crate) fn configured(config: Config) -> Self {
        let server = new_server(config, Clock::simulated()).expect("the tests rename no command wrongly");
        let workers = (0..server.workers.len()).map(|id| Worker::new(server.clone(), id)).collect();
        World { server, workers, clients: Cell::new(0) }
    }

    /// A client of the first worker that speaks RESP2, as all do at first. The nth client of a world has the number n,
    /// and comes from port n of this machine.
    pub(crate) fn client(&self) -> Peer {
        self.client_of(0)
    }

    /// A client of this worker.
    pub(crate) fn client_of(&self, worker: usize) -> Peer {
        self.tcp_client(worker, [127, 0, 0, 1])
    }

    /// A client of the first worker that comes from another machine.
    pub(crate) fn client_from(&self, ip: [u8; 4]) -> Peer {
        self.tcp_client(0, ip)
    }

    /// A client of the first worker that comes through the unix socket at this path.
    pub(crate) fn unix_client(&self, path: &str) -> Peer {
        self.register(0, Address::Unix(path.into()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.server.clock.advance(by);
    }

    /// Lets every worker do what others have asked of it, until nothing is left to do.
    pub(crate) fn settle(&self) {
        // What the first round asks of workers that had their turn is done in the second.
        for _ in 0..2 {
            self.workers.iter().for_each(|worker| worker.deliver_all());
        }
    }

    fn tcp_client(&self, worker: usize, ip: [u8; 4]) -> Peer {
        let peer = SocketAddr::from((ip, self.clients.get() + 1));
        self.register(worker, Address::Tcp { peer, local: ([127, 0, 0, 1], 6379).into() })
    }

    fn register(&self, worker: usize, address: Address) -> Peer {
        self.clients.set(self.clients.get() + 1);
        let worker = self.workers[worker].clone();
        let client = worker.register(address);
        let session = RefCell::new(Session::new(worker.clone(), client.clone()));
        Peer { client, session, worker, crowded: Cell::default() }
    }
}

/// One client with its session.
pub(crate) struct Peer {
    pub(crate) client: Rc<Client>,
    session: RefCell<Session>,
    worker: Rc<Worker>,
    crowded: Cell<PortSet>,
}

impl Peer {
    /// The same client, which speaks this version of the protocol from now on.
    pub(crate) fn speaking(self, proto: Proto) -> Self {
        self.say(&format!("HELLO {}", proto.number()));
        self
    }

    /// Sends a line end behind `requests`, which are mostly inline requests, one for each line, and answers what has come
    /// since it was last asked.
    pub(crate) fn say(&self, requests: &str) -> String {
        self.feed(format!("{requests}\r\n").as_bytes());
        self.heard()
    }

    /// Sends `bytes` in one read.
    pub(crate) fn feed(&self, bytes: &[u8]) {
        let mut session = self.session.borrow_mut();
        session.feed(bytes);
        self.crowded.set(self.go_on(&mut session));
    }

    /// Sends `bytes` as a socket would hand them over: some to be looked at, and long arguments to where they stay, at
    /// most `at_once` at a time. Answers how many bytes went there.
    pub(crate) fn transmit(&self, mut bytes: &[u8], at_once: usize) -> usize {
        let mut session = self.session.borrow_mut();
        let mut in_place = 0;
        while !bytes.is_empty() {
            let count = bytes.len().min(at_once);
            match session.room() {
                Some((input, most)) => {
                    let (now, later) = bytes.split_at(count.min(most));
                    input.extend_from_slice(now);
                    session.feed_in_place(now.len());
                    in_place += now.len();
                    bytes = later;
                }
                None => {
                    let (now, later) = bytes.split_at(count);
                    session.feed(now);
                    bytes = later;
                }
            }
        }
        session.spread();
        self.go_on(&mut session);
        in_place
    }

    /// Where the request lies whose rest is to be received behind it.
    pub(crate) fn room_start(&self) -> Option<*const u8> {
        self.session.borrow_mut().room().map(|(input, _)| input.as_ptr())
    }

    /// Goes on if it was blocked and may, and answers what has come.
    pub(crate) fn resume(&self) -> String {
        let mut session = self.session.borrow_mut();
        session.resume();
        self.crowded.set(self.go_on(&mut session));
        self.heard()
    }

    /// The workers that have fallen behind with what it last sent: its connection waits for them before it goes on.
    pub(crate) fn crowded(&self) -> Vec<usize> {
        self.crowded.get().iter().collect()
    }

    /// Lets the session do all that it has to do, as its connection does, as far as it need not wait for workers that have
    /// fallen behind. Answers these.
    fn go_on(&self, session: &mut Session) -> PortSet {
        self.worker.flush(&self.client);
        session.spread();
        let mut crowded = session.take_crowded();
        while session.has_more() && crowded.is_empty() {
            session.resume();
            self.worker.flush(&self.client);
            session.spread();
            crowded = session.take_crowded();
        }
        crowded
    }

    /// What has come since it was last asked.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.client.take_output()).into_owned()
    }

    /// Leaves for the second worker, if it may, and answers what it takes along.
    pub(crate) fn pack(&self) -> Option<Luggage> {
        self.session.borrow_mut().leave_for(1)
    }

    /// The same client on another worker; it has still to go on there.
    pub(crate) fn move_to(self, world: &World, destination: usize) -> Self {
        let luggage = self.session.borrow_mut().leave_for(destination).expect("nothing is under way");
        self.unpack(&world.workers[destination], luggage)
    }

    /// The same client, which arrives with this at another worker.
    pub(crate) fn unpack(self, worker: &Rc<Worker>, luggage: Luggage) -> Self {
        let (client, session) = Session::arrive(worker, self.client.info.clone(), luggage);
        Peer { client, session: RefCell::new(session), worker: worker.clone(), crowded: Cell::default() }
    }

    /// The connection ends: the server lets go of the client.
    pub(crate) fn leave(self) {
        self.session.into_inner().end();
        self.worker.unregister(&self.client);
    }

    pub(crate) fn id(&self) -> ClientId {
        self.client.info.id
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.client.closing() == Some(Closing::Killed)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.session.borrow().is_finished()
    }

    /// How long it waits at most before it goes on by itself; none if nothing but an event lets it.
    pub(crate) fn wakes_in(&self) -> Option<Duration> {
        self.session.borrow().wakes_in()
    }
}

/// Does jobs on threads of their own while `test` runs.
pub(crate) fn beside_executors(server: &Arc<Server>, test: impl FnOnce()) {
    struct Ends<'e>(&'e AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for executor in [&server.executors.keys, &server.executors.others] {
            let ended = &ended;
            scope.spawn(move || {
                while !ended.load(SeqCst) {
                    executor.work(server, Duration::from_millis(1));
                }
            });
        }
        let _ends = Ends(&ended);
        test();
    });
}

/// What comes until it ends with `end`.
pub(crate) fn heard_until(world: &World, peer: &Peer, end: &str) -> String {
    let mut heard = String::new();
    while !heard.ends_with(end) {
        std::thread::yield_now();
        world.settle();
        heard += &peer.resume();
        assert!(!peer.is_finished(), "closed: {:?} after {heard}", peer.client.closing());
    }
    heard
}
