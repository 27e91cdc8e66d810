//! The keys: databases of strings, lists and streams, in memory only.
//!
//! | module | what it is |
//! |---|---|
//! | `keys` | one command's view of its database: look-ups, changes, and what follows from them |
//! | [`access`] | how a command reaches the keys |
//! | `address` | a key with its database |
//! | `database`, `table` | entries by key, in the order of their deadlines, and for SCAN |
//! | [`entry`], [`text`], [`packed`], [`list`], [`stream`] | what a key holds |
//! | `effects` | what a command leaves to be done when it has ended: notifications, keys that were fed |
//! | `usage`, `eviction` | how often keys are used, and which go when memory is short |
//! | `garbage` | what was emptied, freed when nobody waits for it |
//! | [`waiters`] | clients that wait for keys |
//! | `tracking` | clients that cache keys, and what they are told |
//! | `watchers` | clients that watch keys |
//!
//! One lock guards all of it. A command that uses keys takes it for its whole length, EXEC for the whole transaction;
//! commands that do not use keys never take it, so publishing does not know that there are any. It is taken before the
//! hub's lock, which notifications and replies to blocked clients need.
//!
//! A key whose time is over is gone for every command at that moment, and removed when somebody asks for it or by
//! [`Keyspace::expire`], whatever comes first.

pub mod access;
pub(crate) mod address;
pub(crate) mod database;
pub(crate) mod effects;
pub mod entry;
pub(crate) mod eviction;
pub(crate) mod garbage;
pub(crate) mod keys;
pub mod list;
pub mod packed;
pub mod stream;
mod table;
pub mod text;
pub(crate) mod tracking;
pub(crate) mod usage;
pub mod waiters;
pub(crate) mod watchers;

use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use parking_lot::{Mutex, MutexGuard};

use crate::config::{KeyspaceEvents, Settings};
use database::Database;
use effects::{Effects, Outlet};
use entry::{Entry, Value};
use eviction::Candidates;
use garbage::{Disposer, Garbage};
use keys::Keys;
use list::List;
use stream::{Group, Trimmed};
use tracking::Tracking;
use usage::Usage;
use waiters::Waiters;
use watchers::Watchers;

/// The number of a database, from 0.
pub type DatabaseId = u16;

/// Keys that one step of [`Keyspace::expire`] removes at most: it bounds how long commands wait for it.
const EXPIRED_AT_ONCE: usize = 64;

/// Keys that one step of [`Keyspace::sweep`] looks at, about, and how long these are together, in bytes.
const SWEPT_AT_ONCE: usize = 256;
const SWEPT_BYTES_AT_ONCE: usize = 64 * 1024;

/// All keys of a server.
#[derive(Debug)]
pub struct Keyspace {
    state: Arc<Mutex<State>>,
    /// No deadline is before this one, in milliseconds since 1970-01-01.
    first_deadline_ms: AtomicI64,
    /// Whether keys are removed that nobody has asked for: DEBUG SET-ACTIVE-EXPIRE.
    pub(crate) expires_actively: AtomicBool,
    disposer: Disposer,
}

/// What the lock guards.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Those that have been used; the others are empty.
    databases: Vec<Database>,
    pub(crate) effects: Effects,
    pub(crate) waiters: Waiters,
    pub(crate) watchers: Watchers,
    pub(crate) tracking: Tracking,
    pub(crate) counts: Counts,
    /// Chance, where samples and estimates need it.
    pub(crate) random: fastrand::Rng,
    pub(crate) garbage: Garbage,
    candidates: Candidates,
    /// The database from which a random key was evicted last.
    next_evicted: usize,
}

/// What the settings say about keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Which events are published.
    pub(crate) classes: KeyspaceEvents,
    /// How long the name of a channel may be, in bytes.
    pub(crate) channel_limit: Option<u64>,
    /// How use is noted.
    pub(crate) usage: Usage,
}

impl Rules {
    /// As these settings have it.
    pub(crate) fn of(settings: &Settings) -> Self {
        Rules {
            classes: settings.notify_keyspace_events,
            channel_limit: settings.channel_name_max_len.limit(),
            usage: Usage::of(settings),
        }
    }
}

