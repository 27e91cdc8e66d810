//! The table of one database's entries: extendible hashing.
//!
//! A directory leads from the first bits of a key's hash to a bucket of up to 32 entries. A full bucket is split in two by
//! the next bit, and emptied neighbours are joined, so the table grows and shrinks by a few entries at a time, and so does
//! what leads to them: no command waits until a large table has been laid out anew. A bucket holds exactly the keys of one range of hashes, whatever was
//! split or joined meanwhile, so a position in the order of hashes is a cursor that loses no key that stays (SCAN).
//!
//! Source: R. Fagin et al., "Extendible hashing", ACM TODS 4 (1979).

mod buckets;
mod directory;

use std::cell::Cell;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::entry::Entry;
use buckets::Buckets;
use directory::{Directory, prefix};

/// Entries in one bucket at most.
const BUCKET: usize = 32;
/// Neighbours that have together no more than this are joined.
const SPARSE: usize = BUCKET / 3;
/// From so many entries on a bucket is expected to be full some time.
const NEARLY_FULL: usize = BUCKET / 4 * 3;
/// By how much a bucket's memory grows, in entries.
const STEP: usize = 4;
/// The longest part of a hash that tells buckets apart, in bits: it bounds cursors, too.
const MAX_DEPTH: u32 = 48;

/// Entries whose hashes begin with the same bits.
#[derive(Debug, Default)]
struct Bucket {
    /// How many bits they share.
    depth: u8,
    /// The last byte of each entry's hash, so that most look-ups touch one entry only.
    tags: [u8; BUCKET],
    entries: Vec<Entry>,
    /// Behind it where it is not in use.
    next_spare: Option<u32>,
}

impl Bucket {
    fn position(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let tags = &self.tags[..self.entries.len()];
        memchr::memchr_iter(hash as u8, tags).find(|i| self.entries[*i].key() == key)
    }

    fn push(&mut self, hash: u64, entry: Entry) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(STEP);
        }
        self.tags[self.entries.len()] = hash as u8;
        self.entries.push(entry);
    }

    fn remove(&mut self, i: usize) -> Entry {
        self.tags[i] = self.tags[self.entries.len() - 1];
        let entry = self.entries.swap_remove(i);
        if self.entries.capacity() - self.entries.len() > 2 * STEP {
            self.entries.shrink_to(self.entries.len() + STEP);
        }
        entry
    }
}

/// Where an entry lies; valid until the table changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    bucket: u32,
    index: u32,
}

/// Entries by their keys.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Where the last look-up ended: most commands look for the same key several times. None after every change.
    last: Cell<Option<Place>>,
    hasher: RandomState,
    directory: Directory,
    buckets: Buckets,
    len: usize,
}

impl Table {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The hash of `key` in this table.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Where the entry of `key` lies.
    pub(super) fn find(&self, key: &[u8]) -> Option<Place> {
        if let Some(last) = self.last.get().filter(|last| self.at(*last).key() == key) {
            return Some(last);
        }
        if self.len == 0 {
            return None;
        }
        let hash = self.hash(key);
        let bucket = self.bucket_of(hash);
        let index = self.buckets.get(bucket).position(hash, key)?;
        let found = Some(Place { bucket, index: index as u32 });
        self.last.set(found);
        found
    }

    /// The entries with this hash: one, unless a hash is shared.
    pub(super) fn with_hash(&self, hash: u64) -> impl Iterator<Item = &Entry> {
        let bucket = (self.len > 0).then(|| self.buckets.get(self.bucket_of(hash)));
        bucket.into_iter().flat_map(|bucket| &bucket.entries).filter(move |entry| self.hash(entry.key()) == hash)
    }

    /// The entry at `place`.
    pub(super) fn at(&self, place: Place) -> &Entry {
        &self.buckets.get(place.bucket).entries[place.index as usize]
    }

    /// The entry at `place`.
    pub(super) fn at_mut(&mut self, place: Place) -> &mut Entry {
        &mut self.buckets.get_mut(place.bucket).entries[place.index as usize]
    }

