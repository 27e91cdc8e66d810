//! Which of a worker's clients listen to which name.

use std::rc::Rc;

use crate::client::held::Holding;
use crate::client::{Client, Membership};
use crate::hub::name::Name;
use crate::hub::pattern_index;
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
    /// Not open; the next that is not.
    Closed(Option<Slot>),
    One(Rc<Client>),
    #[allow(clippy::box_collection)] // a thin pointer keeps the slots small
    Several(Box<Vec<Rc<Client>>>),
}

impl List {
    fn clients(&self) -> &[Rc<Client>] {
        match self {
            List::Empty | List::Closed(_) => &[],
            List::One(client) => std::slice::from_ref(client),
            List::Several(clients) => clients,
        }
    }

    fn push(&mut self, client: Rc<Client>) {
        *self = match std::mem::take(self) {
            List::Empty | List::Closed(_) => List::One(client),
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
            List::Empty | List::Closed(_) | List::One(_) => {
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

/// All lists of a worker, by slot.
#[derive(Debug, Default)]
pub(super) struct Lists {
    chunks: Vec<Vec<List>>,
    /// The last that was closed.
    closed: Option<Slot>,
    open: usize,
}

impl Lists {
    /// Opens an empty list.
    pub(super) fn open(&mut self) -> Slot {
        self.open += 1;
        if let Some(slot) = self.closed {
            let list = std::mem::take(self.list_mut(slot));
            self.closed = if let List::Closed(next) = list { next } else { None };
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::new());
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = &mut self.chunks[before / CHUNK];
        chunk.push(List::Empty);
        (before + chunk.len() - 1) as Slot
    }

    /// The clients in the list at `slot`.
    pub(super) fn clients(&self, slot: Slot) -> &[Rc<Client>] {
        let chunk = self.chunks.get(slot as usize / CHUNK);
        chunk.and_then(|chunk| chunk.get(slot as usize % CHUNK)).map_or(&[], List::clients)
    }

    fn list_mut(&mut self, slot: Slot) -> &mut List {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// Closes an empty list. The memory of all goes with the last.
    fn close(&mut self, slot: Slot) {
        *self.list_mut(slot) = List::Closed(self.closed.replace(slot));
        self.open -= 1;
        if self.open == 0 {
            *self = Lists::default();
        }
    }

    /// Adds `client`, which has not subscribed to `name` before, to the list of that name.
    pub(super) fn add(&mut self, slot: Slot, client: &Rc<Client>, topic: Topic, name: Name) {
        let list = self.list_mut(slot);
        let membership = Membership { slot, index: list.clients().len() as u32 };
        list.push(client.clone());
        client.info.held.add(Holding::Subscriptions, weight(topic, &name));
        let held = name.clone();
        client.change_memberships(topic, |memberships| {
            memberships.get_or_insert(&held, || (name, membership));
        });
    }

    /// Takes `client` out of the list of `name`; the list closes with its last client.
    pub(super) fn remove(&mut self, client: &Rc<Client>, topic: Topic, name: &[u8]) {
        let Some(left) = client.change_memberships(topic, |memberships| memberships.remove(name)) else { return };
        client.info.held.sub(Holding::Subscriptions, weight(topic, name));
        let list = self.list_mut(left.slot);
        if let Some(moved) = list.remove(left.index as usize) {
            moved.change_memberships(topic, |memberships| {
                if let Some(membership) = memberships.get_mut(name) {
                    membership.index = left.index;
                }
            });
        }
        if self.clients(left.slot).is_empty() {
            self.close(left.slot);
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
    fn lists_are_opened_where_others_were_closed_and_none_is_moved() {
        let mut lists = Lists::default();
        let slots: Vec<Slot> = (0..3 * CHUNK).map(|_| lists.open()).collect();
        assert!(slots.iter().copied().eq(0..3 * CHUNK as Slot));
        assert!(lists.chunks.iter().all(|chunk| chunk.capacity() <= CHUNK));
        for closed in [&slots[5..10], &slots[CHUNK..CHUNK + 1]] {
            closed.iter().for_each(|slot| lists.close(*slot));
            let mut again: Vec<Slot> = closed.iter().map(|_| lists.open()).collect();
            again.sort_unstable();
            assert_eq!(again, closed);
        }
        assert_eq!(lists.open(), 3 * CHUNK as Slot);
        (0..=3 * CHUNK as Slot).for_each(|slot| lists.close(slot));
        assert_eq!((lists.chunks.len(), lists.open), (0, 0));
    }
}
