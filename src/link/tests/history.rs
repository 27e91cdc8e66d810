//! What was published, who was to hear it and who has, and what docs/scale-out.md promises of that.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cluster::LONGEST_ROUTE_MS;
use crate::ids::Topic;
use crate::pattern::matches;

/// The topic of a subscription and its name.
pub(super) type Name = (usize, String);

/// A message that was published, by its number.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) client: usize,
    pub(super) node: usize,
    pub(super) topic: Topic,
    pub(super) channel: String,
    pub(super) payload: String,
    /// When, as all moments here: events are counted.
    pub(super) at: usize,
    pub(super) at_ms: u64,
    /// Whether there was no room for it in the queue, or the engine does not take it.
    pub(super) was_dropped: bool,
    /// Whether there was no room.
    pub(super) had_no_room: bool,
    /// The last message that its client had heard.
    pub(super) cause: Option<usize>,
    /// How all links were doing.
    pub(super) links: Vec<LinkState>,
}

/// How a link is doing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkState {
    /// The engine's server that it is connected to.
    pub(super) server: Option<usize>,
    /// Since when the engine knows all, if it does, in milliseconds.
    pub(super) up_since_ms: Option<u64>,
}

#[derive(Debug)]
struct Subscription {
    client: usize,
    name: Name,
    from: usize,
    from_ms: u64,
    until: Option<usize>,
}

#[derive(Debug, Default)]
struct Listener {
    node: usize,
    is_gone: bool,
    listens: BTreeMap<Name, usize>,
    /// What it has heard of each other client last.
    last: HashMap<usize, usize>,
    /// What it has heard in this round, and where in its order each message came first.
    heard: BTreeSet<(usize, Name)>,
    order: Vec<usize>,
    place: HashMap<usize, usize>,
}

/// All that has happened.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Whether delivery goes through the engine.
    echoes: bool,
    pub(super) messages: Vec<Published>,
    listeners: Vec<Listener>,
    subscriptions: Vec<Subscription>,
    /// When links broke: the node, and when.
    breaks: Vec<(usize, usize)>,
    /// The first message of this round.
    begin: usize,
    events: usize,
    /// Messages that had to be heard and were.
    pub(super) promised: usize,
    /// When links were up again: the node, and when.
    returns: Vec<(usize, usize)>,
    /// Who was told, and when, that it has missed something of a subscription, or of whichever.
    told: Vec<(usize, usize, Option<Name>)>,
    /// Messages of which somebody had to be told that they were lost, and was.
    pub(super) told_lost: usize,
}

fn is_for(name: &Name, topic: Topic, channel: &str) -> bool {
    let (kind, name) = (Topic::ALL[name.0], &name.1);
    match (kind, topic) {
        (Topic::Pattern, Topic::Channel) => matches(name.as_bytes(), channel.as_bytes()),
        _ => kind == topic && name == channel,
    }
}

impl History {
    /// Nothing has happened. Whether delivery goes through the engine is the one question here.
    pub(super) fn of(echoes: bool) -> Self {
        History { echoes, ..History::default() }
    }

    fn tick(&mut self) -> usize {
        self.events += 1;
        self.events
    }

    /// A client comes; answers its number.
    pub(super) fn arrive(&mut self, node: usize) -> usize {
        self.listeners.push(Listener { node, ..Listener::default() });
        self.listeners.len() - 1
    }

    /// A client listens to nothing any more.
    pub(super) fn end_all(&mut self, client: usize, goes: bool) {
        let at = self.tick();
        let listener = &mut self.listeners[client];
        listener.is_gone |= goes;
        for subscription in std::mem::take(&mut listener.listens).into_values() {
            self.subscriptions[subscription].until = Some(at);
        }
    }

    /// The link of a node is up again.
    pub(super) fn note_return(&mut self, node: usize) {
        let at = self.tick();
        self.returns.push((node, at));
    }

