//! The script that is running, and whether it may go on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

/// What stands in the way of killing a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unkillable {
    /// None is running.
    Idle,
    /// It has written.
    HasWritten,
}

#[derive(Debug, Default)]
struct Deeds {
    runs: bool,
    written: bool,
}

/// Which script runs: one at most.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Since when, in milliseconds of the server's clock and one more; 0 for none.
    since_ms: AtomicU64,
    killed: AtomicBool,
    deeds: Mutex<Deeds>,
}

impl Running {
    /// A script begins at this moment in milliseconds of the server's clock; it ends when the answer is dropped.
    pub(crate) fn begin(&self, now_ms: u64) -> Begun<'_> {
        self.killed.store(false, Relaxed);
        *self.deeds.lock() = Deeds { runs: true, written: false };
        self.since_ms.store(now_ms + 1, Relaxed);
        Begun(self)
    }

    /// The script is to write; false if it was killed before.
    pub(crate) fn may_write(&self) -> bool {
        let mut deeds = self.deeds.lock();
        let goes_on = !self.is_killed();
        deeds.written |= goes_on;
        goes_on
    }

    /// Whether it is to end.
    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    /// Whether a script has been running for longer than this at this moment.
    pub(crate) fn is_busy(&self, now_ms: u64, threshold: Duration) -> bool {
        let since_ms = self.since_ms.load(Relaxed);
        since_ms > 0
            && !threshold.is_zero()
            && u128::from((now_ms + 1).saturating_sub(since_ms)) >= threshold.as_millis()
    }

    /// Ends the script that is running, unless it has written.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    pub(crate) fn kill(&self) -> Result<(), Unkillable> {
        let deeds = self.deeds.lock();
        match *deeds {
            Deeds { runs: false, .. } => Err(Unkillable::Idle),
            Deeds { written: true, .. } => Err(Unkillable::HasWritten),
            Deeds { .. } => {
                self.killed.store(true, Relaxed);
                Ok(())
            }
        }
    }
}

/// A script that has begun.
#[derive(Debug)]
pub(crate) struct Begun<'r>(&'r Running);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.since_ms.store(0, Relaxed);
        *self.0.deeds.lock() = Deeds::default();
    }
}
