//! The search for a long part that has sets or question marks.

use super::ByteSet;
use super::token::Token;

/// All beginnings of a part that the text read so far ends with, one bit each ("shift-and"; Baeza-Yates and Gonnet, A new
/// approach to text searching, 1992).
///
/// Such a part cannot be searched as a plain one: that two bytes are in one set says nothing about a third.
pub(super) struct Automaton {
    /// For each byte the tokens that accept it, `words` words with a bit for each token.
    rows: Vec<u64>,
    words: usize,
    /// The last token's bit in the last word.
    last: u64,
}

impl Automaton {
    /// For the `len` tokens of a part, of which there is at least one. Takes 32 bytes for each.
    pub(super) fn of<'p>(tokens: impl Iterator<Item = Token<'p>>, len: usize) -> Self {
        let words = len.div_ceil(64);
        let mut rows = vec![0; 256 * words];
        let mut any = vec![0; words];
        for (place, token) in tokens.enumerate() {
            let (word, bit) = (place / 64, 1 << (place % 64));
            match token {
                Token::Star | Token::Any => any[word] |= bit,
                Token::Byte(byte) => rows[usize::from(byte) * words + word] |= bit,
                Token::Set(set) => {
                    ByteSet::of(set).iter().for_each(|byte| rows[usize::from(byte) * words + word] |= bit);
                }
            }
        }
        for row in rows.chunks_exact_mut(words) {
            row.iter_mut().zip(&any).for_each(|(word, any)| *word |= any);
        }
        Automaton { rows, words, last: 1 << ((len - 1) % 64) }
    }

    /// Where the first occurrence in the text ends.
    pub(super) fn find(&self, text: &[u8], steps: &mut usize) -> Option<usize> {
        let mut state = vec![0; self.words];
        // words behind these are zero
        let mut used = 0;
        for (place, &byte) in text.iter().enumerate() {
            used = self.words.min(used + 1);
            *steps += used;
            let row = &self.rows[usize::from(byte) * self.words..][..used];
            for word in (1..used).rev() {
                state[word] = (state[word] << 1 | state[word - 1] >> 63) & row[word];
            }
            state[0] = (state[0] << 1 | 1) & row[0];
            if state[self.words - 1] & self.last != 0 {
                return Some(place + 1);
            }
            while used > 0 && state[used - 1] == 0 {
                used -= 1;
            }
        }
        None
    }
}
