//! `maxmemory` against the memory that a real server uses.

use crate::support::{Peer, TestServer};

/// The value of a field of INFO.
fn info(peer: &mut Peer, field: &str) -> u64 {
    let info = peer.call(&["INFO", "everything"]);
    let info = String::from_utf8_lossy(&info).into_owned();
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{field} in {info}"))
}

/// A server that may use so much more than it does now.
fn bounded(policy: &str, room: u64) -> (TestServer, Peer) {
    let server = TestServer::start(&["--maxmemory-policy", policy]);
    let mut peer = Peer::connect(&server.addr());
    let limit = (info(&mut peer, "used_memory") + room).to_string();
    assert_eq!(peer.call(&["CONFIG", "SET", "maxmemory", &limit]), b"+OK\r\n");
    (server, peer)
}

const VALUE: usize = 10_000;

fn set(peer: &mut Peer, i: usize, options: &[&str]) -> Vec<u8> {
    let (key, value) = (format!("key:{i}"), "x".repeat(VALUE));
    peer.call(&[&["SET", &key, &value], options].concat())
}

#[test]
fn p11_keys_are_evicted_beyond_maxmemory() {
    for (policy, options) in [
        ("allkeys-lru", &[][..]),
        ("allkeys-lfu", &[]),
        ("allkeys-random", &[]),
        ("volatile-lru", &["EX", "10000"]),
        ("volatile-lfu", &["EX", "10000"]),
        ("volatile-random", &["EX", "10000"]),
        ("volatile-ttl", &["EX", "10000"]),
    ] {
        let (_server, mut peer) = bounded(policy, 4_000_000);
        for i in 0..1000 {
            assert_eq!(set(&mut peer, i, options), b"+OK\r\n", "{policy}");
        }
        let evicted = info(&mut peer, "evicted_keys");
        assert!(evicted > 500, "{policy}: {evicted}");
        assert!(info(&mut peer, "used_memory") < info(&mut peer, "maxmemory") + 1_000_000, "{policy}");
        assert_eq!(peer.call(&["DBSIZE"]), format!(":{}\r\n", 1000 - evicted).as_bytes(), "{policy}");
    }
}

#[test]
fn p11_commands_that_need_memory_are_refused_beyond_maxmemory_without_eviction() {
    for policy in ["noeviction", "volatile-lru"] {
        let (_server, mut peer) = bounded(policy, 1_000_000);
        let refused = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";
        let stored = (0..1000).take_while(|i| set(&mut peer, *i, &[]) == b"+OK\r\n").count();
        assert!((20..1000).contains(&stored), "{policy}: {stored}");
        assert_eq!(peer.call(&["LPUSH", "list", "x"]), refused);
        // Reading, deleting and publishing need none.
        assert_eq!(peer.call(&["EXISTS", "key:0"]), b":1\r\n");
        assert_eq!(peer.call(&["PUBLISH", "news", "x"]), b":0\r\n");
        for step in [&["MULTI"][..], &["DEL", "key:0"]] {
            peer.call(step);
        }
        assert_eq!(peer.call(&["SET", "a", "b"]), refused, "{policy}: it is refused before it is queued");
        assert!(peer.call(&["EXEC"]).starts_with(b"-EXECABORT "));
        assert_eq!(peer.call(&["FLUSHALL"]), b"+OK\r\n");
        assert_eq!(set(&mut peer, 0, &[]), b"+OK\r\n");
    }
}

#[test]
fn evicted_keys_are_an_event() {
    let (server, mut peer) = bounded("allkeys-lru", 1_000_000);
    peer.call(&["CONFIG", "SET", "notify-keyspace-events", "Ee"]);
    let mut subscriber = Peer::connect(&server.addr());
    subscriber.call(&["SUBSCRIBE", "__keyevent@0__:evicted"]);
    for i in 0..200 {
        set(&mut peer, i, &[]);
    }
    let message = subscriber.read_frame();
    assert!(message.starts_with(b"*3\r\n$7\r\nmessage\r\n$22\r\n__keyevent@0__:evicted\r\n"), "{message:?}");
}

#[test]
fn used_memory_rises_and_falls_with_the_keys() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    let before = info(&mut peer, "used_memory");
    for i in 0..1000 {
        set(&mut peer, i, &[]);
    }
    let full = info(&mut peer, "used_memory");
    let content = 1000 * VALUE as u64;
    assert!((content..content * 5 / 4).contains(&(full - before)), "{before} {full}");
    for flush in [["FLUSHALL", "SYNC"], ["FLUSHALL", "ASYNC"]] {
        assert_eq!(peer.call(&flush), b"+OK\r\n");
    }
    // They are freed by a thread of its own.
    while info(&mut peer, "lazyfree_pending_objects") > 0 {}
    assert!(info(&mut peer, "used_memory") < before + content / 10);
}
