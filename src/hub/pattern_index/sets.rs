//! The children of a node by `[set]`.

use std::collections::BTreeMap;

use super::edge::{Link, Target};
use crate::pattern::ByteSet;

/// Children by the set of bytes that leads to them, found by the set when patterns come and go, and by a byte in a walk.
///
/// A few sets are asked one after the other. More of them are also kept the other way round, as for each byte one bit
/// for each set, so that a walk passes over 64 sets without the byte at once.
#[derive(Debug, Default)]
pub(super) struct Sets {
    blocks: Vec<Block>,
    /// The place of each set, 64 of them in each block. Empty while there is only one block.
    places: BTreeMap<ByteSet, usize>,
    /// The walk that the blocks' `open` belongs to.
    walk: u64,
}

/// Up to 64 sets.
#[derive(Debug, Default)]
struct Block {
    members: Vec<(ByteSet, Link)>,
    /// For each byte the bits of the members that hold it; there from [`MANY`] members on. That takes 2 KiB, so that it
    /// stays a small constant for each pattern.
    rows: Option<Box<[u64; 256]>>,
    /// The members that a walk has not done with.
    open: u64,
}

/// How many members a block has.
const BLOCK: usize = 64;

/// From how many members on a block keeps rows.
const MANY: usize = 16;

impl Sets {
    pub(super) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.members.len())
    }

    pub(super) fn get(&self, bytes: &ByteSet) -> Option<Link> {
        let place = self.place(bytes)?;
        Some(self.blocks[place / BLOCK].members[place % BLOCK].1)
    }

    fn place(&self, bytes: &ByteSet) -> Option<usize> {
        match &self.blocks[..] {
            [only] => only.members.iter().position(|(own, _)| own == bytes),
            _ => self.places.get(bytes).copied(),
        }
    }

    pub(super) fn first(&self) -> Option<(ByteSet, Link)> {
        self.blocks.first()?.members.first().copied()
    }

    /// How many steps it takes to find the sets that hold a byte.
    pub(super) fn steps(&self) -> usize {
        self.blocks.len()
    }

    /// The children whose set holds the byte.
    pub(super) fn of_byte(&self, byte: u8) -> impl Iterator<Item = Link> + '_ {
        self.blocks.iter().flat_map(move |block| block.children(block.having(byte)))
    }

    /// The children whose set holds any of the bytes.
    pub(super) fn of_any(&self, bytes: &ByteSet) -> impl Iterator<Item = Link> + '_ {
        let bytes = *bytes;
        self.blocks.iter().flat_map(move |block| block.children(block.having_any(&bytes)))
    }

    /// Calls `enter` with the children whose set holds one of these bytes, in a walk that comes here several times. It
    /// answers whether it has entered that. An entry is not offered again then, because whoever enters it decides it.
    pub(super) fn for_each_open(&mut self, bytes: &ByteSet, walk: u64, mut enter: impl FnMut(&ByteSet, Link) -> bool) {
        if self.walk != walk {
            self.walk = walk;
            self.blocks.iter_mut().for_each(|block| block.open = u64::MAX);
        }
        for block in self.blocks.iter_mut().filter(|block| block.open != 0) {
            let mut bits = block.open & block.having_any(bytes);
            while bits != 0 {
                let place = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (bytes, child) = &block.members[place];
                if enter(bytes, *child) && matches!(child.target(), Target::Entry(_)) {
                    block.open &= !(1 << place);
                }
            }
        }
    }

    pub(super) fn insert(&mut self, bytes: ByteSet, child: Link) {
        // a walk has yet to come to the new child
        self.walk = 0;
        if let Some(place) = self.place(&bytes) {
            self.blocks[place / BLOCK].members[place % BLOCK].1 = child;
            return;
        }
        let place = self.len();
        if place.is_multiple_of(BLOCK) {
            if let [only] = &self.blocks[..] {
                self.places = only.members.iter().zip(0..).map(|((bytes, _), place)| (*bytes, place)).collect();
            }
            self.blocks.reserve_exact(usize::from(place == 0));
            self.blocks.push(Block::default());
        }
        self.blocks[place / BLOCK].push(bytes, child);
        if self.blocks.len() > 1 {
            self.places.insert(bytes, place);
        }
    }

    pub(super) fn remove(&mut self, bytes: &ByteSet) {
        self.walk = 0;
        let Some(place) = self.place(bytes) else { return };
        self.places.remove(bytes);
        let last = self.len() - 1;
        let Some((moved, child)) = self.blocks[last / BLOCK].pop() else { return };
        if place < last {
            self.blocks[place / BLOCK].replace(place % BLOCK, moved, child);
            if self.blocks.len() > 1 {
                self.places.insert(moved, place);
            }
        }
        self.blocks.truncate(last.div_ceil(BLOCK));
        if self.blocks.len() <= 1 {
            self.places = BTreeMap::new();
        }
    }

    /// Its bytes; those of the places as far as they can be known.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let block = |block: &Block| {
            block.members.capacity() * size_of::<(ByteSet, Link)>()
                + block.rows.as_ref().map_or(0, |rows| size_of_val(&**rows))
        };
        size_of::<Sets>()
            + self.places.len() * 2 * size_of::<(ByteSet, usize)>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.blocks.iter().map(block).sum::<usize>()
    }
}

