//! Who listens to what, on which shard, and the one order of all messages.
//!
//! The hub knows how many subscribers of each channel and pattern live on each *shard* (one shard is one io-thread with
//! its connections). A publish counts them and appends one entry to the inbox of every shard concerned; the shard then
//! fans the entry out to its own connections, with memory that no other core touches. So the critical section that
//! orders everything costs what the shards cost, never what the subscribers cost.
//!
//! Promises P1-P4 follow from one lock: all inboxes receive entries in the order in which publishers held it, and a
//! shard changes its subscribers only at the position of its inbox at which the hub counted the change (see
//! [`HubState::take_inbox`] and its callers). The lock is never held across input, output, parsing or an `.await`.

pub mod access;
mod inbox;
mod listeners;
pub(crate) mod name;
mod names;
pub mod pattern_index;

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use inbox::Inbox;
pub(crate) use inbox::{Control, Entry, Publication, Receipt};
use listeners::Listeners;
use name::Name;
use names::Names;
pub(crate) use names::PARTS;
use pattern_index::PatternIndex;

use crate::config::IoThreads;
use crate::message::{Kind, Message};

/// The index of a shard, from 0.
pub type ShardId = usize;
/// Where a shard keeps the connections that listen to one name.
pub(crate) type Slot = u32;

/// More than this waiting in the inbox of a busy shard makes publishers wait for it, in bytes.
const CROWDED_BYTES: usize = 8 * 1024 * 1024;

/// The most shards there can be: the bits of a [`ShardSet`].
pub const MAX_SHARDS: usize = IoThreads::MAX as usize;
const _: () = assert!(MAX_SHARDS <= u128::BITS as usize);

/// Shards whose inboxes have become non-empty and that must be woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(u128);

impl ShardSet {
    /// Adds one shard.
    pub fn insert(&mut self, shard: ShardId) {
        self.0 |= 1 << shard;
    }

    /// Adds all shards of another set.
    pub fn extend(&mut self, other: ShardSet) {
        self.0 |= other.0;
    }

    /// Takes one shard out; false if it was not in.
    pub fn remove(&mut self, shard: ShardId) -> bool {
        let had = self.0 & (1 << shard) != 0;
        self.0 &= !(1 << shard);
        had
    }

    /// Takes all shards out.
    pub fn drain(&mut self) -> impl Iterator<Item = ShardId> + use<> {
        let mut rest = std::mem::take(&mut self.0);
        std::iter::from_fn(move || {
            let shard = (rest != 0).then(|| rest.trailing_zeros() as ShardId)?;
            rest &= rest - 1;
            Some(shard)
        })
    }
}

/// What a name is: the three kinds of subscription are counted and introspected apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
    /// SSUBSCRIBE
    ShardChannel,
}

impl From<Kind> for Topic {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Channel => Topic::Channel,
            Kind::ShardChannel => Topic::ShardChannel,
        }
    }
}

#[derive(Debug)]
struct Pattern {
    name: Name,
    listeners: Listeners,
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Deliveries queued: exact subscribers, and one for each matching pattern of each client.
    pub receivers: usize,
    /// Shards to wake.
    pub wake: ShardSet,
    /// Whether a shard is so far behind that the publisher should let it catch up.
    pub crowded: bool,
}

/// The hub, shared by all shards.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<HubState>,
    relief: Arc<Notify>,
}

impl Hub {
    /// A hub for `shards` shards.
    pub fn new(shards: usize) -> Self {
        let relief = Arc::new(Notify::new());
        Hub { state: Mutex::new(HubState::new(shards, relief.clone())), relief }
    }

    /// Takes the lock that orders everything.
    pub(crate) fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock()
    }

    /// Queues `message` for everyone who listens to `channel`: the whole critical section of one publish. The shards in
    /// [`Published::wake`] are still to be woken.
    pub fn publish(&self, kind: Kind, channel: &[u8], message: &Arc<Message>) -> Published {
        self.lock().publish(kind, channel, message)
    }

    /// Waits until no inbox is crowded. Cancel safe.
    pub async fn relieved(&self) {
        loop {
            let relief = self.relief.notified();
            if !self.lock().is_crowded() {
                return;
            }
            relief.await;
        }
    }
}

/// What the hub's lock guards.
#[derive(Debug)]
pub(crate) struct HubState {
    channels: Names,
    shard_channels: Names,
    patterns: PatternIndex<Pattern>,
    inboxes: Vec<Inbox>,
    /// For each shard the patterns that match the message being published; empty in between.
    matched: Vec<Vec<(Slot, Name)>>,
    /// Rung when a crowded inbox has been taken.
    relief: Arc<Notify>,
}

impl HubState {
    fn new(shards: usize, relief: Arc<Notify>) -> Self {
        HubState {
            channels: Names::default(),
            shard_channels: Names::default(),
            patterns: PatternIndex::new(),
            inboxes: (0..shards).map(|_| Inbox::default()).collect(),
            matched: vec![Vec::new(); shards],
            relief,
        }
    }

