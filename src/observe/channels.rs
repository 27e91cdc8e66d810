//! Which channels have been the busiest in the last seconds, also those to which nobody listens, in bounded memory and for next
//! to nothing.
//!
//! Each thread looks at some of the messages that it publishes, chosen at random: at all while they are few, and at one of so
//! many that there are some thousands in a second when they are more. What it sees counts for those that it does not look at,
//! and goes into [sketches](sketch) of a fixed size, one for each measure and part of the time that is shown.

pub(crate) mod sketch;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrand::Rng;
use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::config::Settings;
use crate::hub::{HubState, name};
use crate::mailbox::Cost;
use crate::message::Kind;
use sketch::Sketch;

/// So many messages are looked at in a second.
const LOOKS: u32 = 4096;
/// So many more each time that they turn out to be twice as frequent.
const LOOKS_AGAIN: u32 = LOOKS / 8;
/// So many bytes of a channel's name are kept.
const NAME_BYTES: usize = 256;
/// The time that is shown is made of so many whole parts, and of the one that has begun.
const PARTS: u64 = 2;
/// How long lies at least between two messages whose way is followed, in milliseconds.
const FOLLOWED_MS: u64 = 10;
/// For ever, as far as a thread that publishes is concerned.
const UNTIL_TOLD: u64 = u64::MAX;

/// By what channels are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Messages,
    /// Of their payloads.
    Bytes,
    /// Messages, each as often as it has receivers.
    Deliveries,
    /// Messages that slow subscribers did not get.
    Drops,
}

impl Measure {
    pub(crate) const ALL: [Measure; 4] = [Measure::Messages, Measure::Bytes, Measure::Deliveries, Measure::Drops];

    /// As commands and metrics call it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Measure::Messages => "messages",
            Measure::Bytes => "bytes",
            Measure::Deliveries => "deliveries",
            Measure::Drops => "drops",
        }
    }
}

/// A channel, as far as its name is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) kind: Kind,
    pub(crate) name: Box<[u8]>,
    /// How long the whole name is, in bytes.
    pub(crate) len: usize,
}

impl Label {
    fn new(kind: Kind, name: &[u8]) -> Self {
        Label { kind, name: name[..name.len().min(NAME_BYTES)].into(), len: name.len() }
    }

    /// How many subscribers of its own the channel has; none if only the front of its name is known.
    pub(crate) fn subscribers<T: Cost>(&self, hub: &mut HubState<T>) -> Option<usize> {
        (self.len == self.name.len()).then(|| hub.subscriber_count(self.kind, &self.name))
    }
}

/// How much is kept, and for how long: what directives say.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Channels in a sketch.
    room: usize,
    /// Length of a part, in milliseconds.
    part_ms: u64,
}

impl Bounds {
    fn of(settings: &Settings) -> Self {
        let room = usize::try_from(settings.channel_top_size).unwrap_or(usize::MAX);
        Bounds { room, part_ms: (settings.channel_top_window.0 * 1000 / PARTS).max(1) }
    }
}

/// A published message, as far as it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'m> {
    pub(crate) kind: Kind,
    pub(crate) channel: &'m [u8],
    /// Length of its payload, in bytes.
    pub(crate) bytes: usize,
    pub(crate) receivers: usize,
}

/// What one thread has seen. Only that thread may note messages.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    /// So many messages are not looked at until the next one is.
    passing: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    parts: VecDeque<Part>,
    /// One of so many messages is looked at.
    one_in: u32,
    /// The second that it is, of the server's clock.
    second: u64,
    /// Messages that were looked at in it.
    looks: u32,
    /// When the way of a message may be followed again, in milliseconds of the server's clock.
    follow_ms: u64,
    random: Rng,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { parts: VecDeque::new(), one_in: 1, second: 0, looks: 0, follow_ms: 0, random: Rng::new() }
    }
}

/// A part of the time that is shown.
#[derive(Debug)]
struct Part {
    /// Its number since the server's start, of parts of this length.
    index: u64,
    part_ms: u64,
    /// One of at most so many messages was looked at.
    one_in: u32,
    sketches: [Sketch<Label>; Measure::ALL.len()],
}

impl Sampler {
    /// Whether the message that is being published need not be [looked at](Sampler::look_at).
    #[inline]
    pub(crate) fn passes(&self) -> bool {
        let passing = self.passing.load(Relaxed);
        if passing > 0 {
            self.passing.store(passing - 1, Relaxed);
        }
        passing > 0
    }

    /// Notes a message that was published at this moment, in milliseconds of the server's clock. Answers whether its way is to
    /// be followed.
    #[cold]
    pub(crate) fn look_at(&self, message: &Published<'_>, settings: &Settings, now_ms: u64) -> bool {
        let bounds = Bounds::of(settings);
        let mut seen = self.seen.lock();
        if bounds.room == 0 {
            seen.parts.clear();
            self.passing.store(UNTIL_TOLD, Relaxed);
        } else {
            let weight = u64::from(seen.one_in);
            let counts = [1, message.bytes as u64, message.receivers as u64, 0].map(|count| count * weight);
            seen.part(bounds, now_ms).add(message.kind, message.channel, counts, bounds.room);
            seen.look(now_ms);
            self.passing.store(seen.gap(), Relaxed);
        }
        let follows = now_ms >= seen.follow_ms;
        if follows {
            seen.follow_ms = now_ms + FOLLOWED_MS;
        }
        follows
    }

    /// Notes that subscribers did not get so many messages of a channel.
    pub(crate) fn note_drops(&self, kind: Kind, channel: &[u8], count: u64, settings: &Settings, now_ms: u64) {
        let bounds = Bounds::of(settings);
        if bounds.room > 0 {
            self.seen.lock().part(bounds, now_ms).add(kind, channel, [0, 0, 0, count], bounds.room);
        }
    }

