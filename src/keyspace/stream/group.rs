//! Consumer groups: who was delivered which entries and has not acknowledged them.

use std::collections::{BTreeMap, BTreeSet};

use slab::Slab;

use super::StreamId;

/// A consumer's place in its group.
pub type ConsumerIndex = usize;

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it last asked for anything, in milliseconds since 1970-01-01.
    pub seen_ms: i64,
    /// When it was last delivered anything.
    pub active_ms: Option<i64>,
    /// What it was delivered and has not acknowledged.
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// What it was delivered and has not acknowledged.
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// To whom.
    pub consumer: ConsumerIndex,
    /// When last, in milliseconds since 1970-01-01.
    pub delivered_ms: i64,
    /// How often.
    pub deliveries: i64,
}

/// A group of consumers that share the entries of a stream.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: StreamId,
    /// How many entries of all that there ever were have been delivered, as far as that is known.
    pub entries_read: Option<i64>,
    pending: BTreeMap<StreamId, Pending>,
    consumers: Slab<Consumer>,
    names: BTreeMap<Box<[u8]>, ConsumerIndex>,
}

impl Group {
    /// A group that is delivered what follows `last_id`.
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Self {
        Group { last_id, entries_read, pending: BTreeMap::new(), consumers: Slab::new(), names: BTreeMap::new() }
    }

    /// What was delivered and not acknowledged.
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|index| &self.consumers[*index])
    }

    /// The consumer of this name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerIndex> {
        self.names.get(name).copied()
    }

    /// The consumer at `index`.
    pub fn consumer(&self, index: ConsumerIndex) -> &Consumer {
        &self.consumers[index]
    }

    /// Notes that the consumer of this name has been seen; it is made if there is none, and then the answer says so.
    pub fn see(&mut self, name: &[u8], now_ms: i64) -> (ConsumerIndex, bool) {
        if let Some(index) = self.find(name) {
            self.consumers[index].seen_ms = now_ms;
            return (index, false);
        }
        let consumer = Consumer { name: name.into(), seen_ms: now_ms, active_ms: None, pending: BTreeSet::new() };
        let index = self.consumers.insert(consumer);
        self.names.insert(name.into(), index);
        (index, true)
    }

    /// Removes a consumer with what it has pending, and answers how many entries these were; none if there is none.
    pub fn remove(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(self.names.remove(name)?);
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Notes that a consumer is active.
    pub fn mark_active(&mut self, index: ConsumerIndex, now_ms: i64) {
        self.consumers[index].active_ms = Some(now_ms);
    }

    /// Notes what is pending of an entry, whoever had it before.
    pub fn assign(&mut self, id: StreamId, pending: Pending) {
        if let Some(before) = self.pending.insert(id, pending) {
            self.consumers[before.consumer].pending.remove(&id);
        }
        self.consumers[pending.consumer].pending.insert(id);
    }

    /// Notes that an entry, which is pending, was delivered to its consumer once more.
    pub fn deliver_again(&mut self, id: StreamId, now_ms: i64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered_ms = now_ms;
            pending.deliveries += 1;
        }
    }

    /// Forgets an entry; false if it was not pending.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.consumers[pending.consumer].pending.remove(&id);
        true
    }

    /// What it has on the heap, in bytes, as an estimate.
    pub fn heap_bytes(&self) -> usize {
        let names: usize = self.names.keys().map(|name| 2 * name.len() + size_of::<Consumer>() + 32).sum();
        self.pending_bytes() + names
    }

    /// What it has on the heap for pending entries, in bytes, as an estimate.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len() * (2 * size_of::<StreamId>() + size_of::<Pending>())
    }
}