    fn names(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::ShardChannel => &self.shard_channels,
        }
    }

    /// Counts one more subscriber of `name` on `shard`; `new_slot` is asked where the shard keeps the first one.
    ///
    /// The caller has taken its inbox under the same lock and delivers it before it adds the subscriber.
    pub(crate) fn subscribe(
        &mut self,
        shard: ShardId,
        topic: Topic,
        name: &[u8],
        new_slot: impl FnOnce() -> Slot,
    ) -> (Name, Slot) {
        let names = match topic {
            Topic::Channel => &mut self.channels,
            Topic::ShardChannel => &mut self.shard_channels,
            Topic::Pattern => {
                let new = || Pattern { name: name.into(), listeners: Listeners::default() };
                let pattern = self.patterns.get_or_insert_with(name, new);
                return (pattern.name.clone(), pattern.listeners.join(shard, new_slot));
            }
        };
        let (name, listeners) = names.get_or_insert(name);
        (name.clone(), listeners.join(shard, new_slot))
    }

    /// Counts one subscriber of `name` on `shard` less; the name is forgotten with its last one.
    pub(crate) fn unsubscribe(&mut self, shard: ShardId, topic: Topic, name: &[u8]) {
        let names = match topic {
            Topic::Channel => &mut self.channels,
            Topic::ShardChannel => &mut self.shard_channels,
            Topic::Pattern => {
                if let Some(pattern) = self.patterns.get_mut(name) {
                    pattern.listeners.leave(shard);
                    if pattern.listeners.is_empty() {
                        self.patterns.remove(name);
                    }
                }
                return;
            }
        };
        if let Some(listeners) = names.get_mut(name) {
            listeners.leave(shard);
            if listeners.is_empty() {
                names.remove(name);
            }
        }
    }

    /// How many deliveries a message to `channel` would make.
    pub(crate) fn receivers(&mut self, kind: Kind, channel: &[u8]) -> usize {
        let mut total = self.names(kind).get(channel).map_or(0, Listeners::total);
        if kind == Kind::Channel {
            self.patterns.for_each_match(channel, |_, pattern| total += pattern.listeners.total());
        }
        total
    }

    /// Queues `message` for everyone who listens to `channel`.
    pub(crate) fn publish(&mut self, kind: Kind, channel: &[u8], message: &Arc<Message>) -> Published {
        let HubState { channels, shard_channels, patterns, inboxes, matched, .. } = self;
        let mut published = Published::default();
        if kind == Kind::Channel {
            patterns.for_each_match(channel, |_, pattern| {
                published.receivers += pattern.listeners.total();
                for place in pattern.listeners.places() {
                    matched[place.shard()].push((place.slot(), pattern.name.clone()));
                }
            });
        }
        let by_pattern = published.receivers > 0;
        let names = if kind == Kind::Channel { channels } else { shard_channels };
        let exact = names.get(channel);
        published.receivers += exact.map_or(0, Listeners::total);
        let places = exact.map_or(&[][..], Listeners::places);
        let mut deliver = |shard: ShardId, exact: Option<Slot>, patterns: Vec<(Slot, Name)>| {
            let publication = Publication { message: message.clone(), exact, patterns };
            if inboxes[shard].push(Entry::Publication(publication)) {
                published.wake.insert(shard);
            }
            published.crowded |= inboxes[shard].bytes() > CROWDED_BYTES;
        };
        for place in places {
            let shard = place.shard();
            deliver(shard, Some(place.slot()), std::mem::take(&mut matched[shard]));
        }
        if by_pattern {
            for (shard, patterns) in matched.iter_mut().enumerate().filter(|(_, patterns)| !patterns.is_empty()) {
                deliver(shard, None, std::mem::take(patterns));
            }
        }
        published
    }

    /// Queues something else than a message for `shard`, in the same order; true if the shard must be woken.
    pub(crate) fn send(&mut self, shard: ShardId, control: Control) -> bool {
        self.inboxes[shard].push(Entry::Control(control))
    }

    /// Takes all that waits for `shard`. It must be delivered before anything that is queued later.
    pub(crate) fn take_inbox(&mut self, shard: ShardId) -> Vec<Entry> {
        let inbox = &mut self.inboxes[shard];
        if inbox.bytes() > CROWDED_BYTES {
            self.relief.notify_waiters();
        }
        inbox.take()
    }

    fn is_crowded(&self) -> bool {
        self.inboxes.iter().any(|inbox| inbox.bytes() > CROWDED_BYTES)
    }

    /// The names in one of the [`PARTS`] of the channels of `kind`, in no order.
    pub(crate) fn channels(&self, kind: Kind, part: usize) -> Vec<Name> {
        self.names(kind).part(part).cloned().collect()
    }

    /// How many channels of `kind` have subscribers of their own.
    pub(crate) fn channel_count(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }

    /// How many subscribers of its own `channel` has.
    pub(crate) fn subscriber_count(&self, kind: Kind, channel: &[u8]) -> usize {
        self.names(kind).get(channel).map_or(0, Listeners::total)
    }

    /// How many different patterns are subscribed to.
    pub(crate) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }
}
