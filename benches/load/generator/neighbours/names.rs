//! Neighbours with very many subscriptions or channels, or with patterns that are made to be expensive.

use std::io;

use super::super::target::NAMES_EACH;
use super::super::wire::{self, Proto};
use super::client::{Client, key, request, with_names};
use super::keys::repeated;
use super::stage::Stage;

const MILLION: usize = 1_000_000;
/// Subscriptions of one client in one command.
const MANY: usize = 100_000;
/// Subscriptions of a client that leaves.
const LEAVING: usize = 400_000;

/// PUBSUB CHANNELS of a million.
pub(super) fn channels(stage: &Stage<'_>) -> io::Result<()> {
    let names: Vec<String> = (0..MILLION).map(key).collect();
    let _held = stage.target.subscribe_many("SUBSCRIBE", &names)?;
    repeated(stage, &["PUBSUB", "CHANNELS"])
}

/// PUBSUB NUMSUB of a million names.
pub(super) fn numsub(stage: &Stage<'_>) -> io::Result<()> {
    repeated(stage, &with_names(&["PUBSUB", "NUMSUB"], MILLION))
}

/// SUBSCRIBE to 100,000 names in one command, by one client after the other.
pub(super) fn subscribe(stage: &Stage<'_>) -> io::Result<()> {
    let mut held = Vec::new();
    stage.begin()?;
    while stage.goes_on() && held.len() < 10 {
        held.push(subscribed(stage, held.len(), MANY)?);
    }
    stage.rest();
    Ok(())
}

/// UNSUBSCRIBE from 100,000 names in one command.
pub(super) fn unsubscribe(stage: &Stage<'_>) -> io::Result<()> {
    let mut clients = (0..10).map(|number| subscribed(stage, number, MANY)).collect::<io::Result<Vec<_>>>()?;
    stage.begin()?;
    for client in &mut clients {
        if stage.goes_on() {
            client.send(&request(&["UNSUBSCRIBE"]))?;
            client.answers(MANY)?;
        }
    }
    Ok(())
}

/// RESET of a client with 400,000 subscriptions.
pub(super) fn reset(stage: &Stage<'_>) -> io::Result<()> {
    let mut clients = (0..2).map(|number| subscribed(stage, number, LEAVING)).collect::<io::Result<Vec<_>>>()?;
    stage.begin()?;
    clients.iter_mut().filter(|_| stage.goes_on()).try_for_each(|client| client.ask(&["RESET"]))
}

/// A client with 400,000 subscriptions goes.
pub(super) fn leave(stage: &Stage<'_>) -> io::Result<()> {
    let clients = (0..2).map(|number| subscribed(stage, number, LEAVING)).collect::<io::Result<Vec<_>>>()?;
    stage.begin()?;
    for client in clients {
        drop(client);
        // Something that is answered when it has gone, on a server that does one thing at a time.
        stage.client()?.ask(&["PING"])?;
    }
    stage.rest();
    Ok(())
}

/// A pattern of 20 KB that a channel with a name of 40 KB all but matches.
pub(super) fn long_pattern(stage: &Stage<'_>) -> io::Result<()> {
    let mut listener = stage.client()?;
    listener.ask_or_be_refused(&["PSUBSCRIBE".into(), format!("*{}b", "a".repeat(20_000))])?;
    let mut client = stage.client()?;
    let publish = ["PUBLISH".into(), "a".repeat(40_000), "1".into()];
    stage.begin()?;
    while stage.goes_on() {
        client.ask_or_be_refused(&publish)?;
    }
    Ok(())
}

/// 20,000 patterns that are made to be followed far and match nothing.
pub(super) fn many_patterns(stage: &Stage<'_>) -> io::Result<()> {
    let shapes = |number: usize| match number % 4 {
        0 => format!("*[aWXYZ]{number}"),
        1 => format!("*???[ab]{number}"),
        2 => format!("*[ab][ac][ad]{number}"),
        _ => format!("*a?[a{number}]*b"),
    };
    beside_patterns(stage, (0..20_000).map(shapes), "a".repeat(100))
}

/// Patterns that agree with the channel in both ends and in all plain bytes, and differ only by sets.
pub(super) fn sets(stage: &Stage<'_>) -> io::Result<()> {
    let sets = |number: usize| -> String { (0..14).map(|bit| ["[ab]", "[ac]"][number >> bit & 1]).collect() };
    let patterns = (0..1 << 14).map(|number| format!("*{}b*", sets(number)));
    beside_patterns(stage, patterns, format!("b{}", "a".repeat(99)))
}

/// Publishes to a channel again and again, while clients listen to these patterns.
fn beside_patterns(stage: &Stage<'_>, patterns: impl Iterator<Item = String>, channel: String) -> io::Result<()> {
    let _held = stage.target.subscribe_many("PSUBSCRIBE", &patterns.collect::<Vec<_>>())?;
    let mut client = stage.client()?;
    let publish = ["PUBLISH".to_owned(), channel, "1".into()];
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&publish)?;
    }
    Ok(())
}

/// Pairs of patterns of 1 MB that differ in their last byte.
pub(super) fn large_patterns(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    stage.begin()?;
    for piece in ["[]", "[ab]", "?", "?*"] {
        for last in ["x", "y"] {
            let pattern = piece.repeat(MILLION / piece.len()) + last;
            client.ask_or_be_refused(&["PSUBSCRIBE", &pattern])?;
        }
    }
    stage.rest();
    Ok(())
}

/// Events of keys with names of 1 KB, for one who listens to all of them and reads nothing.
pub(super) fn events(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("notify-keyspace-events", "KEA")])?;
    let mut deaf = stage.client()?;
    deaf.ask(&["PSUBSCRIBE", "__key*"])?;
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.for_each(NAMES_EACH, |number| vec!["SET".into(), format!("{number:01000}"), "1".into()])?;
    }
    Ok(())
}

/// Messages of 64 KB for 100 subscribers that do not read.
pub(super) fn deaf_subscribers(stage: &Stage<'_>) -> io::Result<()> {
    let _deaf = stage.target.subscribers(100, Proto::Resp2, |_| "deaf".into())?;
    let mut client = stage.client()?;
    let payload = wire::payload(0, 64 * 1024);
    let publish = [b"PUBLISH".to_vec(), b"deaf".to_vec(), payload];
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&publish)?;
    }
    Ok(())
}

/// A client that has subscribed to so many names, which no other number shares.
fn subscribed(stage: &Stage<'_>, number: usize, names: usize) -> io::Result<Client> {
    let mut client = stage.client()?;
    let name = |of_it: usize| format!("name:{number}:{of_it}");
    let args: Vec<String> = ["SUBSCRIBE".into()].into_iter().chain((0..names).map(name)).collect();
    client.send(&request(&args))?;
    client.answers(names)?;
    Ok(client)
}
