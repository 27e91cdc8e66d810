//! A part of a list: elements packed behind each other in one piece of memory.
//!
//! An element is a head that says what follows, its content, and the length of both once more, backwards, so that elements
//! can be walked from either end. Integers are kept in as few bytes as they need. The encoding is that of a listpack,
//! because nothing smaller is known that can be walked in both directions.
//!
//! Source: `listpack.c` in Redis 7.2 for the ranges of the heads.

use super::CHUNK_BYTES;
use crate::resp::decode::parse_integer;

/// How much room is made at the front when there is none, in bytes.
const FRONT_ROOM: usize = 512;
/// Up to this size a chunk has hardly more memory than it needs, in bytes.
const SMALL_BYTES: usize = 256;

/// An element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The digits of an integer.
    Integer(i64),
    /// Any bytes that are not.
    Bytes(&'a [u8]),
}

impl<'a> From<&'a [u8]> for Item<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        parse_integer(bytes).map_or(Item::Bytes(bytes), Item::Integer)
    }
}

impl Item<'_> {
    /// Its bytes; digits are written into `buffer`.
    pub fn bytes<'t>(&'t self, buffer: &'t mut itoa::Buffer) -> &'t [u8] {
        match self {
            Item::Integer(number) => buffer.format(*number).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }

    /// A copy of its bytes.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    fn head(self) -> Head {
        match self {
            Item::Integer(number) => match number {
                0..=127 => Head::of(&[number as u8]),
                -4096..=4095 => {
                    let bits = (number & 0x1fff) as u16;
                    Head::of(&[0xc0 | (bits >> 8) as u8, bits as u8])
                }
                -32_768..=32_767 => Head::of(&tagged::<2, 3>(0xf1, number)),
                -8_388_608..=8_388_607 => Head::of(&tagged::<3, 4>(0xf2, number)),
                -2_147_483_648..=2_147_483_647 => Head::of(&tagged::<4, 5>(0xf3, number)),
                _ => Head::of(&tagged::<8, 9>(0xf4, number)),
            },
            Item::Bytes(bytes) => match bytes.len() {
                len @ 0..64 => Head::of(&[0x80 | len as u8]),
                len @ 64..4096 => Head::of(&[0xe0 | (len >> 8) as u8, len as u8]),
                len => {
                    let len = (len as u32).to_le_bytes();
                    Head::of(&[0xf0, len[0], len[1], len[2], len[3]])
                }
            },
        }
    }

    /// Appends the element to `out`, which is as long as [`Item::packed_len`] says then.
    fn pack(self, out: &mut Vec<u8>) {
        let head = self.head();
        out.extend_from_slice(head.bytes());
        let content = if let Item::Bytes(bytes) = self { bytes } else { &[] };
        out.extend_from_slice(content);
        push_back_len(head.len + content.len(), out);
    }

    /// What it takes in a chunk, in bytes.
    pub(super) fn packed_len(self) -> usize {
        let len = self.head().len + if let Item::Bytes(bytes) = self { bytes.len() } else { 0 };
        len + back_len_bytes(len)
    }
}

/// What stands before an element's content.
struct Head {
    buffer: [u8; 9],
    len: usize,
}

