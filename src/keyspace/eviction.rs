//! Which keys go when `maxmemory` is reached.
//!
//! Finding the very key that was not used for longest would need an order of all keys, kept with every use. Instead, as in
//! Redis, some keys are sampled, and the best candidates of the last samples are remembered: the more often keys are
//! evicted, the closer that comes to the real order. The key that expires first is known exactly.

use std::time::Duration;

use super::access::KeyAccess;
use super::address::Address;
use super::database::Database;
use super::effects::{self, Outlet};
use super::entry::Entry;
use super::keys::Keys;
use super::usage::Usage;
use super::{DatabaseId, Rules, State};
use crate::clock::Clock;
use crate::config::{EvictionPolicy, KeyspaceEvents, Settings};

/// How many candidates are remembered.
const CANDIDATES: usize = 16;
/// How many keys are looked at to find one with a deadline before the order of deadlines is asked, which prefers keys
/// whose deadlines stand alone.
const LOOKS: usize = 16;

/// Keys that may go, the best last.
#[derive(Debug, Default)]
pub(crate) struct Candidates(Vec<(u64, Address)>);

impl Candidates {
    /// Remembers a key that is the better the higher `score`.
    fn offer(&mut self, score: u64, db: DatabaseId, key: &[u8]) {
        if self.0.iter().any(|(_, known)| known.db == db && *known.key == *key) {
            return;
        }
        let place = self.0.partition_point(|(known, _)| *known <= score);
        if self.0.len() == CANDIDATES {
            if place == 0 {
                return;
            }
            self.0.remove(0);
            self.0.insert(place - 1, (score, Address::new(db, key)));
        } else {
            self.0.insert(place, (score, Address::new(db, key)));
        }
    }
}

/// What became of an attempt to use less memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It is within `maxmemory`.
    Enough,
    /// It is not, but keys have gone, and more will: this took long enough for now.
    Soon,
    /// It is not, and no key may go.
    None,
}

/// How long keys are evicted in one go.
const LONGEST: Duration = Duration::from_micros(500);
/// Keys that are evicted between two looks at the clock.
const AT_ONCE: usize = 16;

/// Evicts keys until the memory in use is within `maxmemory`. Takes no lock if it is. `in_use` answers how many bytes that
/// is, without those that are about to be freed.
pub(crate) fn make_room(
    settings: &Settings,
    clock: &Clock,
    in_use: impl Fn() -> u64,
    keys: &mut KeyAccess<'_>,
    outlet: &mut Outlet<'_, '_>,
) -> Room {
    let Some(limit) = settings.maxmemory.limit().filter(|limit| in_use() > *limit) else {
        return Room::Enough;
    };
    let policy = settings.maxmemory_policy;
    if policy == EvictionPolicy::NoEviction {
        return Room::None;
    }
    let begin = clock.now();
    let (rules, samples) = (Rules::of(settings), settings.maxmemory_samples as usize);
    let (state, now_ms) = keys.hold(begin);
    let mut room = Room::Enough;
    for evicted in 1.. {
        if !evict_one(state, policy, samples, now_ms, rules) {
            room = Room::None;
        } else if in_use().saturating_sub(state.garbage.bytes()) > limit {
            room = Room::Soon;
        } else {
            room = Room::Enough;
        }
        let is_late = evicted % AT_ONCE == 0 && clock.now().since(begin) > LONGEST;
        if room != Room::Soon || is_late {
            break;
        }
    }
    effects::settle(state, now_ms, rules, outlet);
    room
}

/// Evicts one key by `policy`, of which `samples` are looked at; false if there is none that may go.
fn evict_one(state: &mut State, policy: EvictionPolicy, samples: usize, now_ms: i64, rules: Rules) -> bool {
    let Some(Address { db, key }) = choose(state, policy, samples, now_ms, rules.usage) else { return false };
    let mut keys = Keys::new(state, db, now_ms, rules);
    // Its time may have been over meanwhile: then it is gone already.
    if keys.remove(&key) {
        keys.state.counts.evicted += 1;
        keys.changed(KeyspaceEvents::EVICTED, "evicted", &key);
    }
    true
}

fn choose(state: &mut State, policy: EvictionPolicy, samples: usize, now_ms: i64, usage: Usage) -> Option<Address> {
    use EvictionPolicy as Policy;
    match policy {
        Policy::NoEviction => None,
        Policy::AllKeysRandom => random_key(state, |database, random| database.sample(random.u64(..))),
        Policy::VolatileRandom => random_key(state, sample_volatile),
        Policy::VolatileTtl => {
            let firsts = state.databases.iter().enumerate();
            let firsts = firsts.filter_map(|(db, database)| Some((database.first_to_expire()?, db)));
            let first = firsts.min_by_key(|(entry, _)| entry.deadline_ms());
            first.map(|(entry, db)| Address::new(db as DatabaseId, entry.key()))
        }
        Policy::AllKeysLru | Policy::AllKeysLfu => {
            best(state, samples, now_ms, usage, |database, random| database.sample(random.u64(..)))
        }
        Policy::VolatileLru | Policy::VolatileLfu => best(state, samples, now_ms, usage, sample_volatile),
    }
}

