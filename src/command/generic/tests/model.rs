//! All databases against a naive model of them, in simulated time: what commands answer, and whether WATCH notices.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::command::test_support::{Peer, World};
use crate::process::upkeep;

const DATABASES: usize = 3;

type Key = (usize, u8);

#[derive(Clone, Copy, Debug)]
enum Op {
    Select(usize),
    Set(u8, Option<i64>),
    Push(u8),
    Del(u8, u8),
    Pexpire(u8, i64, &'static str),
    Persist(u8),
    Pttl(u8),
    Exists(u8, u8),
    Type(u8),
    Rename(u8, u8),
    Renamenx(u8, u8),
    Copy(u8, u8, usize, bool),
    Move(u8, usize),
    Swapdb(usize, usize),
    Flushdb,
    Flushall,
    Keys,
    Dbsize,
    Advance(i64),
    /// Keys whose time is over are removed without anybody asking for them.
    Sweep,
    Watch(u8),
    Exec,
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..5u8;
    let db = || 0..DATABASES;
    let condition = prop_oneof![Just(""), Just("NX"), Just("XX"), Just("GT"), Just("LT"), Just("XX GT")];
    prop_oneof![
        db().prop_map(Op::Select),
        (key(), prop::option::of(1..50i64)).prop_map(|(key, ms)| Op::Set(key, ms)),
        key().prop_map(Op::Push),
        (key(), key()).prop_map(|(one, two)| Op::Del(one, two)),
        (key(), -5..50i64, condition).prop_map(|(key, ms, condition)| Op::Pexpire(key, ms, condition)),
        key().prop_map(Op::Persist),
        key().prop_map(Op::Pttl),
        (key(), key()).prop_map(|(one, two)| Op::Exists(one, two)),
        key().prop_map(Op::Type),
        (key(), key()).prop_map(|(from, to)| Op::Rename(from, to)),
        (key(), key()).prop_map(|(from, to)| Op::Renamenx(from, to)),
        (key(), key(), db(), any::<bool>()).prop_map(|(from, to, db, replaces)| Op::Copy(from, to, db, replaces)),
        (key(), db()).prop_map(|(key, db)| Op::Move(key, db)),
        (db(), db()).prop_map(|(one, two)| Op::Swapdb(one, two)),
        Just(Op::Flushdb),
        Just(Op::Flushall),
        Just(Op::Keys),
        Just(Op::Dbsize),
        (1..30i64).prop_map(Op::Advance),
        Just(Op::Sweep),
        key().prop_map(Op::Watch),
        Just(Op::Exec),
    ]
}

#[derive(Clone, Debug)]
struct Entry {
    kind: &'static str,
    deadline_ms: Option<i64>,
}

/// What the server should know.
#[derive(Debug, Default)]
struct Model {
    entries: BTreeMap<Key, Entry>,
    db: usize,
    now_ms: i64,
    watched: HashSet<Key>,
    touched: bool,
}

impl Model {
    fn touch(&mut self, key: Key) {
        self.touched |= self.watched.contains(&key);
    }

    fn put(&mut self, key: Key, entry: Entry) {
        self.entries.insert(key, entry);
        self.touch(key);
    }

    fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.touch(key);
        Some(entry)
    }

    fn remove_all(&mut self, goes: impl Fn(Key, &Entry) -> bool) {
        let gone = self.entries.iter().filter(|(key, entry)| goes(**key, entry)).map(|(key, _)| *key);
        for key in gone.collect::<Vec<_>>() {
            self.remove(key);
        }
    }

