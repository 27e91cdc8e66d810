//! What a client listens to, and where it stands in the lists of its worker.

use std::sync::atomic::Ordering::Relaxed;

use super::Client;
use crate::hub::name::Name;
use crate::hub::name_table::NameTable;
use crate::ids::{Slot, Topic};

/// A client's place in a list of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) slot: Slot,
    pub(crate) index: u32,
}

/// The names a client listens to, of one kind.
pub(crate) type Memberships = NameTable<Membership>;

impl Client {
    /// How many names of this kind it listens to.
    pub fn subscriptions(&self, topic: Topic) -> usize {
        self.memberships.borrow().as_ref().map_or(0, |memberships| memberships[topic as usize].len())
    }

    /// Whether it listens to this name.
    pub(crate) fn listens_to(&self, topic: Topic, name: &[u8]) -> bool {
        self.memberships.borrow().as_ref().is_some_and(|memberships| memberships[topic as usize].get(name).is_some())
    }

    /// Up to `most` of the names of this kind that it listens to.
    pub(crate) fn some_names_of(&self, topic: Topic, most: usize) -> Vec<Name> {
        let memberships = self.memberships.borrow();
        let names = memberships.iter().flat_map(|memberships| memberships[topic as usize].names());
        names.take(most).cloned().collect()
    }

    /// Up to `most` of all names that it listens to.
    pub(crate) fn some_names(&self, most: usize) -> Vec<(Topic, Name)> {
        let memberships = self.memberships.borrow();
        let of =
            |topic| memberships.iter().flat_map(move |all| all[topic as usize].names().map(move |name| (topic, name)));
        let all = Topic::ALL.into_iter().flat_map(of);
        all.take(most).map(|(topic, name)| (topic, name.clone())).collect()
    }

    /// The names of this kind that it listens to in one part of the table of them; none if the table has no such part.
    pub(crate) fn names_in_part(&self, topic: Topic, part: usize) -> Option<Vec<Name>> {
        let memberships = self.memberships.borrow();
        let names = memberships.as_ref()?[topic as usize].part(part)?;
        Some(names.cloned().collect())
    }

    /// Whether it listens to anything.
    pub fn is_subscriber(&self) -> bool {
        self.memberships.borrow().is_some()
    }

    /// Whether it listens to patterns.
    pub(crate) fn has_patterns(&self) -> bool {
        self.memberships.borrow().as_ref().is_some_and(|all| !all[Topic::Pattern as usize].is_empty())
    }

    /// How many names of any kind it listens to.
    pub(crate) fn all_subscriptions(&self) -> usize {
        Topic::ALL.into_iter().map(|topic| self.subscriptions(topic)).sum()
    }

    /// Has these places from now on, for what it listens to already, and answers those that it had. Others see no change.
    pub(crate) fn replace_memberships(&self, all: Option<Box<[Memberships; 3]>>) -> Option<Box<[Memberships; 3]>> {
        self.memberships.replace(all)
    }

    /// Changes what it listens to, and lets other threads see how many names that are.
    pub(crate) fn change_memberships<R>(&self, topic: Topic, change: impl FnOnce(&mut Memberships) -> R) -> R {
        let mut memberships = self.memberships.borrow_mut();
        let all = memberships.get_or_insert_default();
        let result = change(&mut all[topic as usize]);
        self.info.subscriptions[topic as usize].store(all[topic as usize].len() as u32, Relaxed);
        if all.iter().all(Memberships::is_empty) {
            *memberships = None;
        }
        result
    }
}
