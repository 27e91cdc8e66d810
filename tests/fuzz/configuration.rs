//! Configuration files: none makes the server panic, and what is shown or rewritten of one that is accepted loads again and
//! means the same.

use std::ffi::OsString;
use std::fs;

use fastrand::Rng;
use pregon::config::{Config, Invocation, invocation_with, params};

use crate::mutation::{mutate, pick};

/// Values of all kinds, right and wrong ones.
const VALUES: [&str; 40] = [
    "yes",
    "no",
    "0",
    "1",
    "2",
    "16",
    "100",
    "65536",
    "4294967296",
    "-1",
    "1kb",
    "1mb",
    "64MB",
    "1g",
    "9223372036854775807",
    "18446744073709551615",
    "1.5",
    "\"\"",
    "''",
    "a",
    "\"a b\"",
    "\"\\x41\\\"\"",
    "127.0.0.1",
    "::1",
    "*",
    "-::*",
    "local",
    "notice",
    "debug",
    "json",
    "human",
    "KEA",
    "allkeys-lru",
    "noeviction",
    "normal 0 0 0",
    "pubsub 32mb 8mb 60",
    "replica 1mb 1mb 1 normal 1kb 0 1",
    "50 99 99.9",
    "700",
    "now force",
];

/// How many cases pass between two that write a file.
const REWRITES: u64 = 64;

/// A file of some lines.
pub(crate) fn case(random: &mut Rng) {
    let text = text(random);
    let Ok(config) = load(&["-"], &text) else { return };
    let shown = show(&config);
    let again = load(&["-"], &shown)
        .unwrap_or_else(|error| panic!("what is shown is refused: {error}\nof:\n{}", text.escape_ascii()));
    assert_eq!(again.get(&[b"*"]), config.get(&[b"*"]), "of:\n{}", text.escape_ascii());
    if random.u64(0..REWRITES) == 0 {
        rewrite(&text);
    }
}

/// CONFIG REWRITE of a file with this text, twice.
fn rewrite(text: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory for a file");
    let path = directory.path().join("redis.conf");
    fs::write(&path, text).expect("a file can be written");
    let name = path.to_string_lossy();
    let config = load(&[&name], b"").expect("what standard input may say may stand in a file");
    config.rewrite(None).expect("the file can be written");
    let rewritten = fs::read(&path).expect("it is there");
    let again = load(&[&name], b"")
        .unwrap_or_else(|error| panic!("what is rewritten is refused: {error}\n{}", rewritten.escape_ascii()));
    assert_eq!(again.get(&[b"*"]), config.get(&[b"*"]), "of:\n{}", text.escape_ascii());
    again.rewrite(None).expect("the file can be written");
    let twice = fs::read(&path).expect("it is there");
    assert_eq!(
        twice.escape_ascii().to_string(),
        rewritten.escape_ascii().to_string(),
        "rewriting again changes nothing"
    );
}

/// What the arguments and this standard input give, if they are right.
fn load(args: &[&str], stdin: &[u8]) -> Result<Config, String> {
    match invocation_with(args.iter().map(OsString::from), b"", &mut &*stdin) {
        Ok(Invocation::Run { config, .. }) => Ok(*config),
        Ok(other) => panic!("no wish was given: {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

/// A file with what CONFIG GET shows.
fn show(config: &Config) -> Vec<u8> {
    let mut text = Vec::new();
    // What is replicated is shown as nothing where nothing is, but nothing cannot be named.
    let is_said = |(name, value): &(String, Vec<u8>)| !value.is_empty() || !["replicaof", "slaveof"].contains(&&**name);
    for (name, value) in config.get(&[b"*"]).into_iter().filter(is_said) {
        let quoted: String = value.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        text.extend_from_slice(format!("{name} \"{quoted}\"\n").as_bytes());
    }
    text
}

fn text(random: &mut Rng) -> Vec<u8> {
    let names: Vec<&str> = params().map(|param| param.name).collect();
    let mut text = Vec::new();
    for _ in 0..random.usize(1..=6) {
        let mut line = pick(&names, random).to_owned();
        for _ in 0..pick(&[1, 1, 1, 1, 2, 3], random) {
            line.push(' ');
            line.push_str(pick(&VALUES, random));
        }
        if random.u8(0..10) == 0 {
            line =
                pick(&["", "# a comment", "no-such-directive 1", "module.param 2", "\t", "\"port\" 1"], random).into();
        }
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    if random.u8(0..3) == 0 {
        mutate(&mut text, 3, random);
    }
    text
}
