//! A set of bytes with a constant size.

use super::token::Set;

/// Any of the 256 bytes, one bit each.
///
/// Bits stand in the order of signed bytes, so that a range of the pattern language is a run of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct ByteSet {
    words: [u64; 4],
}

impl ByteSet {
    /// The bytes that a set of the pattern language stands for. Takes time in proportion to its text.
    pub(crate) fn of(set: Set<'_>) -> Self {
        let mut bytes = ByteSet::default();
        for (low, high) in set.ranges() {
            bytes.insert_range(low, high);
        }
        if set.is_negated() {
            bytes.words = bytes.words.map(|word| !word);
        }
        bytes
    }

    /// All bytes.
    pub(crate) fn all() -> Self {
        ByteSet { words: [u64::MAX; 4] }
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        let bit = bit_of(byte);
        self.words[bit / 64] >> (bit % 64) & 1 == 1
    }

    pub(crate) fn insert(&mut self, byte: u8) {
        let bit = bit_of(byte);
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    pub(crate) fn remove(&mut self, byte: u8) {
        let bit = bit_of(byte);
        self.words[bit / 64] &= !(1 << (bit % 64));
    }

    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether any byte is in both.
    pub(crate) fn meets(&self, other: &ByteSet) -> bool {
        self.and(other) != ByteSet::default()
    }

    /// The bytes that are in both.
    pub(crate) fn and(&self, other: &ByteSet) -> Self {
        ByteSet { words: std::array::from_fn(|index| self.words[index] & other.words[index]) }
    }

    /// The bytes that are in this set only.
    pub(crate) fn without(&self, other: &ByteSet) -> Self {
        ByteSet { words: std::array::from_fn(|index| self.words[index] & !other.words[index]) }
    }

    /// How many bytes of the set come before this one in the set's order.
    pub(crate) fn rank(&self, byte: u8) -> usize {
        let bit = bit_of(byte);
        let whole: u32 = self.words[..bit / 64].iter().map(|word| word.count_ones()).sum();
        let below = self.words[bit / 64] & ((1 << (bit % 64)) - 1);
        (whole + below.count_ones()) as usize
    }

    /// The bytes in the set's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut bits = word;
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some((index * 64 + bit) as u8 ^ SIGN)
            })
        })
    }

    /// Writes it as a set of the pattern language, in one of the ways that mean the same: without the bytes that it lacks,
    /// or negated with these, whichever are fewer.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let negated = self.len() > 128;
        let bytes = if negated { ByteSet { words: self.words.map(|word| !word) } } else { *self };
        out.extend_from_slice(if negated { b"[^" } else { b"[" });
        let mut bits = bytes.iter().map(bit_of).peekable();
        while let Some(first) = bits.next() {
            let mut last = first;
            while bits.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            write_run(out, first, last);
        }
        out.push(b']');
    }

    /// Inserts all bytes from the lower one to the higher one, in the set's order.
    pub(super) fn insert_range(&mut self, low: u8, high: u8) {
        let (low, high) = (bit_of(low), bit_of(high));
        for (index, word) in self.words.iter_mut().enumerate() {
            let (first, last) = (index * 64, index * 64 + 63);
            if low <= last && high >= first {
                let from = low.max(first) - first;
                let to = high.min(last) - first;
                *word |= (u64::MAX << from) & (u64::MAX >> (63 - to));
            }
        }
    }
}

/// Writes the bytes of neighbouring bits as members of a set, none of which can be mistaken for something else.
fn write_run(out: &mut Vec<u8>, first: usize, last: usize) {
    for bit in first..=last {
        let byte = bit as u8 ^ SIGN;
        if b"\\]^-".contains(&byte) {
            out.extend_from_slice(&[b'\\', byte]);
        } else if last - bit < 2 {
            out.push(byte);
        } else {
            return out.extend_from_slice(&[byte, b'-', last as u8 ^ SIGN]);
        }
    }
}

const SIGN: u8 = 0x80;

fn bit_of(byte: u8) -> usize {
    usize::from(byte ^ SIGN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Token;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(members in vec(prop::sample::select(&b"abcd^-]\\[Z_YX\x80\xff\0"[..]), 0..12), negated: bool) {
            let mut bytes = ByteSet::default();
            members.into_iter().for_each(|byte| bytes.insert(byte));
            if negated {
                bytes = ByteSet { words: bytes.words.map(|word| !word) };
            }
            let mut text = Vec::new();
            bytes.write(&mut text);
            text.push(b'!');
            let Some((Token::Set(set), rest)) = Token::split_first(&text) else {
                return Err(TestCaseError::fail("a bracket starts a set"));
            };
            prop_assert_eq!((ByteSet::of(set), rest), (bytes, &b"!"[..]), "{}", text.escape_ascii());
        }

        #[test]
        fn a_byte_set_holds_what_the_pattern_accepts(members in vec(any::<u8>(), 0..8)) {
            let pattern = [b"[", &members[..]].concat();
            let Some((Token::Set(set), _)) = Token::split_first(&pattern) else {
                return Err(TestCaseError::fail("a bracket starts a set"));
            };
            let bytes = ByteSet::of(set);
            let accepted: Vec<u8> = (0..=255).filter(|&byte| Token::Set(set).accepts_exactly(byte)).collect();
            prop_assert_eq!(bytes.len(), accepted.len());
            prop_assert!(accepted.iter().all(|&byte| bytes.contains(byte)));
            prop_assert!(bytes.iter().enumerate().all(|(rank, byte)| bytes.rank(byte) == rank));
        }
    }
}
