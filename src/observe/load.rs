//! How much an io-thread has to do, as others see it who choose one for a client.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// For how long a thread that looks at itself ten times a second has not done so when it counts as stuck, in milliseconds.
const STUCK_MS: u64 = 500;

/// How much a thread has to do.
#[derive(Debug, Default)]
pub(crate) struct Load {
    busy: AtomicU8,
    /// When the thread last had time to look at itself.
    looked_ms: AtomicU64,
    subscribers: AtomicUsize,
}

impl Load {
    /// Notes for how much of its time the thread worked lately, in percent.
    pub(crate) fn set_busy(&self, percent: u8, now_ms: u64) {
        self.busy.store(percent, Relaxed);
        self.looked_ms.store(now_ms, Relaxed);
    }

    /// Whether the thread has been in the middle of something for long.
    pub(crate) fn is_stuck(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.looked_ms.load(Relaxed)) > STUCK_MS
    }

    /// Counts a client that has begun to listen, or listens to nothing any more.
    pub(crate) fn count_subscriber(&self, listens: bool) {
        count(&self.subscribers, listens);
    }

    /// For how much of its time it worked lately, in percent.
    pub(crate) fn busy(&self) -> u8 {
        self.busy.load(Relaxed)
    }

    /// Clients that listen to something.
    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers.load(Relaxed)
    }
}

fn count(number: &AtomicUsize, one_more: bool) {
    if one_more {
        number.fetch_add(1, Relaxed)
    } else {
        number.fetch_sub(1, Relaxed)
    };
}