impl Head {
    fn of(bytes: &[u8]) -> Self {
        let mut buffer = [0; 9];
        buffer[..bytes.len()].copy_from_slice(bytes);
        Head { buffer, len: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// A tag and the lowest `N` bytes of a number.
fn tagged<const N: usize, const ALL: usize>(tag: u8, number: i64) -> [u8; ALL] {
    let mut bytes = [tag; ALL];
    bytes[1..].copy_from_slice(&number.to_le_bytes()[..N]);
    bytes
}

/// A number of `bytes.len()` bytes with its sign.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|last| *last >= 0x80);
    let mut all = if negative { [0xff; 8] } else { [0; 8] };
    all[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(all)
}

/// Writes a length in groups of seven bits, to be read backwards: the first byte in that direction is the last one here,
/// and all but the one that is read last have their upper bit set.
fn push_back_len(len: usize, out: &mut Vec<u8>) {
    let groups = back_len_bytes(len);
    for i in (0..groups).rev() {
        let bits = (len >> (7 * i)) as u8 & 0x7f;
        out.push(if i == groups - 1 { bits } else { bits | 0x80 });
    }
}

fn back_len_bytes(len: usize) -> usize {
    (usize::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize
}

/// Elements packed behind each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// The elements begin at `start`; what is before is room for more.
    bytes: Vec<u8>,
    start: u32,
    count: u32,
}

impl Chunk {
    /// How many elements it has.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// What its elements take, in bytes.
    pub(super) fn packed(&self) -> usize {
        self.bytes.len() - self.start as usize
    }

    /// What it has on the heap, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn push_back(&mut self, item: Item<'_>) {
        self.reserve(item.packed_len());
        item.pack(&mut self.bytes);
        self.count += 1;
    }

    pub(super) fn push_front(&mut self, item: Item<'_>) {
        let mut packed = Vec::with_capacity(item.packed_len());
        item.pack(&mut packed);
        if packed.len() > self.start as usize {
            // A small chunk gets little room, so that it stays small, and a full one needs none.
            let more =
                (self.packed() / 4).min(FRONT_ROOM).min(CHUNK_BYTES.saturating_sub(self.packed() + packed.len()));
            let room = packed.len() + more;
            self.reserve(room - self.start as usize);
            self.bytes.splice(..self.start as usize, std::iter::repeat_n(0, room));
            self.start = room as u32;
        }
        let start = self.start as usize - packed.len();
        self.bytes[start..self.start as usize].copy_from_slice(&packed);
        self.start = start as u32;
        self.count += 1;
    }

    /// Makes room for some more bytes behind the last one. What was popped at the front is used again once it is enough
    /// that a queue which always has some elements copies each only a few times.
    fn reserve(&mut self, more: usize) {
        if self.bytes.len() + more > self.bytes.capacity() && self.start as usize > self.packed() / 4 {
            self.close_front();
        }
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            // Small lists are many: they get what the allocator would give them anyway. Larger ones grow in steps, so that
            // many pushes copy little, but not beyond what a chunk holds.
            let wanted = if needed <= SMALL_BYTES { needed.next_multiple_of(16) } else { needed + needed / 4 };
            let most = CHUNK_BYTES.max(needed + self.start as usize);
            self.bytes.reserve_exact(wanted.min(most) - self.bytes.len());
        }
    }

    /// Moves the elements to where the memory begins.
    fn close_front(&mut self) {
        self.bytes.drain(..self.start as usize);
        self.start = 0;
    }

    /// The place of the first element.
    pub(super) fn first(&self) -> usize {
        self.start as usize
    }

    /// The place behind the last element.
    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The element at a place, and the place of the next one.
    pub(super) fn at(&self, place: usize) -> (Item<'_>, usize) {
        let rest = &self.bytes[place..];
        let (item, len) = match rest[0] {
            tag @ 0..=0x7f => (Item::Integer(i64::from(tag)), 1),
            tag @ 0x80..=0xbf => self.string(place, 1, usize::from(tag & 0x3f)),
            tag @ 0xc0..=0xdf => {
                let bits = u16::from(tag & 0x1f) << 8 | u16::from(rest[1]);
                // From 13 bits to 16 with the sign.
                (Item::Integer(i64::from((bits << 3) as i16 >> 3)), 2)
            }
            tag @ 0xe0..=0xef => self.string(place, 2, usize::from(tag & 0xf) << 8 | usize::from(rest[1])),
            0xf0 => {
                let len = u32::from_le_bytes([rest[1], rest[2], rest[3], rest[4]]);
                self.string(place, 5, len as usize)
            }
            0xf1 => (Item::Integer(signed(&rest[1..3])), 3),
            0xf2 => (Item::Integer(signed(&rest[1..4])), 4),
            0xf3 => (Item::Integer(signed(&rest[1..5])), 5),
            _ => (Item::Integer(signed(&rest[1..9])), 9),
        };
        (item, place + len + back_len_bytes(len))
    }

    fn string(&self, place: usize, head: usize, len: usize) -> (Item<'_>, usize) {
        (Item::Bytes(&self.bytes[place + head..place + head + len]), head + len)
    }

    /// The place of the element that ends at `end`.
    pub(super) fn before(&self, end: usize) -> usize {
        let (mut len, mut shift, mut at) = (0, 0, end - 1);
        loop {
            let byte = self.bytes[at];
            len |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return at - len;
            }
            shift += 7;
            at -= 1;
        }
    }

