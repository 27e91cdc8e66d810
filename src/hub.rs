//! Who listens to what, at which port, and the one order of all messages.
//!
//! The hub knows how many subscribers of each channel and pattern there are at each *port* (an io-thread's worker, with its
//! connections). A publish counts them and appends one entry to the [mailbox](crate::mailbox) of every port concerned; the
//! worker then fans the entry out to its own connections, with memory that no other core touches. So the critical section
//! that orders everything costs what the ports cost, never what the subscribers cost. What the mailboxes carry beside
//! messages is not the hub's business.
//!
//! Promises P1-P4 follow from one lock: all mailboxes receive entries in the order in which publishers held it, and a
//! worker changes its subscribers only at the position of its mailbox at which the hub counted the change (see
//! [`HubState::take_all`] and its callers). Of a message that nobody can hear this is known [without it](audience). The lock
//! is never held across input, output, parsing or an `.await`, nor for more steps than [`Locked`] says, which debug builds
//! count: names are joined, left and looked up [a few](NAMES_AT_ONCE) at a time, and listed in [parts](PARTS).

pub mod access;
mod audience;
mod channel;
mod entry;
mod link;
mod listeners;
mod listing;
mod locked;
pub mod name;
pub(crate) mod name_table;
pub mod pattern_index;
mod slots;
mod unposted;

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use audience::{Audience, Deserted};
use channel::Channel;
pub(crate) use channel::Traffic;
pub(crate) use entry::{Entry, Publication};
pub(crate) use link::Carries;
use link::Link;
use listeners::Listeners;
pub(crate) use listing::Cursor;
use locked::Apart;
pub(crate) use locked::{Locked, Waits};
use name::Name;
use name_table::NameTable;
pub(crate) use name_table::PARTS;
use pattern_index::{Compiled, PatternIndex};
pub(crate) use slots::Slots;
pub(crate) use unposted::Unposted;

use crate::ids::{PortId, PortSet, Slot, Topic};
use crate::mailbox::{Cost, Mailboxes, Sent};
use crate::message::{Kind, Message};

/// Names that are looked up, joined or left under one hold of the lock at most.
pub(crate) const NAMES_AT_ONCE: usize = 128;

/// What became of a publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Deliveries queued: exact subscribers, and one for each matching pattern of each client.
    pub receivers: usize,
    /// Ports to wake, and ports that the publisher must let catch up.
    pub sent: Sent,
}

/// What has been published since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Messages, those included that came from other servers. Those of which [`Hub::may_hear`] has said that nobody hears them are
    /// counted by who has asked.
    pub(crate) messages: u64,
    /// Deliveries of them that were queued.
    pub(crate) deliveries: u64,
}

/// The hub, shared by all threads. Its mailboxes carry `T` beside messages.
#[derive(Debug)]
pub struct Hub<T> {
    state: Apart<Mutex<HubState<T>>>,
    relief: Arc<Notify>,
    audience: Arc<Audience>,
    waits: Apart<Waits>,
    #[cfg(test)]
    holds: std::sync::atomic::AtomicUsize,
}

impl<T: Cost> Hub<T> {
    /// A hub for `ports` ports.
    pub fn new(ports: usize) -> Self {
        Hub::with(ports, None)
    }

    fn with(ports: usize, link: Option<Link>) -> Self {
        let (relief, audience) = (Arc::new(Notify::new()), Arc::new(Audience::new(link.is_some())));
        let state = HubState::new(ports, link, relief.clone(), audience.clone());
        Hub {
            state: Apart(Mutex::new(state)),
            relief,
            audience,
            waits: Apart(Waits::default()),
            #[cfg(test)]
            holds: Default::default(),
        }
    }

    /// A hub that has one port more, for a link. No more than `limit` bytes wait for it.
    pub(crate) fn linked(ports: usize, limit: u64, carries: Carries) -> Self {
        Hub::with(ports + 1, Some(Link::new(ports, limit, carries)))
    }

