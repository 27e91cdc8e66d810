//! Keys that are here though another node has got their slot. Nobody reaches them any more, so they go when slots have not changed
//! hands for a while: until then their slots may come back, as they do when a node was only started anew. Clients that wait for
//! such keys are sent to the other node at once, and once more then: some may have begun to wait in that moment.

use std::sync::Arc;

use parking_lot::Mutex;

use super::slots::SlotMap;
use crate::ids::ClientId;

/// Whether there are such keys, and how far they have gone.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    state: Mutex<State>,
    /// Behind which client those come that are still to be sent elsewhere, if they wait; none if there are none.
    waiters: Mutex<Option<ClientId>>,
}

#[derive(Debug, Default)]
enum State {
    /// All slots that this node has had, it has.
    #[default]
    Nothing,
    /// Some have gone to others. They have changed hands at this moment the last time, in milliseconds of the server's clock.
    Waiting(u64),
    /// What lies before this cursor has been looked at by this map, and so many keys have gone.
    Going(Arc<SlotMap>, u64, u64),
}

impl Moved {
    /// Slots have been dealt out: whether this node has `lost` some, and whether it has the `same` as before.
    pub(super) fn note_deal(&self, lost: bool, same: bool, now_ms: u64) {
        if lost {
            *self.waiters.lock() = Some(0);
        }
        let mut state = self.state.lock();
        match *state {
            State::Nothing if !lost => {}
            State::Waiting(_) if same => {}
            _ => *state = State::Waiting(now_ms),
        }
    }

    /// Where to go on with looking for keys whose slots others have by `map`, if it is time for that: `patience_ms` after slots
    /// have changed hands.
    pub(crate) fn cursor(&self, map: &Arc<SlotMap>, patience_ms: u64, now_ms: u64) -> Option<u64> {
        let mut state = self.state.lock();
        match &*state {
            State::Waiting(since_ms) if now_ms.saturating_sub(*since_ms) >= patience_ms => {
                *state = State::Going(map.clone(), 0, 0);
                Some(0)
            }
            State::Going(current, cursor, _) if Arc::ptr_eq(current, map) => Some(*cursor),
            _ => None,
        }
    }

    /// Some have been looked at and so many have gone; the next are at this cursor, 0 for none. Answers how many have gone in all if
    /// that was the end.
    pub(crate) fn note_step(&self, next: u64, gone: u64) -> Option<u64> {
        let mut state = self.state.lock();
        let State::Going(_, cursor, all) = &mut *state else { return None };
        (*cursor, *all) = (next, *all + gone);
        if next > 0 {
            return None;
        }
        let all = *all;
        *state = State::Nothing;
        drop(state);
        *self.waiters.lock() = Some(0);
        Some(all)
    }

    /// Behind which client those come that are to be looked at next; none if there are none.
    pub(crate) fn waiters(&self) -> Option<ClientId> {
        *self.waiters.lock()
    }

    /// Those behind `client` have been looked at up to `last`, or all of them.
    pub(crate) fn note_waiters(&self, client: ClientId, last: Option<ClientId>) {
        let mut waiters = self.waiters.lock();
        // Otherwise more slots have gone meanwhile, and it begins anew.
        if *waiters == Some(client) {
            *waiters = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Owner;
    use super::*;

    #[test]
    fn keys_go_when_slots_have_not_changed_hands_for_a_while() {
        let map = || Arc::new(SlotMap::deal(vec![Owner::new("a", "h:1", 0)]));
        let (moved, first, second) = (Moved::default(), map(), map());
        moved.note_deal(false, false, 0);
        assert_eq!(moved.cursor(&first, 0, 1), None, "nothing was lost");
        moved.note_deal(true, false, 1000);
        moved.note_deal(false, false, 2000);
        moved.note_deal(false, true, 3000);
        assert_eq!((moved.cursor(&first, 500, 2499), moved.cursor(&first, 500, 2500)), (None, Some(0)));
        assert_eq!((moved.note_step(7, 3), moved.cursor(&first, 500, 2501)), (None, Some(7)));
        assert_eq!(moved.cursor(&second, 500, 2502), None, "others have other slots");
        assert_eq!(moved.waiters(), Some(0));
        moved.note_waiters(0, Some(7));
        moved.note_waiters(0, None);
        assert_eq!(moved.waiters(), Some(7), "it has gone on meanwhile");
        moved.note_waiters(7, None);
        assert_eq!(moved.waiters(), None);
        assert_eq!((moved.note_step(0, 2), moved.cursor(&first, 500, 9000)), (Some(5), None));
        assert_eq!(moved.waiters(), Some(0), "some may have come in between");
        moved.note_deal(true, false, 9000);
        moved.cursor(&first, 0, 9000);
        moved.note_deal(false, false, 9001);
        assert_eq!((moved.note_step(0, 1), moved.cursor(&second, 500, 9501)), (None, Some(0)), "it begins anew");
    }
}
