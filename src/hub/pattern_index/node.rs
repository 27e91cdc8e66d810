//! The inner nodes of the trie and the edges between them.

use std::num::NonZeroU32;

use super::sets::Sets;
use crate::pattern::ByteSet;
use crate::pattern::Token;

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

/// The first token of a remaining pattern, with everything that means the same made the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// A literal byte, escaped or not, or a set of that one byte.
    Byte(u8),
    /// `?`, or a set of all bytes.
    Any,
    /// A set of some other size; one that is empty is never passed.
    Set(ByteSet),
    /// A run of stars.
    Star,
}

impl Edge {
    /// Takes the first edge off a pattern; `None` at its end.
    pub(super) fn split_first(pattern: &[u8]) -> Option<(Edge, &[u8])> {
        let (token, mut rest) = Token::split_first(pattern)?;
        let edge = match token {
            Token::Byte(byte) => Edge::Byte(byte),
            Token::Any => Edge::Any,
            Token::Set(set) => {
                let bytes = ByteSet::of(set);
                match (bytes.len(), bytes.iter().next()) {
                    (1, Some(byte)) => Edge::Byte(byte),
                    (256, _) => Edge::Any,
                    _ => Edge::Set(bytes),
                }
            }
            Token::Star => {
                while let [b'*', others @ ..] = rest {
                    rest = others;
                }
                Edge::Star
            }
        };
        Some((edge, rest))
    }
}

/// Where patterns part.
///
/// A node is passed when its label, which follows the edge that leads here, has been read. A node behind a star has no
/// label, because it is tried at every position.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) label: Box<[u8]>,
    pub(super) literals: Literals,
    pub(super) any: Option<Link>,
    pub(super) star: Option<Link>,
    pub(super) sets: Option<Box<Sets>>,
    /// The first entry of the patterns that end here, which all mean the same.
    pub(super) ends: Option<Link>,
    /// The walk that passed the star in front of this node last.
    pub(super) seen: u32,
}

impl Node {
    /// A node without children that the walks up to this one need not enter.
    pub(super) fn labelled(label: Box<[u8]>, seen: u32) -> Self {
        Node { label, seen, ..Node::default() }
    }

    pub(super) fn child(&self, edge: &Edge) -> Option<Link> {
        match edge {
            Edge::Byte(byte) => self.literals.get(*byte),
            Edge::Any => self.any,
            Edge::Star => self.star,
            Edge::Set(bytes) => self.sets.as_ref()?.get(bytes),
        }
    }

    pub(super) fn set_child(&mut self, edge: &Edge, child: Link) {
        match edge {
            Edge::Byte(byte) => self.literals.insert(*byte, child),
            Edge::Any => self.any = Some(child),
            Edge::Star => self.star = Some(child),
            Edge::Set(bytes) => {
                let sets = self.sets.get_or_insert_default();
                sets.insert(*bytes, child);
            }
        }
    }

    pub(super) fn remove_child(&mut self, edge: &Edge) {
        match edge {
            Edge::Byte(byte) => self.literals.remove(*byte),
            Edge::Any => self.any = None,
            Edge::Star => self.star = None,
            Edge::Set(bytes) => {
                if let Some(sets) = &mut self.sets {
                    sets.remove(bytes);
                    if sets.len() == 0 {
                        self.sets = None;
                    }
                }
            }
        }
    }

    /// The one child of a node that does not branch; `None` if patterns end here instead.
    pub(super) fn only_child(&self) -> Option<Link> {
        let literal = match &self.literals {
            Literals::Few { len: 0, .. } => None,
            Literals::Few { children, .. } => children[0],
            Literals::Many(many) => many.children.first().copied(),
        };
        let set = || self.sets.as_ref()?.first();
        literal.or(self.any).or(self.star).or_else(set)
    }

    /// How many ways lead on from here, the patterns that end here counted as one.
    pub(super) fn ways(&self) -> usize {
        let sets = self.sets.as_ref().map_or(0, |sets| sets.len());
        let single = [self.any, self.star, self.ends].iter().flatten().count();
        self.literals.len() + sets + single
    }
}

/// The children of a node by literal byte: in place while there are few, behind a bitmap when there are more.
#[derive(Debug)]
pub(super) enum Literals {
    Few { len: u8, bytes: [u8; FEW], children: [Option<Link>; FEW] },
    Many(Box<Many>),
}

