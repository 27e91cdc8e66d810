//! The search for a part that has sets or question marks.
//!
//! It keeps all beginnings of the part that the text read so far ends with, one bit each ("shift-and"; Baeza-Yates and
//! Gonnet, A new approach to text searching, 1992). Such a part cannot be searched as a plain one: that two bytes are in
//! one set says nothing about a third.

use super::ByteSet;
use super::token::Token;

/// Where the first occurrence in the text of these tokens ends, of which there are `len`, and no stars.
pub(super) fn find<'p>(
    tokens: impl Iterator<Item = Token<'p>>,
    len: usize,
    text: &[u8],
    steps: &mut usize,
) -> Option<usize> {
    *steps += len;
    if len <= 64 { find_short(tokens, len, text, steps) } else { find_long(tokens, len, text, steps) }
}

/// The same for up to 64 tokens: without allocating.
fn find_short<'p>(
    tokens: impl Iterator<Item = Token<'p>>,
    len: usize,
    text: &[u8],
    steps: &mut usize,
) -> Option<usize> {
    let mut rows = [0; 256];
    let mut any = [0];
    enter(tokens, &mut rows, &mut any);
    let (mut state, last) = (0_u64, 1 << (len - 1));
    let place = text.iter().position(|&byte| {
        state = (state << 1 | 1) & (rows[usize::from(byte)] | any[0]);
        state & last != 0
    });
    *steps += place.unwrap_or(text.len());
    place.map(|place| place + 1)
}

/// The same for any number of tokens: with 32 bytes of memory for each.
fn find_long<'p>(tokens: impl Iterator<Item = Token<'p>>, len: usize, text: &[u8], steps: &mut usize) -> Option<usize> {
    let words = len.div_ceil(64);
    let mut rows = vec![0; 256 * words];
    let mut state = vec![0; words];
    enter(tokens, &mut rows, &mut state);
    for row in rows.chunks_exact_mut(words) {
        row.iter_mut().zip(&state).for_each(|(word, any)| *word |= any);
    }
    state.fill(0);
    let last = 1 << ((len - 1) % 64);
    // words behind these are zero
    let mut used = 0;
    for (place, &byte) in text.iter().enumerate() {
        used = words.min(used + 1);
        *steps += used;
        let row = &rows[usize::from(byte) * words..][..used];
        for word in (1..used).rev() {
            state[word] = (state[word] << 1 | state[word - 1] >> 63) & row[word];
        }
        state[0] = (state[0] << 1 | 1) & row[0];
        if state[words - 1] & last != 0 {
            return Some(place + 1);
        }
        while used > 0 && state[used - 1] == 0 {
            used -= 1;
        }
    }
    None
}

/// Notes for each byte which tokens accept it: a row of words, with a bit for each token. Those that accept all are noted in
/// `any` only, which has as many words as a row.
fn enter<'p>(tokens: impl Iterator<Item = Token<'p>>, rows: &mut [u64], any: &mut [u64]) {
    for (place, token) in tokens.enumerate() {
        let (word, bit) = (place / 64, 1 << (place % 64));
        let accept = |byte: u8| rows[usize::from(byte) * any.len() + word] |= bit;
        match token {
            Token::Byte(byte) => std::iter::once(byte).for_each(accept),
            Token::Set(set) => ByteSet::of(set).iter().for_each(accept),
            Token::Star | Token::Any => any[word] |= bit,
        }
    }
}
