//! What the hub knows of one channel: who listens to it, and what has become of what was published there.

use std::cell::{Cell, OnceCell};

use super::listeners::Listeners;

/// A channel that somebody listens to.
#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) listeners: Listeners,
    /// What is counted, from the first time on. Most channels of very many are quiet.
    record: OnceCell<Box<Record>>,
}

/// Only who holds the hub's lock gets here.
#[derive(Debug, Default)]
struct Record {
    messages: Cell<u64>,
    bytes: Cell<u64>,
    deliveries: Cell<u64>,
    drops: Cell<u64>,
    cuts: Cell<u64>,
    last_ms: Cell<u64>,
}

/// What has become of what was published to a channel since somebody has listened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Who listens to the channel itself.
    pub(crate) subscribers: usize,
    pub(crate) messages: u64,
    /// Of their payloads.
    pub(crate) bytes: u64,
    /// To subscribers of the channel, and to those of patterns.
    pub(crate) deliveries: u64,
    /// Messages that slow subscribers did not get.
    pub(crate) drops: u64,
    /// Subscribers that were cut when a message of this channel was the newest that waited for them.
    pub(crate) cuts: u64,
    /// When the last one was published, in milliseconds of the server's clock; none if none was.
    pub(crate) last_ms: Option<u64>,
}

fn add(number: &Cell<u64>, count: u64) {
    number.set(number.get() + count);
}

impl Channel {
    fn record(&self) -> &Record {
        self.record.get_or_init(Box::default)
    }

    /// Counts a message of so many bytes that has so many receivers.
    pub(super) fn count(&self, bytes: usize, receivers: usize, now_ms: u64) {
        let record = self.record();
        add(&record.messages, 1);
        add(&record.bytes, bytes as u64);
        add(&record.deliveries, receivers as u64);
        record.last_ms.set(now_ms);
    }

    /// Counts messages that subscribers did not get, and subscribers that were cut.
    pub(super) fn count_lost(&self, drops: u64, cuts: u64) {
        let record = self.record();
        add(&record.drops, drops);
        add(&record.cuts, cuts);
    }

    /// All that is counted.
    pub(super) fn traffic(&self) -> Traffic {
        let subscribers = self.listeners.total();
        let Some(record) = self.record.get() else { return Traffic { subscribers, ..Traffic::default() } };
        Traffic {
            subscribers,
            messages: record.messages.get(),
            bytes: record.bytes.get(),
            deliveries: record.deliveries.get(),
            drops: record.drops.get(),
            cuts: record.cuts.get(),
            last_ms: Some(record.last_ms.get()).filter(|_| record.messages.get() > 0),
        }
    }
}
