//! CLIENT PAUSE and DEBUG SLEEP: for a while, commands of clients wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

/// Which commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseMode {
    /// Those that change something, PUBLISH among them.
    Write,
    /// All.
    All,
}

/// The pauses of a server: one of CLIENT PAUSE and one of DEBUG SLEEP, which end each in its own time.
#[derive(Debug, Default)]
pub struct Pause {
    state: Mutex<State>,
    /// The end of the later pause, 0 without one: lets commands pass without the lock.
    until_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// CLIENT PAUSE.
    clients: Option<(PauseMode, u64)>,
    /// DEBUG SLEEP.
    sleep_until_ms: Option<u64>,
}

impl State {
    fn until_ms(&self) -> u64 {
        let clients = self.clients.map_or(0, |(_, until_ms)| until_ms);
        clients.max(self.sleep_until_ms.unwrap_or(0))
    }
}

impl Pause {
    /// Pauses until `until_ms`. A pause that is in force already is made longer and stricter, never shorter or laxer.
    pub fn start(&self, mode: PauseMode, until_ms: u64, now_ms: u64) {
        let mut state = self.state.lock();
        let (mode, until_ms) = match state.clients {
            Some((old_mode, old_until_ms)) if old_until_ms > now_ms => (mode.max(old_mode), until_ms.max(old_until_ms)),
            _ => (mode, until_ms),
        };
        state.clients = Some((mode, until_ms));
        self.until_ms.store(state.until_ms(), Relaxed);
    }

    /// Makes all commands wait until `until_ms`, whatever [`Pause::end`] says.
    pub fn sleep(&self, until_ms: u64) {
        let mut state = self.state.lock();
        state.sleep_until_ms = state.sleep_until_ms.max(Some(until_ms));
        self.until_ms.store(state.until_ms(), Relaxed);
    }

    /// Ends the pause that [`Pause::start`] began; true if there was one.
    pub fn end(&self) -> bool {
        let mut state = self.state.lock();
        let ended = state.clients.take().is_some();
        self.until_ms.store(state.until_ms(), Relaxed);
        ended
    }

    /// Which commands wait at this moment.
    pub fn mode(&self, now_ms: u64) -> Option<PauseMode> {
        if self.until_ms.load(Relaxed) <= now_ms {
            return None;
        }
        let state = self.state.lock();
        if state.sleep_until_ms.is_some_and(|until_ms| until_ms > now_ms) {
            return Some(PauseMode::All);
        }
        state.clients.filter(|(_, until_ms)| *until_ms > now_ms).map(|(mode, _)| mode)
    }

    /// Until when commands that wait for the end of `mode` have to, in milliseconds of the server's clock; 0 without a
    /// pause that is as strict.
    pub fn until_ms(&self, mode: PauseMode) -> u64 {
        let state = self.state.lock();
        let clients = state.clients.filter(|(in_force, _)| *in_force >= mode).map(|(_, until_ms)| until_ms);
        clients.max(state.sleep_until_ms).unwrap_or(0)
    }
}
