//! How a channel finds the patterns that match it.

use std::ops::Range;

use super::chunks::Chunks;
use super::edge::{Link, Target};
use super::node::Node;
use super::places::Place;
use super::program::{Letters, Presence};
use super::reach::Phase;
use super::{Entry, KEPT_WORK, PatternIndex, ROOT};
use crate::hub::name::Name;
use crate::pattern::{BLOCK, ByteSet, Positions, Text, Token, parts_found};

/// What of a channel is left to be compared: what lies between these positions. Channels are shorter than 4 GiB, as all
/// arguments are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) from: u32,
    pub(super) until: u32,
}

impl Window {
    /// Takes the byte off that comes next in this phase, and answers its position.
    fn take(&mut self, phase: Phase) -> Option<usize> {
        if self.from == self.until {
            return None;
        }
        if phase == Phase::End {
            self.until -= 1;
            return Some(self.until as usize);
        }
        self.from += 1;
        Some(self.from as usize - 1)
    }

    /// The same from another position on.
    pub(super) fn behind(self, from: usize) -> Self {
        // no position is behind the end
        Window { from: from as u32, ..self }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.from as usize..self.until as usize
    }
}

/// Something to look at: its edge has been passed in this phase, and this is left of the channel.
#[derive(Debug, Clone, Copy)]
struct Step {
    link: Link,
    phase: Phase,
    window: Window,
}

/// A node behind a star, and where it is to be tried.
#[derive(Debug, Clone, Copy)]
struct Star {
    node: usize,
    window: Window,
    /// Whether all below it are made of bytes, or all of question marks.
    plain: bool,
}

/// What a walk has yet to look at.
#[derive(Debug, Default)]
pub(super) struct Lists {
    steps: Vec<Step>,
    stars: Vec<Star>,
    pub(super) places: Vec<Place>,
    /// How many links were followed and bytes compared, in builds that count them.
    counted: usize,
}

/// What a walk needs memory for, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Work {
    lists: Lists,
    positions: Positions,
}

impl Lists {
    pub(super) fn count(&mut self, steps: usize) {
        if cfg!(debug_assertions) {
            self.counted += steps;
        }
    }
}

impl Work {
    /// For how many things to look at, and words of positions, there is memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let Lists { steps, stars, places, .. } = &self.lists;
        let capacities = [steps.capacity(), stars.capacity(), places.capacity(), self.positions.capacity()];
        capacities.into_iter().fold(0, usize::max)
    }
}

impl<V> PatternIndex<V> {
    /// Calls `found` once with every pattern that matches the channel and its value.
    ///
    /// The order depends only on what was inserted and removed before.
    pub fn for_each_match(&mut self, channel: &[u8], found: impl FnMut(&Name, &V)) {
        let Work { lists, positions } = &mut self.work;
        lists.counted = 0;
        if self.entries.len() == 0 {
            return;
        }
        self.walk += 1;
        let mut walk = Walk {
            nodes: &mut self.nodes,
            entries: &mut self.entries,
            work: lists,
            number: self.walk,
            text: Text::new(channel, positions),
            presence: None,
            simple: SIMPLE_STARS,
            part_start: 0,
            found,
        };
        let until = u32::try_from(channel.len()).expect("arguments are shorter than 4 GiB");
        let whole = Window { from: 0, until };
        if channel.is_empty() {
            // stars do not match a text that is empty from the start
            walk.report_ends(ROOT, whole);
            return;
        }
        walk.pass(ROOT, Phase::Begin, whole);
        walk.run();
        lists.steps.shrink_to(KEPT_WORK);
        lists.stars.shrink_to(KEPT_WORK);
        lists.places.shrink_to(KEPT_WORK);
        positions.shrink_to(KEPT_WORK);
    }

    /// How many links the last walk followed and how many bytes it compared, in builds with debug assertions; 0 in others.
    pub fn steps(&self) -> usize {
        self.work.lists.counted
    }
}

pub(super) struct Walk<'a, V, F> {
    pub(super) nodes: &'a mut Chunks<Node>,
    pub(super) entries: &'a mut Chunks<Entry<V>>,
    pub(super) work: &'a mut Lists,
    pub(super) number: u64,
    /// The channel.
    pub(super) text: Text<'a>,
    /// Which bytes the channel has, once that has been asked.
    presence: Option<Presence>,
    /// How many more nodes behind stars may be tried at one position after the other.
    simple: usize,
    /// The position at which such a node is being tried.
    part_start: u32,
    pub(super) found: F,
}