    /// Looks more closely from now on if there have become fewer messages. To be called once a second or more often.
    pub(crate) fn adapt(&self, settings: &Settings, now_ms: u64) {
        let mut seen = self.seen.lock();
        let is_told = settings.channel_top_size > 0 && self.passing.load(Relaxed) > UNTIL_TOLD / 2;
        if seen.adapt(now_ms / 1000) || is_told {
            let gap = seen.gap();
            self.passing.store(gap, Relaxed);
        }
    }
}

impl Seen {
    /// The part of this moment. Those that are not shown any more go.
    fn part(&mut self, bounds: Bounds, now_ms: u64) -> &mut Part {
        let Bounds { part_ms, .. } = bounds;
        let index = now_ms / part_ms;
        self.parts.retain(|part| part.is_shown(index, part_ms));
        if self.parts.back().is_none_or(|part| part.index < index) {
            self.parts.push_back(Part { index, part_ms, one_in: self.one_in, sketches: Default::default() });
        }
        self.parts.back_mut().expect("one has been added if there was none")
    }

    /// Counts a look, and looks at fewer if there have been very many.
    fn look(&mut self, now_ms: u64) {
        self.adapt(now_ms / 1000);
        self.looks += 1;
        let beyond = self.looks.checked_sub(LOOKS);
        if beyond.is_some_and(|beyond| beyond.is_multiple_of(LOOKS_AGAIN)) && self.one_in < u32::MAX / 2 {
            self.one_in *= 2;
            if let Some(part) = self.parts.back_mut() {
                part.one_in = part.one_in.max(self.one_in);
            }
        }
    }

    /// Begins another second; answers whether messages are to be looked at more closely in it. Others may have begun it already
    /// with a clock that was read later.
    fn adapt(&mut self, second: u64) -> bool {
        if second <= self.second {
            return false;
        }
        let (before, mut looks) = (self.one_in, self.looks);
        while self.one_in > 1 && looks < LOOKS / 2 {
            (self.one_in, looks) = (self.one_in / 2, looks * 2 + 1);
        }
        (self.second, self.looks) = (second, 0);
        self.one_in != before
    }

    /// How many messages are to pass until the next is looked at: as many as if of each it was decided by chance alone, so
    /// that what repeats itself is not seen always or never.
    fn gap(&mut self) -> u64 {
        if self.one_in == 1 {
            return 0;
        }
        let stays = 1.0 - 1.0 / f64::from(self.one_in);
        ((1.0 - self.random.f64()).ln() / stays.ln()) as u64
    }
}

impl Part {
    fn is_shown(&self, index: u64, part_ms: u64) -> bool {
        self.part_ms == part_ms && self.index + PARTS >= index
    }

    /// Adds to each measure.
    fn add(&mut self, kind: Kind, channel: &[u8], counts: [u64; Measure::ALL.len()], room: usize) {
        let id = name::hash(channel) ^ u64::from(kind == Kind::ShardChannel);
        for (sketch, count) in self.sketches.iter_mut().zip(counts).filter(|(_, count)| *count > 0) {
            sketch.add(id, count, room, || Label::new(kind, channel));
        }
    }
}

/// The busiest channels.
#[derive(Debug)]
pub(crate) struct Top {
    /// How long the time is that it is about, in milliseconds.
    pub(crate) window_ms: u64,
    /// One of at most so many messages was looked at.
    pub(crate) one_in: u32,
    /// The busiest first.
    pub(crate) rows: Vec<Row>,
}

/// What is known of one channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) label: Label,
    pub(crate) count: u64,
    /// By how much that may be wrong, beside what is due to chance where not all messages were looked at.
    pub(crate) error: u64,
}

/// The busiest channels of all threads by one measure, up to so many.
pub(crate) fn top<'s>(
    samplers: impl Iterator<Item = &'s Sampler>,
    measure: Measure,
    most: usize,
    settings: &Settings,
    now_ms: u64,
) -> Top {
    let Bounds { room, part_ms } = Bounds::of(settings);
    let index = now_ms / part_ms;
    let (mut one_in, mut others) = (1, 0);
    // For each channel what of `others` is known of it, too.
    let mut rows: HashMap<u64, (Row, u64)> = HashMap::new();
    for sampler in samplers {
        let seen = sampler.seen.lock();
        for part in seen.parts.iter().filter(|part| part.is_shown(index, part_ms)) {
            let sketch = &part.sketches[measure as usize];
            let hidden = sketch.most_of_others(room);
            (one_in, others) = (one_in.max(part.one_in), others + hidden);
            for counted in sketch.counted() {
                let empty = || (Row { label: counted.label.clone(), count: 0, error: 0 }, 0);
                let (row, known) = rows.entry(counted.id).or_insert_with(empty);
                (row.count, row.error) = (row.count + counted.count, row.error + counted.error);
                *known += hidden;
            }
        }
    }
    let finish = |(mut row, known): (Row, u64)| {
        row.error += others - known;
        row
    };
    let mut rows: Vec<Row> = rows.into_values().map(finish).collect();
    rows.sort_unstable_by(|one, other| {
        Reverse(one.count).cmp(&Reverse(other.count)).then_with(|| one.label.name.cmp(&other.label.name))
    });
    rows.truncate(most);
    let window_ms = (now_ms - index * part_ms + PARTS * part_ms).min(now_ms.max(1));
    Top { window_ms, one_in, rows }
}

#[cfg(test)]
mod tests;