    /// Who has listened to anything since before a link was up again has been told that it may have missed something.
    fn judge_returns(&self) {
        for (node, when) in &self.returns {
            for subscription in self.subscriptions.iter().filter(|subscription| subscription.from < *when) {
                let client = subscription.client;
                let told = || self.told.iter().any(|(told, at, of)| (*told, of) == (client, &None) && at > when);
                let stays = self.listeners[client].node == *node && subscription.until.is_none();
                assert!(!stays || told(), "{subscription:?} is not told that the link of {node} was down");
            }
        }
    }

    /// A client was told that it listens to this, or that it does not any more.
    pub(super) fn confirm(&mut self, client: usize, name: Name, begins: bool, now_ms: u64) {
        let at = self.tick();
        let listens = &mut self.listeners[client].listens;
        if begins {
            let next = self.subscriptions.len();
            if *listens.entry(name.clone()).or_insert(next) == next {
                self.subscriptions.push(Subscription { client, name, from: at, from_ms: now_ms, until: None });
            }
        } else if let Some(subscription) = listens.remove(&name) {
            self.subscriptions[subscription].until = Some(at);
        }
    }

    /// What a client listens to.
    pub(super) fn names_of(&self, client: usize) -> impl Iterator<Item = &Name> {
        self.listeners[client].listens.keys()
    }

    /// What is listened to at a node.
    pub(super) fn names_at(&self, node: usize) -> impl Iterator<Item = &Name> {
        self.listeners.iter().filter(move |listener| listener.node == node).flat_map(|listener| listener.listens.keys())
    }

    /// How many deliveries PUBLISH answers: those at its own node.
    pub(super) fn receivers(&self, node: usize, topic: Topic, channel: &str) -> usize {
        self.names_at(node).filter(|name| is_for(name, topic, channel)).count()
    }

    pub(super) fn note_break(&mut self, node: usize) {
        let at = self.tick();
        self.breaks.push((node, at));
    }

    /// A client has published; answers the moment.
    pub(super) fn publish(&mut self, mut message: Published) {
        message.at = self.tick();
        message.cause = self.listeners[message.client].order.last().copied();
        self.messages.push(message);
    }

    /// A client has heard a message for one of its subscriptions.
    pub(super) fn hear(&mut self, client: usize, name: Name, channel: &str, payload: &str) {
        self.tick();
        let number: usize = payload.split(':').next().and_then(|digits| digits.parse().ok()).expect("a number");
        let (message, listener) = (&self.messages[number], &mut self.listeners[client]);
        assert!(message.payload == payload && message.channel == channel, "P6: message {number} is torn");
        assert!(
            listener.listens.contains_key(&name),
            "P4: client {client} hears {number} for {name:?}, which is not confirmed"
        );
        assert!(is_for(&name, message.topic, channel), "client {client} hears {number} for {name:?}");
        assert!(listener.heard.insert((number, name)), "P6: client {client} hears {number} twice");
        let last = listener.last.entry(message.client).or_default();
        assert!(*last <= number, "P1: client {client} hears {number} of client {} behind {last}", message.client);
        *last = number;
        if !listener.place.contains_key(&number) {
            listener.place.insert(number, listener.order.len());
            listener.order.push(number);
        }
    }

    /// A client was told that it has missed something of a subscription, or of whichever.
    pub(super) fn tell(&mut self, client: usize, of: Option<Name>) {
        let at = self.tick();
        self.told.push((client, at, of));
    }

    /// Whether who has `subscription` has to be told that it misses a message for which there was no room.
    fn is_to_be_told(&self, subscription: &Subscription, message: &Published) -> bool {
        let here = self.listeners[subscription.client].node;
        let lasts = subscription.from <= message.at && subscription.until.is_none();
        if !message.had_no_room || !lasts || !is_for(&subscription.name, message.topic, &message.channel) {
            return false;
        }
        let (from, to) = (message.links[message.node], message.links[here]);
        let Some(up_since_ms) = to.up_since_ms else { return false };
        let knows = from.server == to.server || up_since_ms + LONGEST_ROUTE_MS < message.at_ms;
        // What was to tell of it may be lost on a connection that breaks.
        (self.echoes || here != message.node) && knows && !self.broke_since(message.node, message.at)
    }

