//! How a channel finds the patterns that match it.

use super::chunks::Chunks;
use super::edge::{Link, Target};
use super::node::Node;
use super::program::{Letters, Presence};
use super::reach::Phase;
use super::{Entry, KEPT_WORK, PatternIndex, ROOT};
use crate::hub::name::Name;
use crate::pattern::{ByteSet, Token, parts_found};

/// What of a channel is left to be compared: what lies between these positions. Channels are shorter than 4 GiB, as all
/// arguments are.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: u32,
    until: u32,
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

    /// What lies in it.
    fn of(self, channel: &[u8]) -> &[u8] {
        &channel[self.from as usize..self.until as usize]
    }
}

/// Something to look at: its edge has been passed in this phase, and this is left of the channel.
#[derive(Debug, Clone, Copy)]
struct Step {
    link: Link,
    phase: Phase,
    window: Window,
}

/// The lists of a walk, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Work {
    steps: Vec<Step>,
    /// Nodes behind a star at each position of which they are to be tried.
    stars: Vec<(usize, Window)>,
    /// How many links were followed and bytes compared, in builds that count them.
    pub(super) counted: usize,
}

impl Work {
    fn count(&mut self, steps: usize) {
        if cfg!(debug_assertions) {
            self.counted += steps;
        }
    }

    /// For how many things to look at there is memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.steps.capacity().max(self.stars.capacity())
    }
}

impl<V> PatternIndex<V> {
    /// Calls `found` once with every pattern that matches the channel and its value.
    ///
    /// The order depends only on what was inserted and removed before.
    pub fn for_each_match(&mut self, channel: &[u8], found: impl FnMut(&Name, &V)) {
        self.work.counted = 0;
        if self.is_empty() {
            return;
        }
        self.walk += 1;
        let mut walk = Walk {
            nodes: &mut self.nodes,
            entries: &mut self.entries,
            work: &mut self.work,
            number: self.walk,
            channel,
            presence: None,
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
        self.work.steps.shrink_to(KEPT_WORK);
        self.work.stars.shrink_to(KEPT_WORK);
    }

    /// How many links the last walk followed and how many bytes it compared, in builds with debug assertions; 0 in others.
    pub fn steps(&self) -> usize {
        self.work.counted
    }
}

struct Walk<'a, V, F> {
    nodes: &'a mut Chunks<Node>,
    entries: &'a mut Chunks<Entry<V>>,
    work: &'a mut Work,
    number: u64,
    channel: &'a [u8],
    /// Which bytes the channel has, once that has been asked.
    presence: Option<Presence>,
    /// The position at which the node behind a star is being tried.
    part_start: u32,
    found: F,
}

impl<V, F: FnMut(&Name, &V)> Walk<'_, V, F> {
    fn run(&mut self) {
        self.take_steps();
        while let Some((node, window)) = self.work.stars.pop() {
            let mut from = window.from;
            // most have one byte to begin with
            let only = self.nodes[node].only_literal();
            while from < window.until {
                if let Some(byte) = only {
                    let Some(skipped) = memchr::memchr(byte, Window { from, ..window }.of(self.channel)) else { break };
                    from += skipped as u32;
                }
                self.part_start = from;
                self.branch(node, Phase::Parts, Window { from, ..window });
                self.take_steps();
                from += 1;
            }
            self.work.count((window.until - window.from) as usize);
        }
    }

    fn take_steps(&mut self) {
        while let Some(Step { link, phase, mut window }) = self.work.steps.pop() {
            self.work.count(1);
            match (link.target(), phase) {
                (_, Phase::Key) => self.enter_star(link, window),
                (Target::Entry(key), Phase::Parts) => self.try_part(key, window),
                (Target::Entry(key), Phase::Begin | Phase::End) => self.try_tail(key, phase, window),
                (Target::Node(node), _) => {
                    let label = &self.nodes[node].label;
                    let (rest, agrees) = compare(label, self.channel, phase, &mut window);
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
        let star = self.nodes[node].star;
        match (phase, star) {
            (Phase::Begin, Some(link)) => self.work.steps.push(Step { link, phase: Phase::End, window }),
            (Phase::End, Some(star)) => self.enter_keys(star, window),
            (_, Some(star)) => self.enter_star(star, window),
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
        let byte = self.channel[position];
        let node = &mut self.nodes[node];
        let Work { steps, .. } = self.work;
        let step = |link| Step { link, phase, window };
        let mut counted = 1;
        if let Some(sets) = &mut node.sets {
            counted += sets.steps();
            if phase == Phase::Parts {
                steps.extend(sets.open_of_byte(byte, self.number).map(step));
            } else {
                steps.extend(sets.of_byte(byte).map(step));
            }
        }
        steps.extend(node.any.map(step));
        steps.extend(node.literals.get(byte).map(step));
        self.work.count(counted);
    }

    /// Enters what may stand anywhere, as far as the channel has the bytes that are the keys to it.
    fn enter_keys(&mut self, star: Link, window: Window) {
        match star.target() {
            Target::Entry(key) => self.decide(key, window),
            Target::Node(node) => {
                let keyed = self.nodes[node].literals.len() > 0;
                let present = if keyed { self.presence().bytes } else { ByteSet::default() };
                let node = &self.nodes[node];
                let keys = node.literals.iter().filter(|(byte, _)| present.contains(*byte)).map(|(_, child)| child);
                let step = |link| Step { link, phase: Phase::Key, window };
                self.work.steps.extend(keys.chain(node.any).map(step));
            }
        }
    }

    /// Enters what follows a star, unless this walk has been there: positions are tried in rising order, so the first
    /// time is the earliest.
    fn enter_star(&mut self, star: Link, window: Window) {
        match star.target() {
            Target::Entry(key) => self.decide(key, window),
            Target::Node(key) => {
                let node = &mut self.nodes[key];
                if node.seen != self.number {
                    node.seen = self.number;
                    self.work.stars.push((key, window));
                    self.report_ends(key, window);
                }
            }
        }
    }

    /// Matches what is left of a single pattern.
    fn try_tail(&mut self, key: usize, mut phase: Phase, mut window: Window) {
        let entry = &self.entries[key];
        let tail = &entry.program[entry.tail as usize..];
        let (mut rest, agrees) = compare(tail, self.channel, phase, &mut window);
        let mut matched = agrees;
        if let (true, [b'*', end @ ..], Phase::Begin) = (agrees, rest, phase) {
            phase = Phase::End;
            (rest, matched) = compare(end, self.channel, phase, &mut window);
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
        let (rest, agrees) = compare(&entry.program[entry.tail as usize..], self.channel, Phase::Parts, &mut left);
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
    fn may_match(&mut self, key: usize) -> bool {
        let entry = &mut self.entries[key];
        if entry.seen == self.number {
            return false;
        }
        entry.seen = self.number;
        let needed = entry.needed;
        needed == Letters::default() || needed.are_in(self.presence().letters)
    }

    /// Reports an entry if the window has all parts of its program from this place on.
    fn search(&mut self, key: usize, part: usize, window: Window) {
        let entry = &self.entries[key];
        let mut steps = 0;
        if parts_found(&entry.program[part..], window.of(self.channel), &mut steps) {
            (self.found)(&entry.name, &entry.value);
        }
        self.work.count(steps);
    }

    /// Reports the entries that have no way on from a node: whose end has been found, or whose part that began with the
    /// window is now searched.
    fn report_ends(&mut self, node: usize, window: Window) {
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
        *self.presence.get_or_insert_with(|| Presence::of(self.channel))
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
