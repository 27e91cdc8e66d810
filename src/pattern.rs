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

mod byte_set;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use byte_set::ByteSet;
use token::Case;
pub(crate) use token::Token;

/// Whether `pattern` matches the whole of `text`.
///
/// Takes at most `pattern.len() * text.len()` steps whatever the pattern, and allocates nothing.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Exact)
}

/// Whether `pattern` matches the whole of `text` when ASCII letters of either case are equal.
///
/// Costs what [`matches()`] costs.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Ignored)
}

/// Whether what is left of a pattern matches what is left of a text, once the whole text is known not to be empty.
///
/// Differs from [`matches()`] in the text that is empty only because it has been used up: stars match it.
pub(crate) fn rest_matches(pattern: &[u8], text: &[u8]) -> bool {
    rest_matches_with(pattern, text, Case::Exact)
}

fn matches_with(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    rest_matches_with(pattern, text, case)
}

/// Remembers only the last star: what the earlier ones took need not be reconsidered, because the last one can take
/// whatever a longer run of theirs would have taken. That is what bounds the time.
fn rest_matches_with(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (Token::split_first(pattern), text.split_first()) {
            (Some((Token::Star, rest)), _) => {
                if rest.is_empty() {
                    return true;
                }
                pattern = rest;
                last_star = Some((rest, text));
                continue;
            }
            (Some((token, rest)), Some((&byte, text_rest))) if token.accepts(byte, case) => {
                (pattern, text) = (rest, text_rest);
                continue;
            }
            (None, None) => return true,
            // a star that takes more leaves less text, which cannot help a pattern that is left over
            (Some(_), None) => return false,
            _ => {}
        }
        let Some((after_star, [_, longer @ ..])) = last_star else {
            return false;
        };
        (pattern, text) = (after_star, longer);
        last_star = Some((after_star, longer));
    }
}