/// So many nodes behind stars are tried at one position after the other where this is simple: it costs less than to find
/// out where which bytes are. The rest is tried at many positions at once.
const SIMPLE_STARS: usize = 4;

impl<V, F: FnMut(&Name, &V)> Walk<'_, V, F> {
    fn run(&mut self) {
        self.take_steps();
        while let Some(Star { node, window, plain }) = self.work.stars.pop() {
            if plain && self.simple > 0 && window.range().len() <= BLOCK {
                self.simple -= 1;
                self.try_in_turn(node, window);
            } else {
                self.try_at_once(node, window);
            }
        }
    }

    /// Tries what follows a star at one position after the other.
    fn try_in_turn(&mut self, node: usize, window: Window) {
        // most have one byte to begin with
        let only = self.nodes[node].only_literal();
        let mut from = window.from as usize;
        while from < window.until as usize {
            if let Some(byte) = only {
                let left = &self.text.bytes()[window.behind(from).range()];
                let Some(skipped) = memchr::memchr(byte, left) else { break };
                from += skipped;
            }
            let window = window.behind(from);
            self.part_start = window.from;
            self.branch(node, Phase::Parts, window);
            self.take_steps();
            from += 1;
        }
        self.work.count(window.range().len());
    }

    fn take_steps(&mut self) {
        while let Some(Step { link, phase, mut window }) = self.work.steps.pop() {
            self.work.count(1);
            match link.target() {
                _ if phase == Phase::Key => self.enter_star(link, window, false),
                Target::Entry(key) if phase == Phase::Parts => self.try_part(key, window),
                Target::Entry(key) => self.try_tail(key, phase, window),
                Target::Node(node) => {
                    let label = &self.nodes[node].label;
                    let (rest, agrees) = compare(label, self.text.bytes(), phase, &mut window);
                    self.work.count(label.len() - rest.len());
                    if agrees {
                        self.pass(node, phase, window);
                    }
                }
            }
        }
    }

    /// Goes on from a node whose label has been read.
    fn pass(&mut self, node: usize, phase: Phase, window: Window) {
        match (phase, self.nodes[node].star) {
            (Phase::Begin, Some(link)) => self.work.steps.push(Step { link, phase: Phase::End, window }),
            (Phase::End, Some(star)) => self.enter_keys(star, window),
            (_, Some(star)) => self.enter_star(star, window, true),
            (_, None) => {}
        }
        if phase != Phase::Begin || window.from == window.until {
            self.report_ends(node, Window { from: self.part_start, ..window });
        }
        self.branch(node, phase, window);
    }

    /// Notes the children of a node that the next byte leads to.
    fn branch(&mut self, node: usize, phase: Phase, mut window: Window) {
        let Some(position) = window.take(phase) else { return };
        let byte = self.text.bytes()[position];
        let node = &self.nodes[node];
        let step = |link| Step { link, phase, window };
        let sets = node.sets.as_ref();
        let children =
            sets.into_iter().flat_map(|sets| sets.of_byte(byte)).chain(node.any).chain(node.literals.get(byte));
        self.work.steps.extend(children.map(step));
        self.work.count(1 + sets.map_or(0, |sets| sets.steps()));
    }

    /// Enters what may stand anywhere, as far as the channel has the bytes that are the keys to it.
    fn enter_keys(&mut self, star: Link, window: Window) {
        match star.target() {
            Target::Entry(key) => self.decide(key, window),
            Target::Node(node) => {
                let keyed = self.nodes[node].literals.len() > 0 || self.nodes[node].sets.is_some();
                let present = if keyed { self.presence().bytes } else { ByteSet::default() };
                let node = &self.nodes[node];
                let bytes = node.literals.iter().filter(|(byte, _)| present.contains(*byte)).map(|(_, child)| child);
                let sets = node.sets.iter().flat_map(|sets| sets.of_any(&present));
                let step = |link| Step { link, phase: Phase::Key, window };
                self.work.steps.extend(bytes.chain(sets).map(step));
                self.work.count(node.sets.as_ref().map_or(0, |sets| sets.steps() * present.len()));
                if let Some(plain) = node.any {
                    self.enter_star(plain, window, true);
                }
            }
        }
    }

    /// Enters what follows a star, unless this walk has been there: positions are tried in rising order, so the first
    /// time is the earliest.
    pub(super) fn enter_star(&mut self, star: Link, window: Window, plain: bool) {
        match star.target() {
            Target::Entry(key) => self.decide(key, window),
            Target::Node(key) => {
                let node = &mut self.nodes[key];
                if node.seen != self.number {
                    node.seen = self.number;
                    self.work.stars.push(Star { node: key, window, plain });
                    self.report_ends(key, window);
                }
            }
        }
    }

    /// Matches what is left of a single pattern.
    fn try_tail(&mut self, key: usize, mut phase: Phase, mut window: Window) {
        let entry = &self.entries[key];
        let tail = &entry.program[entry.tail as usize..];
        let (mut rest, agrees) = compare(tail, self.text.bytes(), phase, &mut window);
        let mut matched = agrees;
        if let (true, [b'*', end @ ..], Phase::Begin) = (agrees, rest, phase) {
            phase = Phase::End;
            (rest, matched) = compare(end, self.text.bytes(), phase, &mut window);
        }
        self.work.count(tail.len() - rest.len());
        match rest {
            [] if matched && (phase == Phase::End || window.from == window.until) => {
                (self.found)(&entry.name, &entry.value)
            }
            [b'*', ..] if matched => self.decide(key, window),
            _ => {}
        }
    }

    /// Matches what is left of a single pattern that has been found up to here in the present part. If it does not go on
    /// like that, the part is searched behind the place where it was found to begin.
    fn try_part(&mut self, key: usize, window: Window) {
        if !self.may_match(key) {
            return;
        }
        let entry = &self.entries[key];
        let mut left = window;
        let (rest, agrees) = compare(&entry.program[entry.tail as usize..], self.text.bytes(), Phase::Parts, &mut left);
        self.work.count((left.from - window.from + 1) as usize);
        match (agrees, rest) {
            (false, _) => self.search(key, entry.part as usize, Window { from: self.part_start + 1, ..window }),
            (true, []) => (self.found)(&entry.name, &entry.value),
            (true, _) => self.search(key, entry.program.len() - rest.len() + 1, left),
        }
    }

    /// Finds out, once in a walk, whether the parts from the one on that an entry hangs at stand in the window.
    fn decide(&mut self, key: usize, window: Window) {
        if self.may_match(key) {
            self.search(key, self.entries[key].part as usize, window);
        }
    }

    /// Whether an entry has not been decided in this walk, which it is now, and the channel has all bytes that it needs.
    pub(super) fn may_match(&mut self, key: usize) -> bool {
        let entry = &mut self.entries[key];
        if entry.seen == self.number {
            return false;
        }
        entry.seen = self.number;
        let needed = entry.needed;
        needed == Letters::default() || needed.are_in(self.presence().letters)
    }

    /// Reports an entry if the window has all parts of its program from this place on.
    pub(super) fn search(&mut self, key: usize, part: usize, window: Window) {
        let entry = &self.entries[key];
        let mut steps = 0;
        if parts_found(&entry.program[part..], &mut self.text, window.range(), &mut steps) {
            (self.found)(&entry.name, &entry.value);
        }
        self.work.count(steps);
    }

    /// Reports the entries that have no way on from a node: whose end has been found, or whose part that began with the
    /// window is now searched.
    pub(super) fn report_ends(&mut self, node: usize, window: Window) {
        let mut ends = self.nodes[node].ends;
        while let Some(Target::Entry(key)) = ends.map(Link::target) {
            self.work.count(1);
            let entry = &mut self.entries[key];
            if entry.seen == self.number {
                // and so are those behind it
                return;
            }
            ends = entry.next;
            if entry.tail as usize == entry.program.len() {
                entry.seen = self.number;
                (self.found)(&entry.name, &entry.value);
            } else {
                self.decide(key, window);
            }
        }
    }

    fn presence(&mut self) -> Presence {
        *self.presence.get_or_insert_with(|| Presence::of(self.text.bytes()))
    }
}

/// Compares tokens with what is next in the window, up to the first star. Answers what of them is left, and whether all
/// before it agreed.
fn compare<'p>(tokens: &'p [u8], channel: &[u8], phase: Phase, window: &mut Window) -> (&'p [u8], bool) {
    let mut rest = tokens;
    while let Some((token, after)) = Token::split_first(rest)
        && token != Token::Star
    {
        if !window.take(phase).is_some_and(|position| token.accepts_exactly(channel[position])) {
            return (rest, false);
        }
        rest = after;
    }
    (rest, true)
}
