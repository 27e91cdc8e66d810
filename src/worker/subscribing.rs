//! Where subscriptions of this worker's clients begin and end: each at one position of its mailbox.
//!
//! A client that has very many subscriptions loses them some at a time: neither publishers, who need the hub, nor other
//! clients of this worker wait for all of them. It receives nothing meanwhile, because it has been closed.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::Worker;
use crate::client::order::{HubAccess, Receipt};
use crate::client::{Client, Closing};
use crate::hub::NAMES_AT_ONCE;
use crate::ids::Topic;

/// Subscriptions of clients that have ended are ended, and clients looked after, until others have their turn.
const ENDED_AT_ONCE: usize = 1024;

/// A client that has ended and may have subscriptions.
#[derive(Debug)]
pub(super) struct Leaver {
    client: Rc<Client>,
    /// Who waits until it has none.
    receipt: Option<Receipt>,
}

impl Worker {
    /// Subscribes `client` to `name` at this position of the mailbox. A repeated subscription changes nothing.
    pub(crate) fn join(&self, client: &Rc<Client>, topic: Topic, name: &[u8], hub: &mut HubAccess<'_>) {
        if client.listens_to(topic, name) {
            return;
        }
        let (taken, (name, slot)) = hub.with(|hub| {
            let taken = hub.take_all(self.id);
            (taken, hub.subscribe(self.id, topic, name, || self.lists.borrow_mut().open()))
        });
        self.settle(taken, hub);
        if !client.is_subscriber() {
            self.handle().load.count_subscriber(true);
        }
        self.lists.borrow_mut().add(slot, client, topic, name);
    }

    /// Ends a subscription of `client` at this position of the mailbox; false if there was none.
    pub(crate) fn leave(&self, client: &Rc<Client>, topic: Topic, name: &[u8], hub: &mut HubAccess<'_>) -> bool {
        if !client.listens_to(topic, name) {
            return false;
        }
        self.leave_at_once(client, &[(topic, name)], hub);
        true
    }

    /// Ends all subscriptions of `client`, a few at one position of the mailbox.
    pub(crate) fn leave_all(&self, client: &Rc<Client>, hub: &mut HubAccess<'_>) {
        while self.leave_some(client, hub) > 0 {}
    }

    /// Lets a connection go: its subscriptions end, its number is free.
    pub fn unregister(&self, client: &Rc<Client>) {
        self.server.clients.remove(client.info.id);
        self.clients.borrow_mut().remove(client.info.slot.load(Relaxed) as usize);
        self.leave_some(client, &mut self.hub());
        if client.is_subscriber() {
            client.abandon();
            self.see_to(client.clone(), None);
        }
    }

    /// Closes `client` by order of another, who waits until its subscriptions have ended: call [`Worker::end_some`] for that.
    pub(crate) fn kill(&self, client: &Rc<Client>, receipt: Receipt) {
        client.close(Closing::Killed);
        self.see_to(client.clone(), Some(receipt));
    }

    /// Ends some subscriptions of clients that have ended, and says so to those who wait for it. If there are more, that goes
    /// on when others have had their turns.
    pub(crate) fn end_some(&self, hub: &mut HubAccess<'_>) {
        let mut ended = 0;
        while ended < ENDED_AT_ONCE {
            let Some(leaver) = self.leaving.borrow_mut().pop_front() else { return };
            ended += 1 + self.leave_some(&leaver.client, hub);
            if leaver.client.is_subscriber() {
                self.leaving.borrow_mut().push_front(leaver);
            } else if let Some(receipt) = leaver.receipt {
                self.acknowledge(&receipt, hub);
            }
        }
        if !self.leaving.borrow().is_empty() {
            self.leave_bell.notify_one();
        }
    }

    /// Goes on with what [`Worker::end_some`] has left.
    pub(crate) fn go_on_ending(&self) {
        self.end_some(&mut self.hub());
    }

    /// Whether clients that have ended still have subscriptions.
    pub(super) fn is_ending(&self) -> bool {
        !self.leaving.borrow().is_empty()
    }

    fn see_to(&self, client: Rc<Client>, receipt: Option<Receipt>) {
        self.leaving.borrow_mut().push_back(Leaver { client, receipt });
        self.leave_bell.notify_one();
    }

    /// Ends some subscriptions of `client`, and answers how many.
    fn leave_some(&self, client: &Rc<Client>, hub: &mut HubAccess<'_>) -> usize {
        let names = client.some_names(ENDED_AT_ONCE);
        for names in names.chunks(NAMES_AT_ONCE) {
            self.leave_at_once(client, names, hub);
        }
        names.len()
    }

    /// Ends these subscriptions of `client`, which it has, at one position of the mailbox.
    fn leave_at_once<N: AsRef<[u8]>>(&self, client: &Rc<Client>, names: &[(Topic, N)], hub: &mut HubAccess<'_>) {
        let taken = hub.with(|hub| {
            names.iter().for_each(|(topic, name)| hub.unsubscribe(self.id, *topic, name.as_ref()));
            hub.take_all(self.id)
        });
        self.settle(taken, hub);
        names.iter().for_each(|(topic, name)| self.lists.borrow_mut().remove(client, *topic, name.as_ref()));
        if !client.is_subscriber() {
            self.handle().load.count_subscriber(false);
        }
    }
}
