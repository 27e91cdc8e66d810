//! The inner nodes of the trie.

use super::edge::{Edge, Link};
use super::literals::Literals;
use super::sets::Sets;

/// Where patterns part.
///
/// A node is passed when its label, which follows the edge that leads here, has been read.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Tokens without a star, as a program has them. Empty where a part begins that may stand anywhere: that is tried at
    /// every position.
    pub(super) label: Box<[u8]>,
    pub(super) literals: Literals,
    pub(super) any: Option<Link>,
    pub(super) star: Option<Link>,
    pub(super) sets: Option<Box<Sets>>,
    /// The first entry of those that have no way on from here: they end here, and mean the same, or have come to the
    /// depth from which on each pattern is matched alone.
    pub(super) ends: Option<Link>,
    /// The walk that passed the star in front of this node last.
    pub(super) seen: u64,
}

/// More ways than these are many.
const WIDE: usize = 4;

/// The one way on from a node that does not branch.
pub(super) enum OnlyWay {
    Child(Edge, Link),
    Ends(Link),
}

impl Node {
    /// A node without children.
    pub(super) fn labelled(label: &[u8]) -> Self {
        Node { label: label.into(), ..Node::default() }
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

    /// The way on from a node that has only one.
    pub(super) fn only_way(&self) -> Option<OnlyWay> {
        if self.ways() != 1 {
            return None;
        }
        let literal = || self.literals.iter().next().map(|(byte, child)| OnlyWay::Child(Edge::Byte(byte), child));
        let any = || self.any.map(|child| OnlyWay::Child(Edge::Any, child));
        let star = || self.star.map(|child| OnlyWay::Child(Edge::Star, child));
        let set = || {
            let (bytes, child) = self.sets.as_ref()?.first()?;
            Some(OnlyWay::Child(Edge::Set(bytes), child))
        };
        self.ends.map(OnlyWay::Ends).or_else(literal).or_else(any).or_else(star).or_else(set)
    }

    /// The byte that everything below begins with, if it is one.
    pub(super) fn only_literal(&self) -> Option<u8> {
        let alone = self.sets.is_none() && self.any.is_none() && self.literals.len() == 1;
        self.literals.iter().next().filter(|_| alone).map(|(byte, _)| byte)
    }

    /// Whether so many ways lead on that it is worth to know beforehand which bytes come next.
    pub(super) fn is_wide(&self) -> bool {
        self.literals.len() > WIDE || self.sets.as_ref().is_some_and(|sets| sets.len() > WIDE)
    }

    /// How many ways lead on from here, the patterns that end here counted as one.
    pub(super) fn ways(&self) -> usize {
        let sets = self.sets.as_ref().map_or(0, |sets| sets.len());
        let single = [self.any, self.star, self.ends].iter().flatten().count();
        self.literals.len() + sets + single
    }

    /// The bytes of what hangs on it alone.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.label.len() + self.literals.heap_bytes() + self.sets.as_ref().map_or(0, |sets| sets.heap_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stays_small() {
        assert!(size_of::<Option<Link>>() == 4 && size_of::<Node>() <= 72, "{}", size_of::<Node>());
    }
}
