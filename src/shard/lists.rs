//! Which of a shard's clients listen to which name.

use std::rc::Rc;
use std::sync::Arc;

use slab::Slab;

use crate::client::{Client, Membership};
use crate::hub::{Slot, Topic};

/// The subscribers of one name on this shard.
#[derive(Debug)]
struct List {
    topic: Topic,
    clients: Vec<Rc<Client>>,
}

/// All lists of a shard, by slot.
#[derive(Debug, Default)]
pub(super) struct Lists {
    lists: Slab<List>,
}

impl Lists {
    /// Opens an empty list.
    pub(super) fn open(&mut self, topic: Topic) -> Slot {
        self.lists.insert(List { topic, clients: Vec::new() }) as Slot
    }

    /// The clients in the list at `slot`.
    pub(super) fn clients(&self, slot: Slot) -> &[Rc<Client>] {
        self.lists.get(slot as usize).map_or(&[], |list| &list.clients)
    }

    /// Adds `client`, which has not subscribed to `name` before, to the list of that name.
    pub(super) fn add(&mut self, slot: Slot, client: &Rc<Client>, topic: Topic, name: Arc<[u8]>) {
        let list = &mut self.lists[slot as usize];
        let membership = Membership { slot, index: list.clients.len() as u32 };
        list.clients.push(client.clone());
        client.memberships.borrow_mut()[topic as usize].insert(name, membership);
        client.publish_counts(topic);
    }

    /// Takes `client` out of the list of `name`; the list closes with its last client.
    pub(super) fn remove(&mut self, client: &Rc<Client>, topic: Topic, name: &[u8]) {
        let Some(membership) = client.memberships.borrow_mut()[topic as usize].remove(name) else { return };
        client.publish_counts(topic);
        let list = &mut self.lists[membership.slot as usize];
        list.clients.swap_remove(membership.index as usize);
        if let Some(moved) = list.clients.get(membership.index as usize) {
            let mut memberships = moved.memberships.borrow_mut();
            if let Some(of_moved) = memberships[list.topic as usize].get_mut(name) {
                of_moved.index = membership.index;
            }
        }
        if list.clients.is_empty() {
            self.lists.remove(membership.slot as usize);
            if self.lists.is_empty() {
                self.lists = Slab::new();
            }
        }
    }
}
