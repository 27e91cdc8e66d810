//! The keys' lock, lent to a session.
//!
//! What needs both the keys and the thread of its client asks the executor for the lock, which takes it when all who came
//! before have had it, and does nothing else until it is given back. Meanwhile the session may have the executor run
//! commands for it: then the lock goes there and comes back. A session that ends gives it back by that, with the commands
//! of its transaction that are still to run: a transaction happens as a whole also when its client goes away.

use std::fmt;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::job::Lend;
use super::task::Task;
use crate::client::order::HubAccess;
use crate::client::registry::ClientInfo;
use crate::command::Place;
use crate::keyspace::access::{KeyAccess, Lent};
use crate::observe::stats::WorkerStats;
use crate::server::Server;
use crate::session::TurnOutcome;

/// Where the lock is.
enum State {
    /// Not with the session: not taken yet, or with the executor, which runs commands under it.
    Awaited,
    /// For the session to take, with the moment at which it was first taken in milliseconds since 1970-01-01.
    Offered(Lent, i64),
    /// With the session.
    Taken,
    /// For the executor, with commands to run under it.
    Work(Lent, Box<Task>),
    /// For the executor to give back, which has it already if it is not here, when these commands have run.
    Over(Option<Lent>, Option<Box<Task>>),
}

/// One loan, shared by the executor and the [`Borrower`].
pub(crate) struct Loan {
    client: Arc<ClientInfo>,
    state: Mutex<State>,
    bell: Condvar,
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("client", &self.client.id).finish_non_exhaustive()
    }
}

impl Loan {
    /// The client that borrows.
    pub(super) fn client(&self) -> &Arc<ClientInfo> {
        &self.client
    }

    /// Lends the lock until it is given back.
    pub(super) fn serve(&self, server: &Server, stats: &WorkerStats) {
        let now_ms = server.clock.now().unix_ms();
        let mut lent = server.keyspace.lock_for_another();
        loop {
            if let Err((lent, rest)) = self.offer(lent, now_ms) {
                return finish(server, stats, lent, now_ms, rest);
            }
            super::resume(server, &self.client);
            match self.await_return() {
                Ok((back, task)) => match run_under(server, stats, back, now_ms, *task) {
                    Some(back) => lent = back,
                    None => return,
                },
                Err((Some(back), rest)) => return finish(server, stats, back, now_ms, rest),
                Err((None, _)) => return,
            }
        }
    }

    /// Offers the lock to the session; if that has ended, answers it with what is still to be run.
    fn offer(&self, lent: Lent, now_ms: i64) -> Result<(), (Lent, Option<Box<Task>>)> {
        let mut state = self.state.lock();
        if let State::Over(_, rest) = &mut *state {
            return Err((lent, rest.take()));
        }
        *state = State::Offered(lent, now_ms);
        Ok(())
    }

    /// Waits for work, or for the lock to come back for good.
    #[allow(clippy::type_complexity)] // two outcomes of one step
    fn await_return(&self) -> Result<(Lent, Box<Task>), (Option<Lent>, Option<Box<Task>>)> {
        let mut state = self.state.lock();
        loop {
            match std::mem::replace(&mut *state, State::Awaited) {
                State::Work(lent, task) => return Ok((lent, task)),
                State::Over(lent, rest) => {
                    *state = State::Over(None, None);
                    return Err((lent, rest));
                }
                other => *state = other,
            }
            self.bell.wait(&mut state);
        }
    }
}

/// Runs a task under a lock that was lent, and answers the lock.
fn run_under(server: &Server, stats: &WorkerStats, lent: Lent, now_ms: i64, task: Task) -> Option<Lent> {
    let mut keys = KeyAccess::lent(&server.keyspace, lent, now_ms);
    let mut hub = HubAccess::new(&server.hub);
    let mut outcome = TurnOutcome::default();
    task.run_queued(&mut Place { server, stats, keys: &mut keys, hub: &mut hub, outcome: &mut outcome });
    server.wake(std::mem::take(&mut outcome.sent.wake));
    keys.return_lent()
}

/// Runs what is left of a transaction whose client has gone, and gives the lock back.
fn finish(server: &Server, stats: &WorkerStats, lent: Lent, now_ms: i64, rest: Option<Box<Task>>) {
    let mut next = rest;
    let mut lent = Some(lent);
    while let (Some(mut task), Some(held)) = (next.take(), lent.take()) {
        // What a task before it has left comes first.
        let left = task.slot.lock().take();
        if let Some(done) = left {
            task.scope = done.scope;
            let behind = std::mem::replace(&mut task.requests, done.rest);
            task.requests.extend(behind);
        }
        let slot = task.slot.clone();
        let template = task.followed_by_nothing();
        lent = run_under(server, stats, held, now_ms, *task);
        if slot.lock().as_ref().is_some_and(|done| !done.rest.is_empty()) {
            next = Some(template);
        }
    }
    if let Some(lent) = lent {
        let mut keys = KeyAccess::lent(&server.keyspace, lent, now_ms);
        keys.release();
    }
}

/// The session's end of a loan; it gives the lock back when it is dropped.
#[derive(Debug)]
pub(crate) struct Borrower(Arc<Loan>);

impl Borrower {
    /// Asks the executor of `server` for the keys' lock.
    pub(crate) fn ask(server: &Server, client: &Arc<ClientInfo>) -> Self {
        let loan = Loan { client: client.clone(), state: Mutex::new(State::Awaited), bell: Condvar::new() };
        let loan = Arc::new(loan);
        server.executors.keys.add(Lend(loan.clone()));
        Borrower(loan)
    }

    /// Whether the lock is there to be taken.
    pub(crate) fn is_offered(&self) -> bool {
        matches!(*self.0.state.lock(), State::Offered(..))
    }

    /// Takes the lock if it is offered, with the moment at which it was first taken, in milliseconds since 1970-01-01.
    pub(crate) fn take(&self) -> Option<(Lent, i64)> {
        let mut state = self.0.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Offered(lent, now_ms) => Some((lent, now_ms)),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Has the executor run a task under the lock, which is offered again when its outcome is in its slot.
    pub(crate) fn hand_over(&self, lent: Lent, task: Box<Task>) {
        *self.0.state.lock() = State::Work(lent, task);
        self.0.bell.notify_one();
    }

    /// Gives the lock back, if the session has it, and leaves the rest of a transaction to the executor, behind what a
    /// task under way will leave in the same slot.
    pub(crate) fn abandon(self, lent: Option<Lent>, rest: Box<Task>) {
        self.end(lent, Some(rest));
    }

    fn end(&self, lent: Option<Lent>, mut rest: Option<Box<Task>>) {
        let mut state = self.0.state.lock();
        let elsewhere = match std::mem::replace(&mut *state, State::Awaited) {
            State::Offered(lent, _) => Some(lent),
            State::Work(lent, mut task) => {
                // It has not been begun.
                if let Some(behind) = rest.take() {
                    task.requests.extend(behind.requests);
                    task.last = behind.last;
                }
                rest = Some(task);
                Some(lent)
            }
            State::Over(lent, before) => {
                *state = State::Over(lent, before);
                return;
            }
            State::Awaited | State::Taken => None,
        };
        *state = State::Over(lent.or(elsewhere), rest);
        self.0.bell.notify_one();
    }
}

impl Drop for Borrower {
    fn drop(&mut self) {
        self.end(None, None);
    }
}
