//! The bound of what is remembered of clients that cache keys.

use crate::support::{Peer, TestServer};

const KEYS: usize = 1000;
/// A push that makes a client forget one of `k000` to `k999`.
const NOTICE: &str = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\nk000\r\n";

/// A client that caches all keys, and another one.
fn reader_and_admin(server: &TestServer) -> (Peer, Peer) {
    let mut reader = Peer::connect(&server.addr());
    reader.call(&["HELLO", "3"]);
    assert_eq!(reader.call(&["CLIENT", "TRACKING", "ON"]), b"+OK\r\n");
    read_all(&mut reader);
    (reader, Peer::connect(&server.addr()))
}

fn read_all(reader: &mut Peer) {
    let mut request = vec!["MGET".to_owned()];
    request.extend((0..KEYS).map(|i| format!("k{i:03}")));
    reader.call(&request);
}

fn tracked_keys(admin: &mut Peer) -> usize {
    let info = String::from_utf8(admin.call(&["INFO", "stats"])).expect("INFO is text");
    let line = info.lines().find_map(|line| line.strip_prefix("tracking_total_keys:"));
    line.expect("INFO has the field").parse().expect("it is a number")
}

/// Reads that many notices, each of another key.
fn expect_notices(reader: &mut Peer, count: usize) {
    let mut notices: Vec<Vec<u8>> = (0..count).map(|_| reader.read_frame()).collect();
    let begin = NOTICE.len() - "k000\r\n".len();
    assert!(
        notices.iter().all(|notice| notice.len() == NOTICE.len() && notice.starts_with(&NOTICE.as_bytes()[..begin]))
    );
    notices.sort_unstable();
    notices.dedup();
    assert_eq!(notices.len(), count);
}

#[test]
fn a_lower_bound_of_tracked_keys_takes_effect_though_nobody_does_anything() {
    let server = TestServer::start(&[]);
    let (mut reader, mut admin) = reader_and_admin(&server);
    assert_eq!(tracked_keys(&mut admin), KEYS);
    assert_eq!(admin.call(&["CONFIG", "SET", "tracking-table-max-keys", "10"]), b"+OK\r\n");
    expect_notices(&mut reader, KEYS - 10);
    assert_eq!(tracked_keys(&mut admin), 10);
    assert_eq!(reader.call(&["PING"]), b"+PONG\r\n", "nothing else was to be forgotten");
}

#[test]
fn a_bound_of_tracked_keys_holds_from_the_start_until_it_is_lifted() {
    let server = TestServer::start(&["--tracking-table-max-keys", "400"]);
    let (mut reader, mut admin) = reader_and_admin(&server);
    expect_notices(&mut reader, KEYS - 400);
    assert_eq!(tracked_keys(&mut admin), 400);
    assert_eq!(admin.call(&["CONFIG", "SET", "tracking-table-max-keys", "0"]), b"+OK\r\n");
    read_all(&mut reader);
    assert_eq!(tracked_keys(&mut admin), KEYS);
}
