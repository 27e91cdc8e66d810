//! How what may stand anywhere is found: at many positions of a channel at once.
//!
//! A node is visited once for each [`BLOCK`] positions, however many ways of a pattern lead through the channel.

use super::edge::{Link, Target};
use super::walk::{Walk, Window};
use crate::hub::name::Name;
use crate::pattern::{BLOCK, Starts};

/// Something to look at in the last phase, for many positions at once: its edge has been passed behind those at which the
/// part begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    link: Link,
    /// How many tokens of the part have been passed.
    depth: u32,
    starts: Starts,
}

impl<V, F: FnMut(&Name, &V)> Walk<'_, V, F> {
    /// Tries what follows a star at all positions of the window.
    pub(super) fn try_at_once(&mut self, node: usize, window: Window) {
        for base in window.range().step_by(BLOCK) {
            self.branch_places(node, 0, Starts::all(base, window.until as usize));
            self.take_places(window.behind(base));
        }
    }

    /// Looks at what has been noted for a block of positions, with which the window begins.
    fn take_places(&mut self, window: Window) {
        while let Some(Place { link, depth, mut starts }) = self.work.places.pop() {
            self.work.count(1);
            let mut depth = depth as usize;
            match link.target() {
                Target::Entry(key) => self.try_place(key, depth, starts, window),
                Target::Node(node) => {
                    let label = &self.nodes[node].label;
                    self.text.positions().keep_part(label, &mut depth, &mut starts);
                    self.work.count(label.len());
                    self.pass_places(node, depth, starts, window);
                }
            }
        }
    }

    /// Goes on from a node of the last phase, whose label has been read behind these places.
    fn pass_places(&mut self, node: usize, depth: usize, mut starts: Starts, window: Window) {
        starts.cut((window.until as usize + 1).saturating_sub(depth));
        let Some(first) = starts.first() else { return };
        if let Some(star) = self.nodes[node].star {
            self.enter_star(star, window.behind(first + depth), false);
        }
        self.report_ends(node, window.behind(first));
        self.branch_places(node, depth, starts);
    }

    /// Notes the children of a node of the last phase that follow behind any of these places.
    fn branch_places(&mut self, node: usize, depth: usize, starts: Starts) {
        let channel = self.text.bytes();
        let positions = self.text.positions();
        let node = &mut self.nodes[node];
        let mut tried = node.sets.as_ref().map_or(0, |sets| sets.steps());
        let places = &mut self.work.places;
        let mut note = |link, starts: Starts| {
            tried += 1;
            if !starts.is_empty() {
                places.push(Place { link, depth: depth as u32 + 1, starts });
            }
            !starts.is_empty()
        };
        let present = positions.present();
        let exact = node.is_wide() && starts.len() < present.len();
        let next = if exact { starts.bytes_at(channel, depth) } else { *present };
        if let Some(sets) = &mut node.sets {
            sets.for_each_open(&next, self.number, |bytes, link| note(link, positions.keep_set(bytes, depth, starts)));
        }
        let literals = &node.literals;
        let note_byte = |(byte, link)| _ = note(link, positions.keep_byte(byte, depth, starts));
        if literals.len() < next.len() {
            literals.iter().for_each(note_byte);
        } else {
            next.iter().filter_map(|byte| Some((byte, literals.get(byte)?))).for_each(note_byte);
        }
        if let Some(link) = node.any {
            note(link, starts);
        }
        self.work.count(tried);
    }

    /// Matches what is left of a single pattern, of whose present part so many tokens have been found behind these places of
    /// a block, with which the window begins. If it is at none of them, the part is searched behind the block.
    fn try_place(&mut self, key: usize, mut depth: usize, mut starts: Starts, window: Window) {
        if !self.may_match(key) {
            return;
        }
        let entry = &self.entries[key];
        let tail = &entry.program[entry.tail as usize..];
        let rest = self.text.positions().keep_part(tail, &mut depth, &mut starts);
        self.work.count(tail.len() - rest.len());
        starts.cut((window.until as usize + 1).saturating_sub(depth));
        let next = window.from as usize + BLOCK;
        match (starts.first(), rest.split_first()) {
            (Some(_), None) => (self.found)(&entry.name, &entry.value),
            (Some(first), Some((_, parts))) => {
                self.search(key, entry.program.len() - parts.len(), window.behind(first + depth))
            }
            (None, _) if next < window.until as usize => self.search(key, entry.part as usize, window.behind(next)),
            (None, _) => {}
        }
    }
}