    fn expire(&mut self) {
        let now_ms = self.now_ms;
        self.remove_all(|_, entry| entry.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms));
    }

    fn pexpire(&mut self, key: Key, ms: i64, condition: &str) -> bool {
        let Some(entry) = self.entries.get(&key) else { return false };
        let (old_ms, new_ms) = (entry.deadline_ms, self.now_ms + ms);
        let allowed = match condition {
            "NX" => old_ms.is_none(),
            "XX" => old_ms.is_some(),
            "GT" | "XX GT" => old_ms.is_some_and(|old_ms| new_ms > old_ms),
            "LT" => old_ms.is_none_or(|old_ms| new_ms < old_ms),
            _ => true,
        };
        if allowed && ms <= 0 {
            self.remove(key);
        } else if allowed {
            let kind = entry.kind;
            self.put(key, Entry { kind, deadline_ms: Some(new_ms) });
        }
        allowed
    }

    fn rename(&mut self, from: Key, to: Key) {
        if from != to
            && let Some(entry) = self.remove(from)
        {
            self.put(to, entry);
        }
    }

    fn swap(&mut self, one: usize, two: usize) {
        if one == two {
            return;
        }
        let other = |db| if db == one { two } else { one };
        let (moving, staying) =
            std::mem::take(&mut self.entries).into_iter().partition(|((db, _), _)| [one, two].contains(db));
        self.entries = staying;
        for ((db, key), entry) in moving {
            self.entries.insert((other(db), key), entry);
            self.touch((db, key));
            self.touch((other(db), key));
        }
    }

    /// What the request says, if it says anything, and what is answered.
    fn run(&mut self, op: Op) -> (String, String) {
        let db = self.db;
        let in_db = |key| (db, key);
        let count = |number: usize| format!(":{number}\r\n");
        let ok = || "+OK\r\n".to_owned();
        match op {
            Op::Select(db) => {
                self.db = db;
                (format!("SELECT {db}"), ok())
            }
            Op::Set(key, ms) => {
                let deadline_ms = ms.map(|ms| self.now_ms + ms);
                self.put(in_db(key), Entry { kind: "string", deadline_ms });
                (format!("SET {key} v{}", ms.map_or(String::new(), |ms| format!(" PX {ms}"))), ok())
            }
            Op::Push(key) => {
                let found = self.entries.get(&in_db(key)).cloned();
                let is_list = found.as_ref().is_none_or(|entry| entry.kind == "list");
                if is_list {
                    self.put(in_db(key), found.unwrap_or(Entry { kind: "list", deadline_ms: None }));
                }
                // How long lists are is not the question here.
                (format!("RPUSH {key} x"), if is_list { ":" } else { "-WRONGTYPE" }.to_owned())
            }
            Op::Del(one, two) => {
                let deleted = [one, two].into_iter().filter(|key| self.remove(in_db(*key)).is_some()).count();
                (format!("DEL {one} {two}"), count(deleted))
            }
            Op::Pexpire(key, ms, condition) => {
                let changed = self.pexpire(in_db(key), ms, condition);
                (format!("PEXPIRE {key} {ms} {condition}"), count(changed.into()))
            }
            Op::Persist(key) => {
                let expiring = self.entries.get(&in_db(key)).filter(|entry| entry.deadline_ms.is_some()).cloned();
                if let Some(Entry { kind, .. }) = expiring {
                    self.put(in_db(key), Entry { kind, deadline_ms: None });
                }
                (format!("PERSIST {key}"), count(expiring.is_some().into()))
            }
            Op::Pttl(key) => {
                let ttl = self
                    .entries
                    .get(&in_db(key))
                    .map_or(-2, |entry| entry.deadline_ms.map_or(-1, |ms| ms - self.now_ms));
                (format!("PTTL {key}"), format!(":{ttl}\r\n"))
            }
            _ => self.run_wide(op),
        }
    }

    fn run_wide(&mut self, op: Op) -> (String, String) {
        let db = self.db;
        let in_db = |key| (db, key);
        let count = |number: usize| format!(":{number}\r\n");
        let ok = || "+OK\r\n".to_owned();
        match op {
            Op::Exists(one, two) => {
                let found = [one, two].into_iter().filter(|key| self.entries.contains_key(&in_db(*key))).count();
                (format!("EXISTS {one} {two}"), count(found))
            }
            Op::Type(key) => {
                let kind = self.entries.get(&in_db(key)).map_or("none", |entry| entry.kind);
                (format!("TYPE {key}"), format!("+{kind}\r\n"))
            }
            Op::Swapdb(one, two) => {
                self.swap(one, two);
                (format!("SWAPDB {one} {two}"), ok())
            }
            Op::Flushdb => {
                self.remove_all(|(of, _), _| of == db);
                ("FLUSHDB".to_owned(), ok())
            }
            Op::Flushall => {
                self.remove_all(|_, _| true);
                ("FLUSHALL".to_owned(), ok())
            }
            Op::Keys => {
                let keys = self.entries.keys().filter(|(of, _)| *of == db).map(|(_, key)| key.to_string());
                ("KEYS *".to_owned(), keys.collect::<Vec<_>>().join(" "))
            }
            Op::Dbsize => ("DBSIZE".to_owned(), count(self.entries.keys().filter(|(of, _)| *of == db).count())),
            _ => self.run_moving(op),
        }
    }

    fn run_moving(&mut self, op: Op) -> (String, String) {
        let db = self.db;
        let in_db = |key| (db, key);
        let count = |number: usize| format!(":{number}\r\n");
        let no_key = || "-ERR no such key\r\n".to_owned();
        let same = || "-ERR source and destination objects are the same\r\n".to_owned();
        match op {
            Op::Rename(from, to) => {
                let answer = if self.entries.contains_key(&in_db(from)) { "+OK\r\n".to_owned() } else { no_key() };
                self.rename(in_db(from), in_db(to));
                (format!("RENAME {from} {to}"), answer)
            }
            Op::Renamenx(from, to) => {
                let request = format!("RENAMENX {from} {to}");
                let [exists, taken] = [from, to].map(|key| self.entries.contains_key(&in_db(key)));
                if exists && !taken {
                    self.rename(in_db(from), in_db(to));
                }
                (request, if exists { count((!taken).into()) } else { no_key() })
            }
            Op::Copy(from, to, other, replaces) => {
                let request = format!("COPY {from} {to} DB {other}{}", if replaces { " REPLACE" } else { "" });
                if (other, to) == in_db(from) {
                    return (request, same());
                }
                let free = replaces || !self.entries.contains_key(&(other, to));
                let copied = self.entries.get(&in_db(from)).filter(|_| free).cloned();
                let answer = count(copied.is_some().into());
                copied.into_iter().for_each(|entry| self.put((other, to), entry));
                (request, answer)
            }
            Op::Move(key, other) => {
                let request = format!("MOVE {key} {other}");
                if other == db {
                    return (request, same());
                }
                let moves = self.entries.contains_key(&in_db(key)) && !self.entries.contains_key(&(other, key));
                if moves {
                    self.rename(in_db(key), (other, key));
                }
                (request, count(moves.into()))
            }
            _ => unreachable!("this is no request to a server"),
        }
    }
}