    /// The place of the element at `index`, from the nearer end; the end for its count.
    pub(super) fn place(&self, index: usize) -> usize {
        let count = self.count();
        if index <= count / 2 {
            (0..index).fold(self.first(), |place, _| self.at(place).1)
        } else {
            (index..count).fold(self.end(), |place, _| self.before(place))
        }
    }

    /// Puts an element before the one at `place`.
    pub(super) fn insert(&mut self, place: usize, item: Item<'_>) {
        let mut packed = Vec::with_capacity(item.packed_len());
        item.pack(&mut packed);
        self.bytes.splice(place..place, packed);
        self.count += 1;
    }

    /// Puts an element in the place of the one between two places.
    pub(super) fn replace(&mut self, from: usize, to: usize, item: Item<'_>) {
        let mut packed = Vec::with_capacity(item.packed_len());
        item.pack(&mut packed);
        self.bytes.splice(from..to, packed);
    }

    /// Takes out the `count` elements between two places.
    pub(super) fn remove(&mut self, from: usize, to: usize, count: usize) {
        self.count -= count as u32;
        if self.count == 0 {
            *self = Chunk::default();
        } else if from == self.first() {
            self.start = to as u32;
        } else {
            self.bytes.drain(from..to);
        }
    }

    /// Takes off what is behind `place`, whose first element has this index.
    pub(super) fn split_off(&mut self, place: usize, index: usize) -> Chunk {
        let rest = Chunk { bytes: self.bytes.split_off(place), start: 0, count: self.count - index as u32 };
        self.count = index as u32;
        self.shrink();
        rest
    }

    /// Appends the elements of another chunk.
    pub(super) fn append(&mut self, other: &Chunk) {
        self.bytes.extend_from_slice(&other.bytes[other.first()..]);
        self.count += other.count;
    }

    /// Gives memory back that it does not need, when most of what it has is not needed.
    pub(super) fn shrink(&mut self) {
        if self.bytes.capacity() > 64 && self.packed() < self.bytes.capacity() / 4 {
            self.close_front();
            self.bytes.shrink_to(self.bytes.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_of_element_is_found_again_from_both_ends() {
        let numbers = [0, 127, 128, -1, 4095, -4096, 4096, 32_767, -32_768, 32_768, 8_388_607, -8_388_608, 8_388_608];
        let numbers = numbers.into_iter().chain([i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN]);
        let strings = [0, 1, 63, 64, 126, 127, 128, 4095, 4096, 20_000].map(|len| vec![b'x'; len]);
        let contents: Vec<Vec<u8>> = numbers.map(|number| number.to_string().into_bytes()).chain(strings).collect();
        let mut chunk = Chunk::default();
        for content in &contents {
            let before = chunk.packed();
            chunk.push_back(Item::from(&content[..]));
            assert_eq!(chunk.packed() - before, Item::from(&content[..]).packed_len());
        }
        let mut place = chunk.first();
        for content in &contents {
            let (item, next) = chunk.at(place);
            assert_eq!(item.to_vec(), *content);
            assert_eq!(chunk.before(next), place);
            place = next;
        }
        assert_eq!(place, chunk.end());
    }
}
