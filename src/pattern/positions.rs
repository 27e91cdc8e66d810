//! Where in a text which bytes stand, for the search of many patterns in it.

use super::ByteSet;
use super::token::Token;

/// A text in which many patterns are searched. Its positions are read when they are needed first.
#[derive(Debug)]
pub(crate) struct Text<'t> {
    bytes: &'t [u8],
    positions: &'t mut Positions,
    is_read: bool,
}

/// The positions of each byte of a text, one bit each, so that a token is compared with [`BLOCK`] places of the text at
/// once. They take an eighth of the text's length for each of its different bytes.
#[derive(Debug)]
pub(crate) struct Positions {
    len: usize,
    present: ByteSet,
    /// How many different bytes it has.
    different: usize,
    /// For each byte the number of its row; 0 if the text has none.
    row_of: Box<[u16; 256]>,
    rows: Vec<u128>,
    /// How long a row is: it goes on with zeros behind the text.
    words: usize,
}

/// Some of the [`BLOCK`] positions from `base` on: those at which what has been compared so far begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Starts {
    base: usize,
    bits: u128,
}

/// So few different bytes are looked up one after the other, whether a set has most of them or not.
const FEW: usize = 16;

/// How many positions [`Starts`] tell apart.
pub(crate) const BLOCK: usize = 128;

impl<'t> Text<'t> {
    /// A text, and the memory for its positions.
    pub(crate) fn new(bytes: &'t [u8], positions: &'t mut Positions) -> Self {
        Text { bytes, positions, is_read: false }
    }

    pub(crate) fn bytes(&self) -> &'t [u8] {
        self.bytes
    }

    /// Where its bytes stand.
    pub(crate) fn positions(&mut self) -> &Positions {
        if !self.is_read {
            self.positions.read(self.bytes);
            self.is_read = true;
        }
        self.positions
    }

    /// Whether that is known already.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }
}

impl Default for Positions {
    fn default() -> Self {
        Positions {
            len: 0,
            present: ByteSet::default(),
            different: 0,
            row_of: Box::new([0; 256]),
            rows: Vec::new(),
            words: 0,
        }
    }
}

impl Positions {
    /// Reads another text. Takes time in proportion to its length, and to its number of different bytes and an eighth of its
    /// length, multiplied, to clear that much memory.
    fn read(&mut self, text: &[u8]) {
        self.present.iter().for_each(|byte| self.row_of[usize::from(byte)] = 0);
        self.present = ByteSet::default();
        (self.len, self.different) = (text.len(), 0);
        // a block that begins in the text may reach into the word behind it
        self.words = text.len() / BLOCK + 2;
        self.rows.clear();
        for (position, &byte) in text.iter().enumerate() {
            let row = &mut self.row_of[usize::from(byte)];
            if *row == 0 {
                self.present.insert(byte);
                self.rows.resize(self.rows.len() + self.words, 0);
                *row = (self.rows.len() / self.words) as u16;
                self.different = usize::from(*row);
            }
            self.rows[usize::from(*row - 1) * self.words + position / BLOCK] |= 1 << (position % BLOCK);
        }
    }

    /// The bytes that the text has.
    pub(crate) fn present(&self) -> &ByteSet {
        &self.present
    }

    /// Those places behind which, so many bytes on, stands this byte.
    pub(crate) fn keep_byte(&self, byte: u8, depth: usize, starts: Starts) -> Starts {
        Starts { bits: starts.bits & self.having(byte, starts.base + depth), ..starts }
    }

    /// The same with any byte of a set. Places may be kept by mistake whose text ends before that: they are to be
    /// [cut](Starts::cut) in the end. Takes as many steps as the text has different bytes that are in the set, or that are
    /// not.
    pub(crate) fn keep_set(&self, bytes: &ByteSet, depth: usize, starts: Starts) -> Starts {
        Starts { bits: starts.bits & self.having_any(bytes, starts.base + depth), ..starts }
    }

