//! Clients that watch keys: WATCH.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet, hash_set};

use super::address::{Address, AddressRef};
use super::entry::Entry;
use super::keys::Keys;
use super::{DatabaseId, State};

/// What a client watches since its first WATCH.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    keys: HashSet<Address, RandomState>,
    bytes: usize,
    /// When the first of them expires, in milliseconds since 1970-01-01, if none is changed before.
    first_deadline_ms: Option<i64>,
    /// Whether any of them was changed since.
    touched: Arc<AtomicBool>,
}

/// What a watched key costs beside its name, which is kept twice, in bytes.
const WATCHED_KEY_BYTES: usize = 96;

/// Who watches which key and has not been told of a change yet: one is enough, so a write costs nothing for those who have
/// been.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    /// The watches of each key by their places in memory, so that one of many is found fast.
    keys: HashMap<Address, Vec<Arc<AtomicBool>>, RandomState>,
}

/// Where a watch stands among others.
fn place(watching: &[Arc<AtomicBool>], touched: &Arc<AtomicBool>) -> Result<usize, usize> {
    watching.binary_search_by_key(&Arc::as_ptr(touched), Arc::as_ptr)
}

impl Watchers {
    /// Fails the transactions of those who watch `key`.
    pub(super) fn touch(&mut self, db: DatabaseId, key: &[u8]) {
        if self.keys.is_empty() {
            return;
        }
        if let Some(watching) = self.keys.remove(&AddressRef { db, key }) {
            watching.iter().for_each(|touched| touched.store(true, Relaxed));
        }
    }

    /// Fails the transactions of those who watch a key of `db` for which `changes` answers true.
    pub(crate) fn touch_all(&mut self, db: DatabaseId, changes: impl Fn(&[u8]) -> bool) {
        let concerned = self.keys.extract_if(|of, _| of.db == db && changes(&of.key));
        concerned.flat_map(|(_, watching)| watching).for_each(|touched| touched.store(true, Relaxed));
    }

    /// How many keys somebody watches who has not been told of a change.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Watch {
    /// How many keys it watches.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// What it occupies, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// Watches one more key from now on. If its time is over it is removed first: that is no change any more.
    pub(crate) fn add(&mut self, keys: &mut Keys<'_>, key: &[u8]) {
        let db = keys.db;
        if self.keys.contains(&AddressRef { db, key }) {
            return;
        }
        keys.contains(key);
        let deadline_ms = keys.state.database(db).get(key).and_then(Entry::deadline_ms);
        self.first_deadline_ms = self.first_deadline_ms.into_iter().chain(deadline_ms).min();
        let address = Address::new(db, key);
        let watching = keys.state.watchers.keys.entry(address.clone()).or_default();
        if let Err(place) = place(watching, &self.touched) {
            watching.insert(place, self.touched.clone());
        }
        self.keys.insert(address);
        self.bytes += WATCHED_KEY_BYTES + 2 * key.len();
    }

    /// Whether any key was changed, or its time is over since. Asked under the keys' lock.
    pub(crate) fn has_changed(&self, now_ms: i64) -> bool {
        self.touched.load(Relaxed) || self.first_deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms)
    }

    /// Ends it at once.
    pub(crate) fn end(self, state: &mut State) {
        self.ending().go_on(state, usize::MAX);
    }

    /// Ends it in parts.
    pub(crate) fn ending(self) -> Ending {
        Ending { keys: self.keys.into_iter(), touched: self.touched }
    }
}

/// A watch that is being ended.
#[derive(Debug)]
pub(crate) struct Ending {
    keys: hash_set::IntoIter<Address>,
    touched: Arc<AtomicBool>,
}

impl Ending {
    /// Lets go of up to `most` keys; whether there are others.
    pub(crate) fn go_on(&mut self, state: &mut State, most: usize) -> bool {
        for address in self.keys.by_ref().take(most) {
            let Some(watching) = state.watchers.keys.get_mut(&address) else { continue };
            if let Ok(place) = place(watching, &self.touched) {
                watching.remove(place);
            }
            if watching.is_empty() {
                state.watchers.keys.remove(&address);
            }
        }
        self.keys.len() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KeyspaceEvents;
    use crate::keyspace::Rules;
    use crate::keyspace::usage::Usage;

    const RULES: Rules = Rules { classes: KeyspaceEvents::GENERIC, usage: Usage::Recency, channel_limit: None };

    fn watching(state: &mut State, keys: impl Iterator<Item = usize>) -> Watch {
        let (mut watch, mut all) = (Watch::default(), Keys::new(state, 0, 0, RULES));
        keys.for_each(|key| watch.add(&mut all, key.to_string().as_bytes()));
        watch
    }

    #[test]
    fn a_key_that_has_changed_is_not_looked_for_again() {
        let mut state = State::default();
        let watches: Vec<Watch> = (0..100).map(|_| watching(&mut state, 0..3)).collect();
        let other = watching(&mut state, 2..4);
        state.watchers.touch(0, b"1");
        assert_eq!(state.watchers.keys[&AddressRef { db: 0, key: b"2" }].len(), 101);
        assert_eq!(state.watchers.len(), 3, "who has been told is told nothing more");
        assert!(watches.iter().all(|watch| watch.has_changed(0)) && !other.has_changed(0));
        watches.into_iter().chain([other]).for_each(|watch| watch.end(&mut state));
        assert_eq!(state.watchers.len(), 0);
    }

    #[test]
    fn keys_that_are_watched_twice_are_there_once() {
        let mut state = State::default();
        let watch = watching(&mut state, (0..10).chain(5..15));
        assert_eq!((watch.len(), state.watchers.len()), (15, 15));
        state.watchers.touch_all(0, |key| key.len() == 2);
        assert_eq!(state.watchers.len(), 10);
        state.watchers.touch_all(1, |_| true);
        assert_eq!(state.watchers.len(), 10);
        assert!(watch.has_changed(0));
        watch.end(&mut state);
        assert_eq!(state.watchers.len(), 0);
    }
}
