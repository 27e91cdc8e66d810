//! Limits of a user whose connections are served by several io-threads at once.

use std::thread;

use crate::support::{Peer, TestServer};

const CONNECTIONS: usize = 120;
const THREADS: usize = 4;

/// The value of a counter of INFO.
fn counted(admin: &mut Peer, name: &str) -> usize {
    let info = String::from_utf8_lossy(&admin.call(&["INFO", "stats"])).into_owned();
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
}

/// Does this with all peers, from several threads at once, and returns those with which it could be done.
fn at_once(peers: Vec<Peer>, act: impl Fn(&mut Peer) -> bool + Copy + Send + Sync) -> (Vec<Peer>, Vec<Peer>) {
    let mut parts: Vec<Vec<Peer>> = (0..THREADS).map(|_| Vec::new()).collect();
    peers.into_iter().enumerate().for_each(|(number, peer)| parts[number % THREADS].push(peer));
    let act_on = |part: Vec<Peer>| part.into_iter().map(|mut peer| (act(&mut peer), peer)).collect::<Vec<_>>();
    let done: Vec<(bool, Peer)> = thread::scope(|scope| {
        let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || act_on(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it fails with its own text")).collect()
    });
    let (able, unable): (Vec<_>, Vec<_>) = done.into_iter().partition(|(could, _)| *could);
    let peers = |list: Vec<(bool, Peer)>| list.into_iter().map(|(_, peer)| peer).collect();
    (peers(able), peers(unable))
}

/// Whether this is not refused because of a limit.
fn is_let_through(answer: &[u8]) -> bool {
    let refused = answer.starts_with(b"-LIMIT User u has reached its limit:");
    assert!(refused || !answer.starts_with(b"-"), "{}", answer.escape_ascii());
    !refused
}

#[test]
fn exactly_as_much_as_a_limit_says_is_let_through_on_all_threads_together() {
    let server = TestServer::start(&["--io-threads", "2"]);
    let mut admin = Peer::connect(&server.addr());
    let limits = ["limit:connections=110", "limit:subscriptions=100", "limit:publish-messages=150"];
    let rules = ["ACL", "SETUSER", "u", "on", "nopass", "+@all", "&*"];
    assert_eq!(admin.call(&[&rules[..], &limits].concat()), b"+OK\r\n");

    let peers = (0..CONNECTIONS).map(|_| Peer::connect(&server.addr())).collect();
    let (users, others) = at_once(peers, |peer| is_let_through(&peer.call(&["HELLO", "3", "AUTH", "u", "x"])));
    assert_eq!((users.len(), others.len()), (110, 10));
    assert_eq!(counted(&mut admin, "acl_limited_connections"), 10);

    let (subscribers, others) = at_once(users, |peer| is_let_through(&peer.call(&["SUBSCRIBE", "news"])));
    assert_eq!((subscribers.len(), others.len()), (100, 10));
    assert_eq!(counted(&mut admin, "acl_limited_subscriptions"), 10);
    assert_eq!(admin.call(&["PUBSUB", "NUMSUB", "news"]), b"*2\r\n$4\r\nnews\r\n:100\r\n");

    let mut listener = Peer::connect(&server.addr());
    listener.call(&["SUBSCRIBE", "counted"]);
    let publish = |peer: &mut Peer| (0..3).filter(|_| is_let_through(&peer.call(&["PUBLISH", "counted", "x"]))).count();
    let published = std::sync::atomic::AtomicUsize::new(0);
    let count = |peer: &mut Peer| {
        published.fetch_add(publish(peer), std::sync::atomic::Ordering::Relaxed);
        true
    };
    let (publishers, _) = at_once(subscribers, count);
    let published = published.into_inner();
    assert!(published >= 150, "{published} of 300: what is let through at first, and what time has given since");
    assert_eq!(counted(&mut admin, "acl_limited_publish_messages"), 300 - published);
    let message: &[u8] = b"*3\r\n$7\r\nmessage\r\n$7\r\ncounted\r\n$1\r\nx\r\n";
    listener.send("PING\r\n");
    listener.expect([&message.repeat(published), &b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"[..]].concat());

    drop(publishers);
    drop(others);
    let mut again = Peer::connect(&server.addr());
    let mut asked = (0..10_000).map(|_| is_let_through(&again.call(&["AUTH", "u", "x"])));
    assert!(asked.any(|let_in| let_in), "who has gone counts no more");
}
