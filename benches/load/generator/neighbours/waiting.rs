//! Neighbours that wait for keys, watch them, or want to be told of them.

use std::io;

use super::client::{key, request, with_names};
use super::stage::Stage;

/// 10,000 clients wait for one queue, and others push into it.
pub(super) fn waiters(stage: &Stage<'_>) -> io::Result<()> {
    let mut waiting = stage.idle(10_000)?;
    let wait = request(&["BLPOP", "queue", "0"]);
    waiting.iter_mut().try_for_each(|stream| io::Write::write_all(stream, &wait))?;
    let mut client = stage.client()?;
    let mut left = waiting.len();
    stage.begin()?;
    while stage.goes_on() && left > 0 {
        client.repeat(100, &["LPUSH", "queue", "1"])?;
        left = left.saturating_sub(100);
    }
    Ok(())
}

/// A client waits for 100,000 queues, and another one empties the databases.
pub(super) fn flush_waited(stage: &Stage<'_>) -> io::Result<()> {
    let mut waiting = stage.client()?;
    waiting.send(&request(&blpop(100_000)))?;
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&["FLUSHALL"])?;
    }
    Ok(())
}

/// A transaction that pushes to 30,000 queues for which a client waits.
pub(super) fn push_waited(stage: &Stage<'_>) -> io::Result<()> {
    let (mut waiting, mut client) = (stage.client()?, stage.client()?);
    let wait = request(&blpop(30_000));
    stage.begin()?;
    while stage.goes_on() {
        waiting.send(&wait)?;
        client.ask(&["MULTI"])?;
        client.for_each(30_000, |number| vec!["LPUSH".into(), key(number), "1".into()])?;
        client.ask(&["EXEC"])?;
        waiting.answers(1)?;
        client.ask(&["FLUSHALL"])?;
    }
    Ok(())
}

/// WATCH of 20,000 keys.
pub(super) fn watch(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    let watch = with_names(&["WATCH"], 20_000);
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&watch)?;
        client.ask(&["UNWATCH"])?;
    }
    Ok(())
}

/// A client wants to be told of keys with any of 8,000 prefixes, and another one sets others.
pub(super) fn prefixes(stage: &Stage<'_>) -> io::Result<()> {
    let mut told = stage.client()?;
    told.ask(&["HELLO", "3"])?;
    let named = (0..8_000).flat_map(|number| ["PREFIX".to_owned(), format!("prefix:{number}:")]);
    let tracking = ["CLIENT", "TRACKING", "ON", "BCAST"].map(str::to_owned).into_iter().chain(named);
    told.ask(&tracking.collect::<Vec<String>>())?;
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.repeat(1000, &["SET", "other", "value"])?;
    }
    Ok(())
}

/// What is tracked for a client is redirected to one that has just connected, beside a long command.
pub(super) fn redirect(stage: &Stage<'_>) -> io::Result<()> {
    let mut busy = stage.client()?;
    busy.fill_keys(100_000)?;
    let keys = request(&["KEYS", "x*"]).repeat(5);
    stage.begin()?;
    while stage.goes_on() {
        let mut client = stage.client()?;
        // Numbers are given in turn: the next is that of the client that connects now.
        let next = (client.ask_number(&["CLIENT", "ID"])? + 1).to_string();
        busy.send(&keys)?;
        let _told = stage.target.connect()?;
        client.ask_or_be_refused(&["CLIENT", "TRACKING", "ON", "REDIRECT", &next])?;
        client.ask(&["GET", "name:1"])?;
        client.ask(&["SET", "name:1", "2"])?;
        busy.answers(5)?;
    }
    Ok(())
}

fn blpop(queues: usize) -> Vec<String> {
    let mut args = with_names(&["BLPOP"], queues);
    args.push("0".into());
    args
}
