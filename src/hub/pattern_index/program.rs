//! Patterns in the form in which the trie spells them out.

use super::edge::Edge;
use crate::pattern::{ByteSet, Token};

/// A pattern with its tokens in the order in which a channel is compared with them: first what stands at the channel's
/// beginning, then what stands at its end, and then what may stand anywhere in between.
///
/// | pattern | program |
/// |---|---|
/// | `abc` | `abc` |
/// | `abc*xyz` | `abc*zyx` |
/// | `abc*1*2*xyz` | `abc*zyx*?1*2` |
/// | `abc*1*[23]*xyz` | `abc*zyx*11*[23]` |
///
/// What follows the first star is the pattern's end, backwards. The token behind the second star is the *key*: a byte that
/// has to be somewhere in a channel, or a set of which one byte has to be, or `?` if there is none to name. Only patterns
/// with sets or question marks between their stars have one, because a walk can take many ways with these before it finds
/// that a byte is missing.
///
/// What means the same is written in the same way: `[a]` as `a`, `[c-a]` as `[a-c]`, `[^]` as `?`, `**` as `*`. So programs
/// that begin with the same bytes begin with the same tokens.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) text: Box<[u8]>,
    /// Where in it the first part begins that may stand anywhere; its length if there is none.
    pub(super) first_part: u32,
    /// The bytes that a channel must have between beginning and end, if it has a key.
    pub(super) needed: Letters,
}

impl Program {
    /// Takes time in proportion to the pattern's length.
    pub(super) fn of(pattern: &[u8]) -> Self {
        let mut text = Vec::with_capacity(pattern.len() + 4);
        let (begin, rest) = split_at_star(pattern);
        write(begin, &mut text);
        let Some(mut rest) = rest else { return Program::without_parts(text) };
        text.push(b'*');
        let mut parts = Vec::new();
        let end = loop {
            let (part, behind) = split_at_star(rest);
            let Some(behind) = behind else { break part };
            if !part.is_empty() {
                parts.push(part);
            }
            rest = behind;
        };
        tokens_of(end).into_iter().rev().for_each(|token| write(token, &mut text));
        if parts.is_empty() {
            return Program::without_parts(text);
        }
        let (key, needed) = key(&parts);
        text.push(b'*');
        key.write(&mut text);
        let first_part = narrow(text.len());
        for (number, part) in parts.into_iter().enumerate() {
            if number > 0 {
                text.push(b'*');
            }
            write(part, &mut text);
        }
        Program { text: text.into(), first_part, needed }
    }

    fn without_parts(text: Vec<u8>) -> Self {
        Program { first_part: narrow(text.len()), text: text.into(), needed: Letters::default() }
    }
}

/// A place in a program in four bytes.
pub(super) fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("arguments are shorter than 4 GiB")
}

/// How many bytes both programs begin with, as whole tokens and without a star; at most `room`.
pub(super) fn shared(one: &[u8], other: &[u8], room: usize) -> usize {
    let mut shared = 0;
    while let Some((token, rest)) = Token::split_first(&one[shared..]) {
        let end = one.len() - rest.len();
        if token == Token::Star || end > room || other.get(shared..end) != Some(&one[shared..end]) {
            break;
        }
        shared = end;
    }
    shared
}

/// What comes before the first star of a pattern, and what behind it.
fn split_at_star(pattern: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut rest = pattern;
    while let Some((token, after)) = Token::split_first(rest) {
        if token == Token::Star {
            return (&pattern[..pattern.len() - rest.len()], Some(after));
        }
        rest = after;
    }
    (pattern, None)
}

/// Writes tokens in the one way that is used for their meaning.
fn write(tokens: &[u8], out: &mut Vec<u8>) {
    if memchr::memchr2(b'[', b'\\', tokens).is_none() {
        return out.extend_from_slice(tokens);
    }
    edges(tokens).for_each(|edge| edge.write(out));
}

fn edges(mut pattern: &[u8]) -> impl Iterator<Item = Edge> {
    std::iter::from_fn(move || {
        let (edge, rest) = Edge::split_first(pattern)?;
        pattern = rest;
        Some(edge)
    })
}

