//! A server in memory: workers, peers that speak to their sessions without sockets, and a clock that stands still.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pregon::client::registry::ClientInfo;
use pregon::client::{Client, Closing};
use pregon::clock::Clock;
use pregon::command::new_server;
use pregon::config::Config;
use pregon::ids::Address;
use pregon::resp::Proto;
use pregon::server::Server;
use pregon::session::{Luggage, Session};
use pregon::worker::Worker;

use crate::value::Value;

/// A server with these directives; `io-threads` is its number of workers.
pub(crate) fn server(workers: usize, directives: &[(&str, &str)]) -> Arc<Server> {
    let workers = workers.to_string();
    let mut pairs = vec![("io-threads", workers.as_str())];
    pairs.extend(directives);
    let config = Config::from_pairs(&pairs).expect("the tests give valid directives");
    new_server(config, Clock::simulated()).expect("the tests rename no command wrongly")
}

/// A server whose workers all live on this thread.
pub(crate) struct World {
    pub(crate) server: Arc<Server>,
    pub(crate) workers: Rc<[Rc<Worker>]>,
    /// What peers speak unless they say otherwise.
    pub(crate) proto: Proto,
    peers: std::cell::Cell<usize>,
}

impl World {
    pub(crate) fn new(workers: usize, proto: Proto, directives: &[(&str, &str)]) -> World {
        let server = server(workers, directives);
        let workers: Rc<[Rc<Worker>]> = (0..workers).map(|id| Worker::new(server.clone(), id)).collect();
        World { server, workers, proto, peers: Default::default() }
    }

    /// The part of a server that lives on this thread: one worker of several.
    pub(crate) fn of_one_worker(server: Arc<Server>, id: usize) -> World {
        let workers = Rc::new([Worker::new(server.clone(), id)]);
        World { server, workers, proto: Proto::Resp2, peers: Default::default() }
    }

    /// A peer on the next worker in turn, which speaks the world's protocol.
    pub(crate) fn peer(&self) -> Peer {
        let next = self.peers.get();
        self.peers.set(next + 1);
        let mut peer = self.stranger(next % self.workers.len());
        if self.proto == Proto::Resp3 {
            peer.say("HELLO 3");
            peer.take_frames();
        }
        peer
    }

    /// A peer on this worker that has said nothing yet.
    pub(crate) fn stranger(&self, worker: usize) -> Peer {
        let worker = self.workers[worker].clone();
        let client = worker.register(Address::Unix("/x".into()));
        let session = Session::new(worker.clone(), client.clone());
        Peer { session, client, worker, workers: self.workers.clone(), frames: VecDeque::new() }
    }

    /// A peer that arrives at this worker with what it has taken along from another one.
    pub(crate) fn welcome(&self, worker: usize, info: Arc<ClientInfo>, luggage: Luggage) -> Peer {
        let worker = self.workers[worker].clone();
        let (client, session) = Session::arrive(&worker, info, luggage);
        let mut peer = Peer { session, client, worker, workers: self.workers.clone(), frames: VecDeque::new() };
        peer.session.resume();
        peer.go_on();
        peer
    }

    /// Moves the clock on.
    pub(crate) fn wait(&self, time: Duration) {
        self.server.clock.advance(time);
    }
}

/// Runs a test in RESP2 and RESP3, on one, two and three workers; with one peer after the other on the workers in turn,
/// neighbours are on different ones.
pub(crate) fn everywhere(test: impl Fn(&World)) {
    everywhere_with(&[], test);
}

/// The same with these directives.
pub(crate) fn everywhere_with(directives: &[(&str, &str)], test: impl Fn(&World)) {
    for proto in Proto::ALL {
        for workers in 1..=3 {
            test(&World::new(workers, proto, directives));
        }
    }
}

/// One client and its end of the connection.
pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) client: Rc<Client>,
    pub(crate) worker: Rc<Worker>,
    workers: Rc<[Rc<Worker>]>,
    frames: VecDeque<Value>,
}