impl Block {
    /// The members that hold the byte, one bit each.
    fn having(&self, byte: u8) -> u64 {
        if let Some(rows) = &self.rows {
            return rows[usize::from(byte)];
        }
        let bit = |(place, (bytes, _)): (usize, &(ByteSet, Link))| u64::from(bytes.contains(byte)) << place;
        self.members.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit)
    }

    /// The members that hold any of the bytes, one bit each.
    fn having_any(&self, bytes: &ByteSet) -> u64 {
        if let Some(rows) = &self.rows {
            return bytes.iter().fold(0, |bits, byte| bits | rows[usize::from(byte)]);
        }
        let bit = |(place, (own, _)): (usize, &(ByteSet, Link))| u64::from(own.meets(bytes)) << place;
        self.members.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit)
    }

    fn children(&self, mut bits: u64) -> impl Iterator<Item = Link> + '_ {
        std::iter::from_fn(move || {
            let place = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            self.members.get(place).map(|&(_, child)| child)
        })
    }

    fn push(&mut self, bytes: ByteSet, child: Link) {
        self.members.push((bytes, child));
        if self.rows.is_some() {
            self.note(self.members.len() - 1);
        } else if self.members.len() >= MANY {
            self.rows = Some(Box::new([0; 256]));
            (0..self.members.len()).for_each(|place| self.note(place));
        }
    }

    fn pop(&mut self) -> Option<(ByteSet, Link)> {
        self.erase(self.members.len().checked_sub(1)?);
        let last = self.members.pop();
        // a gap to the number at which the rows are made, so that a set that comes and goes does not make them anew
        if self.members.len() <= MANY / 2 {
            self.rows = None;
            self.members.shrink_to(MANY);
        }
        last
    }

    fn replace(&mut self, place: usize, bytes: ByteSet, child: Link) {
        self.erase(place);
        self.members[place] = (bytes, child);
        self.note(place);
    }

    /// Enters a member into the rows.
    fn note(&mut self, place: usize) {
        if let Some(rows) = &mut self.rows {
            self.members[place].0.iter().for_each(|byte| rows[usize::from(byte)] |= 1 << place);
        }
    }

    /// Takes whichever member stood at this place out of the rows.
    fn erase(&mut self, place: usize) {
        if let Some(rows) = &mut self.rows {
            rows.iter_mut().for_each(|word| *word &= !(1 << place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_byte_leads_to_the_children_whose_set_holds_it(
            steps in vec((0u8..3, vec(prop::sample::select(&b"abcdefgh"[..]), 0..6)), 0..120),
        ) {
            let mut sets = Sets::default();
            let mut model = BTreeMap::new();
            for (number, (kind, members)) in steps.into_iter().enumerate() {
                let mut bytes = ByteSet::default();
                members.iter().for_each(|&byte| bytes.insert(byte));
                if kind == 0 {
                    sets.remove(&bytes);
                    model.remove(&bytes);
                } else {
                    sets.insert(bytes, Link::to_node(number));
                    model.insert(bytes, number);
                }
                prop_assert_eq!(sets.len(), model.len());
                prop_assert_eq!(sets.get(&bytes), model.get(&bytes).map(|&number| Link::to_node(number)));
                let byte = members.first().copied().unwrap_or(b'x');
                let mut found: Vec<String> = sets.of_byte(byte).map(|link| format!("{link:?}")).collect();
                let holding = model.iter().filter(|(bytes, _)| bytes.contains(byte));
                let mut expected: Vec<String> = holding.map(|(_, &number)| format!("{:?}", Link::to_node(number))).collect();
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
