//! Where subscriptions of this worker's clients begin and end: each at one position of its mailbox.
//!
//! A client that has gone and has very many subscriptions loses them some at a time: neither publishers, who need the hub,
//! nor other clients of this worker wait for all of them. It receives nothing meanwhile, because it has been closed. Clients
//! that begin and end very many do so in several turns of theirs (see [`crate::command::pubsub::subscribing`]).

use std::collections::HashSet;
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
    /// Subscribes `client` to these names, up to [`NAMES_AT_ONCE`], at one position of the mailbox, and says so of each when
    /// it listens to that and not yet to the next. A repeated subscription changes nothing.
    pub(crate) fn join<N: AsRef<[u8]>>(
        &self,
        client: &Rc<Client>,
        topic: Topic,
        names: &[N],
        hub: &mut HubAccess<'_>,
        mut joined: impl FnMut(&[u8]),
    ) {
        let new = distinct(names, |name| !client.listens_to(topic, name));
        let mut places = Vec::new();
        if !new.is_empty() {
            let taken = hub.with(|hub| {
                let taken = hub.take_all(self.id);
                let open = || self.lists.borrow_mut().open();
                places.extend(new.iter().map(|name| hub.subscribe(self.id, topic, name, open)));
                taken
            });
            self.settle(taken, hub);
        }
        let mut places = places.into_iter();
        for name in names.iter().map(AsRef::as_ref) {
            if !client.listens_to(topic, name)
                && let Some((name, slot)) = places.next()
            {
                if !client.is_subscriber() {
                    self.handle().load.count_subscriber(true);
                }
                self.lists.borrow_mut().add(slot, client, topic, name);
            }
            joined(name);
        }
    }

    /// Ends the subscriptions of `client` to these names, up to [`NAMES_AT_ONCE`], at one position of the mailbox, and says so
    /// of each when it has left that and not yet the next. A name that it does not listen to changes nothing.
    pub(crate) fn leave<N: AsRef<[u8]>>(
        &self,
        client: &Rc<Client>,
        topic: Topic,
        names: &[N],
        hub: &mut HubAccess<'_>,
        mut left: impl FnMut(&[u8]),
    ) {
        let old = distinct(names, |name| client.listens_to(topic, name));
        if !old.is_empty() {
            self.count_out(old.iter().map(|name| (topic, *name)), hub);
        }
        for name in names.iter().map(AsRef::as_ref) {
            if client.listens_to(topic, name) {
                self.take_out(client, topic, name);
            }
            left(name);
        }
    }

    /// Lets a connection go: its subscriptions end, its number is free.
    pub fn unregister(&self, client: &Rc<Client>) {
        self.server.clients.remove(client.info.id);
        self.clients.borrow_mut().remove(client.info.slot.load(Relaxed) as usize);
        self.leave_some(client, ENDED_AT_ONCE, &mut self.hub());
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
            ended += 1 + self.leave_some(&leaver.client, ENDED_AT_ONCE, hub);
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

    /// Ends up to `most` subscriptions of `client`, and answers how many.
    pub(crate) fn leave_some(&self, client: &Rc<Client>, most: usize, hub: &mut HubAccess<'_>) -> usize {
        let names = client.some_names(most);
        for names in names.chunks(NAMES_AT_ONCE) {
            self.count_out(names.iter().map(|(topic, name)| (*topic, &**name)), hub);
            names.iter().for_each(|(topic, name)| self.take_out(client, *topic, name));
        }
        names.len()
    }

    /// Lets the hub count one subscriber less of each of these names, and delivers what came before that.
    fn count_out<'n>(&self, mut names: impl Iterator<Item = (Topic, &'n [u8])>, hub: &mut HubAccess<'_>) {
        let taken = hub.with(|hub| {
            names.by_ref().for_each(|(topic, name)| hub.unsubscribe(self.id, topic, name));
            hub.take_all(self.id)
        });
        self.settle(taken, hub);
    }

    /// Takes `client` out of the list of a name that the hub counts no more.
    fn take_out(&self, client: &Rc<Client>, topic: Topic, name: &[u8]) {
        self.lists.borrow_mut().remove(client, topic, name);
        if !client.is_subscriber() {
            self.handle().load.count_subscriber(false);
        }
    }
}

/// Those of `names` that are wanted, each once.
fn distinct<N: AsRef<[u8]>>(names: &[N], wanted: impl Fn(&[u8]) -> bool) -> Vec<&[u8]> {
    let several = names.len() > 1;
    let mut seen = HashSet::with_capacity(if several { names.len() } else { 0 });
    let names = names.iter().map(AsRef::as_ref);
    names.filter(|name| wanted(name) && (!several || seen.insert(*name))).collect()
}
