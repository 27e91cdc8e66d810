//! One token of a program.

use std::num::NonZeroU32;

use crate::pattern::{ByteSet, Token};

/// The first token of a remaining pattern or program, with everything that means the same made the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// A literal byte, escaped or not, or a set of that one byte.
    Byte(u8),
    /// `?`, or a set of all bytes.
    Any,
    /// A set of some other size; one that is empty is never passed.
    Set(ByteSet),
    /// A star.
    Star,
}

impl Edge {
    /// Takes the first edge off a pattern; `None` at its end.
    pub(super) fn split_first(pattern: &[u8]) -> Option<(Edge, &[u8])> {
        let (token, rest) = Token::split_first(pattern)?;
        let edge = match token {
            Token::Byte(byte) => Edge::Byte(byte),
            Token::Any => Edge::Any,
            Token::Star => Edge::Star,
            Token::Set(set) => {
                let bytes = ByteSet::of(set);
                match (bytes.len(), bytes.iter().next()) {
                    (1, Some(byte)) => Edge::Byte(byte),
                    (256, _) => Edge::Any,
                    _ => Edge::Set(bytes),
                }
            }
        };
        Some((edge, rest))
    }

    /// Writes it as a pattern has it, in one of the ways that mean the same.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Edge::Byte(byte) => {
                if b"*?[\\".contains(byte) {
                    out.push(b'\\');
                }
                out.push(*byte);
            }
            Edge::Any => out.push(b'?'),
            Edge::Star => out.push(b'*'),
            Edge::Set(bytes) => bytes.write(out),
        }
    }
}

/// A place in one of the index's two tables, in four bytes even where it is optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(NonZeroU32);

/// What a [`Link`] leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Node(usize),
    Entry(usize),
}

impl Link {
    pub(super) fn to_node(key: usize) -> Self {
        Link::pack(key, 0)
    }

    pub(super) fn to_entry(key: usize) -> Self {
        Link::pack(key, 1)
    }

    pub(super) fn target(self) -> Target {
        let key = (self.0.get() >> 1) as usize - 1;
        if self.0.get() & 1 == 0 { Target::Node(key) } else { Target::Entry(key) }
    }

    fn pack(key: usize, tag: u32) -> Self {
        let packed = u32::try_from((key + 1) << 1).ok().and_then(|shifted| NonZeroU32::new(shifted | tag));
        Link(packed.expect("2^31 patterns do not fit into memory"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_the_same_edge() {
        let edge = |pattern: &'static [u8]| Edge::split_first(pattern).map(|(edge, _)| edge);
        assert_eq!(edge(b"[a]"), edge(b"\\a"));
        assert_eq!(edge(b"[^]"), edge(b"?"));
        assert_eq!(edge(b"[ab]"), edge(b"[b-a]"));
        assert_ne!(edge(b"[]"), edge(b"?"));
    }
}
