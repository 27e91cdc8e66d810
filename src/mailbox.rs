//! What waits for a port: a queue whose every entry has a cost, and the one answer to everybody who queues something.
//!
//! A *port* is where entries are taken out again: an io-thread's [worker](crate::worker). A mailbox knows nothing of what it
//! carries but the [`Cost`] of it. Who sends hears by [`Sent`] which ports are to be woken, and which have fallen so far
//! behind that the sender must give them time: nothing that a client does may make a mailbox grow without an end (P11).
//!
//! The mailboxes of all ports are guarded by one lock, that of the [hub](crate::hub), which makes their order one order.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::ids::{PortId, PortSet};

/// More than this waiting for a port makes those who have sent it something wait until it has been taken, in bytes.
pub(crate) const CROWDED_BYTES: usize = 8 * 1024 * 1024;
/// What an entry costs beside what it carries, in bytes.
const ENTRY_BYTES: usize = 64;
/// Entries are kept, and taken, in bundles of up to this many: a mailbox grows without moving what it holds.
const BUNDLE_ENTRIES: usize = 512;
/// A bundle that costs this much takes no more entries, in bytes.
const BUNDLE_BYTES: usize = 64 * 1024;

/// What has a cost while it waits.
pub trait Cost {
    /// The memory that it keeps beside its own entry, in bytes. What others keep, too, counts in full.
    fn cost(&self) -> usize;
}

/// What becomes of sending: whom to wake, and for whom to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Ports whose mailboxes were empty: they do not know yet that something waits for them.
    pub wake: PortSet,
    /// Ports that are so far behind that the sender should send nothing more until they have caught up.
    pub crowded: PortSet,
}

impl Sent {
    /// Adds what became of more.
    pub fn extend(&mut self, other: Sent) {
        self.wake.extend(other.wake);
        self.crowded.extend(other.crowded);
    }
}

/// Entries that are taken in one go.
#[derive(Debug)]
struct Bundle<T> {
    entries: VecDeque<T>,
    /// What they cost, in bytes.
    bytes: usize,
}

impl<T> Default for Bundle<T> {
    fn default() -> Self {
        Bundle { entries: VecDeque::new(), bytes: 0 }
    }
}

/// The queue of one port.
#[derive(Debug)]
struct Mailbox<T> {
    /// Bundles that take no more, the oldest first.
    full: VecDeque<Bundle<T>>,
    /// The bundle that takes what comes.
    last: Bundle<T>,
    /// What all bundles cost, in bytes.
    bytes: usize,
    /// What has been taken and cannot be delivered yet, in bytes.
    held_bytes: usize,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Mailbox { full: VecDeque::new(), last: Bundle::default(), bytes: 0, held_bytes: 0 }
    }
}

impl<T: Cost> Mailbox<T> {
    fn is_empty(&self) -> bool {
        self.last.entries.is_empty() && self.full.is_empty()
    }

    fn is_crowded(&self) -> bool {
        self.bytes + self.held_bytes > CROWDED_BYTES
    }

    fn push(&mut self, entry: T) {
        let cost = ENTRY_BYTES + entry.cost();
        self.bytes += cost;
        self.last.bytes += cost;
        self.last.entries.push_back(entry);
        if self.last.entries.len() == BUNDLE_ENTRIES || self.last.bytes >= BUNDLE_BYTES {
            self.full.push_back(std::mem::take(&mut self.last));
        }
    }

    /// The oldest bundle, an empty one if there is none. What comes next may be kept in the memory of `spare`, which is empty.
    fn take_bundle(&mut self, spare: VecDeque<T>) -> VecDeque<T> {
        let bundle = self.full.pop_front().unwrap_or_else(|| std::mem::take(&mut self.last));
        if self.last.entries.capacity() == 0 {
            self.last.entries = spare;
        }
        self.bytes -= bundle.bytes;
        bundle.entries
    }
}

/// The mailboxes of all ports.
#[derive(Debug)]
pub(crate) struct Mailboxes<T> {
    mailboxes: Vec<Mailbox<T>>,
    /// Rung when a crowded mailbox is not so any more.
    relief: Arc<Notify>,
}

impl<T: Cost> Mailboxes<T> {
    /// Empty ones for `ports` ports; `relief` is rung when one is crowded no more.
    pub(crate) fn new(ports: usize, relief: Arc<Notify>) -> Self {
        Mailboxes { mailboxes: (0..ports).map(|_| Mailbox::default()).collect(), relief }
    }

    /// Queues `entry` for `port`, and notes in `sent` what becomes of it.
    pub(crate) fn post(&mut self, port: PortId, entry: T, sent: &mut Sent) {
        let mailbox = &mut self.mailboxes[port];
        if mailbox.is_empty() {
            sent.wake.insert(port);
        }
        mailbox.push(entry);
        if mailbox.is_crowded() {
            sent.crowded.insert(port);
        }
    }

    /// Queues `entry` for `port` if no more than `limit` bytes wait there then; answers whether it has. Who sends to such a
    /// port need not wait for it.
    pub(crate) fn post_within(&mut self, port: PortId, entry: T, limit: usize, sent: &mut Sent) -> bool {
        let mailbox = &mut self.mailboxes[port];
        if mailbox.bytes + mailbox.held_bytes + ENTRY_BYTES + entry.cost() > limit {
            return false;
        }
        if mailbox.is_empty() {
            sent.wake.insert(port);
        }
        mailbox.push(entry);
        true
    }

    /// Whether something waits for `port`.
    pub(crate) fn waits(&self, port: PortId) -> bool {
        !self.mailboxes[port].is_empty()
    }

