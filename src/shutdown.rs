//! The end of the server: asked for by SHUTDOWN or a signal, carried out by the process around the core.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::Notify;

/// Whether and how the server is to end.
#[derive(Debug, Default)]
pub struct Shutdown {
    requested: AtomicBool,
    now: AtomicBool,
    aborted: AtomicBool,
    /// Rung at a request and at its withdrawal.
    pub bell: Notify,
}

impl Shutdown {
    /// Asks for the end; with `now`, without waiting for output to be taken.
    pub fn request(&self, now: bool) {
        self.now.store(now, Relaxed);
        self.requested.store(true, Relaxed);
        self.bell.notify_waiters();
        self.bell.notify_one();
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Relaxed)
    }

    /// Whether output is to be given up.
    pub fn is_immediate(&self) -> bool {
        self.now.load(Relaxed)
    }

    /// Withdraws the request while it has not been carried out; false if there was none.
    pub fn abort(&self) -> bool {
        self.aborted.store(true, Relaxed);
        self.requested.swap(false, Relaxed)
    }
}
