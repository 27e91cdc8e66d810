//! What clients hold in memory because they made it grow: a figure for each kind of it, of each client, and a sum for all
//! clients of a worker, kept up to date with every change.
//!
//! To count a new kind, add it to the list below and [set](Held::set) it where it changes: CLIENT LIST, INFO, MEMORY and
//! `maxmemory-clients` follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::ids::WorkerId;

/// Turns the list below into [`Holding`] and the list of all its values.
macro_rules! holdings {
    ($($(#[doc = $doc:literal])+ $holding:ident;)+) => {
        /// A kind of memory that a client can make grow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Holding {
            $($(#[doc = $doc])+ $holding,)+
        }

        impl Holding {
            /// Every kind.
            pub const ALL: &[Holding] = &[$(Holding::$holding),+];
        }
    };
}

holdings! {
    /// Received and not yet a whole request, or still to be run.
    Input;
    /// Room for more of that.
    InputRoom;
    /// Where the arguments of an unfinished request lie.
    Spans;
    /// Commands queued by MULTI.
    Queued;
    /// The command that waits for the end of a pause.
    Postponed;
    /// What a blocking command waits for.
    Awaited;
    /// Requests for the upstream, and what is remembered of those that it has still to answer.
    Forwarded;
    /// Answered in a transaction, and kept back until that has ended.
    Withheld;
    /// Waits to be written. Messages count in full, though clients share them.
    Output;
    /// Subscriptions. Names count in full, though clients share them.
    Subscriptions;
    /// Channels of which is remembered that it may publish to them.
    Permitted;
    /// Its name, and what it has said of its library.
    Labels;
    /// Keys watched.
    Watched;
    /// Prefixes of keys of whose changes it is told.
    Prefixes;
}

/// What one client holds, in bytes. One thread at a time writes each figure, any thread reads them.
#[derive(Debug)]
pub struct Held {
    bytes: [AtomicUsize; Holding::ALL.len()],
    /// The worker in whose sum it is.
    worker: AtomicUsize,
    sums: Arc<Sums>,
}

impl Held {
    /// Of a client of `worker` that holds nothing yet.
    pub(crate) fn new(worker: WorkerId, sums: &Arc<Sums>) -> Self {
        Held { bytes: Default::default(), worker: AtomicUsize::new(worker), sums: sums.clone() }
    }

    /// How much of one kind.
    pub fn get(&self, holding: Holding) -> usize {
        self.bytes[holding as usize].load(Relaxed)
    }

    /// How much of all kinds.
    pub fn sum(&self) -> usize {
        self.bytes.iter().map(|bytes| bytes.load(Relaxed)).sum()
    }

    /// Says how much of one kind it is from now on.
    pub(crate) fn set(&self, holding: Holding, bytes: usize) {
        let held = &self.bytes[holding as usize];
        let before = held.load(Relaxed);
        if before != bytes {
            held.store(bytes, Relaxed);
            self.sums.change(self.worker.load(Relaxed), bytes.wrapping_sub(before));
        }
    }

    /// Says how much more of one kind it is.
    pub(crate) fn add(&self, holding: Holding, bytes: usize) {
        self.set(holding, self.get(holding) + bytes);
    }

    /// Says how much less of one kind it is.
    pub(crate) fn sub(&self, holding: Holding, bytes: usize) {
        self.set(holding, self.get(holding).saturating_sub(bytes));
    }

    /// Counts for another worker from now on.
    pub(super) fn move_to(&self, worker: WorkerId) {
        let sum = self.sum();
        let before = self.worker.swap(worker, Relaxed);
        self.sums.change(before, sum.wrapping_neg());
        self.sums.change(worker, sum);
    }

    /// Holds nothing any more.
    pub(super) fn release(&self) {
        Holding::ALL.iter().for_each(|holding| self.set(*holding, 0));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// What the clients of each worker hold together, in bytes.
#[derive(Debug)]
pub struct Sums(Box<[Sum]>);

/// One worker's: apart from the others' in memory, because each is written by a thread of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Sum(AtomicUsize);

impl Sums {
    /// For this many workers.
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Sums((0..workers).map(|_| Sum::default()).collect()))
    }

    /// What the clients of all workers hold.
    pub fn total(&self) -> usize {
        self.0.iter().fold(0, |total, sum| total.wrapping_add(sum.0.load(Relaxed)))
    }

    /// Adds `difference`, which is the complement of a number that is to be taken off.
    fn change(&self, worker: WorkerId, difference: usize) {
        self.0[worker].0.fetch_add(difference, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_a_worker_follows_its_clients_as_they_grow_shrink_move_and_go() {
        let sums = Sums::new(2);
        let (one, other) = (Held::new(0, &sums), Held::new(0, &sums));
        let of = |worker: usize| sums.0[worker].0.load(Relaxed);
        one.set(Holding::Input, 100);
        one.add(Holding::Output, 50);
        other.set(Holding::Output, 7);
        assert_eq!((one.sum(), other.sum(), of(0), of(1)), (150, 7, 157, 0));
        one.set(Holding::Input, 10);
        one.sub(Holding::Output, 20);
        assert_eq!((one.sum(), of(0)), (40, 47));
        one.move_to(1);
        one.add(Holding::Labels, 2);
        assert_eq!((of(0), of(1), sums.total()), (7, 42, 49));
        drop(one);
        other.release();
        assert_eq!((other.sum(), of(0), of(1)), (0, 0, 0));
    }
}
