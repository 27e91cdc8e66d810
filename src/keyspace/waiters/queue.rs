//! Who waits for one key, in lines: a new element, or new entries for a group, go to the first of a line, and if the first
//! finds nothing neither do the others. Who reads a stream alone is found by the id that it waits for.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::super::entry::Kind;
use super::super::stream::StreamId;
use crate::ids::ClientId;

/// What a client waits for at its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// An element of a list: each goes to one client.
    Element,
    /// Entries of a stream, which all who wait for them are given.
    Entries,
    /// Entries of a stream for the group of this name: each goes to one client. It wants to know as well when there is no
    /// such stream or group any more.
    Group(Box<[u8]>),
}

impl Class {
    /// The type that the keys must have.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Class::Element => Kind::List,
            Class::Entries | Class::Group(_) => Kind::Stream,
        }
    }

    /// Whether it wants to know when a key of that type is removed.
    pub(super) fn minds_removal(&self) -> bool {
        matches!(self, Class::Group(_))
    }

    /// What it occupies beside itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Class::Element | Class::Entries => 0,
            Class::Group(name) => name.len(),
        }
    }
}

/// Clients by turn.
type Line = BTreeMap<u64, ClientId>;

/// The lines of one key.
#[derive(Debug, Default)]
pub(super) struct Queue {
    elements: Line,
    /// Those who read alone by the id behind which an entry has to be, and by turn.
    entries: BTreeMap<(StreamId, u64), ClientId>,
    groups: BTreeMap<Box<[u8]>, Line>,
    /// Whether it is noted already that there may be something for them.
    pub(super) is_fed: bool,
}

impl Queue {
    /// Adds a client; `behind` is the id that it waits for where it reads a stream alone.
    pub(super) fn insert(&mut self, class: &Class, turn: u64, behind: StreamId, client: ClientId) {
        let line = match class {
            Class::Entries => {
                self.entries.insert((behind, turn), client);
                return;
            }
            Class::Element => &mut self.elements,
            Class::Group(name) => self.groups.entry(name.clone()).or_default(),
        };
        line.insert(turn, client);
    }

    pub(super) fn remove(&mut self, class: &Class, turn: u64, behind: StreamId) {
        match class {
            Class::Element => drop(self.elements.remove(&turn)),
            Class::Entries => {
                self.entries.remove(&(behind, turn));
            }
            Class::Group(name) => {
                if let Some(line) = self.groups.get_mut(name) {
                    line.remove(&turn);
                    if line.is_empty() {
                        self.groups.remove(name);
                    }
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.elements.is_empty() && self.entries.is_empty() && self.groups.is_empty()
    }

    /// Whether somebody waits for a value of `kind`.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        match kind {
            Kind::String => false,
            Kind::List => !self.elements.is_empty(),
            Kind::Stream => !self.entries.is_empty() || !self.groups.is_empty(),
        }
    }

    /// Whether somebody wants to know that a value of `kind` is gone.
    pub(super) fn misses(&self, kind: Kind) -> bool {
        kind == Kind::Stream && self.minds_removal()
    }

    /// Whether somebody wants to know that something is gone.
    pub(super) fn minds_removal(&self) -> bool {
        !self.groups.is_empty()
    }

    /// The line behind that of `class`, or the first of all.
    pub(super) fn class_behind(&self, class: Option<&Class>) -> Option<Class> {
        let behind = match class {
            None if !self.elements.is_empty() => return Some(Class::Element),
            None | Some(Class::Element) if !self.entries.is_empty() => return Some(Class::Entries),
            None | Some(Class::Element | Class::Entries) => Unbounded,
            Some(Class::Group(name)) => Excluded(&**name),
        };
        let (name, _) = self.groups.range::<[u8], _>((behind, Unbounded)).next()?;
        Some(Class::Group(name.clone()))
    }

    /// Those who read a stream alone that ends with the entry `last` and wait for no later one, by turn.
    pub(super) fn reached(&self, last: StreamId) -> Vec<(u64, ClientId)> {
        let reached = self.entries.range(..(last, 0));
        let mut reached: Vec<_> = reached.map(|((_, turn), client)| (*turn, *client)).collect();
        reached.sort_unstable();
        reached
    }

    /// The first of a line whose turn comes behind `turn`; those who read a stream alone stand in none.
    pub(super) fn next(&self, class: &Class, turn: u64) -> Option<(u64, ClientId)> {
        let line = match class {
            Class::Element => &self.elements,
            Class::Entries => return None,
            Class::Group(name) => self.groups.get(name)?,
        };
        line.range(turn + 1..).next().map(|(turn, client)| (*turn, *client))
    }
}
