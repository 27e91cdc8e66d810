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
    had_no_room: bool,
    /// Whether its pieces may find no room beside those of others.
    pub(super) may_be_lost: bool,
    /// The last message that its client had heard.
    pub(super) cause: Option<usize>,
    /// How all links were doing.
    links: Vec<LinkState>,
}

/// How a link is doing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkState {
    /// The engine's server that it is connected to.
    pub(super) server: Option<usize>,
    /// Since when the engine knows all, if it does, in milliseconds.
    pub(super) up_since_ms: Option<u64>,
}

/// What commands count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Deliveries of a message.
    Receivers(Topic, String),
    /// Those who listen to a channel by its name.
    Subscribers(Topic, String),
    /// Different patterns.
    Patterns,
}

#[derive(Debug)]
struct Subscription {
    client: usize,
    name: Name,
    from: usize,
    /// Since when the engine knows of it, also in milliseconds.
    known: Option<(usize, u64)>,
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
    /// How all links are doing.
    pub(super) links: Vec<LinkState>,
    /// Whether each node knows that all others are there.
    pub(super) all_are_there: bool,
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

pub(super) fn is_for(name: &Name, topic: Topic, channel: &str) -> bool {
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

    /// A client was told that it listens to this, which the engine knows of unless that has not been waited for. Answers the
    /// number of the subscription, if it is a new one.
    pub(super) fn begin(&mut self, client: usize, name: Name, is_known: bool, now_ms: u64) -> Option<usize> {
        let (at, next) = (self.tick(), self.subscriptions.len());
        let known = is_known.then_some((at, now_ms));
        let is_new = *self.listeners[client].listens.entry(name.clone()).or_insert(next) == next;
        is_new.then(|| {
            self.subscriptions.push(Subscription { client, name, from: at, known, until: None });
            next
        })
    }

    /// A client was told that it does not listen to this any more.
    pub(super) fn end(&mut self, client: usize, name: &Name) {
        let at = self.tick();
        if let Some(subscription) = self.listeners[client].listens.remove(name) {
            self.subscriptions[subscription].until = Some(at);
        }
    }

    /// The engine knows of a subscription now.
    pub(super) fn note_known(&mut self, subscription: usize, now_ms: u64) {
        self.subscriptions[subscription].known = Some((self.tick(), now_ms));
    }

    /// What a client listens to.
    pub(super) fn names_of(&self, client: usize) -> impl Iterator<Item = &Name> {
        self.listeners[client].listens.keys()
    }

    /// What is listened to at a node.
    pub(super) fn names_at(&self, node: usize) -> impl Iterator<Item = &Name> {
        self.listeners.iter().filter(move |listener| listener.node == node).flat_map(|listener| listener.listens.keys())
    }

    /// How much there is at a node of what can be counted.
    pub(super) fn count(&self, node: usize, measure: &Measure) -> usize {
        match measure {
            Measure::Receivers(topic, channel) => {
                self.names_at(node).filter(|name| is_for(name, *topic, channel)).count()
            }
            Measure::Subscribers(of, channel) => {
                self.names_at(node).filter(|(topic, name)| *topic == *of as usize && name == channel).count()
            }
            Measure::Patterns => {
                let patterns = self.names_at(node).filter(|(topic, _)| *topic == Topic::Pattern as usize);
                patterns.collect::<BTreeSet<_>>().len()
            }
        }
    }

    pub(super) fn note_break(&mut self, node: usize) {
        let at = self.tick();
        self.breaks.push((node, at));
    }

    /// A client is about to publish; answers the message's number.
    pub(super) fn announce(&mut self, message: Published) -> usize {
        self.messages.push(message);
        self.messages.len() - 1
    }

    /// A message has been published.
    pub(super) fn publish(&mut self, number: usize, now_ms: u64) {
        let at = self.tick();
        let message = &mut self.messages[number];
        (message.at, message.at_ms) = (at, now_ms);
        message.links.clone_from(&self.links);
        message.cause = self.listeners[message.client].order.last().copied();
    }

    /// There was no room for a message.
    pub(super) fn drop(&mut self, number: usize) {
        (self.messages[number].was_dropped, self.messages[number].had_no_room) = (true, true);
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
        // At its own node a subscription holds at once, whatever the engine knows.
        let known = if here == message.node { Some((subscription.from, 0)) } else { subscription.known };
        let Some((_, known_ms)) = known.filter(|(at, _)| *at < message.at) else { return false };
        let lasts =
            ends.is_none() && !self.broke_since(here, message.at) && !self.broke_since(message.node, message.at);
        let Some(up_since_ms) = to.up_since_ms else { return false };
        if self.echoes {
            return lasts && goes_through && !message.was_dropped;
        }
        // Another server of the engine knows a moment later.
        let everywhere_ms = known_ms.max(up_since_ms) + LONGEST_ROUTE_MS;
        let knows = from.server == to.server || everywhere_ms < message.at_ms;
        lasts && knows && !message.was_dropped && !message.may_be_lost
    }

    /// Everything has come to rest: all that was promised of this round's messages has to hold.
    pub(super) fn judge(&mut self) {
        for number in self.begin..self.messages.len() {
            let message = &self.messages[number];
            if message.at == 0 {
                // Its client has gone before.
                continue;
            }
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
    pub(super) fn new(client: usize, node: usize, (topic, channel): (Topic, &str), payload: String) -> Self {
        Published {
            client,
            node,
            topic,
            channel: channel.to_owned(),
            payload,
            at: 0,
            at_ms: 0,
            was_dropped: false,
            had_no_room: false,
            may_be_lost: false,
            cause: None,
            links: Vec::new(),
        }
    }
}
