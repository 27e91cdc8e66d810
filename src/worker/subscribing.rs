//! Where subscriptions of this worker's clients begin and end: each at one position of its mailbox.
//!
//! Clients that begin and end very many do so in several turns of theirs (see [`crate::command::pubsub::subscribing`]).

use std::collections::HashSet;
use std::rc::Rc;

use super::Worker;
use super::placement::{self, CROWD};
use crate::client::Client;
use crate::client::order::HubAccess;
use crate::hub::{NAMES_AT_ONCE, Wanted};
use crate::ids::Topic;

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
        let (mut places, mut emptier) = (Vec::new(), None);
        if !new.is_empty() {
            let (now_ms, may_move) = (self.now().ms(), client.may_move());
            let mut wanted: Vec<Wanted<'_>> = new.iter().map(|name| Wanted::new(topic, name)).collect();
            let taken = hub.with(|hub| {
                let taken = hub.take_all(self.id);
                let open = || self.handle().slots.open();
                places.extend(wanted.iter_mut().map(|wanted| hub.subscribe(self.id, wanted, open)));
                let open = || placement::open_to_listeners(&self.server.workers, now_ms);
                let emptier_for = |name: &&[u8]| hub.emptier_port((topic, name), self.id, open(), CROWD);
                emptier = new.iter().filter(|_| may_move).find_map(emptier_for);
                taken
            });
            client.count_subscriptions(places.len(), &self.server.acl);
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
        if let Some(destination) = emptier.filter(|_| client.may_move()) {
            client.send_away(destination);
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
            client.count_out_subscriptions(old.len(), &self.server.acl);
        }
        for name in names.iter().map(AsRef::as_ref) {
            if client.listens_to(topic, name) {
                self.take_out(client, topic, name);
            }
            left(name);
        }
    }

    /// Ends up to `most` subscriptions of `client`, and answers how many.
    pub(crate) fn leave_some(&self, client: &Rc<Client>, most: usize, hub: &mut HubAccess<'_>) -> usize {
        let names = client.some_names(most);
        for names in names.chunks(NAMES_AT_ONCE) {
            self.count_out(names.iter().map(|(topic, name)| (*topic, &**name)), hub);
            names.iter().for_each(|(topic, name)| self.take_out(client, *topic, name));
        }
        client.count_out_subscriptions(names.len(), &self.server.acl);
        names.len()
    }

    /// Lets the hub count one subscriber less of each of these names, and delivers what came before that.
    fn count_out<'n>(&self, names: impl Iterator<Item = (Topic, &'n [u8])> + Clone, hub: &mut HubAccess<'_>) {
        let taken = hub.with(|hub| {
            names.clone().for_each(|(topic, name)| hub.unsubscribe(self.id, topic, name));
            hub.take_all(self.id)
        });
        if let Some(backplane) = &self.server.backplane {
            backplane.release(names, self.now().ms());
        }
        self.settle(taken, hub);
    }

    /// Takes `client` out of the list of a name that the hub counts no more.
    fn take_out(&self, client: &Rc<Client>, topic: Topic, name: &[u8]) {
        self.lists.borrow_mut().remove(client, topic, name, &self.handle().slots);
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
