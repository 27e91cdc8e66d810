//! Ends a server that hangs, so that the others still have their turn.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Watches over one server while it is measured.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Dropped when the server need not be watched any more.
    leash: Sender<()>,
    watching: JoinHandle<bool>,
}

impl Watchdog {
    /// Ends process `pid` after `limit`.
    pub(crate) fn new(pid: Option<u32>, limit: Duration) -> Self {
        let (leash, ended) = mpsc::channel();
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let watching = thread::spawn(move || {
            let bites = ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if let Some(pid) = pid.filter(|_| bites) {
                // It may have ended by itself; its number is still its own, because it has not been waited for.
                let _ = kill_process(pid, Signal::KILL);
            }
            bites
        });
        Watchdog { leash, watching }
    }

    /// Ends the watch; whether the server had to be ended.
    pub(crate) fn has_bitten(self) -> bool {
        drop(self.leash);
        self.watching.join().unwrap_or(false)
    }
}