impl Peer {
    /// Sends one command, its words divided by blanks, and lets all workers deliver what comes of it.
    pub(crate) fn say(&mut self, command: &str) {
        self.send(&request(command.split(' ')));
    }

    /// Sends raw bytes, and lets all workers deliver what comes of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.send_only(bytes);
        self.workers.iter().for_each(|worker| worker.deliver_all());
    }

    /// Sends raw bytes; other workers do not come to it yet.
    pub(crate) fn send_only(&mut self, bytes: &[u8]) {
        self.session.feed(bytes);
        self.go_on();
    }

    /// Lets the session do all that it has to do.
    fn go_on(&mut self) {
        self.session.spread();
        while self.session.has_more() {
            self.session.take_crowded();
            self.session.resume();
            self.session.spread();
        }
    }

    /// Sends one command and returns the first frame that has not been heard yet.
    pub(crate) fn ask(&mut self, command: &str) -> Value {
        self.say(command);
        self.next_frame()
    }

    /// Asserts that these frames come next: separate arguments, in the text form of [`Value`].
    #[track_caller]
    pub(crate) fn hears<const N: usize>(&mut self, expected: [&str; N]) {
        for text in expected {
            let heard = self.next_frame().to_string();
            assert_eq!(heard, text, "in {:?}", self.client.proto());
        }
    }

    /// Asserts that these pushes come next, whose elements are divided by blanks.
    #[track_caller]
    pub(crate) fn hears_push<const N: usize>(&mut self, expected: [&str; N]) {
        for text in expected {
            let heard = self.next_frame().to_string();
            let mark = if self.client.proto() == Proto::Resp3 { ">" } else { "" };
            assert_eq!(heard, format!("{mark}[{text}]"));
        }
    }

    /// Asserts that nothing else has come.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self) {
        self.fetch();
        let left: Vec<String> = self.frames.iter().map(Value::to_string).collect();
        assert!(left.is_empty(), "heard {left:?}");
    }

    /// The next frame that has not been heard yet.
    #[track_caller]
    pub(crate) fn next_frame(&mut self) -> Value {
        self.fetch();
        self.frames.pop_front().expect("a frame should have come")
    }

    /// All frames that have not been heard yet.
    pub(crate) fn take_frames(&mut self) -> Vec<Value> {
        self.fetch();
        self.frames.drain(..).collect()
    }

    /// What it has been sent since it was asked last, as raw bytes.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        self.client.take_output()
    }

    /// Subscribes and forgets the confirmation.
    pub(crate) fn joins(&mut self, command: &str) {
        self.say(command);
        assert!(self.take_frames().iter().all(Value::is_push), "{command} is confirmed");
    }

    /// The connection ends: the server lets go of the client.
    pub(crate) fn hangs_up(&mut self) {
        self.session.end();
        self.worker.unregister(&self.client);
    }

    /// Why the server closes the connection, if it does.
    pub(crate) fn closing(&self) -> Option<Closing> {
        self.client.closing()
    }

    /// The server comes back to this session, as it does when the reason of its waiting has gone.
    pub(crate) fn resume(&mut self) {
        self.session.resume();
        self.go_on();
        self.workers.iter().for_each(|worker| worker.deliver_all());
    }

    fn fetch(&mut self) {
        let bytes = self.client.take_output();
        self.frames.extend(Value::parse_all(&bytes));
    }
}

/// A request as clients send it.
pub(crate) fn request<T: AsRef<[u8]>>(words: impl IntoIterator<Item = T>) -> Vec<u8> {
    let words: Vec<T> = words.into_iter().collect();
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in &words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Several commands in one piece.
pub(crate) fn pipeline(commands: &[&str]) -> Vec<u8> {
    commands.iter().flat_map(|command| request(command.split(' '))).collect()
}

/// Random numbers that are the same for the same seed (splitmix64).
pub(crate) struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