    /// Whether somebody may listen to `channel`, of which nobody else is kept waiting. If not, nobody would hear a message to it,
    /// here or elsewhere.
    pub(crate) fn may_hear(&self, channel: &[u8]) -> bool {
        self.audience.may_hear(channel)
    }

    /// Takes the lock that orders everything.
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        #[cfg(test)]
        self.holds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let state = &self.state.0;
        Locked::new(state.try_lock().unwrap_or_else(|| self.waits.0.wait_for(state)))
    }

    /// How often and how long threads have waited for that lock.
    pub(crate) fn waits(&self) -> &Waits {
        &self.waits.0
    }

    /// How often that lock has been taken, for tests.
    #[cfg(test)]
    pub(crate) fn holds(&self) -> usize {
        self.holds.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Queues `message` for everyone who listens to `channel`: the whole critical section of one publish. The ports in
    /// [`Sent::wake`] are still to be woken.
    pub fn publish(&self, kind: Kind, channel: &[u8], message: &Message) -> Published {
        self.lock().publish(kind, channel, message.clone())
    }

    /// Waits until each of these ports has been less than crowded at some moment. Cancel safe.
    pub async fn relieved(&self, mut ports: PortSet) {
        loop {
            let relief = self.relief.notified();
            ports = self.lock().crowded(ports);
            if ports.is_empty() {
                return;
            }
            relief.await;
        }
    }
}

