//! The subscribers of one name, counted for each port that has any.

use crate::ids::{PortId, Slot};

/// Where one port keeps the subscribers of a name, and how many they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    port: u16,
    slot: Slot,
    count: u32,
}

impl Place {
    pub(super) fn port(&self) -> PortId {
        self.port.into()
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot
    }
}

/// The places of one name. Most names have subscribers on one port only, so one place needs no memory of its own.
#[derive(Debug, Default)]
pub(super) enum Listeners {
    #[default]
    None,
    One(Place),
    #[allow(clippy::box_collection)] // a thin pointer keeps the table's entries small
    Several(Box<Vec<Place>>),
}

impl Listeners {
    /// How many subscribers there are in all.
    pub(super) fn total(&self) -> usize {
        self.places().iter().map(|place| place.count as usize).sum()
    }

    /// How many of them there are at `port`.
    pub(super) fn count(&self, port: PortId) -> usize {
        self.places().iter().find(|place| place.port() == port).map_or(0, |place| place.count as usize)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places().is_empty()
    }

    /// Each port that has subscribers, once.
    pub(super) fn places(&self) -> &[Place] {
        match self {
            Listeners::None => &[],
            Listeners::One(place) => std::slice::from_ref(place),
            Listeners::Several(places) => places,
        }
    }

    /// Counts one more on `port`; `new_slot` is asked where the port keeps the first one.
    pub(super) fn join(&mut self, port: PortId, new_slot: impl FnOnce() -> Slot) -> Slot {
        if let Some(place) = self.place_mut(port) {
            place.count += 1;
            return place.slot;
        }
        let slot = new_slot();
        // MAX_WORKERS fits.
        let place = Place { port: port as u16, slot, count: 1 };
        *self = match std::mem::take(self) {
            Listeners::None => Listeners::One(place),
            Listeners::One(first) => Listeners::Several(Box::new(vec![first, place])),
            Listeners::Several(mut places) => {
                places.push(place);
                Listeners::Several(places)
            }
        };
        slot
    }

    /// Counts one less on `port`; the port's place goes with its last one.
    pub(super) fn leave(&mut self, port: PortId) {
        let Some(place) = self.place_mut(port) else { return };
        place.count -= 1;
        if place.count > 0 {
            return;
        }
        *self = match std::mem::take(self) {
            Listeners::None | Listeners::One(_) => Listeners::None,
            Listeners::Several(mut places) => {
                places.retain(|place| place.count > 0);
                match places[..] {
                    [only] => Listeners::One(only),
                    _ => Listeners::Several(places),
                }
            }
        };
    }

    fn place_mut(&mut self, port: PortId) -> Option<&mut Place> {
        let places = match self {
            Listeners::None => &mut [],
            Listeners::One(place) => std::slice::from_mut(place),
            Listeners::Several(places) => &mut places[..],
        };
        places.iter_mut().find(|place| place.port() == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(listeners: &Listeners) -> Vec<(PortId, Slot, u32)> {
        listeners.places().iter().map(|place| (place.port(), place.slot(), place.count)).collect()
    }

    #[test]
    fn every_port_has_one_place_while_it_has_subscribers() {
        let mut listeners = Listeners::default();
        assert_eq!(listeners.join(1, || 10), 10);
        assert_eq!(listeners.join(1, || 99), 10);
        assert_eq!(listeners.join(0, || 20), 20);
        assert_eq!(listeners.join(2, || 30), 30);
        assert_eq!(seen(&listeners), [(1, 10, 2), (0, 20, 1), (2, 30, 1)]);
        assert_eq!((listeners.total(), listeners.count(1), listeners.count(7)), (4, 2, 0));
        listeners.leave(0);
        listeners.leave(1);
        listeners.leave(2);
        assert_eq!(seen(&listeners), [(1, 10, 1)]);
        listeners.leave(7);
        assert_eq!(listeners.total(), 1);
        listeners.leave(1);
        assert!(listeners.is_empty());
    }
}
