//! All subscribed patterns, found by the channels that they match.
//!
//! # Structure
//!
//! A trie over the tokens of the patterns (see [`crate::pattern`]), but in another order (see [`program`]): what a pattern
//! says of a channel's beginning comes first, then what it says of the channel's end, and then what may stand anywhere in
//! between. Patterns share what they begin with in this order, and a node is where they part; a pattern whose remainder
//! nobody shares is one entry that hangs directly on the last shared node. So 100,000 patterns of one shape have few nodes
//! beside their entries, and those that cannot match are left aside together, at the first byte that differs.
//!
//! A channel is matched by walking the trie with all possibilities at once. Beginning and end are compared at one position
//! each, so a node for them is visited at most once. Behind a further star everything may be at every later position, and
//! a star is entered once in a walk: the first position at which it is reached includes all later ones. There
//!
//! - patterns with sets or question marks are entered only if the channel has the rarest of their bytes and sets (the key),
//! - a node is visited once for each [128 positions](crate::pattern::BLOCK), with a bit for each at which the channel may
//!   go on like that; only the first few of plain patterns, that part at one byte after the other, are tried at each,
//! - the trie is only so deep, and from there on every pattern is searched for itself, in the same way,
//! - every pattern is searched once in a walk, in time in proportion to its length and the channel's, and only if the
//!   channel has all its bytes. Sets are asked 64 at a time, and those that lead to patterns already searched are not
//!   asked again.
//!
//! # Limits
//!
//! - A pattern that does not match costs nothing where its beginning, its end or its key tells it apart. Patterns that
//!   agree with the channel in all three, and have other sets than all others where it goes on, or more stars than the trie
//!   is deep, are compared one by one: as many steps as a pattern has tokens, for each 128 bytes of the channel. Made for
//!   that, 20,000 patterns of 10 to 50 bytes take 1 to 7 ms for a channel of 100 bytes, half of it to fetch them from
//!   memory, and up to 10 ms where other work fills the caches.
//! - Inserting and removing take time in proportion to the pattern's length (and to the length of one pattern that
//!   begins like it).
//! - [`weight()`] is what a pattern takes at most.
//! - The tables grow and shrink in parts: 256 for the names, and [chunks](chunks::Chunks) for entries and nodes.
//! - Matching allocates nothing once the work lists have grown; they keep at most [`KEPT_WORK`] places between walks.
//!   Only channels that have more positions and different bytes to note than that, and plain parts of more than 64 bytes,
//!   allocate.

mod chunks;
mod edge;
mod insert;
mod literals;
mod node;
mod places;
mod program;
mod reach;
mod sets;
#[cfg(test)]
mod tests;
mod walk;

use chunks::Chunks;
use edge::Link;
use hashbrown::HashTable;
use node::Node;
use program::{Letters, Program};
use walk::Work;

use super::name::{self, Name};
use super::name_table::PARTS;

/// One value for each unique pattern, and the patterns that match a channel in time that does not depend on the others.
///
/// Patterns are unique by their bytes: `a` and `\a` mean the same and are two.
#[derive(Debug)]
pub struct PatternIndex<V> {
    /// Entries by the bytes of their pattern.
    keys: Box<[HashTable<u32>]>,
    entries: Chunks<Entry<V>>,
    /// The trie; its root is never removed.
    nodes: Chunks<Node>,
    /// The number of the current walk, by which stars and entries know whether it has been there.
    walk: u64,
    work: Work,
}

impl<V> PatternIndex<V> {
    /// An index without patterns.
    pub fn new() -> Self {
        let mut nodes = Chunks::default();
        let root = nodes.insert(Node::default());
        debug_assert_eq!(root, ROOT);
        PatternIndex {
            keys: (0..PARTS).map(|_| HashTable::new()).collect(),
            entries: Chunks::default(),
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
        self.entries.len() == 0
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

    /// The value of exactly this pattern, which is inserted with `value()` if it is new, and the one copy of the pattern
    /// that all who keep it share.
    pub fn get_or_insert_with(&mut self, pattern: &[u8], value: impl FnOnce() -> V) -> (&Name, &mut V) {
        self.get_or_insert_compiled(&mut Compiled::of(pattern), value)
    }

    /// The same with a pattern that has been compiled before, of which a new one takes what it needs.
    pub(super) fn get_or_insert_compiled(
        &mut self,
        pattern: &mut Compiled,
        value: impl FnOnce() -> V,
    ) -> (&Name, &mut V) {
        let key = match self.find_hashed(&pattern.name, pattern.hash) {
            Some(key) => key,
            None => self.insert(pattern, value()),
        };
        let Entry { name, value, .. } = &mut self.entries[key];
        (name, value)
    }

    /// Removes exactly this pattern and returns its value.
    pub fn remove(&mut self, pattern: &[u8]) -> Option<V> {
        let (hash, entries) = (name::hash(pattern), &self.entries);
        let part = &mut self.keys[part_of(hash)];
        let found = part.find_entry(hash, |&key| *entries[key as usize].name == *pattern).ok()?;
        let key = found.remove().0 as usize;
        if part.capacity() > KEPT_CAPACITY && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2, |&key| name::hash(&entries[key as usize].name));
        }
        self.unlink(key);
        self.entries.remove(key).map(|entry| entry.value)
    }

