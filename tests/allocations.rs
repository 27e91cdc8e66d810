//! What a message allocates on its way from its publisher to its subscriber, measured by the allocator: one block, which is the
//! message, and nothing if nobody listens. Whoever adds an allocation makes these fail.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use pregon::client::Client;
use pregon::clock::Clock;
use pregon::command::new_server;
use pregon::config::Config;
use pregon::ids::Address;
use pregon::session::Session;
use pregon::worker::Worker;
use tikv_jemalloc_ctl::thread;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Messages in one write, each to a channel of its own, so that none is joined to another.
const MESSAGES: usize = 16;
/// What the answers to them need, in one piece.
const ANSWERS: u64 = 64;
/// What a block needs beside its bytes: two counts.
const COUNTS: usize = 16;

/// A client without a socket.
struct Peer {
    session: Session,
    client: Rc<Client>,
}

impl Peer {
    fn new(worker: &Rc<Worker>) -> Self {
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 6379));
        let client = worker.register(Address::Tcp { peer: end, local: end });
        Peer { session: Session::new(worker.clone(), client.clone()), client }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.session.feed(bytes);
        self.session.spread();
    }
}

fn channel(number: usize) -> String {
    format!("channel:{number:02}")
}

/// How many bytes are allocated for some messages with this payload, when some have been published before, and one of them
/// as its subscriber receives it.
fn allocated(payload: usize, hello: &str, listens: bool) -> (u64, Vec<u8>) {
    let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
    let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
    let worker = Worker::new(server, 0);
    let [mut publisher, mut subscriber] = [(); 2].map(|()| Peer::new(&worker));
    subscriber.say(hello.as_bytes());
    for number in (0..MESSAGES).filter(|_| listens) {
        subscriber.say(format!("SUBSCRIBE {}\r\n", channel(number)).as_bytes());
    }
    let payload = "x".repeat(payload);
    let request =
        |number| format!("*3\r\n$7\r\nPUBLISH\r\n$10\r\n{}\r\n${}\r\n{payload}\r\n", channel(number), payload.len());
    let requests: String = (0..MESSAGES).map(request).collect();
    let counter = thread::allocatedp::read().expect("the allocator counts");
    let (mut bytes, mut heard) = (0, Vec::new());
    for _ in 0..5 {
        publisher.client.take_output();
        subscriber.client.take_output();
        let before = counter.get();
        publisher.say(requests.as_bytes());
        while worker.deliver_some() {}
        bytes = counter.get() - before;
        heard = subscriber.client.take_output();
    }
    heard.truncate(heard.len() / MESSAGES);
    (bytes, heard)
}

/// What the allocator gives away for so many bytes: the next of four steps between two powers of two.
fn size_class(bytes: usize) -> u64 {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step) as u64
}

#[test]
fn a_small_message_to_one_subscriber_is_one_block_and_nothing_else() {
    for payload in [0, 1, 64, 200, 1000] {
        for (hello, proto) in [("", "RESP2"), ("HELLO 3\r\n", "RESP3")] {
            let (bytes, heard) = allocated(payload, hello, true);
            let most = MESSAGES as u64 * size_class(COUNTS + heard.len()) + ANSWERS;
            let len = heard.len();
            assert!(bytes <= most, "{bytes} bytes for {MESSAGES} messages of {len} in {proto}, {most} are needed");
        }
    }
}

#[test]
fn a_message_to_which_nobody_listens_allocates_nothing() {
    for payload in [0, 64, 1000, 20_000] {
        let (bytes, _) = allocated(payload, "", false);
        assert!(bytes <= ANSWERS, "{bytes} bytes for {MESSAGES} messages of {payload}");
    }
}