/// The keys of an answer of KEYS, in their order.
fn sorted(answer: &str) -> String {
    let mut keys: Vec<&str> = answer.lines().filter(|line| !line.starts_with(['*', '$'])).collect();
    keys.sort_unstable();
    keys.join(" ")
}

fn sweep(world: &World) {
    while upkeep::remove_keys(&world.server, 0) {}
}

fn step(world: &World, model: &mut Model, client: &Peer, watcher: &Peer, op: Op) -> Result<(), TestCaseError> {
    match op {
        Op::Advance(ms) => {
            world.advance(Duration::from_millis(ms.unsigned_abs()));
            model.now_ms += ms;
            model.expire();
        }
        Op::Sweep => sweep(world),
        Op::Watch(key) => {
            watcher.say(&format!("SELECT {}\r\nWATCH {key}", model.db));
            model.watched.insert((model.db, key));
        }
        Op::Exec => {
            let answer = watcher.say("MULTI\r\nPING\r\nEXEC");
            let ending = if model.touched { "*-1\r\n" } else { "*1\r\n+PONG\r\n" };
            prop_assert_eq!(answer, format!("+OK\r\n+QUEUED\r\n{ending}"));
            model.watched.clear();
            model.touched = false;
        }
        _ => {
            // These look at what is there, also at what nobody has noticed yet to be over.
            if matches!(op, Op::Dbsize | Op::Swapdb(..)) {
                sweep(world);
            }
            let (request, expected) = model.run(op);
            let answer = client.say(&request);
            match op {
                Op::Keys => prop_assert_eq!(sorted(&answer), expected),
                Op::Push(_) => prop_assert!(answer.starts_with(&expected), "{} to {}", answer, request),
                _ => prop_assert_eq!(answer, expected, "{}", request),
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn databases_behave_as_a_naive_model_of_them(ops in prop::collection::vec(op(), 1..150)) {
        let world = World::new();
        let (client, watcher) = (world.client(), world.client());
        let mut model = Model::default();
        for op in ops {
            step(&world, &mut model, &client, &watcher, op)?;
        }
    }
}
