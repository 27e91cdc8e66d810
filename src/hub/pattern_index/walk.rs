//! How a channel finds the patterns that match it.

use slab::Slab;

use super::node::{Link, Node, Target};
use super::{Entry, KEPT_WORK, PatternIndex, ROOT};
use crate::pattern::{Token, rest_matches};

/// The lists of a walk, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Nodes and entries with the position at which their edge has been passed.
    pub(super) steps: Vec<(Link, usize)>,
    /// Nodes behind a star, with the first position at which to try them.
    pub(super) stars: Vec<(usize, usize)>,
    /// How many links have been followed.
    #[cfg(test)]
    pub(super) followed: usize,
}

impl<V> PatternIndex<V> {
    /// Calls `found` once with every pattern that matches the channel and its value.
    ///
    /// The order depends only on what was inserted and removed before.
    pub fn for_each_match(&mut self, channel: &[u8], found: impl FnMut(&[u8], &V)) {
        if self.entries.is_empty() {
            return;
        }
        self.begin_walk();
        let mut walk = Walk {
            nodes: &mut self.nodes,
            entries: &mut self.entries,
            work: &mut self.work,
            number: self.walk,
            channel,
            found,
        };
        if channel.is_empty() {
            // stars do not match a text that is empty from the start
            walk.report_ends(walk.nodes[ROOT].ends);
            return;
        }
        walk.pass(ROOT, 0);
        walk.run();
        self.work.steps.shrink_to(KEPT_WORK);
        self.work.stars.shrink_to(KEPT_WORK);
    }

    /// Numbers the walk; when the numbers are used up all marks are erased, once in four billion walks.
    fn begin_walk(&mut self) {
        self.work.steps.clear();
        self.work.stars.clear();
        self.walk = self.walk.checked_add(1).unwrap_or_else(|| {
            self.nodes.iter_mut().for_each(|(_, node)| node.seen = 0);
            self.entries.iter_mut().for_each(|(_, entry)| entry.seen = 0);
            1
        });
    }

    #[cfg(test)]
    pub(super) fn exhaust_walk_numbers(&mut self) {
        self.walk = u32::MAX - 1;
    }
}

struct Walk<'a, V, F> {
    nodes: &'a mut Slab<Node>,
    entries: &'a mut Slab<Entry<V>>,
    work: &'a mut Work,
    number: u32,
    channel: &'a [u8],
    found: F,
}

impl<V, F: FnMut(&[u8], &V)> Walk<'_, V, F> {
    fn run(&mut self) {
        self.take_steps();
        while let Some((node, first)) = self.work.stars.pop() {
            for position in first..self.channel.len() {
                self.branch(node, position);
                self.take_steps();
            }
        }
    }

    fn take_steps(&mut self) {
        while let Some((link, position)) = self.work.steps.pop() {
            #[cfg(test)]
            {
                self.work.followed += 1;
            }
            match link.target() {
                Target::Entry(key) => self.try_tail(key, position),
                Target::Node(node) => {
                    let label = &self.nodes[node].label;
                    // most labels are empty, and comparing those at their dangling address costs 80 ns
                    if label.is_empty() || self.channel[position..].starts_with(label) {
                        self.pass(node, position + label.len());
                    }
                }
            }
        }
    }

    /// Goes on from a node whose label has been read up to `position`.
    fn pass(&mut self, node: usize, position: usize) {
        if let Some(star) = self.nodes[node].star {
            self.enter_star(star, position);
        }
        if position < self.channel.len() {
            self.branch(node, position);
        } else {
            self.report_ends(self.nodes[node].ends);
        }
    }

    /// Notes the children of a node that the byte at `position` leads to.
    fn branch(&mut self, node: usize, position: usize) {
        let node = &self.nodes[node];
        let byte = self.channel[position];
        let steps = &mut self.work.steps;
        if let Some(sets) = &node.sets {
            steps.extend(sets.of_byte(byte).map(|child| (child, position + 1)));
        }
        if let Some(child) = node.any {
            steps.push((child, position + 1));
        }
        if let Some(child) = node.literals.get(byte) {
            steps.push((child, position + 1));
        }
    }

    /// Enters what follows a star, unless this walk has been there: positions are tried in rising order, so the first
    /// time is the earliest.
    fn enter_star(&mut self, star: Link, position: usize) {
        match star.target() {
            Target::Entry(key) => self.try_tail(key, position),
            Target::Node(key) => {
                let node = &mut self.nodes[key];
                if node.seen != self.number {
                    node.seen = self.number;
                    self.work.stars.push((key, position));
                    self.report_ends(self.nodes[key].ends);
                }
            }
        }
    }

    /// Matches what is left of a single pattern; what follows its first star is decided at most once in a walk.
    fn try_tail(&mut self, key: usize, mut position: usize) {
        let entry = &mut self.entries[key];
        if entry.seen == self.number {
            return;
        }
        let mut tail = &entry.pattern[entry.tail as usize..];
        let matched = loop {
            match (Token::split_first(tail), self.channel.get(position)) {
                (Some((Token::Star, _)), _) => {
                    entry.seen = self.number;
                    break rest_matches(tail, &self.channel[position..]);
                }
                (Some((token, rest)), Some(&byte)) if token.accepts_exactly(byte) => {
                    tail = rest;
                    position += 1;
                }
                (None, None) => break true,
                _ => break false,
            }
        };
        if matched {
            (self.found)(&entry.pattern, &entry.value);
        }
    }

    fn report_ends(&mut self, mut ends: Option<Link>) {
        while let Some(Target::Entry(key)) = ends.map(Link::target) {
            let entry = &self.entries[key];
            (self.found)(&entry.pattern, &entry.value);
            ends = entry.next;
        }
    }
}
