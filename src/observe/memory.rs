//! What the allocator has given away. It knows that of each thread at any time, and of all of them together when it is asked
//! to bring its statistics up to date, which costs too much to do with every command.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use tikv_jemalloc_ctl::{epoch, stats, thread};

/// Bytes in use, of the whole process. Zero where another allocator than this server's is in use, as in tests of parts.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    /// What was in use when the server was made.
    at_start: i64,
    /// What threads that serve no clients have allocated and not freed since then, where that is worth counting.
    elsewhere: AtomicI64,
    shares: Box<[Share]>,
    /// The most that has been seen.
    peak: AtomicI64,
}

/// What one thread has allocated and not freed. One thread may free what another has allocated, so a share may be
/// negative; their sum is right.
#[derive(Debug, Default)]
struct Share {
    /// When it began to serve clients.
    before: AtomicI64,
    /// Since then, as of its last count.
    since: AtomicI64,
}

impl MemoryGauge {
    /// A gauge for this many threads that allocate what clients ask for.
    pub(crate) fn new(threads: usize) -> Self {
        let at_start = AllocatorUse::now().allocated as i64;
        let shares = (0..threads).map(|_| Share::default()).collect();
        MemoryGauge { at_start, elsewhere: AtomicI64::new(0), shares, peak: AtomicI64::new(at_start) }
    }

    /// Begins to count for the thread of this number, which calls this.
    pub(crate) fn begin(&self, thread: usize) {
        self.shares[thread].before.store(of_this_thread(), Relaxed);
    }

    /// Bytes in use, exact as far as the thread of this number is concerned, which calls this; the others are as they
    /// counted themselves last.
    pub(crate) fn count(&self, thread: usize) -> u64 {
        let share = &self.shares[thread];
        share.since.store(of_this_thread() - share.before.load(Relaxed), Relaxed);
        let shares: i64 = self.shares.iter().map(|share| share.since.load(Relaxed)).sum();
        let total = self.at_start + self.elsewhere.load(Relaxed) + shares;
        self.peak.fetch_max(total, Relaxed);
        total.max(0) as u64
    }

    /// Counts what `work` allocates and frees, on a thread that serves no clients.
    pub(crate) fn elsewhere(&self, work: impl FnOnce()) {
        let before = of_this_thread();
        work();
        self.elsewhere.fetch_add(of_this_thread() - before, Relaxed);
    }

    /// The most that was in use whenever somebody counted, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Relaxed).max(0) as u64
    }

    /// What was in use at the start, in bytes.
    pub(crate) fn at_start(&self) -> u64 {
        self.at_start as u64
    }
}

/// What this thread has allocated and not freed, in bytes.
fn of_this_thread() -> i64 {
    match (thread::allocatedp::read(), thread::deallocatedp::read()) {
        (Ok(allocated), Ok(freed)) => allocated.get().wrapping_sub(freed.get()) as i64,
        _ => 0,
    }
}

/// What the allocator says of itself, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AllocatorUse {
    /// Given away.
    pub(crate) allocated: u64,
    /// In pages that hold something given away.
    pub(crate) active: u64,
    /// In RAM.
    pub(crate) resident: u64,
}

impl AllocatorUse {
    /// As of this moment.
    pub(crate) fn now() -> Self {
        if epoch::advance().is_err() {
            return AllocatorUse::default();
        }
        let read = |value: tikv_jemalloc_ctl::Result<usize>| value.unwrap_or(0) as u64;
        AllocatorUse {
            allocated: read(stats::allocated::read()),
            active: read(stats::active::read()),
            resident: read(stats::resident::read()),
        }
    }
}
