//! Redis' pattern language on bytes, for PSUBSCRIBE, KEYS, CONFIG GET and ACL rules.
//!
//! | Pattern | Stands for |
//! |---|---|
//! | `*` | any run of bytes, the empty one too |
//! | `?` | any one byte |
//! | `[abc]`, `[a-z]` | one byte of the set; a reversed range is swapped |
//! | `[^abc]` | one byte that is not in the set |
//! | `\x` | the byte `x`, whatever it means otherwise |
//!
//! Corners that clients can see, all of them as in Redis 7.2 (`util.c`, `stringmatchlen`):
//!
//! - An empty text is matched by the empty pattern and by nothing else, so `*` does not match it. The rule belongs to
//!   matching itself and not to PUBLISH: it holds for keys and directives as well.
//! - A `[` that is never closed takes the rest of the pattern as its set. A set may be empty: `[]` matches no byte and
//!   `[^]` matches every byte, which means that a `]` cannot be written first to stand for itself.
//! - In a set `\x` is the byte `x` and never starts a range; the end of a range is taken as it stands, so `[a-\]` ends at
//!   the backslash and `[a-]` is an unclosed range up to `]`.
//! - A backslash at the very end stands for itself.
//! - Ranges order bytes as signed numbers, the way Redis does on x86-64: 0x80-0xFF come before 0x00.
//! - Ignoring case concerns ASCII letters only. The ends of a range are swapped before they are folded and an escaped
//!   byte in a set is not folded.

mod automaton;
mod byte_set;
mod part;
mod positions;
#[cfg(test)]
mod tests;
mod token;

use std::ops::Range;

pub(crate) use byte_set::ByteSet;
use part::Part;
pub(crate) use positions::{BLOCK, Positions, Starts, Text};
use token::Case;
pub(crate) use token::Token;

/// Whether `pattern` matches the whole of `text`.
///
/// Takes steps in proportion to the length of both: at most 64 for each byte of the text, and some for each byte of the
/// pattern. Only runs between stars of more than 64 tokens that have sets or question marks may take more: one step for each
/// byte of the text and 64 tokens of the run, and 32 bytes of memory for each token in the meantime.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Exact, &mut 0)
}

/// Whether `pattern` matches the whole of `text` when ASCII letters of either case are equal.
///
/// Takes up to as many steps as both have bytes, multiplied; so it is for texts that no client chooses.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Ignored, &mut 0)
}

/// Whether a text has between these positions what stands between the stars of `parts`, one behind the other.
///
/// Takes what [`matches()`] takes, and a fraction of it for sets and question marks; the steps are added up.
pub(crate) fn parts_found(parts: &[u8], text: &mut Text<'_>, window: Range<usize>, steps: &mut usize) -> bool {
    let (mut parts, mut from) = (Some(parts), window.start);
    while let Some(pattern) = parts {
        if text.is_read() {
            // most are near
            let (mut depth, mut starts) = (0, Starts::all(from, window.end + 1));
            let rest = text.positions().keep_part(pattern, &mut depth, &mut starts);
            *steps += pattern.len() - rest.len();
            starts.cut((window.end + 1).saturating_sub(depth));
            if let Some(start) = starts.first() {
                (parts, from) = (rest.split_first().map(|(_, behind)| behind), start + depth);
                continue;
            }
            from += BLOCK;
            if from >= window.end {
                return false;
            }
        }
        let (part, behind) = Part::split_first(pattern);
        *steps += pattern.len() - behind.map_or(0, <[u8]>::len);
        let Some(after) = part.find_in(text, (from, window.end), steps) else { return false };
        (parts, from) = (behind, after);
    }
    true
}

fn matches_with(pattern: &[u8], text: &[u8], case: Case, steps: &mut usize) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut pattern, mut text) = (pattern, text);
    loop {
        match (Token::split_first(pattern), text.split_first()) {
            (Some((Token::Star, behind)), _) => return parts_match(behind, text, case, steps),
            (Some((token, rest)), Some((&byte, text_rest))) if token.accepts(byte, case) => {
                (pattern, text) = (rest, text_rest);
            }
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Whether what follows the first star matches the rest of the text.
///
/// Each part between two stars is taken where it is found first, which leaves most of the text to the others. The last part
/// stands at the end.
fn parts_match(pattern: &[u8], text: &[u8], case: Case, steps: &mut usize) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    loop {
        let (part, behind) = Part::split_first(pattern);
        *steps += pattern.len() - behind.map_or(0, <[u8]>::len);
        let Some(behind) = behind else { return part.ends(text, case, steps) };
        let Some(after) = part.find(text, case, steps) else { return false };
        (pattern, text) = (behind, after);
    }
}
