//! Streams: logs of entries, each a list of fields with an id, and the groups that consume them.

mod block;
mod group;
mod id;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use block::Block;
pub use block::{Entry, Fields};
pub use group::{Consumer, ConsumerIndex, Group, Pending};
pub use id::StreamId;

/// Entries in one block at most, as `stream-node-max-entries` has it in Redis.
const BLOCK_ENTRIES: usize = 100;
/// Bytes in one block at most, as `stream-node-max-bytes` has it in Redis; a larger entry has a block of its own.
const BLOCK_BYTES: usize = 4096;
/// Groups that are looked at one by one to say how much a stream is.
const GROUPS_COUNTED: usize = 64;
/// Bytes that the fields of one entry have at most, as in Redis: places in a block are numbers of 32 bits.
/// Unit tests have less memory to spare.
pub const ENTRY_BYTES: usize = if cfg!(test) { 1 << 20 } else { 1 << 30 };
/// Entries that an approximate trim removes at most, unless it says otherwise.
pub const TRIMMED_AT_ONCE: u64 = 100 * BLOCK_ENTRIES as u64;

/// A stream with its groups.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The entries.
    pub log: Log,
    /// The groups by name.
    pub groups: BTreeMap<Box<[u8]>, Group>,
}

/// The entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// In order; none without an entry.
    blocks: VecDeque<Block>,
    len: u64,
    /// What all blocks have in them, deleted entries included, in bytes.
    packed: usize,
    /// The highest id that an entry has had.
    pub last_id: StreamId,
    /// The highest id of an entry that was deleted.
    pub max_deleted_id: StreamId,
    /// How many entries there ever were.
    pub entries_added: u64,
}

/// Which entries a trim removes.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// All but the last so many.
    Entries(u64),
    /// All below this id.
    From(StreamId),
}

/// How entries are removed from the front of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    /// What stays.
    pub keep: Keep,
    /// Whether more may stay, so that only whole blocks are removed.
    pub approximate: bool,
    /// How many are removed at most; 0 for no bound.
    pub limit: u64,
}

/// What a trim has removed.
#[derive(Debug, Default)]
pub struct Trimmed {
    /// How many entries.
    pub entries: u64,
    /// Those of them that filled whole blocks, which may take long to free.
    blocks: Vec<Block>,
    packed: usize,
}

impl Trimmed {
    /// What whole blocks had in them, in bytes.
    pub fn packed_bytes(&self) -> usize {
        self.packed
    }
}

impl Stream {
    /// How many entries, groups, consumers and pending entries it has. Of groups beyond the 64th only the number counts,
    /// so that it costs little to say.
    pub fn items(&self) -> usize {
        let in_groups = |group: &Group| group.pending().len() + group.consumers().len();
        let counted: usize = self.groups.values().take(GROUPS_COUNTED).map(in_groups).sum();
        self.log.len() as usize + self.groups.len() + counted
    }

    /// What it has on the heap, in bytes, as an estimate.
    pub fn heap_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(|(name, group)| name.len() + 64 + group.heap_bytes()).sum();
        let blocks: usize = self.log.blocks.iter().map(Block::heap_bytes).sum();
        size_of::<Self>() + self.log.blocks.capacity() * size_of::<Block>() + blocks + groups
    }
}

impl Log {
    /// How many entries it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What its entries take, in bytes; those that were deleted count until the block goes that they are in.
    pub fn packed_bytes(&self) -> usize {
        self.packed
    }

