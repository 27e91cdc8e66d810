//! Clients that watch keys: WATCH.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::address::{Address, AddressRef};
use super::keys::Keys;
use super::{DatabaseId, State};

/// What a client watches since its first WATCH.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    keys: Vec<Address>,
    bytes: usize,
    /// Whether any of them was changed since.
    touched: Arc<AtomicBool>,
}

/// What a watched key costs beside its name, which is kept twice, in bytes.
const WATCHED_KEY_BYTES: usize = 96;

/// Who watches which key.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    keys: HashMap<Address, Vec<Arc<AtomicBool>>, RandomState>,
}

impl Watchers {
    /// Fails the transactions of those who watch `key`.
    pub(super) fn touch(&self, db: DatabaseId, key: &[u8]) {
        if self.keys.is_empty() {
            return;
        }
        if let Some(watching) = self.keys.get(&AddressRef { db, key }) {
            watching.iter().for_each(|touched| touched.store(true, Relaxed));
        }
    }

    /// Fails the transactions of those who watch a key of `db` for which `changes` answers true.
    pub(crate) fn touch_all(&self, db: DatabaseId, changes: impl Fn(&[u8]) -> bool) {
        let concerned = self.keys.iter().filter(|(of, _)| of.db == db && changes(&of.key));
        concerned.flat_map(|(_, watching)| watching).for_each(|touched| touched.store(true, Relaxed));
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
        if self.keys.iter().any(|watched| watched.db == db && *watched.key == *key) {
            return;
        }
        keys.contains(key);
        let address = Address::new(db, key);
        keys.state.watchers.keys.entry(address.clone()).or_default().push(self.touched.clone());
        self.keys.push(address);
        self.bytes += WATCHED_KEY_BYTES + 2 * key.len();
    }

    /// Ends it, and answers whether any key was changed, or its time is over since.
    pub(crate) fn end(self, state: &mut State, now_ms: i64) -> bool {
        let mut changed = self.touched.load(Relaxed);
        for address in self.keys {
            changed |= state.database(address.db).get(&address.key).is_some_and(|entry| entry.is_due(now_ms));
            if let Some(watching) = state.watchers.keys.get_mut(&address) {
                watching.retain(|touched| !Arc::ptr_eq(touched, &self.touched));
                if watching.is_empty() {
                    state.watchers.keys.remove(&address);
                }
            }
        }
        changed
    }
}
