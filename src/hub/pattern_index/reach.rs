//! How far a program has been spelled out at a place of the trie, and what follows from that.

use super::edge::Edge;

/// What of a channel the next tokens of a program are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// What follows the channel's beginning.
    #[default]
    Begin,
    /// What comes before its end.
    End,
    /// The bytes that it has at all: one token names one that must be there.
    Key,
    /// Every position in between.
    Parts,
}

/// A position in a program, and how it was reached.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    pub(super) phase: Phase,
    /// How many bytes of the program are behind.
    pub(super) at: usize,
    /// Where the part began that is being spelled out, in the last phase.
    pub(super) part: usize,
    /// How many bytes of parts are behind.
    depth: usize,
    /// How many parts are behind.
    parts: usize,
}

/// So many bytes of what may stand anywhere are spelled out by nodes. These are compared at every position of a channel,
/// and the rest of a pattern is not: it is searched once.
const DEPTH: usize = 64;

/// So many parts that may stand anywhere are spelled out by nodes: each takes a node of its own.
const PARTS: usize = 3;

impl Reach {
    /// The next edge of a program and its length; `None` where no further node may follow.
    pub(super) fn next(&self, program: &[u8]) -> Option<(Edge, usize)> {
        if self.parts >= PARTS || self.depth >= DEPTH {
            return None;
        }
        let rest = &program[self.at..];
        Edge::split_first(rest).map(|(edge, after)| (edge, rest.len() - after.len()))
    }

    /// Behind an edge of this length.
    pub(super) fn pass(mut self, edge: &Edge, len: usize) -> Self {
        self.at += len;
        match (self.phase, edge) {
            (Phase::Begin, Edge::Star) => self.phase = Phase::End,
            (Phase::End, Edge::Star) => self.phase = Phase::Key,
            (Phase::Begin | Phase::End, _) => {}
            (Phase::Key, _) => (self.phase, self.part) = (Phase::Parts, self.at),
            (Phase::Parts, Edge::Star) => (self.part, self.parts) = (self.at, self.parts + 1),
            (Phase::Parts, _) => self.depth += len,
        }
        self
    }

    /// Behind the label of a node, of this length.
    pub(super) fn pass_label(mut self, len: usize) -> Self {
        self.at += len;
        if self.phase == Phase::Parts {
            self.depth += len;
        }
        self
    }

    /// How long the label of a node may be here, in bytes.
    pub(super) fn label_room(&self) -> usize {
        match self.phase {
            Phase::Begin | Phase::End => usize::MAX,
            Phase::Parts if self.at > self.part => DEPTH.saturating_sub(self.depth),
            Phase::Key | Phase::Parts => 0,
        }
    }
}