#[derive(Debug)]
pub(super) struct Many {
    bytes: ByteSet,
    /// In the order of `bytes`.
    children: Vec<Link>,
}

const FEW: usize = 4;

impl Default for Literals {
    fn default() -> Self {
        Literals::Few { len: 0, bytes: [0; FEW], children: [None; FEW] }
    }
}

impl Literals {
    pub(super) fn len(&self) -> usize {
        match self {
            Literals::Few { len, .. } => usize::from(*len),
            Literals::Many(many) => many.children.len(),
        }
    }

    pub(super) fn get(&self, byte: u8) -> Option<Link> {
        match self {
            Literals::Few { len, bytes, children } => {
                let index = bytes[..usize::from(*len)].iter().position(|&own| own == byte)?;
                children[index]
            }
            Literals::Many(many) => many.bytes.contains(byte).then(|| many.children[many.bytes.rank(byte)]),
        }
    }

    fn insert(&mut self, byte: u8, child: Link) {
        match self {
            Literals::Few { len, bytes, children } => {
                let used = usize::from(*len);
                if let Some(index) = bytes[..used].iter().position(|&own| own == byte) {
                    children[index] = Some(child);
                } else if used < FEW {
                    (bytes[used], children[used]) = (byte, Some(child));
                    *len += 1;
                } else {
                    let mut many = Many { bytes: ByteSet::default(), children: Vec::with_capacity(FEW + 1) };
                    for (&byte, child) in bytes.iter().zip(children.iter().flatten()) {
                        many.insert(byte, *child);
                    }
                    many.insert(byte, child);
                    *self = Literals::Many(Box::new(many));
                }
            }
            Literals::Many(many) => many.insert(byte, child),
        }
    }

    fn remove(&mut self, byte: u8) {
        match self {
            Literals::Few { len, bytes, children } => {
                let used = usize::from(*len);
                if let Some(index) = bytes[..used].iter().position(|&own| own == byte) {
                    (bytes[index], children[index]) = (bytes[used - 1], children[used - 1]);
                    *len -= 1;
                }
            }
            Literals::Many(many) => {
                many.remove(byte);
                // a gap to the size at which they were moved out, so that a child that comes and goes moves nothing
                if many.children.len() <= FEW / 2 {
                    let mut few = Literals::default();
                    for (byte, &child) in many.bytes.iter().zip(&many.children) {
                        few.insert(byte, child);
                    }
                    *self = few;
                }
            }
        }
    }
}

impl Many {
    fn insert(&mut self, byte: u8, child: Link) {
        let rank = self.bytes.rank(byte);
        if self.bytes.contains(byte) {
            self.children[rank] = child;
        } else {
            self.bytes.insert(byte);
            self.children.insert(rank, child);
        }
    }

    fn remove(&mut self, byte: u8) {
        if self.bytes.contains(byte) {
            self.children.remove(self.bytes.rank(byte));
            self.bytes.remove(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_children_are_found_however_many_there_are() {
        let mut literals = Literals::default();
        for round in 0..2 {
            for byte in 0..=255u8 {
                assert_eq!(literals.get(byte), None, "round {round}");
                literals.insert(byte, Link::to_node(0));
                literals.insert(byte, Link::to_entry(usize::from(byte)));
                assert_eq!(literals.len(), usize::from(byte) + 1);
            }
            for byte in 0..=255u8 {
                assert_eq!(literals.get(byte), Some(Link::to_entry(usize::from(byte))));
                literals.remove(byte);
                literals.remove(byte);
                assert_eq!(literals.len(), 255 - usize::from(byte));
            }
        }
    }

    #[test]
    fn what_means_the_same_is_the_same_edge() {
        let edge = |pattern: &'static [u8]| Edge::split_first(pattern).map(|(edge, _)| edge);
        assert_eq!(edge(b"[a]"), edge(b"\\a"));
        assert_eq!(edge(b"[^]"), edge(b"?"));
        assert_eq!(edge(b"[ab]"), edge(b"[b-a]"));
        assert_eq!(Edge::split_first(b"***a"), Some((Edge::Star, &b"a"[..])));
        assert_ne!(edge(b"[]"), edge(b"?"));
    }

    #[test]
    fn a_node_stays_small() {
        assert!(size_of::<Option<Link>>() == 4 && size_of::<Node>() <= 72, "{}", size_of::<Node>());
    }
}