    /// All patterns with their values, in an order that depends only on what was inserted and removed before.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries.iter().map(|entry| (&*entry.name, &entry.value))
    }

    /// The patterns in one of [`PARTS`] parts, in no order.
    pub(super) fn part(&self, part: usize) -> impl Iterator<Item = &Name> {
        let keys = self.keys.get(part).into_iter().flatten();
        keys.map(|key| &self.entries[*key as usize].name)
    }

    fn find(&self, pattern: &[u8]) -> Option<usize> {
        self.find_hashed(pattern, name::hash(pattern))
    }

    fn find_hashed(&self, pattern: &[u8], hash: u64) -> Option<usize> {
        let key = self.keys[part_of(hash)].find(hash, |&key| *self.entries[key as usize].name == *pattern)?;
        Some(*key as usize)
    }

    /// Adds a pattern that is not there yet.
    fn insert(&mut self, pattern: &mut Compiled, value: V) -> usize {
        let Compiled { name, hash, program } = pattern;
        let Program { text, first_part, needed } = std::mem::take(program);
        let key = self.entries.insert(Entry {
            name: name.clone(),
            program: text,
            tail: 0,
            part: 0,
            first_part,
            previous: None,
            next: None,
            needed,
            seen: 0,
            value,
        });
        let key_in_table = u32::try_from(key).expect("2^32 patterns do not fit into memory");
        let entries = &self.entries;
        self.keys[part_of(*hash)].insert_unique(*hash, key_in_table, |&key| name::hash(&entries[key as usize].name));
        self.link(key);
        key
    }
}

impl<V> Default for PatternIndex<V> {
    fn default() -> Self {
        PatternIndex::new()
    }
}

/// A pattern with all that can be made of it without the index, so that who waits for the index does not wait for that.
#[derive(Debug)]
pub(crate) struct Compiled {
    name: Name,
    hash: u64,
    program: Program,
}

impl Compiled {
    /// Takes time in proportion to the pattern's length.
    pub(super) fn of(pattern: &[u8]) -> Self {
        Compiled { name: Name::from(pattern), hash: name::hash(pattern), program: Program::of(pattern) }
    }
}

/// One pattern.
#[derive(Debug)]
struct Entry<V> {
    name: Name,
    /// See [`Program`].
    program: Box<[u8]>,
    /// Where in the program the part begins that the trie does not spell out.
    tail: u32,
    /// Where what may stand anywhere begins, as far as the tail belongs to it.
    part: u32,
    /// See [`Program`].
    first_part: u32,
    /// Neighbours among the patterns that have no way on from one node.
    previous: Option<Link>,
    next: Option<Link>,
    needed: Letters,
    /// The walk that has decided last whether it matches.
    seen: u64,
    value: V,
}

/// How many bytes a pattern takes at most, with its share of the tables and nodes, but without its name and value. Most
/// take less than half: here it is as if each part of it that can have nodes of its own had them.
pub(crate) fn weight(pattern: &[u8]) -> usize {
    let first_six = |special| pattern.iter().filter(|byte| **byte == special).take(6).count();
    PATTERN_BYTES + 3 * pattern.len() + STAR_BYTES * first_six(b'*') + SET_BYTES * first_six(b'[')
}

/// The entry, and a node where its beginning or its end parts from that of others.
const PATTERN_BYTES: usize = 300;
/// Two nodes: where a part begins, and where it parts from others.
const STAR_BYTES: usize = 150;
/// A set in a node that has others, with its bits.
const SET_BYTES: usize = 250;

const ROOT: usize = 0;

/// A smaller part is not worth shrinking, in entries.
const KEPT_CAPACITY: usize = 8;

/// How many places of each work list are kept from one walk to the next.
const KEPT_WORK: usize = 1024;

/// The part that a pattern belongs to: by bits of its hash that the tables themselves do not look at first.
fn part_of(hash: u64) -> usize {
    (hash >> 32) as usize % PARTS
}