/// What INFO shows of the past.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Look-ups for reading that found their key.
    pub(crate) hits: u64,
    /// Look-ups for reading that did not.
    pub(crate) misses: u64,
    /// Keys removed because their time was over.
    pub(crate) expired: u64,
    /// Keys that had to go because of `maxmemory`.
    pub(crate) evicted: u64,
    /// Changes of keys.
    pub(crate) changes: u64,
}

impl Counts {
    /// CONFIG RESETSTAT
    pub(crate) fn reset(&mut self) {
        *self = Counts { changes: self.changes, ..Counts::default() };
    }
}

impl State {
    /// The database `id`.
    pub(crate) fn database(&mut self, id: DatabaseId) -> &mut Database {
        let index = usize::from(id);
        if index >= self.databases.len() {
            self.databases.resize_with(index + 1, Database::default);
        }
        &mut self.databases[index]
    }

    /// Those that have been used, from the first.
    pub(crate) fn databases(&self) -> &[Database] {
        &self.databases
    }

    /// Exchanges two databases under their clients: those who watch keys of either see them change, those who wait may
    /// find what they want.
    pub(crate) fn swap_databases(&mut self, one: DatabaseId, two: DatabaseId) {
        if one == two {
            return;
        }
        self.database(one.max(two));
        for db in [one, two] {
            let [first, second] = [one, two].map(|db| &self.databases[usize::from(db)]);
            self.watchers.touch_all(db, |key| first.get(key).is_some() || second.get(key).is_some());
        }
        self.databases.swap(usize::from(one), usize::from(two));
        for db in [one, two] {
            let State { databases, waiters, effects, .. } = self;
            let kind = |key: &[u8]| databases[usize::from(db)].get(key).map(|entry| entry.value.kind());
            waiters.feed_all(db, kind).into_iter().for_each(|fed| effects.feed(fed));
        }
    }

    /// Removes all keys of a database.
    pub(crate) fn empty(&mut self, db: DatabaseId) {
        let emptied = std::mem::take(self.database(db));
        self.watchers.touch_all(db, |key| emptied.get(key).is_some());
        self.waiters.unfeed_all(db).into_iter().for_each(|gone| self.effects.feed(gone));
        self.counts.changes += emptied.len() as u64;
        let (extent, bytes) = emptied.estimate();
        self.garbage.add(emptied, extent, bytes);
    }

    /// Throws away a key that was taken out.
    fn discard(&mut self, entry: Entry) {
        let (extent, bytes) = (entry.extent(), entry.estimated_bytes());
        self.garbage.add(entry, extent, bytes);
    }

    /// Throws away a value that was replaced.
    fn discard_value(&mut self, value: Value) {
        let (extent, bytes) = (value.extent(), value.packed_bytes() as u64);
        self.garbage.add(value, extent, bytes);
    }

    /// Throws away elements that were taken out of a list.
    pub(crate) fn discard_elements(&mut self, elements: List) {
        self.discard_value(Value::List(Box::new(elements)));
    }

    /// Throws away entries that were trimmed off a stream.
    pub(crate) fn discard_entries(&mut self, entries: Trimmed) {
        let bytes = entries.packed_bytes();
        let extent = entry::extent(entries.entries as usize, bytes);
        self.garbage.add(entries, extent, bytes as u64);
    }

    /// Throws away a group that was taken out of its stream.
    pub(crate) fn discard_group(&mut self, group: Group) {
        let (extent, bytes) = (group.pending().len() + group.consumers().len(), group.pending_bytes() as u64);
        self.garbage.add(group, extent, bytes);
    }
}

impl Keyspace {
    /// No keys. What is large and thrown away goes to `dispose`, without the lock.
    pub(crate) fn new(dispose: impl Fn(Garbage) + Send + Sync + 'static) -> Self {
        Keyspace {
            state: Arc::default(),
            first_deadline_ms: AtomicI64::new(i64::MAX),
            expires_actively: AtomicBool::new(true),
            disposer: Disposer::new(dispose),
        }
    }

