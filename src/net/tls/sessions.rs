//! Sessions that clients go on with when they come back.

use std::fmt;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use parking_lot::Mutex;
use rustls::server::StoresServerSessions;

/// The most sessions that are ever remembered.
const MOST: usize = 1_000_000;
/// How exactly their age is known, in milliseconds.
const TICK_MS: u64 = 100;

/// As many sessions as `tls-session-cache-size` says, each for as long as `tls-session-cache-timeout` says.
pub(super) struct Sessions {
    size: usize,
    lifetime: Option<Duration>,
    /// What the age of sessions is counted from.
    start: Instant,
    state: Mutex<State>,
}

/// Each idle connection has a session here that it has been told of, so they are kept in few bytes.
#[derive(Default)]
struct State {
    /// Each in the place in which it came, until another comes there or it is taken.
    places: Vec<Option<Session>>,
    /// Where the next one comes: where the oldest is when all places are used.
    next: usize,
    /// The places of sessions by their keys.
    by_key: HashTable<u32>,
    hasher: RandomState,
}

struct Session {
    /// The key, and the value behind it.
    bytes: Box<[u8]>,
    key_len: u16,
    /// Since when it is here, in units of [`TICK_MS`].
    since: u32,
}

impl Session {
    fn key(&self) -> &[u8] {
        &self.bytes[..usize::from(self.key_len)]
    }

    fn value(&self) -> Vec<u8> {
        self.bytes[usize::from(self.key_len)..].to_vec()
    }
}

impl State {
    /// Puts a session where the oldest is, or behind all others while there is room for more.
    fn put(&mut self, session: Session, size: usize) {
        if let Some(former) = self.find(session.key()) {
            self.empty(former);
        }
        if self.next >= size {
            self.next = 0;
        }
        self.empty(self.next);
        let State { places, next, by_key, hasher } = self;
        let hash = hasher.hash_one(session.key());
        if *next == places.len() {
            places.push(None);
        }
        places[*next] = Some(session);
        let hash_of = |place: &u32| places[*place as usize].as_ref().map_or(0, |other| hasher.hash_one(other.key()));
        by_key.insert_unique(hash, *next as u32, hash_of);
        *next += 1;
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        let has_key = |place: &u32| self.places[*place as usize].as_ref().is_some_and(|session| session.key() == key);
        self.by_key.find(self.hasher.hash_one(key), has_key).map(|place| *place as usize)
    }

    /// Takes the session out of a place.
    fn empty(&mut self, place: usize) -> Option<Session> {
        let session = self.places.get_mut(place)?.take()?;
        let hash = self.hasher.hash_one(session.key());
        if let Ok(entry) = self.by_key.find_entry(hash, |found| *found as usize == place) {
            entry.remove();
        }
        Some(session)
    }
}

impl Sessions {
    /// None yet. A size of 0 is the largest.
    pub(super) fn new(size: usize, lifetime: Option<Duration>) -> Self {
        let size = if size == 0 { MOST } else { size.min(MOST) };
        Sessions { size, lifetime, start: Instant::now(), state: Mutex::default() }
    }

    /// The present moment as sessions keep it: enough for thirteen years.
    fn now(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_millis() / u128::from(TICK_MS)).unwrap_or(u32::MAX)
    }

    fn lives(&self, session: &Session) -> bool {
        let age_ms = u64::from(self.now().saturating_sub(session.since)) * TICK_MS;
        self.lifetime.is_none_or(|lifetime| Duration::from_millis(age_ms) < lifetime)
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let Ok(key_len) = u16::try_from(key.len()) else { return false };
        let session = Session { bytes: [key, value].concat().into(), key_len, since: self.now() };
        self.state.lock().put(session, self.size);
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let session = state.places[state.find(key)?].as_ref()?;
        self.lives(session).then(|| session.value())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let state = &mut *self.state.lock();
        let session = state.empty(state.find(key)?)?;
        self.lives(&session).then(|| session.value())
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
            assert!(state.by_key.len() <= 100 && state.places.len() <= 100);
        }
        assert_eq!(sessions.get(&key(998)), Some(vec![1]));
        assert_eq!(sessions.get(&key(800)), None);
    }

    #[test]
    fn a_session_that_comes_again_replaces_the_former() {
        let sessions = Sessions::new(2, None);
        sessions.put(key(1), vec![1]);
        sessions.put(key(1), vec![2]);
        assert_eq!((sessions.take(&key(1)), sessions.take(&key(1))), (Some(vec![2]), None));
    }

    #[test]
    fn a_session_that_is_too_old_is_not_gone_on_with() {
        let sessions = Sessions::new(0, Some(Duration::ZERO));
        sessions.put(key(1), vec![1]);
        assert_eq!((sessions.get(&key(1)), sessions.take(&key(1))), (None, None));
    }
}
