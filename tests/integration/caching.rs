//! Clients that cache keys, on several threads.

use std::collections::HashMap;
use std::thread;

use crate::support::{Peer, TestServer};

const KEYS: usize = 20;
const ROUNDS: usize = 2000;
/// Set when all writers have finished.
const END: &str = "end";

/// A cache in front of a connection that tracks.
struct Cache {
    peer: Peer,
    values: HashMap<String, Vec<u8>>,
    /// How often a value was there already.
    hits: usize,
}

impl Cache {
    fn connect(server: &TestServer) -> Self {
        let mut peer = Peer::connect(&server.addr());
        peer.call(&["HELLO", "3"]);
        assert_eq!(peer.call(&["CLIENT", "TRACKING", "ON"]), b"+OK\r\n");
        let mut cache = Cache { peer, values: HashMap::new(), hits: 0 };
        cache.get(END);
        cache
    }

    fn get(&mut self, key: &str) -> &[u8] {
        if self.values.contains_key(key) {
            self.hits += 1;
        } else {
            let value = self.call(&["GET", key]);
            self.values.insert(key.to_owned(), value);
        }
        &self.values[key]
    }

    fn call(&mut self, request: &[&str]) -> Vec<u8> {
        self.peer.send_command(request);
        loop {
            let frame = self.peer.read_frame();
            if !self.hear(&frame) {
                return frame;
            }
        }
    }

    /// Forgets what a push tells it to; false if the frame is no push.
    fn hear(&mut self, frame: &[u8]) -> bool {
        let Some(keys) = frame.strip_prefix(b">2\r\n$10\r\ninvalidate\r\n*1\r\n") else { return false };
        let keys = String::from_utf8_lossy(keys);
        self.values.remove(keys.split("\r\n").nth(1).expect("it names a key"));
        true
    }

    /// Reads until the writers have finished, then hears what is still on its way: that comes before what follows from
    /// its own change.
    fn run(mut self, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        while self.get(END) != b"$1\r\n1\r\n" {
            self.get(&key(random.usize(..KEYS)));
            if random.u8(..) < 32 {
                // The answer brings what was told meanwhile.
                self.call(&["PING"]);
            }
        }
        let own = format!("own{seed}");
        self.get(&own);
        self.call(&["SET", &own, "1"]);
        while self.values.contains_key(&own) {
            let frame = self.peer.read_frame();
            assert!(self.hear(&frame), "nothing was asked");
        }
        self
    }
}

fn key(i: usize) -> String {
    format!("key{i}")
}

fn write(server: &TestServer, seed: u64) {
    let mut peer = Peer::connect(&server.addr());
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..ROUNDS {
        let (one, two) = (key(random.usize(..KEYS)), key(random.usize(..KEYS)));
        let value = format!("{seed}-{round}");
        match random.u8(..4) {
            0 => drop(peer.call(&["SET", &one, &value])),
            1 => drop(peer.call(&["DEL", &one, &two])),
            2 => drop(peer.call(&["MSET", &one, &value, &two, &value])),
            _ => {
                peer.send_command(&["MULTI"]);
                peer.send_command(&["SET", &one, &value]);
                peer.send_command(&["APPEND", &two, &value]);
                peer.send_command(&["EXEC"]);
                (0..4).for_each(|_| drop(peer.read_frame()));
            }
        }
    }
}

#[test]
fn no_cache_is_left_with_a_value_that_is_not_the_servers() {
    let server = &TestServer::start(&["--io-threads", "4", "--tracking-table-max-keys", "15"]);
    let caches: Vec<Cache> = (0..6).map(|_| Cache::connect(server)).collect();
    let caches: Vec<Cache> = thread::scope(|scope| {
        let readers: Vec<_> =
            caches.into_iter().zip(0..).map(|(cache, seed)| scope.spawn(move || cache.run(seed))).collect();
        let writers: Vec<_> = (100..103).map(|seed| scope.spawn(move || write(server, seed))).collect();
        writers.into_iter().for_each(|writer| writer.join().expect("it writes"));
        assert_eq!(Peer::connect(&server.addr()).call(&["SET", END, "1"]), b"+OK\r\n");
        readers.into_iter().map(|reader| reader.join().expect("it reads")).collect()
    });
    let mut peer = Peer::connect(&server.addr());
    peer.call(&["HELLO", "3"]);
    for cache in caches {
        assert!(cache.hits > 0, "it was of use");
        for (key, value) in cache.values {
            let truth = peer.call(&["GET", &key]);
            assert!(truth == value, "{key} is {}, cached as {}", truth.escape_ascii(), value.escape_ascii());
        }
    }
}

#[test]
fn a_cache_is_never_older_than_what_is_read_beside_it() {
    let server = &TestServer::start(&["--io-threads", "4"]);
    let number = |value: &[u8]| {
        let text = String::from_utf8_lossy(value);
        text.split("\r\n").nth(1).and_then(|digits| digits.parse().ok()).unwrap_or(0_usize)
    };
    let caches: Vec<Cache> = (0..4).map(|_| Cache::connect(server)).collect();
    thread::scope(|scope| {
        for mut cache in caches {
            scope.spawn(move || {
                let mut second = 0;
                while second < ROUNDS {
                    let first_before = number(cache.get("first"));
                    second = number(&cache.call(&["GET", "second"]));
                    let first = number(cache.get("first"));
                    assert!(first >= second, "{first} is cached beside {second}, {first_before} was before");
                }
            });
        }
        let mut peer = Peer::connect(&server.addr());
        for round in 1..=ROUNDS {
            let round = round.to_string();
            peer.call(&["SET", "first", &round]);
            peer.call(&["SET", "second", &round]);
        }
    });
}
