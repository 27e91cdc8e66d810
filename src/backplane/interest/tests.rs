use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// What the engine believes: what it has been asked for, by number.
#[derive(Debug, Default)]
struct Engine(BTreeMap<u64, Subject>);

impl Engine {
    fn hear(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Ask(number, subject) => assert!(self.0.insert(number, subject).is_none()),
                Change::Forget(number, _) => assert!(self.0.remove(&number).is_some(), "{number} was not asked for"),
            }
        }
    }

    /// How many times it would send a message.
    fn copies(&self, subject: &[u8]) -> usize {
        let matches = |asked: &&Subject| if is_tree(asked) { subject.starts_with(asked) } else { subject == &***asked };
        self.0.values().filter(matches).count()
    }

    fn asked(&self) -> BTreeSet<&[u8]> {
        self.0.values().map(|subject| &**subject).collect()
    }
}

/// When tests that have no time of their own happen.
const NOW_MS: u64 = 1_000_000;

/// With a connection.
fn connected(linger_ms: u64) -> Interest {
    let mut interest = Interest::new(linger_ms);
    interest.restart();
    interest
}

fn settle(interest: &mut Interest, engine: &mut Engine) {
    while !interest.is_settled() {
        engine.hear(interest.take_changes(3, NOW_MS));
    }
    let probe = interest.probe();
    interest.note_answer(probe, NOW_MS);
    engine.hear(interest.take_changes(usize::MAX / LOOKS_PER_CHANGE, NOW_MS + GRACE_MS));
}

fn set<const N: usize>(subjects: [&str; N]) -> BTreeSet<&[u8]> {
    subjects.into_iter().map(str::as_bytes).collect()
}

#[test]
fn what_lies_in_a_tree_is_not_asked_for_again() {
    let (mut interest, mut engine) = (connected(0), Engine::default());
    for subject in ["a.b", "a.c", "d"] {
        assert!(!interest.want(subject.as_bytes()));
    }
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a.b", "a.c", "d"]));
    assert!(interest.want(b"a.b"), "it is known");
    interest.want(b"a.");
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a.", "d"]));
    assert!(interest.want(b"a.x.y"), "it lies in a tree that is known");
    interest.want(b"a.x.");
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a.", "d"]));
    interest.release(b"a.", 0);
    assert!(!interest.expire(0, 9));
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a.b", "a.c", "a.x.", "d"]));
    assert_eq!(interest.asked(), 4);
}

#[test]
fn a_new_connection_is_told_everything_again_and_no_more_than_is_needed() {
    let (mut interest, mut engine) = (connected(0), Engine::default());
    for subject in ["a.", "a.b", "a.b.", "c"] {
        interest.want(subject.as_bytes());
    }
    settle(&mut interest, &mut engine);
    interest.restart();
    let mut engine = Engine::default();
    assert!(!interest.want(b"c"), "it does not know it yet");
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a.", "c"]));
    assert_eq!(interest.asked(), 2);
}

#[test]
fn what_nobody_wants_any_more_is_kept_for_a_while() {
    let (mut interest, mut engine) = (connected(1000), Engine::default());
    interest.want(b"a");
    settle(&mut interest, &mut engine);
    interest.release(b"a", 50);
    assert!(!interest.expire(1049, 9));
    settle(&mut interest, &mut engine);
    assert!(interest.want(b"a"), "it is still asked for");
    assert!(!interest.expire(9999, 9), "and wanted again");
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a"]));
    interest.release(b"a", 10_000);
    interest.expire(11_000, 9);
    settle(&mut interest, &mut engine);
    assert_eq!((engine.asked(), interest.wanted()), (set([]), 0));
}

#[test]
fn to_widen_over_very_many_names_is_told_in_parts() {
    let (mut interest, mut engine) = (connected(0), Engine::default());
    (0..10_000).for_each(|number| _ = interest.want(format!("a.{number}").as_bytes()));
    settle(&mut interest, &mut engine);
    interest.want(b"a.");
    let changes = interest.take_changes(10, NOW_MS);
    assert!(changes.len() <= 10);
    assert!(matches!(&changes[0], Change::Ask(_, tree) if **tree == *b"a."), "first the tree");
    engine.hear(changes);
    settle(&mut interest, &mut engine);
    assert_eq!(engine.asked(), set(["a."]));
}

