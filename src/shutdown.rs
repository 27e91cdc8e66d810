//! The end of the server as it is asked for by SHUTDOWN or a signal. The process around the core carries it out.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Whether and how the server is to end.
#[derive(Debug, Default)]
pub struct Shutdown {
    state: Mutex<State>,
    /// Rung at a request and at its withdrawal. One listener always hears it, even if it was not listening yet.
    pub bell: Notify,
}

/// The requests between two withdrawals: they stand and fall together.
pub(crate) type Round = u64;

#[derive(Debug, Default)]
struct State {
    requested: bool,
    /// Whether the server is to empty itself, also if it is not to end.
    drains: bool,
    immediate: bool,
    round: Round,
}

impl Shutdown {
    /// Asks for the end; with `now`, without waiting for output to be taken, which a later request without it does not
    /// take back. [`Shutdown::is_withdrawn`] tells what became of the answer.
    pub fn request(&self, now: bool) -> Round {
        let round = {
            let mut state = self.state.lock();
            state.requested = true;
            state.immediate |= now;
            state.round
        };
        self.ring();
        round
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        self.state.lock().requested
    }

    /// Whether output is to be given up.
    pub fn is_immediate(&self) -> bool {
        self.state.lock().immediate
    }

    /// Withdraws all requests while they have not been carried out; false if there was none.
    pub fn abort(&self) -> bool {
        {
            let mut state = self.state.lock();
            if !state.requested {
                return false;
            }
            *state = State { round: state.round + 1, drains: state.drains, ..State::default() };
        }
        self.ring();
        true
    }

    /// Asks that the server empties itself, and waits for its end empty.
    pub fn request_drain(&self) {
        self.state.lock().drains = true;
        self.ring();
    }

    /// Whether that was asked for.
    pub fn is_drain_requested(&self) -> bool {
        self.state.lock().drains
    }

    /// Withdraws it; false if it was not asked for.
    pub fn abort_drain(&self) -> bool {
        let requested = std::mem::take(&mut self.state.lock().drains);
        self.ring();
        requested
    }

    /// Whether the request of this round has been withdrawn since.
    pub fn is_withdrawn(&self, round: Round) -> bool {
        self.state.lock().round != round
    }

    fn ring(&self) {
        self.bell.notify_waiters();
        self.bell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stands_until_it_is_withdrawn() {
        let shutdown = Shutdown::default();
        assert!(!shutdown.is_requested());
        let round = shutdown.request(false);
        assert!(shutdown.is_requested() && !shutdown.is_immediate() && !shutdown.is_withdrawn(round));
        assert!(shutdown.abort());
        assert!(!shutdown.is_requested() && shutdown.is_withdrawn(round));
    }

    #[test]
    fn an_immediate_request_stays_immediate() {
        let shutdown = Shutdown::default();
        shutdown.request(true);
        shutdown.request(false);
        assert!(shutdown.is_immediate());
        shutdown.abort();
        shutdown.request(false);
        assert!(!shutdown.is_immediate());
    }

    #[test]
    fn the_wish_that_it_empties_itself_stands_by_itself() {
        let shutdown = Shutdown::default();
        assert!(!shutdown.abort_drain());
        shutdown.request_drain();
        shutdown.request(false);
        assert!(shutdown.abort() && shutdown.is_drain_requested() && !shutdown.is_requested());
        assert!(shutdown.abort_drain() && !shutdown.is_drain_requested());
    }

    #[test]
    fn nothing_can_be_withdrawn_before_it_was_asked_for() {
        let shutdown = Shutdown::default();
        assert!(!shutdown.abort());
        shutdown.request(false);
        assert!(shutdown.abort() && !shutdown.abort());
    }

    #[test]
    fn a_request_after_a_withdrawal_leaves_the_earlier_one_withdrawn() {
        let shutdown = Shutdown::default();
        let first = shutdown.request(false);
        shutdown.abort();
        let second = shutdown.request(false);
        assert!(shutdown.is_withdrawn(first) && !shutdown.is_withdrawn(second));
    }
}