    /// Gives the lock back after a piece of work that may have changed something.
    fn give_back(&self, mut state: impl DerefMut<Target = State>) {
        self.note_new_deadline(&mut state);
        let garbage = state.garbage.take();
        drop(state);
        if let Some(garbage) = garbage {
            self.disposer.dispose(garbage);
        }
    }

    /// Only a deadline that is new can be earlier than what is known.
    fn note_new_deadline(&self, state: &mut State) {
        if let Some(deadline_ms) = state.effects.take_earliest_deadline_ms() {
            self.first_deadline_ms.fetch_min(deadline_ms, Relaxed);
        }
    }

    /// Takes the lock that orders everything that happens to keys.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The same for another thread, which gives it back.
    pub(crate) fn lock_for_another(&self) -> access::Lent {
        self.state.lock_arc()
    }

    /// Says that no deadline is before the first one of `state` any more.
    fn note_deadline(&self, state: &State) {
        let first_ms = state.databases.iter().filter_map(Database::first_deadline_ms).min();
        self.first_deadline_ms.store(first_ms.unwrap_or(i64::MAX), Relaxed);
    }

    /// Drops some of what is remembered of clients that cache keys if these are more than `most` keys, and some places of
    /// clients that wait for keys no more, and answers whether more will have to go.
    pub(crate) fn trim(&self, most: u64, now_ms: i64, rules: Rules, outlet: &mut Outlet<'_, '_>) -> bool {
        let mut state = self.lock();
        let more = state.trim_tracked(most) | state.waiters.clear_some(waiters::CLEARED_AT_ONCE);
        effects::settle(&mut state, now_ms, rules, outlet);
        self.give_back(state);
        more
    }

    /// Looks at some keys of the first database, from `cursor` on, and removes those that have no place here, as `judge` says, which
    /// is asked for once the lock is held. Nobody is told of an event: they are not deleted, they are elsewhere. Answers where to
    /// go on, 0 behind the last, and how many were removed; none if there is nothing to judge by.
    pub(crate) fn sweep<J: Fn(&[u8]) -> bool>(
        &self,
        cursor: u64,
        judge: impl FnOnce() -> Option<J>,
        (now_ms, rules): (i64, Rules),
        outlet: &mut Outlet<'_, '_>,
    ) -> Option<(u64, u64)> {
        let mut state = self.lock();
        let goes = judge()?;
        let (mut next, mut removed, mut looked, mut bytes) = (cursor, 0, 0, 0);
        let mut keys = Keys::new(&mut state, 0, now_ms, rules);
        while looked < SWEPT_AT_ONCE && bytes < SWEPT_BYTES_AT_ONCE {
            let mut going: Vec<Box<[u8]>> = Vec::new();
            next = keys.database().scan(next, |entry| {
                (looked, bytes) = (looked + 1, bytes + entry.key().len());
                if goes(entry.key()) {
                    going.push(entry.key().into());
                }
            });
            for key in going {
                if keys.remove(&key) {
                    keys.touch(&key);
                    removed += 1;
                }
            }
            looked += 1;
            if next == 0 {
                break;
            }
        }
        effects::settle(&mut state, now_ms, rules, outlet);
        self.give_back(state);
        Some((next, removed))
    }

    /// Removes some keys whose time is over at `now_ms`, in milliseconds since 1970-01-01, and answers whether there may
    /// be more. Takes no lock if there are none.
    pub(crate) fn expire(&self, now_ms: i64, rules: Rules, outlet: &mut Outlet<'_, '_>) -> bool {
        if self.first_deadline_ms.load(Relaxed) > now_ms || !self.expires_actively.load(Relaxed) {
            return false;
        }
        let mut state = self.lock();
        let mut left = EXPIRED_AT_ONCE;
        for id in 0..state.databases.len() {
            let mut keys = Keys::new(&mut state, id as DatabaseId, now_ms, rules);
            while left > 0 && keys.expire_first() {
                left -= 1;
            }
        }
        effects::settle(&mut state, now_ms, rules, outlet);
        self.note_deadline(&state);
        self.give_back(state);
        left == 0
    }
}
