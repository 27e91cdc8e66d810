//! The children of a node by `[set]`.

use std::collections::BTreeMap;

use super::node::Link;
use crate::pattern::ByteSet;

/// Children by the set of bytes that leads to them, found by the set when patterns come and go, and by a byte in a walk.
///
/// A few sets are asked one after the other. More of them are also kept the other way round, as for each byte one bit
/// for each set, so that a walk passes over 64 sets without the byte at once. That takes 2 KiB for 64 sets, and is done
/// from [`MANY`] sets on, so that it stays a small constant for each pattern.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// Where in `members` each set stands.
    places: BTreeMap<ByteSet, usize>,
    members: Vec<(ByteSet, Link)>,
    /// Row `r` has in its word for a byte the bits of members `64 r` to `64 r + 63`; empty while there are few members.
    rows: Vec<[u64; 256]>,
}

/// From how many sets on the rows are kept.
const MANY: usize = 16;

impl Sets {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn get(&self, bytes: &ByteSet) -> Option<Link> {
        Some(self.members[*self.places.get(bytes)?].1)
    }

    pub(super) fn first(&self) -> Option<Link> {
        self.members.first().map(|&(_, child)| child)
    }

    /// The children whose set holds the byte.
    pub(super) fn of_byte(&self, byte: u8) -> impl Iterator<Item = Link> + '_ {
        let few = if self.rows.is_empty() { &self.members[..] } else { &[] };
        let few = few.iter().filter(move |(bytes, _)| bytes.contains(byte)).map(|&(_, child)| child);
        let many = self.rows.iter().zip(self.members.chunks(64)).flat_map(move |(row, members)| {
            let mut bits = row[usize::from(byte)];
            std::iter::from_fn(move || {
                let place = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                members.get(place).map(|&(_, child)| child)
            })
        });
        few.chain(many)
    }

    pub(super) fn insert(&mut self, bytes: ByteSet, child: Link) {
        let place = *self.places.entry(bytes).or_insert(self.members.len());
        if place < self.members.len() {
            self.members[place].1 = child;
            return;
        }
        self.members.push((bytes, child));
        if !self.rows.is_empty() {
            self.note(place);
        } else if self.members.len() >= MANY {
            (0..self.members.len()).for_each(|place| self.note(place));
        }
    }

    pub(super) fn remove(&mut self, bytes: &ByteSet) {
        let Some(place) = self.places.remove(bytes) else {
            return;
        };
        let last = self.members.len() - 1;
        if !self.rows.is_empty() {
            self.erase(last);
        }
        self.members.swap_remove(place);
        if let Some(&(moved, _)) = self.members.get(place) {
            self.places.insert(moved, place);
            if !self.rows.is_empty() {
                self.erase(place);
                self.note(place);
            }
        }
        // a gap to the number at which the rows are made, so that a set that comes and goes does not make them anew
        if self.members.len() <= MANY / 2 {
            self.rows = Vec::new();
        }
        self.rows.truncate(self.members.len().div_ceil(64));
        self.members.shrink_to(self.members.len() * 4);
    }

    /// Enters a member into the rows.
    fn note(&mut self, place: usize) {
        if self.rows.len() <= place / 64 {
            self.rows.push([0; 256]);
        }
        let row = &mut self.rows[place / 64];
        for byte in self.members[place].0.iter() {
            row[usize::from(byte)] |= 1 << (place % 64);
        }
    }

    /// Takes whichever member stood at this place out of the rows.
    fn erase(&mut self, place: usize) {
        for word in self.rows[place / 64].iter_mut() {
            *word &= !(1 << (place % 64));
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