/// A key that chance chooses: from one database after the other, so that none is preferred.
fn random_key(
    state: &mut State,
    sample: impl for<'d> Fn(&'d Database, &mut fastrand::Rng) -> Option<&'d Entry>,
) -> Option<Address> {
    let State { databases, random, next_evicted, .. } = state;
    for _ in 0..databases.len() {
        *next_evicted = (*next_evicted + 1) % databases.len();
        if let Some(entry) = sample(&databases[*next_evicted], random) {
            return Some(Address::new(*next_evicted as DatabaseId, entry.key()));
        }
    }
    None
}

/// The best candidate after another sample of each database.
fn best(
    state: &mut State,
    samples: usize,
    now_ms: i64,
    usage: Usage,
    sample: impl for<'d> Fn(&'d Database, &mut fastrand::Rng) -> Option<&'d Entry>,
) -> Option<Address> {
    let State { databases, random, candidates, .. } = state;
    let score = |entry: &Entry| match usage {
        Usage::Recency => u64::from(Usage::idle_seconds(entry.usage, now_ms)),
        Usage::Frequency { .. } => u64::from(u8::MAX - usage.frequency(entry.usage, now_ms)),
    };
    loop {
        let mut found = false;
        for (db, database) in databases.iter().enumerate() {
            for _ in 0..samples.min(database.len()) {
                let Some(entry) = sample(database, random) else { break };
                candidates.offer(score(entry), db as DatabaseId, entry.key());
                found = true;
            }
        }
        while let Some((_, address)) = candidates.0.pop() {
            // It may have gone since it was remembered.
            if databases[usize::from(address.db)].get(&address.key).is_some() {
                return Some(address);
            }
        }
        if !found {
            return None;
        }
    }
}

/// A key with a deadline, each about as likely as any other where many keys have one.
fn sample_volatile<'d>(database: &'d Database, random: &mut fastrand::Rng) -> Option<&'d Entry> {
    if database.expiring() == 0 {
        return None;
    }
    let mut looks = (0..LOOKS).filter_map(|_| database.sample(random.u64(..)));
    let found = looks.find(|entry| entry.deadline_ms().is_some());
    found.or_else(|| database.sample_expiring(random.u64(..)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::entry::Value;
    use crate::keyspace::text::Text;

    const RULES: Rules = Rules { classes: KeyspaceEvents::GENERIC, channel_limit: None, usage: Usage::Recency };
    const COUNTING: Rules = Rules { usage: Usage::Frequency { log_factor: 0, decay_minutes: 0 }, ..RULES };

    /// Keys 0 to 99 of database 0, each used a second after the one before, and a deadline for every even one: the later
    /// the key, the sooner.
    fn hundred(rules: Rules) -> State {
        let mut state = State { random: fastrand::Rng::with_seed(1), ..State::default() };
        for i in 0..100 {
            let mut keys = Keys::new(&mut state, 0, i * 1000, rules);
            let key = i.to_string();
            keys.add(key.as_bytes(), Value::Text(Text::Integer(i)));
            if i % 2 == 0 {
                keys.set_deadline(key.as_bytes(), Some(1_000_000 - i));
            }
            for _ in 0..i {
                keys.get(key.as_bytes());
            }
        }
        state
    }

    /// The keys that are left after `count` were evicted.
    fn left(rules: Rules, policy: EvictionPolicy, count: usize) -> Vec<usize> {
        let mut state = hundred(rules);
        for _ in 0..count {
            assert!(evict_one(&mut state, policy, 10, 100_000, rules));
        }
        assert_eq!(state.counts.evicted, count as u64);
        let keys = state.databases[0].iter().map(|entry| String::from_utf8_lossy(entry.key()).parse());
        let mut left: Vec<usize> = keys.map(|key| key.expect("all keys are numbers")).collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn keys_that_are_used_little_or_long_ago_go_first() {
        for (rules, policy) in [(RULES, EvictionPolicy::AllKeysLru), (COUNTING, EvictionPolicy::AllKeysLfu)] {
            let left = left(rules, policy, 50);
            let young = left.iter().filter(|key| **key >= 50).count();
            assert!(young >= 45, "{policy:?}: {left:?}");
        }
    }

    #[test]
    fn volatile_policies_touch_no_key_without_a_deadline() {
        for (rules, policy) in [
            (RULES, EvictionPolicy::VolatileLru),
            (COUNTING, EvictionPolicy::VolatileLfu),
            (RULES, EvictionPolicy::VolatileRandom),
            (RULES, EvictionPolicy::VolatileTtl),
        ] {
            let left = left(rules, policy, 50);
            assert!(left.iter().all(|key| key % 2 == 1), "{policy:?}: {left:?}");
        }
        assert!(!evict_one(&mut State::default(), EvictionPolicy::VolatileLru, 5, 0, RULES));
    }

    #[test]
    fn the_key_that_expires_first_goes_first() {
        let left = left(RULES, EvictionPolicy::VolatileTtl, 5);
        assert!([90, 92, 94, 96, 98].iter().all(|key| !left.contains(key)), "{left:?}");
    }

    #[test]
    fn chance_takes_keys_of_every_database() {
        let mut state = hundred(RULES);
        for key in [b"a", b"b"] {
            Keys::new(&mut state, 3, 0, RULES).add(key, Value::Text(Text::Integer(1)));
        }
        for _ in 0..20 {
            assert!(evict_one(&mut state, EvictionPolicy::AllKeysRandom, 5, 0, RULES));
        }
        assert_eq!((state.databases[3].len(), state.databases[0].len()), (0, 82));
    }
}