/// Whatever comes and goes: at every moment the engine sends what is known to be asked for, and at rest it sends what is wanted
/// once, and nothing else.
#[test]
fn random_interest_is_always_covered_and_in_the_end_exactly_once() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut interest, mut engine) = (connected(random.u64(..3)), Engine::default());
        let mut wanted: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        // The engine knows what was told before a probe that it has answered.
        let mut known: BTreeSet<Vec<u8>> = BTreeSet::new();
        for now_ms in (0..300 * GRACE_MS / 4).step_by(GRACE_MS as usize / 4) {
            let mut name: Vec<u8> = Vec::new();
            for _ in 0..random.usize(1..4) {
                name.extend([b"ab"[random.usize(..2)], b'.']);
            }
            if random.bool() {
                name.pop();
            }
            match random.u8(..6) {
                0..3 => {
                    *wanted.entry(name.clone()).or_default() += 1;
                    if interest.want(&name) {
                        known.insert(name);
                    }
                }
                3..5 => {
                    if let Some(count) = wanted.get_mut(&name) {
                        *count -= 1;
                        if *count == 0 {
                            wanted.remove(&name);
                            known.remove(&name);
                        }
                        interest.release(&name, now_ms);
                    }
                }
                _ if random.u8(..8) == 0 => {
                    interest.restart();
                    (engine, known) = (Engine::default(), BTreeSet::new());
                }
                _ => {
                    interest.expire(now_ms, 2);
                    engine.hear(interest.take_changes(random.usize(1..4), now_ms));
                    if random.bool() {
                        let probe = interest.probe();
                        interest.note_answer(probe, now_ms);
                    }
                }
            }
            for name in &known {
                let subject = if is_tree(name) { [&name[..], b"z"].concat() } else { name.clone() };
                assert!(engine.copies(&subject) > 0, "seed {seed}: {name:?} is known and does not come");
            }
        }
        while interest.expire(u64::MAX, 100) {}
        settle(&mut interest, &mut engine);
        for name in wanted.keys() {
            let subject = if is_tree(name) { [&name[..], b"z"].concat() } else { name.clone() };
            assert_eq!(engine.copies(&subject), 1, "seed {seed}: {name:?}");
        }
        let needed = |asked: &[u8]| wanted.contains_key(asked);
        assert!(engine.asked().into_iter().all(needed), "seed {seed}: {engine:?} for {wanted:?}");
        assert_eq!(interest.asked(), engine.0.len());
    }
}

#[test]
fn p11_nothing_grows_by_clients_that_come_and_go_whether_there_is_a_connection_or_not() {
    for is_up in [true, false] {
        let mut interest = Interest::new(1000);
        if is_up {
            interest.restart();
        }
        for _ in 0..10_000 {
            interest.want(b"a");
            interest.release(b"a", 0);
        }
        assert!(interest.lingering.len() <= 1 && interest.dirty.len() <= 1);
        while interest.expire(1000, 10) {}
        settle(&mut interest, &mut Engine::default());
        assert_eq!((interest.wanted(), interest.lingering.len()), (0, 0));
    }
}

#[test]
fn nothing_is_given_up_before_the_engine_knows_what_came_instead_and_a_moment_has_passed() {
    let (mut interest, mut engine) = (connected(0), Engine::default());
    interest.want(b"a.b");
    settle(&mut interest, &mut engine);
    interest.want(b"a.");
    engine.hear(interest.take_changes(9, NOW_MS));
    assert!(interest.is_settled() && interest.needs_probe());
    engine.hear(interest.take_changes(9, u64::MAX));
    assert_eq!(engine.asked(), set(["a.", "a.b"]), "no answer has come");
    let probe = interest.probe();
    assert!(!interest.needs_probe());
    interest.note_answer(probe, NOW_MS);
    engine.hear(interest.take_changes(9, NOW_MS + GRACE_MS - 1));
    assert_eq!(engine.asked(), set(["a.", "a.b"]));
    engine.hear(interest.take_changes(9, NOW_MS + GRACE_MS));
    assert_eq!(engine.asked(), set(["a."]));
}