    /// How many blocks its entries are packed in.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Appends an entry, whose id must be higher than the last one.
    pub fn append<'f>(&mut self, id: StreamId, fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone) {
        let added: usize = fields.clone().map(|(name, value)| name.len() + value.len()).sum();
        match self.blocks.back_mut() {
            Some(last) if last.total() < BLOCK_ENTRIES && last.len_bytes() + added < BLOCK_BYTES => {
                let before = last.len_bytes();
                last.append(id, fields);
                self.packed += last.len_bytes() - before;
            }
            last => {
                if let Some(last) = last {
                    last.shrink();
                }
                let block = Block::new(id, fields);
                self.packed += block.len_bytes();
                self.blocks.push_back(block);
            }
        }
        self.len += 1;
        // XSETID may have brought it close to the end of the numbers that replies can have.
        self.entries_added = (self.entries_added + 1).min(i64::MAX as u64);
        self.last_id = id;
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let blocks = self.blocks.range(self.block_of(start)..);
        blocks.flat_map(move |block| block.entries_from(start)).take_while(move |entry| entry.id <= end)
    }

    /// The entries from `start` to `end`, both included, the last first.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let behind = (self.block_of(end) + 1).min(self.blocks.len());
        let entries = self.blocks.range(..behind).rev().flat_map(Block::entries_back);
        entries.skip_while(move |entry| entry.id > end).take_while(move |entry| entry.id >= start)
    }

    /// The entry with this id.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.blocks.get(self.block_of(id))?.get(id)
    }

    /// Which block has the entry with this id, or the next one, if there is one.
    fn block_of(&self, id: StreamId) -> usize {
        match self.blocks.back() {
            // Most who read follow the end.
            Some(last) if last.first_live() <= id => self.blocks.len() - 1,
            _ => self.blocks.partition_point(|block| block.last() < id),
        }
    }

    /// The id of the first entry, `0-0` if there is none.
    pub fn first_id(&self) -> StreamId {
        self.blocks.front().map_or(StreamId::MIN, Block::first_live)
    }

    /// The id of the last entry that is there, `0-0` if there is none.
    pub fn last_valid_id(&self) -> StreamId {
        self.blocks.back().map_or(StreamId::MIN, Block::last_live)
    }

    /// Deletes an entry; false if there is none with this id.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let index = self.block_of(id);
        let Some(block) = self.blocks.get_mut(index) else { return false };
        if !block.delete(id) {
            return false;
        }
        if block.live() == 0 {
            self.packed -= block.len_bytes();
            self.blocks.remove(index);
            self.shrink();
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Removes entries from the front.
    pub fn trim(&mut self, trim: Trim) -> Trimmed {
        let mut removed = Trimmed::default();
        while let Some(block) = self.blocks.front_mut() {
            let (live, len_bytes) = (block.live(), block.len_bytes());
            let (done, goes) = match trim.keep {
                Keep::Entries(most) => (self.len <= most, self.len - live >= most),
                Keep::From(id) => (false, block.last() < id),
            };
            if done || (trim.limit > 0 && removed.entries + live > trim.limit) {
                break;
            }
            if goes {
                removed.blocks.extend(self.blocks.pop_front());
                removed.packed += len_bytes;
                removed.entries += live;
                self.packed -= len_bytes;
                self.len -= live;
                continue;
            }
            if !trim.approximate {
                let mut excess = match trim.keep {
                    Keep::Entries(most) => self.len - most,
                    Keep::From(_) => u64::MAX,
                };
                let deleted = block.delete_while(|id| {
                    let goes = excess > 0 && !matches!(trim.keep, Keep::From(first) if id >= first);
                    excess -= u64::from(goes);
                    goes
                });
                if block.live() == 0 {
                    self.packed -= len_bytes;
                    self.blocks.pop_front();
                }
                self.len -= deleted;
                removed.entries += deleted;
            }
            break;
        }
        self.shrink();
        removed
    }

    /// Gives memory back if there were many more blocks.
    fn shrink(&mut self) {
        let len = self.blocks.len();
        if self.blocks.capacity() > 64.max(4 * len) {
            self.blocks.shrink_to(2 * len);
        }
    }

    /// Whether entries behind `start` may have been deleted.
    pub fn has_gaps_from(&self, start: StreamId) -> bool {
        !self.is_empty()
            && self.max_deleted_id != StreamId::MIN
            && self.first_id() <= self.max_deleted_id
            && start <= self.max_deleted_id
    }

    /// How many entries there ever were up to `id`, as far as that is known.
    ///
    /// Source: `streamEstimateDistanceFromFirstEverEntry` in Redis 8 (t_stream.c).
    pub fn entries_up_to(&self, id: StreamId) -> Option<i64> {
        let added = self.entries_added as i64;
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(added);
        }
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        if id == self.last_id {
            return Some(added);
        }
        match id.cmp(&self.first_id()) {
            _ if id > self.last_id || !self.is_whole() => None,
            std::cmp::Ordering::Less => Some(added - self.len as i64),
            std::cmp::Ordering::Equal => Some(added - self.len as i64 + 1),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Whether nothing was deleted but from the front.
    fn is_whole(&self) -> bool {
        self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id()
    }

    /// How many entries a group has still to be delivered, as far as that is known.
    ///
    /// Source: `streamReplyWithCGLag` in Redis 8 (t_stream.c), which knows it in more cases than Redis 7.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.is_empty() {
            return Some(0);
        }
        if group.last_id < self.first_id() && self.max_deleted_id < self.first_id() {
            return Some(self.len as i64);
        }
        let read = self.counted(group).or_else(|| self.entries_up_to(group.last_id));
        read.map(|read| self.entries_added as i64 - read)
    }

    /// How many entries a group was delivered, if what it says of that can be true and nothing was deleted behind.
    fn counted(&self, group: &Group) -> Option<i64> {
        group.entries_read.filter(|read| *read <= self.entries_added as i64 && !self.has_gaps_from(group.last_id))
    }

    /// Moves a group on to an entry that it is delivered.
    pub fn advance(&self, group: &mut Group, id: StreamId) {
        if id <= group.last_id {
            return;
        }
        let before = self.counted(group).filter(|read| *read < self.entries_added as i64);
        group.entries_read = match before {
            Some(read) if group.last_id >= self.first_id() => Some(read + 1),
            _ => self.entries_up_to(id),
        };
        group.last_id = id;
    }
}
