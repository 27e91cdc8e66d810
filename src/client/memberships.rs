//! What one client listens to, of one kind, and where its worker keeps it for each name.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::hub::name::{self, Name};
use crate::ids::Slot;

/// A client's place in a list of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) slot: Slot,
    pub(crate) index: u32,
}

/// The names a client listens to, of one kind.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    table: HashTable<(Name, Membership)>,
}

impl Memberships {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn contains(&self, name: &[u8]) -> bool {
        !self.table.is_empty() && self.table.find(name::hash(name), |(held, _)| **held == *name).is_some()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.table.iter().map(|(name, _)| name)
    }

    /// Adds a name, or moves it.
    pub(crate) fn insert(&mut self, name: Name, membership: Membership) {
        match self.table.entry(name::hash(&name), |(held, _)| **held == *name, rehash) {
            Entry::Occupied(mut entry) => entry.get_mut().1 = membership,
            Entry::Vacant(vacant) => drop(vacant.insert((name, membership))),
        }
    }

    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Membership> {
        self.table.find_mut(name::hash(name), |(held, _)| **held == *name).map(|(_, membership)| membership)
    }

    /// Takes a name out. The table's memory goes with the last one.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Membership> {
        let entry = self.table.find_entry(name::hash(name), |(held, _)| **held == *name).ok()?;
        let ((_, membership), _) = entry.remove();
        if self.table.is_empty() {
            self.table = HashTable::new();
        }
        Some(membership)
    }
}

fn rehash((name, _): &(Name, Membership)) -> u64 {
    name::hash(name)
}