    fn was_told(&self, subscription: &Subscription, message: &Published) -> bool {
        let tells = |of: &Option<Name>| of.as_ref().is_none_or(|of| *of == subscription.name);
        self.told.iter().any(|(client, at, of)| *client == subscription.client && *at > message.at && tells(of))
    }

    fn broke_since(&self, node: usize, at: usize) -> bool {
        self.breaks.iter().any(|(broken, when)| *broken == node && *when > at)
    }

    /// Whether `subscription` has to bring a message.
    fn is_promised(&self, subscription: &Subscription, message: &Published) -> bool {
        let here = self.listeners[subscription.client].node;
        let ends = subscription.until;
        if subscription.from > message.at || !is_for(&subscription.name, message.topic, &message.channel) {
            return false;
        }
        let (from, to) = (message.links[message.node], message.links[here]);
        let goes_through = self.echoes && from.up_since_ms.is_some();
        if here == message.node && !goes_through {
            return ends.is_none_or(|until| until > message.at);
        }
        let lasts =
            ends.is_none() && !self.broke_since(here, message.at) && !self.broke_since(message.node, message.at);
        let Some(up_since_ms) = to.up_since_ms else { return false };
        if self.echoes {
            return lasts && goes_through && !message.was_dropped;
        }
        // Another server of the engine knows a moment later.
        let known_ms = subscription.from_ms.max(up_since_ms) + LONGEST_ROUTE_MS;
        let knows = from.server == to.server || known_ms < message.at_ms;
        lasts && knows && !message.was_dropped
    }

    /// Everything has come to rest: all that was promised of this round's messages has to hold.
    pub(super) fn judge(&mut self) {
        for number in self.begin..self.messages.len() {
            let message = &self.messages[number];
            let mut promised = 0;
            for subscription in &self.subscriptions {
                let listener = &self.listeners[subscription.client];
                let has = listener.heard.contains(&(number, subscription.name.clone()));
                if self.is_promised(subscription, message) {
                    promised += 1;
                    assert!(has, "P4: {subscription:?} at node {} misses {number}: {message:?}", listener.node);
                }
                if self.is_to_be_told(subscription, message) {
                    self.told_lost += 1;
                    let told = self.was_told(subscription, message);
                    assert!(told, "{subscription:?} at node {} is not told of {number}: {message:?}", listener.node);
                }
                if has && listener.node != message.node {
                    let stays = self.echoes && message.links[message.node].up_since_ms.is_none();
                    assert!(!message.was_dropped && !stays, "{subscription:?} got {message:?}");
                }
            }
            self.promised += promised;
        }
        self.judge_orders();
        self.judge_returns();
        self.begin = self.messages.len();
        self.told.clear();
        self.returns.clear();
        for listener in &mut self.listeners {
            (listener.heard, listener.order, listener.place) = Default::default();
        }
    }

    fn judge_orders(&self) {
        for (one, listener) in self.listeners.iter().enumerate().filter(|(_, listener)| !listener.order.is_empty()) {
            for (other, second) in self.listeners.iter().enumerate().skip(one + 1) {
                if self.echoes || listener.node == second.node {
                    let both = listener.order.iter().filter_map(|number| second.place.get(number));
                    assert!(both.is_sorted(), "P2: clients {one} and {other} disagree");
                }
            }
            for (number, place) in &listener.place {
                let message = &self.messages[*number];
                let cause = message.cause.and_then(|cause| listener.place.get(&cause));
                if (self.echoes || listener.node == message.node) && cause.is_some_and(|cause| cause > place) {
                    panic!("P3: client {one} hears {number} before its cause {:?}", message.cause);
                }
            }
        }
    }
}

impl Published {
    pub(super) fn new(client: usize, node: usize, (topic, channel): (Topic, String), payload: String) -> Self {
        Published {
            client,
            node,
            topic,
            channel,
            payload,
            at: 0,
            at_ms: 0,
            was_dropped: false,
            had_no_room: false,
            cause: None,
            links: Vec::new(),
        }
    }
}
