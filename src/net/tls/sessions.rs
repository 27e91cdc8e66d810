//! Sessions that clients go on with when they come back.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::server::StoresServerSessions;

/// The most sessions that are ever remembered.
const MOST: usize = 1_000_000;

/// As many sessions as `tls-session-cache-size` says, each for as long as `tls-session-cache-timeout` says.
pub(super) struct Sessions {
    size: usize,
    lifetime: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_key: HashMap<Vec<u8>, Session>,
    /// Keys as they came, also of sessions that have been taken since: no more than there may be sessions.
    order: VecDeque<Vec<u8>>,
}

struct Session {
    value: Vec<u8>,
    since: Instant,
}

impl Sessions {
    /// None yet. A size of 0 is the largest.
    pub(super) fn new(size: usize, lifetime: Option<Duration>) -> Self {
        let size = if size == 0 { MOST } else { size.min(MOST) };
        Sessions { size, lifetime, state: Mutex::default() }
    }

    fn lives(&self, session: &Session) -> bool {
        self.lifetime.is_none_or(|lifetime| session.since.elapsed() < lifetime)
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let state = &mut *self.state.lock();
        while state.order.len() >= self.size
            && let Some(oldest) = state.order.pop_front()
        {
            state.by_key.remove(&oldest);
        }
        state.order.push_back(key.clone());
        state.by_key.insert(key, Session { value, since: Instant::now() });
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.by_key.get(key).filter(|session| self.lives(session)).map(|session| session.value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let session = self.state.lock().by_key.remove(key);
        session.filter(|session| self.lives(session)).map(|session| session.value)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for Sessions {
    /// Without the sessions, which are secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sessions").field("size", &self.size).field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Vec<u8> {
        number.to_be_bytes().to_vec()
    }

    #[test]
    fn p11_no_more_than_tls_session_cache_size_are_remembered_and_the_oldest_go_first() {
        let sessions = Sessions::new(100, None);
        for number in 0..1000 {
            sessions.put(key(number), vec![1]);
            if number % 3 == 0 {
                assert_eq!(sessions.take(&key(number)), Some(vec![1]));
                assert_eq!(sessions.take(&key(number)), None);
            }
            let state = sessions.state.lock();
            assert!(state.by_key.len() <= 100 && state.order.len() <= 100);
        }
        assert_eq!(sessions.get(&key(998)), Some(vec![1]));
        assert_eq!(sessions.get(&key(800)), None);
    }

    #[test]
    fn a_session_that_is_too_old_is_not_gone_on_with() {
        let sessions = Sessions::new(0, Some(Duration::ZERO));
        sessions.put(key(1), vec![1]);
        assert_eq!((sessions.get(&key(1)), sessions.take(&key(1))), (None, None));
    }
}
