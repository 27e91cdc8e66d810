//! How a command reaches the keys: under one lock for its whole length, or for that of a transaction.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use parking_lot::{ArcMutexGuard, MutexGuard, RawMutex};

use super::{Keyspace, State};
use crate::clock::Now;

/// How many commands of one client that follow each other have the lock before others may: taking it costs more than most
/// commands do.
const MOST_PASSED: u32 = 32;
/// How long a thread that serves clients waits for the lock: longer than the short commands of another one take, and too
/// short for anybody to notice.
const LONGEST_WAIT: Duration = Duration::from_micros(100);

/// The lock, taken by one thread for another.
pub(crate) type Lent = ArcMutexGuard<RawMutex, State>;

/// The lock while it is held.
enum Held<'a> {
    Own(MutexGuard<'a, State>),
    Lent(Lent),
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        match self {
            Held::Own(state) => state,
            Held::Lent(state) => state,
        }
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        match self {
            Held::Own(state) => state,
            Held::Lent(state) => state,
        }
    }
}

/// Access to the keys for the length of one command or transaction; the lock is taken with the first use.
pub struct KeyAccess<'a> {
    keyspace: &'a Keyspace,
    /// The lock, and the moment at which it was taken: commands of a transaction have all the same time, so that no key
    /// vanishes between them.
    held: Option<(Held<'a>, i64)>,
    /// To how many commands the lock was passed on.
    passed: u32,
}

impl fmt::Debug for KeyAccess<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyAccess").field("held", &self.is_held()).finish_non_exhaustive()
    }
}

impl<'a> KeyAccess<'a> {
    /// Access to these keys.
    pub fn new(keyspace: &'a Keyspace) -> Self {
        KeyAccess { keyspace, held: None, passed: 0 }
    }

    /// Access with a lock that another thread has taken, at this moment in milliseconds since 1970-01-01.
    pub(crate) fn lent(keyspace: &'a Keyspace, lent: Lent, now_ms: i64) -> Self {
        KeyAccess { keyspace, held: Some((Held::Lent(lent), now_ms)), passed: 0 }
    }

    /// Takes the lock, unless it is held already, and keeps it. Answers what it guards, and the moment for which that is
    /// to be seen, in milliseconds since 1970-01-01. Waits as long as it takes.
    pub(crate) fn hold(&mut self, now: Now) -> (&mut State, i64) {
        let (state, now_ms) = self.held.get_or_insert_with(|| (Held::Own(self.keyspace.lock()), now.unix_ms()));
        (state, *now_ms)
    }

    /// Takes the lock, unless it is held already, if it can be had within [`LONGEST_WAIT`]; answers whether it is held.
    pub(crate) fn try_hold(&mut self, now: Now) -> bool {
        if self.held.is_none() {
            let taken = self.keyspace.state.try_lock_for(LONGEST_WAIT);
            self.held = taken.map(|state| (Held::Own(state), now.unix_ms()));
        }
        self.held.is_some()
    }

    /// Looks at what the lock guards, and gives it back unless it was held already. Answers as `look` does, which is
    /// given the moment, too.
    pub(crate) fn look<R>(&mut self, now: Now, look: impl FnOnce(&State, i64) -> R) -> R {
        match &self.held {
            Some((state, now_ms)) => look(state, *now_ms),
            None => look(&self.keyspace.lock(), now.unix_ms()),
        }
    }

    /// What [`KeyAccess::hold`] answered, if the lock is held.
    pub(crate) fn held(&mut self) -> Option<(&mut State, i64)> {
        self.held.as_mut().map(|(state, now_ms)| (&mut **state, *now_ms))
    }

    /// Whether the lock is held.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Passes a lock that is held on to the next command, which has a moment of its own. Gives it back if enough commands
    /// have had it.
    pub(crate) fn pass_on(&mut self, now: Now) {
        self.passed += 1;
        if self.passed == MOST_PASSED {
            self.release();
        } else if let Some((_, now_ms)) = &mut self.held {
            *now_ms = now.unix_ms();
        }
    }

    /// Gives the lock back.
    pub(crate) fn release(&mut self) {
        self.passed = 0;
        if let Some((state, _)) = self.held.take() {
            self.keyspace.give_back(state);
        }
    }

    /// Gives a lock that was lent back to whom it will be lent next, none if none was.
    pub(crate) fn return_lent(&mut self) -> Option<Lent> {
        match self.held.take()? {
            (Held::Lent(mut state), _) => {
                self.keyspace.note_new_deadline(&mut state);
                Some(state)
            }
            (Held::Own(state), _) => {
                self.keyspace.give_back(state);
                None
            }
        }
    }
}

impl Drop for KeyAccess<'_> {
    fn drop(&mut self) {
        self.release();
    }
}
