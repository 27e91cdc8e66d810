//! Commands of many clients, interleaved at random on one to three workers between which they move, are answered to the byte as
//! the model of Redis answers them.

use pregon::resp::Proto;
use pregon::session::Luggage;

use crate::harness::{Peer, Random, World, request};
use crate::model::Model;

const CHANNELS: [&str; 4] = ["a", "ab", "b", "news"];
const PATTERNS: [&str; 5] = ["a*", "?", "*", "[ab]*", "a"];
const CLIENTS: usize = 6;
const TURNS: usize = 400;

#[test]
fn every_client_is_sent_exactly_what_the_model_sends() {
    for seed in 1..=60 {
        let workers = 1 + seed as usize % 3;
        if let Err(difference) = run(workers, seed) {
            panic!("seed {seed}: {difference}");
        }
    }
}

/// A client that moves: which, to which worker, and with what.
type Traveller = (usize, usize, Luggage);

fn run(workers: usize, seed: u64) -> Result<(), String> {
    // Messages of one read are posted together unless each is looked at for PUBSUB TOP.
    let size = if seed.is_multiple_of(2) { "0" } else { "64" };
    let world = World::new(workers, Proto::Resp2, &[("channel-top-size", size)]);
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut peers: Vec<Peer> = Vec::new();
    for index in 0..CLIENTS {
        peers.push(connect(&world, &mut model, index));
    }
    let mut said: Vec<String> = Vec::new();
    let mut on_its_way: Option<Traveller> = None;
    for turn in 0..TURNS {
        let index = random.below(CLIENTS);
        if let Some((index, destination, luggage)) = on_its_way.take_if(|_| random.below(3) == 0) {
            said.push(format!("{index} arrives at {destination}"));
            let info = peers[index].client.info.clone();
            peers[index] = world.welcome(destination, info, luggage);
        }
        if on_its_way.as_ref().is_some_and(|(absent, ..)| *absent == index) {
            continue;
        }
        if random.below(60) == 0 {
            peers[index].hangs_up();
            peers[index] = connect(&world, &mut model, index);
            said.push(format!("{index} reconnects"));
            continue;
        }
        if on_its_way.is_none() && random.below(8) == 0 {
            let destination = random.below(workers);
            if let Some(luggage) = peers[index].session.leave_for(destination) {
                said.push(format!("{index} leaves for {destination}"));
                on_its_way = Some((index, destination, luggage));
                continue;
            }
        }
        let mut bytes = Vec::new();
        let parts = if random.below(8) == 0 { 24 } else { 3 };
        for part in 0..=random.below(parts) {
            let args = command(&mut random, &format!("{turn}.{part}"));
            model.command(index, &args);
            bytes.extend(request(&args));
            said.push(format!("{index} {}", args.join(" ")));
        }
        peers[index].send(&bytes);
        let absent = on_its_way.as_ref().map(|(index, ..)| *index);
        for (index, peer) in peers.iter_mut().enumerate().filter(|(index, _)| Some(*index) != absent) {
            let result = model.check(index, &peer.take_bytes());
            let recent = &said[said.len().saturating_sub(12)..];
            result.map_err(|difference| format!("{difference}\nafter {recent:#?}"))?;
        }
    }
    Ok(())
}

fn connect(world: &World, model: &mut Model, index: usize) -> Peer {
    let peer = world.stranger(index % world.workers.len());
    model.connect(index, peer.client.info.id);
    peer
}

/// A random command; `payload` is in it if it publishes.
fn command(random: &mut Random, payload: &str) -> Vec<String> {
    let words: Vec<&str> = match random.below(30) {
        0..=3 => named("SUBSCRIBE", &CHANNELS, 1, random),
        4..=6 => named("PSUBSCRIBE", &PATTERNS, 1, random),
        7 => named("SSUBSCRIBE", &CHANNELS, 1, random),
        8..=9 => named("UNSUBSCRIBE", &CHANNELS, 0, random),
        10..=11 => named("PUNSUBSCRIBE", &PATTERNS, 0, random),
        12 => named("SUNSUBSCRIBE", &CHANNELS, 0, random),
        13..=17 => vec!["PUBLISH", random.pick(&CHANNELS), payload],
        18 => vec!["SPUBLISH", random.pick(&CHANNELS), payload],
        19 => vec!["PING"],
        20 => vec!["PING", payload],
        21 => vec!["PUBSUB", "NUMPAT"],
        22 => vec!["PUBSUB", random.pick(&["NUMSUB", "SHARDNUMSUB"]), "a", "news"],
        23..=24 => vec!["MULTI"],
        25..=26 => vec!["EXEC"],
        27 => vec!["HELLO", random.pick(&["2", "3", "3"])],
        28 => vec![random.pick(&["DISCARD", "RESET"])],
        _ if random.below(2) == 0 => vec!["NOSUCH", "x"],
        _ => vec!["PUBLISH", "a"],
    };
    words.into_iter().map(str::to_owned).collect()
}

/// A command with up to three names, at least `least`.
fn named<'a>(word: &'a str, names: &[&'a str], least: usize, random: &mut Random) -> Vec<&'a str> {
    let count = least + random.below(3);
    std::iter::once(word).chain((0..count).map(|_| random.pick(names))).collect()
}
