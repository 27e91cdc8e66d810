//! The table of channels that somebody listens to.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::listeners::Listeners;
use super::name::{self, Name};

/// Into how many parts a table is divided. With a million channels a part has some thousands, so that listing it, or
/// making room in it, holds the hub's lock for less than a millisecond.
pub(crate) const PARTS: usize = 256;

/// A smaller part is not worth shrinking, in entries.
const KEPT_CAPACITY: usize = 8;

/// Channels by name. A channel exists while it has subscribers.
#[derive(Debug)]
pub(super) struct Names {
    parts: Box<[HashTable<(Name, Listeners)>]>,
    len: usize,
}

impl Default for Names {
    fn default() -> Self {
        Names { parts: (0..PARTS).map(|_| HashTable::new()).collect(), len: 0 }
    }
}

impl Names {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Listeners> {
        if self.len == 0 {
            return None;
        }
        let hash = name::hash(name);
        self.parts[part_of(hash)].find(hash, |(held, _)| **held == *name).map(|(_, listeners)| listeners)
    }

    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Listeners> {
        let hash = name::hash(name);
        self.parts[part_of(hash)].find_mut(hash, |(held, _)| **held == *name).map(|(_, listeners)| listeners)
    }

    /// The subscribers of `name`, none at first, and the one copy of the name that all who keep it share.
    pub(super) fn get_or_insert(&mut self, name: &[u8]) -> (&Name, &mut Listeners) {
        let hash = name::hash(name);
        let entry = match self.parts[part_of(hash)].entry(hash, |(held, _)| **held == *name, rehash) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(vacant) => {
                self.len += 1;
                vacant.insert((name.into(), Listeners::default()))
            }
        };
        let (name, listeners) = entry.into_mut();
        (name, listeners)
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        let hash = name::hash(name);
        let part = &mut self.parts[part_of(hash)];
        let Ok(entry) = part.find_entry(hash, |(held, _)| **held == *name) else { return };
        entry.remove();
        self.len -= 1;
        if part.capacity() > KEPT_CAPACITY && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2, rehash);
        }
    }

    /// The names in one part of the table.
    pub(super) fn part(&self, part: usize) -> impl Iterator<Item = &Name> {
        self.parts[part].iter().map(|(name, _)| name)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

fn rehash((name, _): &(Name, Listeners)) -> u64 {
    name::hash(name)
}

/// The part that a name belongs to: by bits of its hash that the tables themselves do not look at first.
fn part_of(hash: u64) -> usize {
    (hash >> 32) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_come_and_go_in_all_parts() {
        let mut names = Names::default();
        let all: Vec<String> = (0..10_000).map(|i| format!("channel:{i}")).collect();
        for name in &all {
            names.get_or_insert(name.as_bytes()).1.join(0, || 0);
        }
        assert_eq!(names.len(), all.len());
        let listed: BTreeSet<Vec<u8>> =
            (0..PARTS).flat_map(|part| names.part(part)).map(|name| name.to_vec()).collect();
        assert_eq!(listed, all.iter().map(|name| name.as_bytes().to_vec()).collect());
        for name in &all {
            assert_eq!(names.get(name.as_bytes()).map(Listeners::total), Some(1));
            names.remove(name.as_bytes());
            names.remove(name.as_bytes());
        }
        assert_eq!(names.len(), 0);
        assert!(names.parts.iter().all(|part| part.is_empty() && part.capacity() <= KEPT_CAPACITY));
    }
}
