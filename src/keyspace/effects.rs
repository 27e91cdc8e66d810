//! What a command leaves to be done when it has ended.

use std::sync::Arc;

use super::address::Address;
use super::{DatabaseId, Rules, State, waiters};
use crate::client::notice::Notice;
use crate::client::order::{Errand, HubAccess, Order};
use crate::client::registry::ClientInfo;
use crate::config::KeyspaceEvents;
use crate::mailbox::Sent;
use crate::message::{Kind, Message};

/// What is to be made known.
#[derive(Debug)]
enum Event {
    /// A change of a key, to those who have subscribed to its name or the key's.
    Change { name: &'static str, address: Address },
    /// Something that one client is told.
    Notice(Arc<ClientInfo>, Notice),
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
        self.events.push(Event::Change { name, address: Address::new(db, key) });
    }

    /// Tells `client` something, behind what is to be published already.
    pub(super) fn tell(&mut self, client: &Arc<ClientInfo>, notice: Notice) {
        self.events.push(Event::Notice(client.clone(), notice));
    }

    /// Notes that who waits for a key may be served: once, which [`Waiters`](super::waiters::Waiters) see to.
    pub(super) fn feed(&mut self, address: Address) {
        self.fed.push(address);
    }

    /// Takes what clients are to be told, for tests.
    #[cfg(test)]
    pub(super) fn take_notices(&mut self) -> Vec<(Arc<ClientInfo>, Notice)> {
        let notice = |event| match event {
            Event::Notice(client, notice) => Some((client, notice)),
            Event::Change { .. } => None,
        };
        self.events.drain(..).filter_map(notice).collect()
    }

    pub(super) fn note_deadline(&mut self, deadline_ms: i64) {
        let earliest_ms = self.earliest_deadline_ms.map_or(deadline_ms, |earliest_ms| earliest_ms.min(deadline_ms));
        self.earliest_deadline_ms = Some(earliest_ms);
    }

    pub(super) fn take_earliest_deadline_ms(&mut self) -> Option<i64> {
        self.earliest_deadline_ms.take()
    }

    /// Publishes what has happened to keys and tells clients what they are to know of it, in the order in which it happened.
    ///
    /// A key with so long a name that nobody may publish to its channel is told of by the event's channel only.
    pub(crate) fn publish(&mut self, rules: Rules, outlet: &mut Outlet<'_, '_>) {
        for event in self.events.drain(..) {
            let (name, Address { db, key }) = match event {
                Event::Change { name, address } => (name, address),
                Event::Notice(client, notice) => {
                    outlet.order(client, Errand::Tell(notice));
                    continue;
                }
            };
            let mut publish = |channel: &[u8], payload: &[u8]| {
                let message = Message::new(Kind::Channel, channel, payload);
                let published = outlet.hub.with(|hub| hub.publish_here(Kind::Channel, channel, message));
                outlet.sent.extend(published.sent);
                outlet.used = true;
            };
            if rules.classes.has(KeyspaceEvents::KEYSPACE) {
                let channel = [format!("__keyspace@{db}__:").as_bytes(), &key].concat();
                if rules.channel_limit.is_none_or(|limit| channel.len() as u64 <= limit) {
                    publish(&channel, name.as_bytes());
                }
            }
            if rules.classes.has(KeyspaceEvents::KEYEVENT) {
                publish(format!("__keyevent@{db}__:{name}").as_bytes(), &key);
            }
        }
    }
}

/// Where messages about keys go.
#[derive(Debug)]
pub(crate) struct Outlet<'o, 'h> {
    pub(crate) hub: &'o mut HubAccess<'h>,
    /// What becomes of what was sent.
    pub(crate) sent: &'o mut Sent,
    /// Whether anything was sent that the client of the command may be waiting for.
    pub(crate) used: bool,
}

impl Outlet<'_, '_> {
    /// Sends the worker of `client` something to do with it.
    pub(crate) fn order(&mut self, client: Arc<ClientInfo>, errand: Errand) {
        self.hub.with(|hub| hub.send(client.worker(), Order::To(client, errand), self.sent));
        self.used = true;
    }
}

/// Serves those who wait for keys that were fed, until nothing more follows from that, and says what happened to keys. To
/// be called when a command, a transaction or another piece of work on the keys has ended, before the lock is given back.
pub(crate) fn settle(state: &mut State, now_ms: i64, rules: Rules, outlet: &mut Outlet<'_, '_>) {
    state.effects.publish(rules, outlet);
    while !state.effects.fed.is_empty() {
        for fed in std::mem::take(&mut state.effects.fed) {
            waiters::serve(state, &fed, now_ms, rules, outlet);
        }
    }
    state.broadcast_changes();
    state.effects.publish(rules, outlet);
}
