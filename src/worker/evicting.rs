//! `maxmemory-clients`: who goes when all clients together hold too much.

use super::Worker;
use crate::client::Closing;
use crate::client::order::{Errand, HubAccess, Order};
use crate::mailbox::Sent;

impl Worker {
    /// The same as [`Worker::evict_clients`] for a client that has just made much grow: what it may hold until the next look
    /// would be several times what all may. Looks at most once a millisecond, because clients that go take some time.
    pub(crate) fn evict_in_between(&self) {
        let now_ms = self.now().ms();
        if self.evicted_ms.replace(now_ms) != now_ms {
            self.evict_clients();
        }
    }

    /// Whether all clients together hold more than they may: who is about to make that more lets those go first that have to.
    pub(crate) fn clients_hold_too_much(&self) -> bool {
        let settings = self.settings();
        let limit = settings.maxmemory_clients.limit(settings.maxmemory);
        limit.is_some_and(|limit| self.server.clients.held.total() as u64 > limit)
    }

    /// Closes the clients that hold most if all together are beyond `maxmemory-clients`: one look at a number as long as all
    /// is well.
    pub(crate) fn evict_clients(&self) {
        let settings = self.settings();
        let Some(limit) = settings.maxmemory_clients.limit(settings.maxmemory) else { return };
        let mut hub = HubAccess::new(&self.server.hub);
        let mut sent = Sent::default();
        for info in self.server.clients.beyond(limit) {
            info.doom();
            hub.with(|hub| hub.send(info.worker(), Order::To(info, Errand::Close(Closing::Evicted)), &mut sent));
        }
        self.server.wake(sent.wake);
    }
}
