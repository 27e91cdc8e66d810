//! What waits for a worker: messages to fan out and orders from other workers, in the hub's order.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::name::Name;
use crate::client::registry::ClientInfo;
use crate::ids::{ClientId, Slot, WorkerId};
use crate::keyspace::tracking::Notice;
use crate::message::{Frame, Message};

/// What an entry costs beside its message, in bytes.
const ENTRY_BYTES: usize = 64;

/// One entry of an inbox.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A message for subscribers of this worker.
    Publication(Publication),
    /// Anything else that has a place in the order.
    Control(Control),
}

/// A message with the lists of this worker's connections that receive it: exact subscribers first, then patterns.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) message: Arc<Message>,
    pub(crate) exact: Option<Slot>,
    pub(crate) patterns: Vec<(Slot, Name)>,
}

impl Publication {
    /// The list that it goes to, if it goes to one list of exact subscribers and to no pattern.
    pub(crate) fn only_exact(&self) -> Option<Slot> {
        self.exact.filter(|_| self.patterns.is_empty())
    }
}

/// An order to a worker.
#[derive(Debug)]
pub(crate) enum Control {
    /// End this client: its subscriptions now, its connection as soon as its thread comes to it; then say so.
    Kill(ClientId, Receipt),
    /// End this client because all together hold too much.
    Evict(ClientId),
    /// This client may go on with what it waits for.
    Resume(ClientId),
    /// This client is told to forget keys.
    Tell(Arc<ClientInfo>, Notice),
    /// The answer that this client has waited for.
    Serve(Arc<ClientInfo>, Frame),
    /// A line for every client of this worker that monitors.
    Monitor(Frame),
    /// Every client of this worker may go on: a pause has ended.
    ResumeAll,
}

/// Who waits until several workers have obeyed an order.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    /// How many orders are still to be obeyed.
    pub(crate) missing: Arc<AtomicUsize>,
    /// The client that waits, and its worker.
    pub(crate) client: ClientId,
    pub(crate) worker: WorkerId,
}

/// The queue of one worker.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Inbox {
    /// Appends an entry; true if there was none.
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        self.bytes += ENTRY_BYTES
            + match &entry {
                Entry::Publication(publication) => publication.message.len(),
                Entry::Control(_) => 0,
            };
        self.entries.push(entry);
        self.entries.len() == 1
    }

    pub(super) fn take(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        std::mem::take(&mut self.entries)
    }

    /// What waits, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
