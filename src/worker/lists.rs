//! Which of a worker's clients listen to which name.

use std::rc::Rc;

use crate::client::held::Holding;
use crate::client::order::Place;
use crate::client::{Client, Membership, Memberships};
use crate::hub::name::Name;
use crate::hub::{Slots, pattern_index};
use crate::ids::{Slot, Topic};

/// What a subscription costs at most beside its name: its entries in the client's table, in the list and in the hub; in
/// bytes.
const SUBSCRIPTION_BYTES: usize = 96;

/// How many lists lie together. Others are laid beside them, so that nobody waits until very many have been moved.
const CHUNK: usize = 1024;

/// The subscribers of one name on this worker. One needs no memory of its own: names with a single subscriber are many.
#[derive(Debug, Default)]
enum List {
    #[default]
    Empty,
    One(Rc<Client>),
    #[allow(clippy::box_collection)] // a thin pointer keeps the slots small
    Several(Box<Vec<Rc<Client>>>),
}

impl List {
    fn clients(&self) -> &[Rc<Client>] {
        match self {
            List::Empty => &[],
            List::One(client) => std::slice::from_ref(client),
            List::Several(clients) => clients,
        }
    }

    fn push(&mut self, client: Rc<Client>) {
        *self = match std::mem::take(self) {
            List::Empty => List::One(client),
            List::One(first) => List::Several(Box::new(vec![first, client])),
            List::Several(mut clients) => {
                clients.push(client);
                List::Several(clients)
            }
        };
    }

    /// Takes out the client at `index` and answers the one that has taken its place, if any has.
    fn remove(&mut self, index: usize) -> Option<&Rc<Client>> {
        match self {
            List::Empty | List::One(_) => {
                *self = List::Empty;
                None
            }
            List::Several(clients) => {
                clients.swap_remove(index);
                if clients.is_empty() {
                    *self = List::Empty;
                }
                self.clients().get(index)
            }
        }
    }
}

/// All lists of a worker, by slot. Which slots are in use say its [`Slots`].
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<Vec<List>>);

impl Lists {
    /// The clients in the list at `slot`.
    pub(super) fn clients(&self, slot: Slot) -> &[Rc<Client>] {
        let chunk = self.0.get(slot as usize / CHUNK);
        chunk.and_then(|chunk| chunk.get(slot as usize % CHUNK)).map_or(&[], List::clients)
    }

    /// The list at `slot`, for which there is room from now on.
    fn list_mut(&mut self, slot: Slot) -> &mut List {
        let (chunk, place) = (slot as usize / CHUNK, slot as usize % CHUNK);
        if self.0.len() <= chunk {
            self.0.resize_with(chunk + 1, Vec::new);
        }
        let chunk = &mut self.0[chunk];
        if chunk.len() <= place {
            chunk.resize_with(place + 1, List::default);
        }
        &mut chunk[place]
    }

    fn enter(&mut self, slot: Slot, client: &Rc<Client>) -> Membership {
        let list = self.list_mut(slot);
        let membership = Membership { slot, index: list.clients().len() as u32 };
        list.push(client.clone());
        membership
    }

    /// Takes a client out of the list of `name`; the list closes with its last client, and the memory of all goes with the last.
    fn leave(&mut self, left: Membership, topic: Topic, name: &[u8], slots: &Slots) {
        let list = self.list_mut(left.slot);
        if let Some(moved) = list.remove(left.index as usize) {
            moved.change_memberships(topic, |memberships| {
                if let Some(membership) = memberships.get_mut(name) {
                    membership.index = left.index;
                }
            });
        }
        if list.clients().is_empty() && slots.close(left.slot) {
            *self = Lists::default();
        }
    }

    /// Adds `client`, which has not subscribed to `name` before, to the list of that name.
    pub(super) fn add(&mut self, slot: Slot, client: &Rc<Client>, topic: Topic, name: Name) {
        let membership = self.enter(slot, client);
        client.info.held.add(Holding::Subscriptions, weight(topic, &name));
        let held = name.clone();
        client.change_memberships(topic, |memberships| {
            memberships.get_or_insert(&held, || (name, membership));
        });
    }

    /// Takes `client` out of the list of `name`.
    pub(super) fn remove(&mut self, client: &Rc<Client>, topic: Topic, name: &[u8], slots: &Slots) {
        let Some(left) = client.change_memberships(topic, |memberships| memberships.remove(name)) else { return };
        client.info.held.sub(Holding::Subscriptions, weight(topic, name));
        self.leave(left, topic, name, slots);
    }

    /// Adds `client`, which comes from another worker, to these lists: all that it listens to. Nothing about it changes that others
    /// can see.
    pub(super) fn take_over(&mut self, client: &Rc<Client>, places: Vec<Place>) {
        let mut all: Box<[Memberships; 3]> = Box::default();
        for Place { topic, name, slot } in places {
            let membership = self.enter(slot, client);
            let held = name.clone();
            all[topic as usize].get_or_insert(&held, || (name, membership));
        }
        client.replace_memberships(Some(all));
    }

    /// Takes `client`, which goes to another worker, out of all lists.
    pub(super) fn hand_over(&mut self, client: &Rc<Client>, slots: &Slots) {
        let Some(all) = client.replace_memberships(None) else { return };
        for (topic, memberships) in Topic::ALL.into_iter().zip(&*all) {
            for name in memberships.names() {
                let left = memberships.get(name).copied();
                left.into_iter().for_each(|left| self.leave(left, topic, name, slots));
            }
        }
    }
}

/// What a subscription to `name` counts for, in bytes; a pattern with all that the hub's index may need for it.
fn weight(topic: Topic, name: &[u8]) -> usize {
    let indexed = if topic == Topic::Pattern { pattern_index::weight(name) } else { 0 };
    SUBSCRIPTION_BYTES + name.len() + indexed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_at_any_slot_and_none_is_moved() {
        let (slots, mut lists) = (Slots::default(), Lists::default());
        (0..3 * CHUNK as Slot).for_each(|slot| assert_eq!(slots.open(), slot));
        for slot in [0, 3 * CHUNK as Slot - 1, CHUNK as Slot] {
            assert!(lists.clients(slot).is_empty());
            assert!(lists.list_mut(slot).clients().is_empty());
        }
        let lengths: Vec<usize> = lists.0.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 1, CHUNK]);
        assert!(lists.0.iter().all(|chunk| chunk.capacity() <= CHUNK));
    }
}
