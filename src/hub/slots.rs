//! Which slots of a port are in use, that is, where it keeps the subscribers of a name. Any thread can open one, so that a client
//! can be counted at a port that has still to hear of it.

use parking_lot::Mutex;

use crate::ids::Slot;

/// Slots that have been closed are remembered in rows of so many, so that nobody waits until very many have been moved.
const ROW: usize = 1024;

/// The slots of one port.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The first that has never been open.
    next: Slot,
    open: usize,
    /// Those before it that are closed.
    closed: Vec<Vec<Slot>>,
}

impl Slots {
    /// Opens one that is closed.
    pub(crate) fn open(&self) -> Slot {
        let State { next, open, closed } = &mut *self.0.lock();
        *open += 1;
        while let Some(row) = closed.last_mut() {
            match row.pop() {
                Some(slot) => return slot,
                None => drop(closed.pop()),
            }
        }
        *next += 1;
        *next - 1
    }

    /// Closes one that nobody is counted at; answers whether it was the last.
    pub(crate) fn close(&self, slot: Slot) -> bool {
        let mut state = self.0.lock();
        state.open -= 1;
        if state.open == 0 {
            *state = State::default();
            return true;
        }
        match state.closed.last_mut().filter(|row| row.len() < ROW) {
            Some(row) => row.push(slot),
            None => state.closed.push(vec![slot]),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_opened_where_others_were_closed() {
        let slots = Slots::default();
        let count = 3 * ROW as Slot;
        assert!((0..count).all(|slot| slots.open() == slot));
        let closed: Vec<Slot> = (5..2 * ROW as Slot).collect();
        assert!(closed.iter().all(|slot| !slots.close(*slot)));
        let mut again: Vec<Slot> = closed.iter().map(|_| slots.open()).collect();
        again.sort_unstable();
        assert_eq!(again, closed);
        assert_eq!(slots.open(), count);
        assert!((0..count).all(|slot| !slots.close(slot)));
        assert!(slots.close(count), "it was the last");
        assert_eq!(slots.open(), 0);
    }
}
