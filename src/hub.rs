//! Who listens to what, on which worker, and the one order of all messages.
//!
//! The hub knows how many subscribers of each channel and pattern live on each *worker* (one worker is one io-thread with
//! its connections). A publish counts them and appends one entry to the inbox of every worker concerned; the worker then
//! fans the entry out to its own connections, with memory that no other core touches. So the critical section that
//! orders everything costs what the workers cost, never what the subscribers cost.
//!
//! Promises P1-P4 follow from one lock: all inboxes receive entries in the order in which publishers held it, and a
//! worker changes its subscribers only at the position of its inbox at which the hub counted the change (see
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

use crate::ids::{Slot, Topic, WorkerId, WorkerSet};
use crate::message::{Kind, Message};

/// More than this waiting in the inbox of a busy worker makes publishers wait for it, in bytes.
const CROWDED_BYTES: usize = 8 * 1024 * 1024;

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
    /// Workers to wake.
    pub wake: WorkerSet,
    /// Whether a worker is so far behind that the publisher should let it catch up.
    pub crowded: bool,
}

/// The hub, shared by all workers.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<HubState>,
    relief: Arc<Notify>,
}

impl Hub {
    /// A hub for `workers` workers.
    pub fn new(workers: usize) -> Self {
        let relief = Arc::new(Notify::new());
        Hub { state: Mutex::new(HubState::new(workers, relief.clone())), relief }
    }

    /// Takes the lock that orders everything.
    pub(crate) fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock()
    }

    /// Queues `message` for everyone who listens to `channel`: the whole critical section of one publish. The workers in
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
    /// For each worker the patterns that match the message being published; empty in between.
    matched: Vec<Vec<(Slot, Name)>>,
    /// Rung when a crowded inbox has been taken.
    relief: Arc<Notify>,
}

impl HubState {
    fn new(workers: usize, relief: Arc<Notify>) -> Self {
        HubState {
            channels: Names::default(),
            shard_channels: Names::default(),
            patterns: PatternIndex::new(),
            inboxes: (0..workers).map(|_| Inbox::default()).collect(),
            matched: vec![Vec::new(); workers],
            relief,
        }
    }

    fn names(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::ShardChannel => &self.shard_channels,
        }
    }

    /// Counts one more subscriber of `name` on `worker`; `new_slot` is asked where the worker keeps the first one.
    ///
    /// The caller has taken its inbox under the same lock and delivers it before it adds the subscriber.
    pub(crate) fn subscribe(
        &mut self,
        worker: WorkerId,
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
                return (pattern.name.clone(), pattern.listeners.join(worker, new_slot));
            }
        };
        let (name, listeners) = names.get_or_insert(name);
        (name.clone(), listeners.join(worker, new_slot))
    }

    /// Counts one subscriber of `name` on `worker` less; the name is forgotten with its last one.
    pub(crate) fn unsubscribe(&mut self, worker: WorkerId, topic: Topic, name: &[u8]) {
        let names = match topic {
            Topic::Channel => &mut self.channels,
            Topic::ShardChannel => &mut self.shard_channels,
            Topic::Pattern => {
                if let Some(pattern) = self.patterns.get_mut(name) {
                    pattern.listeners.leave(worker);
                    if pattern.listeners.is_empty() {
                        self.patterns.remove(name);
                    }
                }
                return;
            }
        };
        if let Some(listeners) = names.get_mut(name) {
            listeners.leave(worker);
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
                    matched[place.worker()].push((place.slot(), pattern.name.clone()));
                }
            });
        }
        let by_pattern = published.receivers > 0;
        let names = if kind == Kind::Channel { channels } else { shard_channels };
        let exact = names.get(channel);
        published.receivers += exact.map_or(0, Listeners::total);
        let places = exact.map_or(&[][..], Listeners::places);
        let mut deliver = |worker: WorkerId, exact: Option<Slot>, patterns: Vec<(Slot, Name)>| {
            let publication = Publication { message: message.clone(), exact, patterns };
            if inboxes[worker].push(Entry::Publication(publication)) {
                published.wake.insert(worker);
            }
            published.crowded |= inboxes[worker].bytes() > CROWDED_BYTES;
        };
        for place in places {
            let worker = place.worker();
            deliver(worker, Some(place.slot()), std::mem::take(&mut matched[worker]));
        }
        if by_pattern {
            for (worker, patterns) in matched.iter_mut().enumerate().filter(|(_, patterns)| !patterns.is_empty()) {
                deliver(worker, None, std::mem::take(patterns));
            }
        }
        published
    }

    /// Queues something else than a message for `worker`, in the same order; true if the worker must be woken.
    pub(crate) fn send(&mut self, worker: WorkerId, control: Control) -> bool {
        self.inboxes[worker].push(Entry::Control(control))
    }

    /// Takes all that waits for `worker`. It must be delivered before anything that is queued later.
    pub(crate) fn take_inbox(&mut self, worker: WorkerId) -> Vec<Entry> {
        let inbox = &mut self.inboxes[worker];
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
