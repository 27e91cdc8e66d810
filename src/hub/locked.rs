//! The hub while it is locked, and what may be done with it then.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::HubState;

/// Steps under one hold of the lock at most: names that are joined, left, looked up or listed, ports that are sent something.
/// A transaction that is executed in one go has up to 64 commands of 256 arguments; everything else takes far fewer. Patterns
/// that match a message are not counted: they are what a publish costs.
const MOST_STEPS: usize = 32 * 1024;

/// What several threads change, on lines of the processor's cache of its own: who changes it would slow down all who read what
/// lies beside it.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

/// How often and how long threads have waited for the lock since the start: more of them help only as long as this is little.
/// Nothing is counted where the lock is free, and so it costs nothing there.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    count: AtomicU64,
    ns: AtomicU64,
}

impl Waits {
    /// Waits for a lock that another thread has.
    #[cold]
    pub(super) fn wait_for<'a, S>(&self, lock: &'a Mutex<S>) -> MutexGuard<'a, S> {
        let start = Instant::now();
        self.count.fetch_add(1, Relaxed);
        let state = lock.lock();
        self.ns.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        state
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// All of them together, in microseconds.
    pub(crate) fn us(&self) -> u64 {
        self.ns.load(Relaxed) / 1000
    }
}

/// The hub, locked. Debug builds fail where more is done under one hold than may be, because publishers wait for it.
#[derive(Debug)]
pub(crate) struct Locked<'a, T>(MutexGuard<'a, HubState<T>>);

impl<'a, T> Locked<'a, T> {
    pub(super) fn new(mut state: MutexGuard<'a, HubState<T>>) -> Self {
        (state.steps, state.matches) = (0, 0);
        Locked(state)
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        let HubState { steps, audience, deserted, .. } = &mut *self.0;
        if !deserted.is_empty() {
            audience.forget(deserted);
        }
        debug_assert!(
            *steps <= MOST_STEPS || std::thread::panicking(),
            "{steps} steps under one hold of the hub's lock"
        );
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = HubState<T>;

    fn deref(&self) -> &HubState<T> {
        &self.0
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut HubState<T> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, Wanted};

    /// Lets many subscribe under as many holds of the lock as there are groups.
    fn subscribe_in_groups_of(names: usize, groups: usize) {
        let hub: Hub<usize> = Hub::new(1);
        for group in 0..groups {
            let mut locked = hub.lock();
            for name in 0..names {
                locked.subscribe(0, &mut Wanted::Channel(format!("{group}:{name}").as_bytes()), || 0);
            }
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "steps under one hold")]
    fn to_do_very_much_under_one_hold_of_the_lock_is_a_mistake() {
        subscribe_in_groups_of(MOST_STEPS + 1, 1);
    }

    #[test]
    fn who_finds_the_lock_taken_is_counted_and_who_finds_it_free_is_not() {
        let hub: Hub<usize> = Hub::new(1);
        drop(hub.lock());
        assert_eq!(hub.waits().count(), 0);
        std::thread::scope(|scope| {
            let held = hub.lock();
            let waiting = scope.spawn(|| drop(hub.lock()));
            while hub.waits().count() == 0 {
                std::thread::yield_now();
            }
            drop(held);
            waiting.join().expect("nobody panics");
        });
        assert_eq!(hub.waits().count(), 1);
        assert!(hub.waits().ns.load(Relaxed) > 0);
    }

    #[test]
    fn to_do_it_some_at_a_time_is_none() {
        subscribe_in_groups_of(MOST_STEPS / 2, 3);
    }
}