    /// Keeps those places behind which the tokens stand up to the first star, from so many tokens on. Answers what of the
    /// tokens is left, from where on it is known that there is no such place, or from the star on.
    pub(crate) fn keep_part<'p>(&self, tokens: &'p [u8], depth: &mut usize, starts: &mut Starts) -> &'p [u8] {
        let mut rest = tokens;
        while let Some((token, after)) = Token::split_first(rest)
            && token != Token::Star
            && !starts.is_empty()
        {
            *starts = self.keep(token, *depth, *starts);
            (rest, *depth) = (after, *depth + 1);
        }
        rest
    }

    /// Where the first occurrence of these tokens ends, of which there are `len`, and no stars, from `from` on and before
    /// `until`. Takes at most one step for each token and [`BLOCK`] bytes.
    pub(super) fn find<'p, T: Iterator<Item = Token<'p>>>(
        &self,
        tokens: impl Fn() -> T,
        len: usize,
        (from, until): (usize, usize),
        steps: &mut usize,
    ) -> Option<usize> {
        let end = (until + 1).checked_sub(len)?;
        (from..end).step_by(BLOCK).find_map(|base| {
            let mut starts = Starts::all(base, end);
            for (depth, token) in tokens().enumerate() {
                *steps += 1;
                starts = self.keep(token, depth, starts);
                if starts.is_empty() {
                    return None;
                }
            }
            starts.first().map(|start| start + len)
        })
    }

    /// The same with something that the token accepts.
    fn keep(&self, token: Token<'_>, depth: usize, starts: Starts) -> Starts {
        match token {
            Token::Byte(byte) => self.keep_byte(byte, depth, starts),
            Token::Set(set) => {
                let at = starts.base + depth;
                let (mut bits, mut ranges) = (0, ByteSet::default());
                for (low, high) in set.ranges() {
                    if low == high {
                        bits |= self.having(low, at);
                    } else {
                        ranges.insert_range(low, high);
                    }
                }
                bits |= self.having_any(&ranges, at);
                Starts { bits: starts.bits & if set.is_negated() { !bits } else { bits }, ..starts }
            }
            Token::Star | Token::Any => starts,
        }
    }

    /// The places from a position on at which this byte stands.
    fn having(&self, byte: u8, at: usize) -> u128 {
        let row = usize::from(self.row_of[usize::from(byte)]);
        if row == 0 || at >= self.len {
            return 0;
        }
        let first = (row - 1) * self.words + at / BLOCK;
        self.rows[first] >> (at % BLOCK) | self.rows[first + 1] << 1 << (BLOCK - 1 - at % BLOCK)
    }

    /// The same of any of these bytes. Positions behind the text may be among them.
    fn having_any(&self, bytes: &ByteSet, at: usize) -> u128 {
        let having = |bytes: ByteSet| bytes.iter().fold(0, |bits, byte| bits | self.having(byte, at));
        let held = self.present.and(bytes);
        match self.different {
            ..FEW => having(held),
            _ if held.len() <= self.different / 2 => having(held),
            _ => !having(self.present.without(bytes)),
        }
    }

    /// Gives memory back that is more than for so many words.
    pub(crate) fn shrink_to(&mut self, words: usize) {
        if self.rows.capacity() > words {
            self.rows = Vec::new();
        }
    }

    /// For how many words there is memory.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.rows.capacity()
    }
}

impl Starts {
    /// All positions of a block that are less than `until`.
    pub(crate) fn all(base: usize, until: usize) -> Self {
        let mut starts = Starts { base, bits: u128::MAX };
        starts.cut(until);
        starts
    }

    /// Takes those away that are not less than `until`.
    pub(crate) fn cut(&mut self, until: usize) {
        let places = until.saturating_sub(self.base);
        if places < BLOCK {
            self.bits &= (1 << places) - 1;
        }
    }

    /// The lowest of them.
    pub(crate) fn first(&self) -> Option<usize> {
        (self.bits != 0).then(|| self.base + self.bits.trailing_zeros() as usize)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bits == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.bits.count_ones() as usize
    }

    /// The bytes that stand so far behind any of them in this text.
    pub(crate) fn bytes_at(&self, text: &[u8], depth: usize) -> ByteSet {
        let mut bytes = ByteSet::default();
        let mut left = self.bits;
        while left != 0 {
            let start = self.base + left.trailing_zeros() as usize;
            text.get(start + depth).into_iter().for_each(|&byte| bytes.insert(byte));
            left &= left - 1;
        }
        bytes
    }
}
