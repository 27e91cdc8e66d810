//! CLIENT PAUSE: for a while, commands of clients wait.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseMode {
    /// Those that change something, PUBLISH among them.
    Write,
    /// All.
    All,
}

/// The pause of a server.
#[derive(Debug, Default)]
pub struct Pause {
    state: Mutex<Option<(PauseMode, u64)>>,
    /// The end of the pause, 0 without one: lets commands pass without the lock.
    until_ms: AtomicU64,
}

impl Pause {
    /// Pauses until `until_ms`. A pause that is in force already is made longer and stricter, never shorter or laxer.
    pub fn start(&self, mode: PauseMode, until_ms: u64, now_ms: u64) {
        let mut state = self.state.lock();
        let (mode, until_ms) = match *state {
            Some((old_mode, old_until_ms)) if self.until_ms.load(Relaxed) > now_ms => {
                (mode.max(old_mode), until_ms.max(old_until_ms))
            }
            _ => (mode, until_ms),
        };
        *state = Some((mode, until_ms));
        self.until_ms.store(until_ms, Relaxed);
    }

    /// Ends the pause; true if there was one.
    pub fn end(&self) -> bool {
        self.until_ms.store(0, Relaxed);
        self.state.lock().take().is_some()
    }

    /// Which commands wait at this moment.
    pub fn mode(&self, now_ms: u64) -> Option<PauseMode> {
        if self.until_ms.load(Relaxed) <= now_ms {
            return None;
        }
        self.state.lock().map(|(mode, _)| mode)
    }

    /// When the pause ends, in milliseconds of the server's clock; 0 without one.
    pub fn until_ms(&self) -> u64 {
        self.until_ms.load(Relaxed)
    }
}
