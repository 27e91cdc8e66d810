//! What subscribers lose that do not keep up and have a policy by which they do: it is counted, told and logged.

use std::rc::Rc;

use super::Worker;
use crate::client::Client;
use crate::client::order::Missed;
use crate::client::outbox::Lost;
use crate::config::SlowPolicy;
use crate::ids::Topic;
use crate::message::Kind;
use crate::observe::incidents::Fate;

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
        let mut losses = self.losses.borrow_mut();
        let mut note = |lost: &Lost| {
            messages += lost.messages() as u64;
            bytes += lost.bytes() as u64;
            if let Some(form) = lost.form() {
                losses.add(Kind::of(form.topic), form.channel, [lost.messages() as u64, 0]);
            }
        };
        client.outbox.borrow_mut().shed(&bound, client.telling(), &mut note);
        let are_many = losses.are_many() && !self.holds_hub.get();
        drop(losses);
        if are_many {
            self.tell_losses(&mut self.hub());
        }
        if messages > 0 {
            self.count_lost(client, bound.policy, messages, bytes);
        }
    }

    /// Tells who listens to a channel, or everybody who listens to anything, that messages have not come from other servers.
    pub(super) fn tell_missed(&self, missed: &Missed) {
        let Missed { listeners: Some(of), messages } = missed else {
            let all = self.all_clients();
            let subscribers = all.iter().filter(|client| client.is_subscriber());
            return subscribers.for_each(|client| self.push_gap(client, None, missed.messages));
        };
        let exact = of.exact.map(|slot| (slot, of.topic, &of.channel));
        let patterns = of.patterns.iter().map(|(slot, pattern)| (*slot, Topic::Pattern, pattern));
        for (slot, topic, name) in exact.into_iter().chain(patterns) {
            let clients = self.lists.borrow().clients(slot).to_vec();
            clients.iter().for_each(|client| self.push_gap(client, Some((topic, name)), *messages));
        }
    }

    /// Tells one client that it has lost messages, behind all that waits for it.
    fn push_gap(&self, client: &Rc<Client>, of: Option<(Topic, &[u8])>, messages: u64) {
        let bytes = client.push_gap(of, messages);
        if bytes > 0 {
            self.settle_push(client, bytes);
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
            self.server.note_incident(info, Fate::Lost { policy: policy.word(), messages: lost });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::order::{Listeners, Missed, Order};
    use crate::command::test_support::{Peer, World};
    use crate::hub::name::Name;
    use crate::ids::Topic;
    use crate::mailbox::Sent;
    use crate::message::Kind;
    use crate::resp::Proto;

    /// So many messages to this channel, or an unknown number to whichever, have not come from other servers.
    fn miss(world: &World, channel: Option<(Kind, &str)>, messages: u64) {
        let mut hub = world.server.hub.lock();
        if let Some((kind, channel)) = channel {
            hub.send_to_listeners(kind, channel.as_bytes(), |exact, patterns| {
                let channel = Name::from(channel.as_bytes());
                let listeners = Some(Listeners { topic: kind.into(), channel, exact, patterns });
                Order::Missed(Missed { listeners, messages })
            });
        } else {
            let order = || Order::Missed(Missed { listeners: None, messages });
            (0..world.workers.len()).for_each(|worker| hub.send(worker, order(), &mut Sent::default()));
        }
        drop(hub);
        world.settle();
    }

    fn words(peer: &Peer) -> String {
        peer.heard().replace("\r\n", " ")
    }

    #[test]
    fn who_has_missed_messages_of_other_servers_is_told_once_for_each_subscription() {
        let world = World::new();
        let (new, old, deaf) = (world.client().speaking(Proto::Resp3), world.client_of(1), world.client());
        new.say("SUBSCRIBE news\r\nPSUBSCRIBE n* *s\r\nSSUBSCRIBE news");
        old.say("SUBSCRIBE news __pregon__:gap");
        deaf.say("SUBSCRIBE news");
        miss(&world, Some((Kind::Channel, "news")), 2);
        let by_pattern = |pattern: &str| format!(">3 $4 pgap $2 {pattern} :2 ");
        let told = words(&new);
        assert!(told.starts_with(">3 $3 gap $4 news :2 "), "{told}");
        assert!(told.contains(&by_pattern("n*")) && told.contains(&by_pattern("*s")), "{told}");
        assert_eq!(told.matches('>').count(), 3);
        assert_eq!(words(&old), "*3 $7 message $14 __pregon__:gap $14 2 message news ");
        miss(&world, Some((Kind::ShardChannel, "news")), 1);
        assert_eq!(words(&new), ">3 $4 sgap $4 news :1 ");
        for (messages, told) in [(0, "0"), (3, "3")] {
            miss(&world, None, messages);
            assert_eq!(words(&new), format!(">3 $3 gap _ :{told} "));
            assert_eq!(words(&old), format!("*3 $7 message $14 __pregon__:gap $1 {told} "));
        }
        assert_eq!(words(&deaf), "", "it has not asked to be told");
    }

    #[test]
    fn p11_notices_that_wait_become_longer_and_not_more() {
        for policy in ["disconnect", "drop-oldest", "conflate"] {
            let world = World::with(&[("slow-subscriber-policy", policy)]);
            let client = world.client().speaking(Proto::Resp3);
            client.say("SUBSCRIBE news");
            (0..1_000).for_each(|_| miss(&world, Some((Kind::Channel, "news")), 1));
            assert_eq!(words(&client), ">3 $3 gap $4 news :1000 ", "{policy}");
            world.client().say("PUBLISH news x");
            world.settle();
            (0..1_000).for_each(|_| miss(&world, None, 1));
            assert_eq!(words(&client), ">3 $7 message $4 news $1 x >3 $3 gap _ :1000 ", "{policy}");
        }
    }

    #[test]
    fn p8_who_is_told_while_its_transaction_is_executed_hears_that_behind_the_answer() {
        let world = World::new();
        let client = world.client().speaking(Proto::Resp3);
        client.say("SUBSCRIBE news");
        client.client.outbox.borrow_mut().hold();
        miss(&world, Some((Kind::Channel, "news")), 1);
        client.client.outbox.borrow_mut().push_own(b"+OK\r\n");
        client.client.outbox.borrow_mut().release();
        assert_eq!(words(&client), "+OK >3 $3 gap $4 news :1 ");
        assert_eq!(client.client.subscriptions(Topic::Channel), 1);
    }
}
