//! The table of channels that somebody listens to.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::listeners::Listeners;
use super::name::{self, Name};

/// A smaller table is not worth shrinking, in entries.
const KEPT_CAPACITY: usize = 1024;

/// Channels by name. A channel exists while it has subscribers.
#[derive(Debug, Default)]
pub(super) struct Names {
    table: HashTable<(Name, Listeners)>,
}

impl Names {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Listeners> {
        if self.table.is_empty() {
            return None;
        }
        self.table.find(name::hash(name), |(held, _)| **held == *name).map(|(_, listeners)| listeners)
    }

    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Listeners> {
        self.table.find_mut(name::hash(name), |(held, _)| **held == *name).map(|(_, listeners)| listeners)
    }

    /// The subscribers of `name`, none at first, and the one copy of the name that all who keep it share.
    pub(super) fn get_or_insert(&mut self, name: &[u8]) -> (&Name, &mut Listeners) {
        let entry = match self.table.entry(name::hash(name), |(held, _)| **held == *name, rehash) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(vacant) => vacant.insert((name.into(), Listeners::default())),
        };
        let (name, listeners) = entry.into_mut();
        (name, listeners)
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        if let Ok(entry) = self.table.find_entry(name::hash(name), |(held, _)| **held == *name) {
            entry.remove();
        }
        let (len, capacity) = (self.table.len(), self.table.capacity());
        if capacity > KEPT_CAPACITY && len < capacity / 8 {
            self.table.shrink_to(len * 2, rehash);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.table.iter().map(|(name, _)| &**name)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

fn rehash((name, _): &(Name, Listeners)) -> u64 {
    name::hash(name)
}
