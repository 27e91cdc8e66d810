//! How a worker ends its clients when the server [empties itself](crate::drain).

use std::rc::Rc;
use std::time::Duration;

use super::Worker;
use crate::client::registry::Flag;
use crate::client::{Client, Closing};
use crate::drain::Class;

/// Who still has something under way so long after all have had their time is closed at once, in milliseconds.
const GRACE_MS: u64 = 5000;

impl Worker {
    /// Lets go of those whose time has come, if the server empties itself; to be called once in each `tick`.
    pub(crate) fn empty_some(&self, tick: Duration) {
        let tick_ms = tick.as_millis() as u64;
        let (server, now_ms) = (&self.server, self.now().ms());
        let Some(plan) = server.drain.plan().filter(|plan| plan.is_emptying(now_ms)) else { return };
        for class in Class::ALL {
            let stay = |client: &&Rc<Client>| class_of(client) == class && !client.is_departing();
            let clients = self.clients.borrow();
            let staying = || clients.iter().map(|(_, client)| client).filter(|client| !is_spared(client)).filter(stay);
            let count = plan.share(class, staying().count(), now_ms, tick_ms);
            self.stats().counters.drained_clients.add(count as u64);
            staying().take(count).for_each(|client| client.depart());
        }
        // At the end of the server what waits is written for as long as is configured.
        if plan.is_over(now_ms.saturating_sub(GRACE_MS)) && !server.shutdown.is_requested() {
            let clients = self.clients.borrow();
            let late = clients.iter().map(|(_, client)| client).filter(|client| client.is_departing());
            late.for_each(|client| client.close(Closing::Drained));
        }
    }
}

fn class_of(client: &Client) -> Class {
    if client.is_subscriber() || client.is_monitor() { Class::Subscribers } else { Class::Others }
}

fn is_spared(client: &Client) -> bool {
    client.info.has_flag(Flag::Spared)
}
