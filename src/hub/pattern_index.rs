//! All subscribed patterns, found by the channels that they match.
//!
//! # Structure
//!
//! A trie over the tokens of the patterns (see [`crate::pattern`]). Patterns share what they begin with; a pattern
//! whose remainder nobody shares is one entry that hangs directly on the last shared node, and its remainder is matched
//! from its own bytes. So 100,000 patterns of one shape have few nodes beside their entries, and those that cannot match
//! are left aside together, at the first byte that differs.
//!
//! A channel is matched by walking the trie with all possibilities at once. Behind a star everything is tried at every
//! later position of the channel, and a star is entered once in a walk: the first position at which it is reached
//! includes all later ones. Between two stars every token takes one byte, so a node is visited at most once for each
//! position.
//!
//! # Limits
//!
//! - Matching takes time in proportion to what of the patterns is found in the channel. It never takes more than
//!   `channel.len()` times the bytes of all patterns, which only patterns that begin like the channel in as many
//!   different ways can cause.
//! - Inserting and removing take time in proportion to the pattern's length (and to the length of one pattern that
//!   begins like it).
//! - Beside its bytes and its value a pattern takes 50 to 120 bytes. No set of patterns takes more than a node
//!   for each token.
//! - Matching allocates nothing once the work lists have grown; they keep at most [`KEPT_WORK`] places between walks.
//!
//! Memory for bytes and edges returns with each removal, the tables' when few patterns are left.

mod insert;
mod node;
mod sets;
#[cfg(test)]
mod tests;
mod walk;

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use node::{Link, Node};
use slab::Slab;
use walk::Work;

/// One value for each unique pattern, and the patterns that match a channel in time that does not depend on the others.
///
/// Patterns are unique by their bytes: `a` and `\a` mean the same and are two.
#[derive(Debug)]
pub struct PatternIndex<V> {
    /// Entries by the bytes of their pattern.
    keys: HashTable<u32>,
    hasher: RandomState,
    entries: Slab<Entry<V>>,
    /// The trie; its root is never removed.
    nodes: Slab<Node>,
    /// The number of the current walk, by which stars and entries know whether it has been there.
    walk: u32,
    work: Work,
}

impl<V> PatternIndex<V> {
    /// An index without patterns.
    pub fn new() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::default());
        debug_assert_eq!(root, ROOT);
        PatternIndex {
            keys: HashTable::new(),
            hasher: RandomState::default(),
            entries: Slab::new(),
            nodes,
            walk: 0,
            work: Work::default(),
        }
    }

    /// How many unique patterns there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of exactly this pattern.
    pub fn get(&self, pattern: &[u8]) -> Option<&V> {
        Some(&self.entries[self.find(pattern)?].value)
    }

    /// The value of exactly this pattern, to be changed.
    pub fn get_mut(&mut self, pattern: &[u8]) -> Option<&mut V> {
        let key = self.find(pattern)?;
        Some(&mut self.entries[key].value)
    }

    /// The value of exactly this pattern, which is inserted with `value()` if it is new. The pattern is copied.
    pub fn get_or_insert_with(&mut self, pattern: &[u8], value: impl FnOnce() -> V) -> &mut V {
        let key = match self.find(pattern) {
            Some(key) => key,
            None => self.insert(pattern.into(), value()),
        };
        &mut self.entries[key].value
    }

    /// Removes exactly this pattern and returns its value.
    pub fn remove(&mut self, pattern: &[u8]) -> Option<V> {
        let hash = self.hasher.hash_one(pattern);
        let entries = &self.entries;
        let found = self.keys.find_entry(hash, |&key| *entries[key as usize].pattern == *pattern).ok()?;
        let key = found.remove().0 as usize;
        self.unlink(key);
        let entry = self.entries.remove(key);
        self.shrink();
        Some(entry.value)
    }

    /// All patterns with their values, in an order that depends only on what was inserted and removed before.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries.iter().map(|(_, entry)| (&*entry.pattern, &entry.value))
    }

    fn find(&self, pattern: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(pattern);
        let key = self.keys.find(hash, |&key| *self.entries[key as usize].pattern == *pattern)?;
        Some(*key as usize)
    }

    /// Adds a pattern that is not there yet.
    fn insert(&mut self, pattern: Box<[u8]>, value: V) -> usize {
        let hash = self.hasher.hash_one(&*pattern);
        let entry = Entry { pattern, tail: 0, seen: self.walk, previous: None, next: None, value };
        let key = self.entries.insert(entry);
        let key_in_table = u32::try_from(key).expect("2^32 patterns do not fit into memory");
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.keys.insert_unique(hash, key_in_table, |&key| hasher.hash_one(&*entries[key as usize].pattern));
        self.link(key);
        key
    }

    /// Gives the tables' memory back when most of it lies idle, by building them anew for what is left.
    fn shrink(&mut self) {
        if self.entries.capacity() < SMALL || self.len() > self.entries.capacity() / SPARSE {
            return;
        }
        let old = std::mem::take(self);
        self.entries.reserve_exact(old.entries.len());
        for (_, entry) in old.entries {
            self.insert(entry.pattern, entry.value);
        }
    }
}

impl<V> Default for PatternIndex<V> {
    fn default() -> Self {
        PatternIndex::new()
    }
}

/// One pattern.
#[derive(Debug)]
struct Entry<V> {
    pattern: Box<[u8]>,
    /// Where the part of the pattern begins that the trie does not spell out; for an entry behind a star, at that star.
    tail: u32,
    /// The walk that came to a star of the tail last: what follows it has been decided then.
    seen: u32,
    /// Neighbours among the patterns that end at the same node.
    previous: Option<Link>,
    next: Option<Link>,
    value: V,
}

const ROOT: usize = 0;

/// Tables with fewer places than this are not worth shrinking.
const SMALL: usize = 1024;

/// The tables are built anew when one place in so many is in use. The pause is for what is left, so this keeps it at a
/// few milliseconds for each 100,000 patterns that there have been.
const SPARSE: usize = 32;

/// How many places of each work list are kept from one walk to the next.
const KEPT_WORK: usize = 1024;
