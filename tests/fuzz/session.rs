//! Several clients send valid and mutated commands to sessions in memory, on simulated time, and what they are sent has to
//! keep the promises: whole frames, one answer for each command, one order of all messages (P1, P2, P3), nothing after the
//! end of a subscription (P4), as many deliveries as were counted (P5), none twice or altered (P6), and none of an own
//! message before the answer of its command (P8).

mod commands;
mod hearing;
mod stage;

use std::time::Duration;

use fastrand::Rng;

use self::commands::Request;
use self::hearing::Record;
use self::stage::Stage;
use crate::mutation::{mutate, pick};

/// Clients beside the one that hears everything.
const CLIENTS: usize = 4;
/// What clients send in one case, in pieces.
const STEPS: usize = 14;

/// Directives that change what happens without asking.
const DIRECTIVES: [&[(&str, &str)]; 4] = [
    &[],
    &[],
    &[("notify-keyspace-events", "KEA")],
    &[("tracking-table-max-keys", "2"), ("slowlog-log-slower-than", "0")],
];

/// Some steps of some clients on one to three io-threads.
pub(crate) fn case(random: &mut Rng) {
    let mut stage = Stage::new(random.usize(1..=3), pick(&DIRECTIVES, random), CLIENTS);
    let mut record = Record::new(CLIENTS);
    let mut said = Vec::new();
    for _ in 0..STEPS {
        let index = random.usize(1..=CLIENTS);
        match random.u8(0..24) {
            0 => {
                said.push(format!("{index} goes"));
                stage.replace(index);
                record.forget(index);
            }
            1 => stage.wait(Duration::from_millis(pick(&[1, 10, 100, 2_000], random))),
            _ => speak(&mut stage, &mut record, index, &mut said, random),
        }
        // Others may have sent something by then.
        if random.u8(0..3) > 0 && !listen(&mut stage, &mut record, &said, random) {
            return;
        }
    }
    listen(&mut stage, &mut record, &said, random);
}

/// A client sends one to four commands at once, or something that only looks like it.
fn speak(stage: &mut Stage, record: &mut Record, index: usize, said: &mut Vec<String>, random: &mut Rng) {
    let is_valid = random.u8(0..16) > 0 && !record.says_anything(index);
    let mut requests: Vec<Request> = Vec::new();
    for _ in 0..random.usize(1..=4) {
        let mut request = commands::request(record, is_valid, random);
        record.says(index, &mut request);
        requests.push(request);
    }
    let mut bytes: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
    if !is_valid {
        mutate(&mut bytes, 3, random);
        record.is_said_anything(index);
    }
    said.push(format!("{index} {}", bytes.escape_ascii()));
    let split = random.usize(0..=bytes.len());
    stage.feed(index, &bytes[..split]);
    stage.feed(index, &bytes[split..]);
}

/// Everything is delivered, and what everybody heard is looked at. False if a mutated command has ended the one that hears
/// everything.
fn listen(stage: &mut Stage, record: &mut Record, said: &[String], random: &mut Rng) -> bool {
    stage.settle(random);
    if stage.state(0).ends {
        // What it has not heard any more cannot be compared.
        return false;
    }
    let heard: Result<(), String> = (0..=CLIENTS).try_for_each(|index| {
        let state = stage.state(index);
        record.hears(index, &stage.take(index), state).map_err(|why| format!("client {index}: {why}"))
    });
    heard.and_then(|()| record.compare()).unwrap_or_else(|why| panic!("{why}\nafter {said:#?}"));
    for index in 1..=CLIENTS {
        if stage.state(index).ends {
            stage.replace(index);
            record.forget(index);
        }
    }
    true
}
