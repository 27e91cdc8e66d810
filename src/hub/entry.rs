//! What the hub puts into mailboxes: messages to fan out, and whatever else has a place in their order.

use super::name::Name;
use crate::ids::Slot;
use crate::mailbox::Cost;
use crate::message::Message;

/// One entry of a mailbox.
#[derive(Debug)]
pub(crate) enum Entry<T> {
    /// A message for subscribers of this port.
    Publication(Publication),
    /// Anything else that has a place in the order.
    Other(T),
}

/// A message with the lists of this port's connections that receive it: exact subscribers first, then patterns.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) message: Message,
    pub(crate) exact: Option<Slot>,
    pub(crate) patterns: Vec<(Slot, Name)>,
}

impl Publication {
    /// The list that it goes to, if it goes to one list of exact subscribers and to no pattern.
    pub(crate) fn only_exact(&self) -> Option<Slot> {
        self.exact.filter(|_| self.patterns.is_empty())
    }
}

impl<T: Cost> Cost for Entry<T> {
    fn cost(&self) -> usize {
        match self {
            Entry::Publication(Publication { message, patterns, .. }) => message.len() + size_of_val(&patterns[..]),
            Entry::Other(other) => other.cost(),
        }
    }
}