    /// Takes all that waits for `port`, the oldest first.
    pub(crate) fn take_all(&mut self, port: PortId) -> impl Iterator<Item = T> + use<T> {
        let (full, last) = self.relieve(port, |mailbox| {
            mailbox.bytes = 0;
            (std::mem::take(&mut mailbox.full), std::mem::take(&mut mailbox.last))
        });
        full.into_iter().chain([last]).flat_map(|bundle| bundle.entries)
    }

    /// Takes the oldest bundle of what waits for `port`, an empty one if nothing does, and answers also whether there is
    /// more. Who gives the memory of the last one back as `spare`, empty, saves asking for more.
    pub(crate) fn take_bundle(&mut self, port: PortId, spare: VecDeque<T>) -> (VecDeque<T>, bool) {
        debug_assert!(spare.is_empty());
        self.relieve(port, |mailbox| (mailbox.take_bundle(spare), !mailbox.is_empty()))
    }

    /// Lets `bytes` more count for `port`, which has taken them and cannot deliver them yet.
    pub(crate) fn hold(&mut self, port: PortId, bytes: usize) {
        self.mailboxes[port].held_bytes += bytes;
    }

    /// The opposite of [`Mailboxes::hold`].
    pub(crate) fn release(&mut self, port: PortId, bytes: usize) {
        self.relieve(port, |mailbox| mailbox.held_bytes -= bytes);
    }

    /// Those of `ports` that are crowded.
    pub(crate) fn crowded(&self, ports: PortSet) -> PortSet {
        let mut crowded = PortSet::default();
        ports.iter().filter(|port| self.mailboxes[*port].is_crowded()).for_each(|port| crowded.insert(port));
        crowded
    }

    /// Takes something out of a mailbox, and says so if it is crowded no more.
    fn relieve<R>(&mut self, port: PortId, take: impl FnOnce(&mut Mailbox<T>) -> R) -> R {
        let mailbox = &mut self.mailboxes[port];
        let was_crowded = mailbox.is_crowded();
        let taken = take(mailbox);
        if was_crowded && !mailbox.is_crowded() {
            self.relief.notify_waiters();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Cost for usize {
        fn cost(&self) -> usize {
            *self
        }
    }

    fn mailboxes() -> Mailboxes<usize> {
        Mailboxes::new(2, Arc::default())
    }

    fn set(ports: &[PortId]) -> PortSet {
        let mut set = PortSet::default();
        ports.iter().for_each(|port| set.insert(*port));
        set
    }

    #[test]
    fn who_fills_an_empty_mailbox_wakes_its_port_and_nobody_else_does() {
        let mut mailboxes = mailboxes();
        let mut sent = Sent::default();
        mailboxes.post(1, 1, &mut sent);
        assert_eq!(sent, Sent { wake: set(&[1]), crowded: set(&[]) });
        let mut sent = Sent::default();
        mailboxes.post(1, 2, &mut sent);
        assert_eq!(sent, Sent::default());
        assert_eq!(mailboxes.take_all(1).collect::<Vec<_>>(), [1, 2]);
        mailboxes.post(1, 3, &mut sent);
        assert_eq!(sent.wake, set(&[1]));
    }

    #[test]
    fn what_is_taken_in_bundles_comes_in_the_order_in_which_it_was_sent() {
        let mut mailboxes = mailboxes();
        let all: Vec<usize> = (0..10 * BUNDLE_ENTRIES + 7).collect();
        all.iter().for_each(|entry| mailboxes.post(0, *entry, &mut Sent::default()));
        let (first, _) = mailboxes.take_bundle(0, VecDeque::new());
        assert!(first.len() <= BUNDLE_ENTRIES);
        let (second, more) = mailboxes.take_bundle(0, VecDeque::new());
        assert!(more);
        let rest = mailboxes.take_all(0);
        assert!(first.into_iter().chain(second).chain(rest).eq(all));
        assert_eq!(mailboxes.take_bundle(0, VecDeque::new()), (VecDeque::new(), false));
        assert_eq!(mailboxes.mailboxes[0].bytes, 0);
    }

    #[test]
    fn a_bundle_of_large_entries_is_short() {
        let mut mailboxes = mailboxes();
        (0..9).for_each(|_| mailboxes.post(0, BUNDLE_BYTES / 2, &mut Sent::default()));
        assert_eq!(mailboxes.take_bundle(0, VecDeque::new()).0.len(), 2);
        assert_eq!(mailboxes.take_all(0).count(), 7);
    }

    #[test]
    fn p11_a_port_is_crowded_until_enough_was_taken_and_what_it_holds_back_counts() {
        let mut mailboxes = mailboxes();
        let mut sent = Sent::default();
        mailboxes.post(0, CROWDED_BYTES - ENTRY_BYTES, &mut sent);
        assert_eq!(sent.crowded, set(&[]));
        mailboxes.post(0, 1, &mut sent);
        mailboxes.post(1, 1, &mut sent);
        assert_eq!(sent.crowded, set(&[0]));
        assert_eq!(mailboxes.crowded(set(&[0, 1])), set(&[0]));
        assert_eq!(mailboxes.crowded(set(&[1])), set(&[]), "others need not be waited for");
        mailboxes.take_bundle(0, VecDeque::new());
        assert_eq!(mailboxes.crowded(set(&[0, 1])), set(&[]));
        mailboxes.hold(0, CROWDED_BYTES);
        assert_eq!(mailboxes.crowded(set(&[0])), set(&[0]), "something else waits there still");
        mailboxes.release(0, CROWDED_BYTES);
        assert_eq!(mailboxes.crowded(set(&[0])), set(&[]));
    }
}
