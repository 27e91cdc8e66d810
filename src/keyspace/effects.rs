//! What a command leaves to be done when it has ended.

use std::sync::Arc;

use super::address::Address;
use super::keys::Keys;
use super::{DatabaseId, Rules, State, invalidation, waiters};
use crate::clients::Clients;
use crate::config::KeyspaceEvents;
use crate::hub::access::HubAccess;
use crate::hub::{Control, ShardId, ShardSet};
use crate::message::{Kind, Message};

/// A change of a key that is to be published.
#[derive(Debug)]
struct Event {
    name: &'static str,
    address: Address,
}

/// What the commands that ran under the lock have left.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    events: Vec<Event>,
    fed: Vec<Address>,
    /// Of the deadlines that were set.
    earliest_deadline_ms: Option<i64>,
}

impl Effects {
    pub(super) fn notify(&mut self, name: &'static str, db: DatabaseId, key: &[u8]) {
        self.events.push(Event { name, address: Address::new(db, key) });
    }

    /// Notes that who waits for `key` may be served. The same key twice is served once.
    pub(super) fn feed(&mut self, db: DatabaseId, key: &[u8]) {
        if !self.fed.iter().any(|fed| fed.db == db && *fed.key == *key) {
            self.fed.push(Address::new(db, key));
        }
    }

    pub(super) fn note_deadline(&mut self, deadline_ms: i64) {
        let earliest_ms = self.earliest_deadline_ms.map_or(deadline_ms, |earliest_ms| earliest_ms.min(deadline_ms));
        self.earliest_deadline_ms = Some(earliest_ms);
    }

    pub(super) fn take_earliest_deadline_ms(&mut self) -> Option<i64> {
        self.earliest_deadline_ms.take()
    }

    /// Publishes what has happened to keys.
    fn publish(&mut self, classes: KeyspaceEvents, outlet: &mut Outlet<'_, '_>) {
        for Event { name, address: Address { db, key } } in self.events.drain(..) {
            let mut publish = |channel: &[u8], payload: &[u8]| {
                let message = Arc::new(Message::new(Kind::Channel, channel, payload));
                outlet.wake.extend(outlet.hub.with(|hub| hub.publish(Kind::Channel, channel, &message)).wake);
                outlet.used = true;
            };
            if classes.has(KeyspaceEvents::KEYSPACE) {
                publish(&[format!("__keyspace@{db}__:").as_bytes(), &key].concat(), name.as_bytes());
            }
            if classes.has(KeyspaceEvents::KEYEVENT) {
                publish(format!("__keyevent@{db}__:{name}").as_bytes(), &key);
            }
        }
    }
}

/// Where messages about keys go.
#[derive(Debug)]
pub(crate) struct Outlet<'o, 'h> {
    /// Who is connected.
    pub(crate) clients: &'o Clients,
    pub(crate) hub: &'o mut HubAccess<'h>,
    /// Shards that have been given something to do.
    pub(crate) wake: &'o mut ShardSet,
    /// Whether anything was sent that the client of the command may be waiting for.
    pub(crate) used: bool,
}

impl Outlet<'_, '_> {
    /// Sends an order to the shard of a client.
    pub(crate) fn order(&mut self, shard: ShardId, control: Control) {
        if self.hub.with(|hub| hub.send(shard, control)) {
            self.wake.insert(shard);
        }
        self.used = true;
    }
}

/// Says what has happened to keys: publishes events, and tells clients that cache them. Those in broadcasting mode are told
/// when a transaction has `ended`.
pub(crate) fn announce(state: &mut State, rules: Rules, ended: bool, outlet: &mut Outlet<'_, '_>) {
    state.effects.publish(rules.classes, outlet);
    for (client, forget) in state.tracking.take_pending(ended) {
        invalidation::send(&mut state.tracking, client, &forget, outlet);
    }
}

/// Serves those who wait for keys that were fed, until nothing more follows from that, and says what happened to keys. To
/// be called when a command, a transaction or another piece of work on the keys has ended, before the lock is given back.
pub(crate) fn settle(state: &mut State, now_ms: i64, rules: Rules, outlet: &mut Outlet<'_, '_>) {
    announce(state, rules, true, outlet);
    while !state.effects.fed.is_empty() {
        for Address { db, key } in std::mem::take(&mut state.effects.fed) {
            for client in state.waiters.queue(db, &key) {
                let mut keys = Keys::new(state, db, now_ms, rules);
                if let Some(served) = waiters::serve(&mut keys, &key, client) {
                    served.send(outlet);
                }
                announce(state, rules, true, outlet);
            }
        }
    }
}
