//! Which of a worker's clients listen to which name.

use std::rc::Rc;

use slab::Slab;

use crate::client::held::Holding;
use crate::client::{Client, Membership};
use crate::hub::name::Name;
use crate::hub::pattern_index;
use crate::ids::{Slot, Topic};

/// What a subscription costs at most beside its name: its entries in the client's table, in the list and in the hub; in
/// bytes.
const SUBSCRIPTION_BYTES: usize = 96;

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

/// All lists of a worker, by slot.
#[derive(Debug, Default)]
pub(super) struct Lists {
    lists: Slab<List>,
}

impl Lists {
    /// Opens an empty list.
    pub(super) fn open(&mut self) -> Slot {
        self.lists.insert(List::Empty) as Slot
    }

    /// The clients in the list at `slot`.
    pub(super) fn clients(&self, slot: Slot) -> &[Rc<Client>] {
        self.lists.get(slot as usize).map_or(&[], List::clients)
    }

    /// Adds `client`, which has not subscribed to `name` before, to the list of that name.
    pub(super) fn add(&mut self, slot: Slot, client: &Rc<Client>, topic: Topic, name: Name) {
        let list = &mut self.lists[slot as usize];
        let membership = Membership { slot, index: list.clients().len() as u32 };
        list.push(client.clone());
        client.info.held.add(Holding::Subscriptions, weight(topic, &name));
        client.change_memberships(topic, |memberships| memberships.insert(name, membership));
    }

    /// Takes `client` out of the list of `name`; the list closes with its last client.
    pub(super) fn remove(&mut self, client: &Rc<Client>, topic: Topic, name: &[u8]) {
        let Some(left) = client.change_memberships(topic, |memberships| memberships.remove(name)) else { return };
        client.info.held.sub(Holding::Subscriptions, weight(topic, name));
        let list = &mut self.lists[left.slot as usize];
        if let Some(moved) = list.remove(left.index as usize) {
            moved.change_memberships(topic, |memberships| {
                if let Some(membership) = memberships.get_mut(name) {
                    membership.index = left.index;
                }
            });
        }
        if list.clients().is_empty() {
            self.lists.remove(left.slot as usize);
            if self.lists.is_empty() {
                self.lists = Slab::new();
            }
        }
    }
}

/// What a subscription to `name` counts for, in bytes; a pattern with all that the hub's index may need for it.
fn weight(topic: Topic, name: &[u8]) -> usize {
    let indexed = if topic == Topic::Pattern { pattern_index::weight(name) } else { 0 };
    SUBSCRIPTION_BYTES + name.len() + indexed
}