/// The tokens of a pattern, each as it is written.
fn tokens_of(mut pattern: &[u8]) -> Vec<&[u8]> {
    let mut tokens = Vec::new();
    while let Some((_, rest)) = Token::split_first(pattern) {
        tokens.push(&pattern[..pattern.len() - rest.len()]);
        pattern = rest;
    }
    tokens
}

/// The byte or set by which patterns with these parts are left aside, and all bytes that a channel needs for them. Neither
/// is worth its while where all parts are plain bytes.
fn key(parts: &[&[u8]]) -> (Edge, Letters) {
    let mut needed = Letters::default();
    if parts.iter().all(|part| memchr::memchr3(b'?', b'[', b'\\', part).is_none()) {
        return (Edge::Any, needed);
    }
    let mut rarest = None;
    for edge in parts.iter().flat_map(|part| edges(part)) {
        let rarity = match &edge {
            Edge::Byte(byte) => {
                needed.insert(*byte);
                rarity(|common| common == *byte)
            }
            Edge::Set(bytes) => rarity(|common| bytes.contains(common)),
            Edge::Any | Edge::Star => continue,
        };
        if rarest.as_ref().is_none_or(|(most, _)| *most < rarity) {
            rarest = Some((rarity, edge));
        }
    }
    (rarest.map_or(Edge::Any, |(_, edge)| edge), needed)
}

/// How seldom channels have one of these bytes, roughly: the letters in their order in English, and what separates words
/// before them.
fn rarity(is_one: impl Fn(u8) -> bool) -> usize {
    const COMMON: &[u8] = b":./-_ etaoinsrhldcumfpgwybvkxjqz0123456789";
    COMMON.iter().position(|&byte| is_one(byte)).unwrap_or(COMMON.len())
}

/// Some bytes, as 64 bits: letters of either case share one, most others share theirs with bytes that names do not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Letters(u64);

impl Letters {
    fn insert(&mut self, byte: u8) {
        self.0 |= 1 << (byte >> 1 & 32 | byte & 31);
    }

    /// Whether none of these is missing there. May say so by mistake, as several bytes share a bit.
    pub(super) fn are_in(self, others: Letters) -> bool {
        self.0 & !others.0 == 0
    }
}

/// Which bytes a channel has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Presence {
    pub(super) bytes: ByteSet,
    pub(super) letters: Letters,
}

impl Presence {
    pub(super) fn of(channel: &[u8]) -> Self {
        let mut presence = Presence::default();
        for &byte in channel {
            presence.bytes.insert(byte);
            presence.letters.insert(byte);
        }
        presence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_the_ends_first_and_one_text_for_one_meaning() {
        for (pattern, program) in [
            ("", ""),
            ("a?[bc]", "a?[bc]"),
            ("*", "*"),
            ("a***bc", "a*cb"),
            ("a*\\?[^x]", "a*[^x]\\?"),
            ("*ab*cd*", "**?ab*cd"),
            ("x*z?[ab]*yz*", "x**zz?[ab]*yz"),
            ("*?*[ab]*", "**[ab]?*[ab]"),
            ("*x*[A-F]*", "**[A-F]x*[A-F]"),
            ("*x*[A-e]*", "**xx*[A-e]"),
            ("*?*??*", "**??*??"),
            ("[c-a][a][^][]", "[a-c]a?[]"),
            ("[a", "a"),
            ("[\\]-^]x", "[\\-\\]\\^]x"),
        ] {
            let text = Program::of(pattern.as_bytes()).text;
            assert_eq!(text.escape_ascii().to_string(), program.as_bytes().escape_ascii().to_string(), "{pattern}");
        }
    }

    #[test]
    fn the_first_part_is_behind_the_key() {
        for (pattern, first_part) in [("ab*1*xyz*cd", 7), ("ab*cd", 5), ("ab", 2), ("", 0), ("*[ab]?*", 6)] {
            assert_eq!(Program::of(pattern.as_bytes()).first_part, first_part, "{pattern}");
        }
    }
}
