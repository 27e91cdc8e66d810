//! What subscribers lose that do not keep up and have a policy by which they do: it is counted, told and logged.

use super::Worker;
use crate::client::Client;
use crate::client::outbox::Lost;
use crate::config::SlowPolicy;

impl Worker {
    /// Whether the socket of `client`, which was full, is to be tried once more before it loses something.
    pub(super) fn is_to_be_tried(&self, client: &Client) -> bool {
        let bound = client.bound(&self.settings(), &self.server.acl);
        bound.is_some_and(|bound| client.outbox.borrow_mut().is_to_be_tried(&bound))
    }

    /// Lets `client` lose messages, if more waits for it than its policy allows. Only what its socket has refused counts.
    pub(super) fn shed(&self, client: &Client) {
        if !client.is_congested() || client.outbox.borrow().is_empty() {
            return;
        }
        let Some(bound) = client.bound(&self.settings(), &self.server.acl) else { return };
        let (mut messages, mut bytes) = (0, 0);
        let mut note = |lost: &Lost| {
            messages += lost.messages() as u64;
            bytes += lost.bytes() as u64;
        };
        client.outbox.borrow_mut().shed(&bound, client.telling(), &mut note);
        if messages > 0 {
            self.count_lost(client, bound.policy, messages, bytes);
        }
    }

    fn count_lost(&self, client: &Client, policy: SlowPolicy, messages: u64, bytes: u64) {
        let counters = &self.stats().counters;
        counters.dropped_bytes.add(bytes);
        match policy {
            SlowPolicy::DropNewest => counters.dropped_newest.add(messages),
            SlowPolicy::Conflate => counters.conflated.add(messages),
            SlowPolicy::DropOldest | SlowPolicy::Disconnect => counters.dropped_oldest.add(messages),
        }
        let info = &client.info;
        info.slow.count(messages);
        client.user(&self.server.acl).usage().count_lost(messages);
        if info.slow.is_to_be_named(self.now().ms()) {
            let (peer, name, lost) = (info.address.peer(), info.labels().short_name(), info.slow.lost());
            tracing::warn!(
                client = info.id,
                peer,
                name,
                policy = policy.word(),
                lost,
                "a slow subscriber loses messages"
            );
        }
    }
}
