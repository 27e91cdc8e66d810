//! How a command reaches the hub: under a lock for each step, or under one lock for a whole transaction.

use super::{Hub, HubState, Locked};
use crate::mailbox::Cost;

/// Access to the hub for the length of one command or transaction.
#[derive(Debug)]
pub struct HubAccess<'a, T> {
    hub: &'a Hub<T>,
    held: Option<Locked<'a, T>>,
}

impl<'a, T: Cost> HubAccess<'a, T> {
    /// Access that locks for each step.
    pub fn new(hub: &'a Hub<T>) -> Self {
        HubAccess { hub, held: None }
    }

    /// Keeps the lock from now on, so that nobody else's step comes in between.
    pub(crate) fn hold(&mut self) {
        self.held.get_or_insert_with(|| self.hub.lock());
    }

    /// Whether the lock is kept.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Gives a kept lock back.
    pub(crate) fn release(&mut self) {
        self.held = None;
    }

    /// Whether somebody may listen to `channel`: see [`Hub::may_hear`]. Takes no lock.
    pub(crate) fn may_hear(&self, channel: &[u8]) -> bool {
        self.hub.may_hear(channel)
    }

    /// Runs one step under the lock.
    pub(crate) fn with<R>(&mut self, step: impl FnOnce(&mut HubState<T>) -> R) -> R {
        match &mut self.held {
            Some(state) => step(state),
            None => step(&mut self.hub.lock()),
        }
    }
}
