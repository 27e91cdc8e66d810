//! Neighbours that send and do not read, or send halves: what they cost in memory has a limit.

use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use super::client::{key, request};
use super::stage::Stage;

/// How long a client that does not read stays, if the server lets it.
const HELD: Duration = Duration::from_millis(200);

/// GET of 1 MB, 120 times in one write, with a limit of 2 MB.
pub(super) fn gets_of_1mb(stage: &Stage<'_>) -> io::Result<()> {
    let get = request(&["GET", "value"]).repeat(120);
    unread(stage, "normal 2mb 0 0", 1024 * 1024, &get)
}

/// GET of 300 KB, 9,000 times, with a limit of 1 MB.
pub(super) fn gets_of_300kb(stage: &Stage<'_>) -> io::Result<()> {
    let get = request(&["GET", "value"]).repeat(9_000);
    unread(stage, "normal 1mb 0 0", 300 * 1024, &get)
}

/// The same, 5,000 times in a transaction.
pub(super) fn exec_of_gets(stage: &Stage<'_>) -> io::Result<()> {
    let get = request(&["GET", "value"]).repeat(5_000);
    let transaction = [request(&["MULTI"]), get, request(&["EXEC"])].concat();
    unread(stage, "normal 1mb 0 0", 300 * 1024, &transaction)
}

/// The same in one command.
pub(super) fn mget(stage: &Stage<'_>) -> io::Result<()> {
    let mut args = vec!["MGET"];
    args.resize(5_001, "value");
    unread(stage, "normal 1mb 0 0", 300 * 1024, &request(&args))
}

/// KEYS of 100,000, many times in one write, with a limit of 2 MB.
pub(super) fn keys(stage: &Stage<'_>) -> io::Result<()> {
    stage.client()?.fill_keys(100_000)?;
    unread(stage, "normal 2mb 0 0", 1, &request(&["KEYS", "*"]).repeat(100))
}

/// 500 requests of which half has come, where all clients together may hold 64 MB.
pub(super) fn unfinished(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("maxmemory-clients", "64mb")])?;
    let whole = request(&[b"SET".to_vec(), b"key".to_vec(), vec![b'x'; 2 * 1024 * 1024]]);
    let half = &whole[..whole.len() / 2];
    let mut clients = stage.idle(500)?;
    stage.begin()?;
    // Those that the server cuts take no more.
    clients.iter_mut().for_each(|client| drop(client.write_all(half)));
    stage.rest();
    Ok(())
}

/// Transactions that are queued and never run, where a client may send 1 MB of requests that have not run.
pub(super) fn queued(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("client-query-buffer-limit", "1mb")])?;
    let quiet = [request(&["CLIENT", "REPLY", "OFF"]), request(&["MULTI"])].concat();
    let sets = (0..10_000).flat_map(|number| request(&["SET".to_owned(), key(number), "x".repeat(900)]));
    deaf(stage, &quiet.into_iter().chain(sets).collect::<Vec<u8>>())
}

/// Asks for a value of this length by `requests` and reads nothing, while a limit is in force.
fn unread(stage: &Stage<'_>, limit: &str, value_len: usize, requests: &[u8]) -> io::Result<()> {
    stage.client()?.ask(&[b"SET".to_vec(), b"value".to_vec(), vec![b'x'; value_len]])?;
    stage.configure(&[("client-output-buffer-limit", limit)])?;
    deaf(stage, requests)
}

/// Clients that send `requests` and read nothing, one after the other.
fn deaf(stage: &Stage<'_>, requests: &[u8]) -> io::Result<()> {
    stage.begin()?;
    while stage.goes_on() {
        let mut client = stage.target.connect()?;
        // The server may close it before all has been sent.
        let _ = client.write_all(requests);
        thread::sleep(HELD);
    }
    Ok(())
}
