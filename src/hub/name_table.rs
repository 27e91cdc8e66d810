//! A table of names that grows in parts, so that nobody waits until a large one has been laid out anew.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::name::{self, Name};

/// Into how many parts a table is divided. With a million names a part has some thousands, so that listing it, or making
/// room in it, takes less than a millisecond.
pub(crate) const PARTS: usize = 256;
/// So many entries are all in one part where that is not divided from the beginning.
const MOST_IN_ONE: usize = 2048;
/// A smaller part is not worth shrinking, in entries.
const KEPT_CAPACITY: usize = 8;

type Part<T> = HashTable<(Name, T)>;

/// Entries by name.
#[derive(Debug)]
pub(crate) struct NameTable<T> {
    parts: Parts<T>,
    len: usize,
}

#[derive(Debug)]
enum Parts<T> {
    One(Part<T>),
    All(Box<[Part<T>]>),
}

impl<T> Parts<T> {
    fn all() -> Self {
        Parts::All((0..PARTS).map(|_| HashTable::new()).collect())
    }

    fn as_slice(&self) -> &[Part<T>] {
        match self {
            Parts::One(part) => std::slice::from_ref(part),
            Parts::All(parts) => parts,
        }
    }

    /// The part of names with this hash: by bits that the tables themselves do not look at first.
    fn of(&self, hash: u64) -> &Part<T> {
        match self {
            Parts::One(part) => part,
            Parts::All(parts) => &parts[(hash >> 32) as usize % PARTS],
        }
    }

    fn of_mut(&mut self, hash: u64) -> &mut Part<T> {
        match self {
            Parts::One(part) => part,
            Parts::All(parts) => &mut parts[(hash >> 32) as usize % PARTS],
        }
    }
}

/// Of a few entries, at first: it is divided when they are many.
impl<T> Default for NameTable<T> {
    fn default() -> Self {
        NameTable { parts: Parts::One(HashTable::new()), len: 0 }
    }
}

impl<T> NameTable<T> {
    /// One that is divided from the beginning, so that its parts can be listed while it changes.
    pub(crate) fn divided() -> Self {
        NameTable { parts: Parts::all(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry of `name`.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let hash = name::hash(name);
        self.parts.of(hash).find(hash, |(held, _)| **held == *name).map(|(_, entry)| entry)
    }

    /// The entry of `name`.
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        let hash = name::hash(name);
        self.parts.of_mut(hash).find_mut(hash, |(held, _)| **held == *name).map(|(_, entry)| entry)
    }

    /// The entry of `name`, made anew if there is none, and the one copy of the name that all who keep it share.
    pub(crate) fn get_or_insert(&mut self, name: &[u8], new: impl FnOnce() -> (Name, T)) -> (&Name, &mut T) {
        if self.len >= MOST_IN_ONE
            && let Parts::One(part) = &mut self.parts
        {
            let one = std::mem::take(part);
            self.parts = Parts::all();
            one.into_iter().for_each(|entry| {
                let hash = name::hash(&entry.0);
                self.parts.of_mut(hash).insert_unique(hash, entry, rehash);
            });
        }
        let hash = name::hash(name);
        let entry = match self.parts.of_mut(hash).entry(hash, |(held, _)| **held == *name, rehash) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(vacant) => {
                self.len += 1;
                vacant.insert(new())
            }
        };
        let (name, entry) = entry.into_mut();
        (name, entry)
    }

    /// Takes the entry of `name` out. A part's memory goes with its entries.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<T> {
        let hash = name::hash(name);
        let part = self.parts.of_mut(hash);
        let ((_, removed), _) = part.find_entry(hash, |(held, _)| **held == *name).ok()?.remove();
        self.len -= 1;
        if part.is_empty() {
            *part = HashTable::new();
        } else if part.capacity() > KEPT_CAPACITY && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2, rehash);
        }
        Some(removed)
    }

    /// The names in one of [`PARTS`] parts of a table that is divided, or in the only part of one that is not; none behind the
    /// last. Who lists one part after the other while the table changes misses no name that is there all the time.
    pub(crate) fn part(&self, part: usize) -> Option<impl Iterator<Item = &Name>> {
        Some(self.entries(part)?.map(|(name, _)| name))
    }

    /// The same with what there is at each name.
    pub(super) fn entries(&self, part: usize) -> Option<impl Iterator<Item = (&Name, &T)>> {
        Some(self.parts.as_slice().get(part)?.iter().map(|(name, entry)| (name, entry)))
    }

    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.parts.as_slice().iter().flatten().map(|(name, _)| name)
    }
}

fn rehash<T>((name, _): &(Name, T)) -> u64 {
    name::hash(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn channel(number: usize) -> Vec<u8> {
        format!("channel:{number}").into_bytes()
    }

    fn add(table: &mut NameTable<usize>, number: usize) {
        let name = channel(number);
        let (held, entry) = table.get_or_insert(&name, || (name.as_slice().into(), number));
        assert_eq!((&**held, *entry), (name.as_slice(), number));
    }

    #[test]
    fn names_come_and_go_in_all_parts() {
        for mut table in [NameTable::default(), NameTable::divided()] {
            for number in 0..10_000 {
                add(&mut table, number);
                add(&mut table, number / 2);
                assert_eq!(table.get(&channel(number / 3)), Some(&(number / 3)));
            }
            assert_eq!(table.len(), 10_000);
            let listed: BTreeSet<Vec<u8>> = table.names().map(|name| name.to_vec()).collect();
            assert_eq!(listed, (0..10_000).map(channel).collect());
            assert!(
                listed.iter().eq(&(0..PARTS)
                    .flat_map(|part| table.part(part).into_iter().flatten())
                    .map(|name| name.to_vec())
                    .collect::<BTreeSet<_>>())
            );
            for number in 0..10_000 {
                *table.get_mut(&channel(number)).expect("it is there") += 1;
                assert_eq!(table.remove(&channel(number)), Some(number + 1));
                assert_eq!(table.remove(&channel(number)), None);
            }
            assert!(table.is_empty());
            assert!(table.parts.as_slice().iter().all(|part| part.capacity() == 0));
        }
    }

    #[test]
    fn no_part_of_a_large_table_is_large() {
        let mut table = NameTable::default();
        (0..100_000).for_each(|number| add(&mut table, number));
        let largest = table.parts.as_slice().iter().map(HashTable::capacity).max();
        assert!(largest <= Some(1024), "{largest:?} entries are laid out anew at once");
    }
}
