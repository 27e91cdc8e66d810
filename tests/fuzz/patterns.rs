//! The index of patterns beside plain matching of each, while patterns come and go.

use std::collections::BTreeSet;

use fastrand::Rng;
use pregon::hub::pattern_index::PatternIndex;
use pregon::pattern::matches;

use crate::mutation::{mutate, pick};

/// What patterns are made of.
const PIECES: [&str; 22] = [
    "a", "b", "c", "ab", "abc", "news:", "*", "*", "**", "?", "??", "[ab]", "[^a]", "[a-c]", "[c-a]", "[]", "[^]",
    "\\a", "\\*", "[\\]]", "[", "\\",
];

/// Some steps: patterns are added and removed, channels are looked up.
pub(crate) fn case(random: &mut Rng) {
    let mut index = PatternIndex::new();
    let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
    let steps = pick(&[5, 20, 60], random);
    for _ in 0..steps {
        match random.u8(0..8) {
            0..=3 => {
                let pattern = pattern(random);
                index.get_or_insert_with(&pattern, || pattern.clone());
                model.insert(pattern);
            }
            4 if !model.is_empty() => {
                let place = random.usize(0..model.len());
                let pattern = model.iter().nth(place).cloned().unwrap_or_default();
                assert_eq!(index.remove(&pattern), Some(pattern.clone()));
                model.remove(&pattern);
            }
            _ => check(&mut index, &model, &channel(&model, random)),
        }
        assert_eq!(index.len(), model.len());
    }
    for pattern in std::mem::take(&mut model) {
        assert_eq!(index.remove(&pattern), Some(pattern));
    }
    check(&mut index, &model, b"a");
    assert!(index.is_empty());
}

/// The index finds each pattern that matches once, and no other.
fn check(index: &mut PatternIndex<Vec<u8>>, model: &BTreeSet<Vec<u8>>, channel: &[u8]) {
    let mut found: Vec<Vec<u8>> = Vec::new();
    index.for_each_match(channel, |pattern, value| {
        assert_eq!(**pattern, **value);
        found.push(value.clone());
    });
    found.sort();
    let expected: Vec<&Vec<u8>> = model.iter().filter(|pattern| matches(pattern, channel)).collect();
    assert!(found.iter().eq(expected.iter().copied()), "{}: {found:?}, not {expected:?}", channel.escape_ascii());
}

fn pattern(random: &mut Rng) -> Vec<u8> {
    let count = pick(&[0, 1, 2, 3, 4, 8, 20], random);
    let mut pattern: Vec<u8> = (0..count).flat_map(|_| pick(&PIECES, random).bytes()).collect();
    if random.u8(0..8) == 0 {
        mutate(&mut pattern, 2, random);
    }
    pattern
}

/// A channel of letters, or one that comes from a pattern.
fn channel(model: &BTreeSet<Vec<u8>>, random: &mut Rng) -> Vec<u8> {
    let mut channel = match model.len() {
        0 => Vec::new(),
        len => model.iter().nth(random.usize(0..len)).cloned().unwrap_or_default(),
    };
    if random.bool() {
        channel.clear();
    }
    channel.retain(|byte| random.u8(0..10) > 0 && !b"*?[".contains(byte));
    for _ in 0..random.usize(0..=8) {
        let at = random.usize(0..=channel.len());
        channel.insert(at, pick(b"aaabbcx:]\\", random));
    }
    channel
}