    /// Adds an entry whose key has none yet.
    pub(super) fn insert(&mut self, entry: Entry) -> Place {
        self.last.set(None);
        if self.directory.is_empty() {
            let first = self.buckets.add();
            self.directory.begin(first);
        }
        let hash = self.hash(entry.key());
        let mut bucket = self.bucket_of(hash);
        while self.buckets.get(bucket).entries.len() == BUCKET {
            self.split(bucket, hash);
            bucket = self.bucket_of(hash);
        }
        self.len += 1;
        let entries = self.buckets.get_mut(bucket);
        entries.push(hash, entry);
        let count = entries.entries.len();
        if count >= NEARLY_FULL {
            self.directory.expect_split(u32::from(entries.depth));
        }
        self.directory.go_on();
        Place { bucket, index: count as u32 - 1 }
    }

    /// Takes the entry at `place` out.
    pub(super) fn remove(&mut self, place: Place) -> Entry {
        self.last.set(None);
        let entry = self.buckets.get_mut(place.bucket).remove(place.index as usize);
        self.len -= 1;
        if self.len == 0 {
            *self = Table { hasher: self.hasher.clone(), ..Table::default() };
        } else {
            let hash = self.hash(entry.key());
            while self.join(hash) {}
            self.directory.go_on();
        }
        entry
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(|bucket| &bucket.entries)
    }

    /// Shows the entries of the bucket at `cursor`, those ahead of it left out, and answers where the next bucket begins:
    /// 0 behind the last. Whoever begins at 0 and goes on until 0 has been shown every entry that was there all the time.
    pub(super) fn scan<'t>(&'t self, cursor: u64, mut show: impl FnMut(&'t Entry)) -> u64 {
        if self.len == 0 || cursor >> MAX_DEPTH > 0 {
            return 0;
        }
        let first = cursor << (64 - MAX_DEPTH);
        let bucket = self.buckets.get(self.bucket_of(first));
        for entry in &bucket.entries {
            if self.hash(entry.key()) >= first {
                show(entry);
            }
        }
        let size = 1 << (MAX_DEPTH - u32::from(bucket.depth));
        let next = (cursor / size + 1) * size;
        if next >> MAX_DEPTH > 0 { 0 } else { next }
    }

    /// An entry that `random` chooses, each about as likely as any other; none if there are none.
    pub(super) fn sample(&self, random: u64) -> Option<&Entry> {
        let count = self.buckets.len() as u32;
        let start = self.bucket_of(random).min(count);
        let bucket = (start..count).chain(0..start).map(|bucket| self.buckets.get(bucket));
        let bucket = bucket.into_iter().find(|bucket| !bucket.entries.is_empty())?;
        bucket.entries.get(random as u32 as usize % bucket.entries.len())
    }

    fn bucket_of(&self, hash: u64) -> u32 {
        self.directory.bucket_of(hash)
    }

    /// Divides a full bucket by the next bit of its hashes; `hash` is one of its range.
    fn split(&mut self, full: u32, hash: u64) {
        let depth = u32::from(self.buckets.get(full).depth);
        assert!(depth < MAX_DEPTH, "seeded hashes do not agree in so many bits");
        let upper = self.buckets.add();
        let entries = std::mem::take(&mut self.buckets.get_mut(full).entries);
        for bucket in [full, upper] {
            let bucket = self.buckets.get_mut(bucket);
            bucket.depth = depth as u8 + 1;
            bucket.entries.reserve_exact(BUCKET / 2 + STEP);
        }
        for entry in entries {
            let hash = self.hash(entry.key());
            let bucket = if hash << depth >> 63 == 0 { full } else { upper };
            self.buckets.get_mut(bucket).push(hash, entry);
        }
        self.directory.divided(hash, depth, upper);
    }