/// A name to be subscribed to, with all that is to be done for that before the hub's lock is taken.
#[derive(Debug)]
pub(crate) enum Wanted<'n> {
    /// For SUBSCRIBE.
    Channel(&'n [u8]),
    /// For SSUBSCRIBE.
    ShardChannel(&'n [u8]),
    /// For PSUBSCRIBE.
    Pattern(Compiled),
}

impl<'n> Wanted<'n> {
    /// Takes time in proportion to the length of a pattern.
    pub(crate) fn new(topic: Topic, name: &'n [u8]) -> Self {
        match topic {
            Topic::Channel => Wanted::Channel(name),
            Topic::ShardChannel => Wanted::ShardChannel(name),
            Topic::Pattern => Wanted::Pattern(Compiled::of(name)),
        }
    }
}

/// What the hub's lock guards.
#[derive(Debug)]
pub(crate) struct HubState<T> {
    channels: NameTable<Channel>,
    shard_channels: NameTable<Channel>,
    patterns: PatternIndex<Listeners>,
    mailboxes: Mailboxes<Entry<T>>,
    /// What has been done since the lock was taken.
    steps: usize,
    /// Listeners of patterns that have been found for messages since then, counted once for each port.
    matches: usize,
    /// For each port the patterns that match the message being published; empty in between.
    matched: Vec<Vec<(Slot, Name)>>,
    link: Option<Link>,
    /// What others may know of the names without the lock.
    audience: Arc<Audience>,
    /// Names that have lost their last listener since the lock was taken, which others may not know yet.
    deserted: Deserted,
    /// See [`HubState::note_time`].
    now_ms: u64,
    pub(crate) totals: Totals,
}

impl<T: Cost> HubState<T> {
    fn new(ports: usize, link: Option<Link>, relief: Arc<Notify>, audience: Arc<Audience>) -> Self {
        HubState {
            channels: NameTable::divided(),
            shard_channels: NameTable::divided(),
            patterns: PatternIndex::new(),
            mailboxes: Mailboxes::new(ports, relief),
            steps: 0,
            matches: 0,
            matched: vec![Vec::new(); ports],
            link,
            audience,
            deserted: Deserted::default(),
            now_ms: 0,
            totals: Totals::default(),
        }
    }

    /// Says what time it is, in milliseconds of the server's clock: so exactly it is known when something was published.
    pub(crate) fn note_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    fn names(&self, kind: Kind) -> &NameTable<Channel> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::ShardChannel => &self.shard_channels,
        }
    }

    /// Counts one more subscriber of a name at `port`; `new_slot` is asked where the port keeps the first one.
    ///
    /// The caller has taken its mailbox under the same lock and delivers it before it adds the subscriber.
    pub(crate) fn subscribe(
        &mut self,
        port: PortId,
        wanted: &mut Wanted<'_>,
        new_slot: impl FnOnce() -> Slot,
    ) -> (Name, Slot) {
        self.steps += 1;
        let (names, name) = match wanted {
            Wanted::Channel(name) => (&mut self.channels, *name),
            Wanted::ShardChannel(name) => (&mut self.shard_channels, *name),
            Wanted::Pattern(pattern) => {
                let audience = &self.audience;
                let (name, listeners) = self.patterns.get_or_insert_compiled(pattern, || {
                    audience.add_pattern();
                    Listeners::default()
                });
                return (name.clone(), listeners.join(port, new_slot));
            }
        };
        let (name, channel) = names.get_or_insert(name, || {
            self.audience.add_channel(name);
            (name.into(), Channel::default())
        });
        (name.clone(), channel.listeners.join(port, new_slot))
    }

    /// Counts one subscriber of `name` at `port` less; the name is forgotten with its last one.
    pub(crate) fn unsubscribe(&mut self, port: PortId, topic: Topic, name: &[u8]) {
        self.steps += 1;
        let names = match topic {
            Topic::Channel => &mut self.channels,
            Topic::ShardChannel => &mut self.shard_channels,
            Topic::Pattern => {
                if let Some(listeners) = self.patterns.get_mut(name) {
                    listeners.leave(port);
                    if listeners.is_empty() {
                        self.patterns.remove(name);
                        self.deserted.add_pattern();
                    }
                }
                return;
            }
        };
        if let Some(Channel { listeners, .. }) = names.get_mut(name) {
            listeners.leave(port);
            if listeners.is_empty() {
                names.remove(name);
                self.deserted.add_channel(name);
            }
        }
    }

    /// How many deliveries a message to `channel` would make.
    pub(crate) fn receivers(&mut self, kind: Kind, channel: &[u8]) -> usize {
        self.steps += 1;
        let mut total = self.names(kind).get(channel).map_or(0, |channel| channel.listeners.total());
        if kind == Kind::Channel {
            self.patterns.for_each_match(channel, |_, listeners| total += listeners.total());
        }
        total
    }

    /// Whether nobody would hear a message to `channel`, here or elsewhere, so that it need not be made. It is counted then.
    pub(crate) fn goes_unheard(&mut self, kind: Kind, channel: &[u8]) -> bool {
        let goes_unheard = !self.is_linked() && self.receivers(kind, channel) == 0;
        self.totals.messages += u64::from(goes_unheard);
        goes_unheard
    }

    /// Queues `message` for everyone who listens to `channel` at this server, and counts it.
    pub(crate) fn publish_here(&mut self, kind: Kind, channel: &[u8], message: Message) -> Published {
        let (now_ms, name_len) = (self.now_ms, channel.len());
        let count = |channel: &Channel, message: &Message, receivers| {
            channel.count(message.payload_len(name_len), receivers, now_ms);
        };
        let published = self.post_to_listeners(kind, channel, message, count, |message, exact, patterns| {
            Entry::Publication(Publication { message, exact, patterns })
        });
        self.totals.messages += 1;
        self.totals.deliveries += published.receivers as u64;
        published
    }

    /// Queues a message that was to be heard elsewhere first for everyone who listens to its channel at this server.
    pub(crate) fn publish_again(&mut self, message: &Message) -> Published {
        self.publish_here(message.kind(), message.parts().0, message.clone())
    }

    /// Queues something else than a message for everyone who listens to `channel` at this server: what `make` makes of the list
    /// of its exact subscribers at a port, and of those of patterns.
    pub(crate) fn send_to_listeners(
        &mut self,
        kind: Kind,
        channel: &[u8],
        make: impl Fn(Option<Slot>, Vec<(Slot, Name)>) -> T,
    ) -> Published {
        self.post_to_listeners(
            kind,
            channel,
            (),
            |_, (), _| (),
            |(), exact, patterns| Entry::Other(make(exact, patterns)),
        )
    }

    /// Posts what `make` makes of `sent`, of which each port gets a clone if there are several.
    fn post_to_listeners<S: Clone>(
        &mut self,
        kind: Kind,
        channel: &[u8],
        sent: S,
        count: impl FnOnce(&Channel, &S, usize),
        make: impl Fn(S, Option<Slot>, Vec<(Slot, Name)>) -> Entry<T>,
    ) -> Published {
        let HubState { channels, shard_channels, patterns, mailboxes, steps, matches, matched, .. } = self;
        let mut published = Published::default();
        if kind == Kind::Channel {
            patterns.for_each_match(channel, |name, listeners| {
                published.receivers += listeners.total();
                *matches += listeners.places().len();
                for place in listeners.places() {
                    matched[place.port()].push((place.slot(), name.clone()));
                }
            });
        }
        let by_pattern = published.receivers > 0;
        let names = if kind == Kind::Channel { channels } else { shard_channels };
        let exact = names.get(channel);
        let listeners = exact.map(|channel| &channel.listeners);
        published.receivers += listeners.map_or(0, Listeners::total);
        if let Some(channel) = exact {
            count(channel, &sent, published.receivers);
        }
        let places = listeners.map_or(&[][..], Listeners::places);
        let mut deliver = |port: PortId, entry: Entry<T>| {
            mailboxes.post(port, entry, &mut published.sent);
            *steps += 1;
        };
        if let ([only], false) = (places, by_pattern) {
            // Most messages: to count who shares it would cost as much as to look the channel up.
            deliver(only.port(), make(sent, Some(only.slot()), Vec::new()));
            return published;
        }
        for place in places {
            let port = place.port();
            deliver(port, make(sent.clone(), Some(place.slot()), std::mem::take(&mut matched[port])));
        }
        if by_pattern {
            for (port, patterns) in matched.iter_mut().enumerate().filter(|(_, patterns)| !patterns.is_empty()) {
                deliver(port, make(sent.clone(), None, std::mem::take(patterns)));
            }
        }
        published
    }

    /// Queues something else than a message for `port`, in the same order, and notes in `sent` what becomes of it.
    pub(crate) fn send(&mut self, port: PortId, other: T, sent: &mut Sent) {
        self.steps += 1;
        self.mailboxes.post(port, Entry::Other(other), sent);
    }

    /// How much has been done since the lock was taken: steps, and patterns that have matched.
    fn work(&self) -> usize {
        self.steps + self.matches
    }

    /// Takes all that waits for `port`. It must be delivered before anything that is queued later.
    pub(crate) fn take_all(&mut self, port: PortId) -> impl Iterator<Item = Entry<T>> + use<T> {
        self.mailboxes.take_all(port)
    }

    /// Takes the oldest of what waits for `port`, for which the same holds; nothing if nothing waits. Answers also whether
    /// there is more. What comes next may be kept in the memory of `spare`, which is empty.
    pub(crate) fn take_some(&mut self, port: PortId, spare: VecDeque<Entry<T>>) -> (VecDeque<Entry<T>>, bool) {
        self.mailboxes.take_bundle(port, spare)
    }

    /// Lets `bytes` more count as waiting for `port`, which has taken them and cannot deliver them yet.
    pub(crate) fn hold_back(&mut self, port: PortId, bytes: usize) {
        self.mailboxes.hold(port, bytes);
    }

    /// Lets `bytes` that `port` has held back count no more.
    pub(crate) fn let_go(&mut self, port: PortId, bytes: usize) {
        self.mailboxes.release(port, bytes);
    }

    /// Those of `ports` that are so far behind that who sends them something should wait.
    pub(crate) fn crowded(&self, ports: PortSet) -> PortSet {
        self.mailboxes.crowded(ports)
    }
}