    /// Joins the bucket of `hash` with its neighbour if both are nearly empty; false if not.
    fn join(&mut self, hash: u64) -> bool {
        let bucket = self.bucket_of(hash);
        let depth = u32::from(self.buckets.get(bucket).depth);
        if depth == 0 {
            return false;
        }
        let neighbour = self.directory.bucket_at(prefix(hash, depth) ^ 1, depth);
        let [one, two] = [bucket, neighbour].map(|bucket| self.buckets.get(bucket));
        if one.depth != two.depth || one.entries.len() + two.entries.len() > SPARSE {
            return false;
        }
        for entry in std::mem::take(&mut self.buckets.get_mut(neighbour).entries) {
            let hash = self.hash(entry.key());
            self.buckets.get_mut(bucket).push(hash, entry);
        }
        self.buckets.get_mut(bucket).depth -= 1;
        self.buckets.free(neighbour);
        self.directory.joined(hash, depth, bucket);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keyspace::entry::Value;
    use crate::keyspace::text::Text;

    fn key(i: u64) -> Vec<u8> {
        format!("key:{i}").into_bytes()
    }

    fn add(table: &mut Table, i: u64) {
        table.insert(Entry::new(&key(i), Value::Text(Text::Integer(i as i64)), 0));
    }

    fn drop_key(table: &mut Table, i: u64) {
        let place = table.find(&key(i)).expect("it was added");
        assert_eq!(table.remove(place).key(), key(i));
    }

    fn scanned(table: &Table, cursor: &mut u64, keys: &mut BTreeSet<Vec<u8>>) -> bool {
        *cursor = table.scan(*cursor, |entry| assert!(keys.insert(entry.key().to_vec()), "shown twice"));
        *cursor != 0
    }

    #[test]
    fn every_key_is_found_while_the_table_grows_and_shrinks() {
        let mut table = Table::default();
        for i in 0..20_000 {
            add(&mut table, i);
            assert!(table.find(&key(i / 2)).is_some());
        }
        assert_eq!(table.iter().count(), 20_000);
        for i in 0..19_990 {
            drop_key(&mut table, i);
            assert!(table.find(&key(i)).is_none());
            assert!(table.find(&key(19_990 + i % 10)).is_some());
        }
        assert_eq!((table.len(), table.directory.depth(), table.directory.len()), (10, 0, 1));
        assert_eq!(table.iter().count(), 10);
    }

    #[test]
    fn no_change_of_a_large_table_lays_out_more_than_a_few_places_anew() {
        let mut table = Table::default();
        let mut most = 0;
        let mut made = |table: &mut Table, change: fn(&mut Table, u64), i| {
            let before = table.directory.made;
            change(table, i);
            most = most.max(table.directory.made - before);
        };
        (0..150_000).for_each(|i| made(&mut table, add, i));
        let grown = table.directory.len();
        (0..149_900).for_each(|i| made(&mut table, drop_key, i));
        assert!(grown > 8_000 && table.directory.len() <= 64, "{grown} to {}", table.directory.len());
        assert!(most <= 64, "{most} places");
        assert!((149_900..150_000).all(|i| table.find(&key(i)).is_some()));
    }

    #[test]
    fn a_key_is_looked_for_anew_after_every_change() {
        let mut table = Table::default();
        (0..40).for_each(|i| add(&mut table, i));
        assert!(table.find(&key(39)).is_some() && table.last.get().is_some());
        // The last entry of a bucket takes the place of one that goes.
        for i in 0..40 {
            assert!(table.find(&key(39 - i)).is_some());
            drop_key(&mut table, 39 - i);
            assert!(table.last.get().is_none() && table.find(&key(39 - i)).is_none());
            add(&mut table, 100 + i);
            assert!(table.last.get().is_none() && table.find(&key(100 + i)).is_some());
        }
    }

    #[test]
    fn a_scan_shows_every_key_that_stays_once_whatever_happens_meanwhile() {
        for (before, meanwhile) in [(5_000, 40_000), (40_000, 5_000), (0, 100)] {
            let mut table = Table::default();
            (0..1000 + before).for_each(|i| add(&mut table, i));
            let mut shown = BTreeSet::new();
            let (mut cursor, mut round) = (0, 0);
            while scanned(&table, &mut cursor, &mut shown) {
                for i in round * 100..(round + 1) * 100 {
                    if i < before {
                        drop_key(&mut table, 1000 + i);
                    }
                    if i < meanwhile {
                        add(&mut table, 1_000_000 + i);
                    }
                }
                round += 1;
            }
            assert!((0..1000).all(|i| shown.contains(&key(i))));
        }
    }

    #[test]
    fn a_sample_can_be_any_entry() {
        let mut table = Table::default();
        assert!(table.sample(7).is_none());
        (0..500).for_each(|i| add(&mut table, i));
        let mut random = fastrand::Rng::with_seed(7);
        let sampled: BTreeSet<_> =
            (0..20_000).filter_map(|_| table.sample(random.u64(..))).map(|entry| entry.key().to_vec()).collect();
        assert_eq!(sampled.len(), 500);
    }

    #[test]
    fn a_cursor_that_no_scan_answered_ends_the_scan_or_goes_on_from_there() {
        let mut table = Table::default();
        (0..100).for_each(|i| add(&mut table, i));
        assert_eq!(table.scan(u64::MAX, |_| panic!("beyond the last")), 0);
        assert_eq!(table.scan((1 << MAX_DEPTH) - 1, |_| ()), 0);
    }
}
