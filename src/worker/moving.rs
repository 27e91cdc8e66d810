//! Clients that go from one worker to another.
//!
//! One that listens to something moves at one position of the order: under one hold of the hub's lock the worker that it leaves takes
//! what is in its own mailbox, has the client counted at the other worker, and orders that to [expect](Order::Expect) it. What was
//! published before it delivers itself, and hands on as it is; what is published later comes to the other worker behind the order,
//! and waits there in the client's outbox until the connection arrives. An errand for the client that lies before this position is
//! run where the client is: it does not move then. One that is sent later goes to where the client is going, behind the order.
//!
//! What waits for a connection on its way counts against no limit of its client, but against what this thread has
//! [not offered](Worker::is_crowded) to sockets: publishers wait for that as they wait for a thread that has no time.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Worker;
use crate::client::held::Holding;
use crate::client::order::{Arrival, Order, Place};
use crate::client::registry::ClientInfo;
use crate::client::sink::Sink;
use crate::client::{Client, Closing};
use crate::hub::{Entry, Wanted};
use crate::ids::WorkerId;
use crate::mailbox::Sent;
use crate::message::Frame;

/// What a client has been sent and its socket was not offered, if others had something for it on its way.
pub(crate) type Unsent = Option<Vec<Frame>>;

impl Worker {
    /// Lets `client` go to another worker, with what it has still to be sent. None if it has to stay, because something of it is
    /// under way.
    pub(crate) fn let_go(&self, client: &Rc<Client>, destination: WorkerId) -> Option<Unsent> {
        if destination == self.id {
            return None;
        }
        if client.is_subscriber() {
            self.bound_overdue();
            self.deliver(&mut self.hub());
            self.flush(client);
        }
        if !client.is_at_rest() {
            return None;
        }
        // Where it goes this is its place there.
        let place = client.info.slot.load(Relaxed);
        let unsent = if client.is_subscriber() {
            Some(self.move_subscriber(client, destination)?)
        } else {
            client.info.move_to(destination);
            None
        };
        self.clients.borrow_mut().remove(place as usize);
        self.take_unoffered(client);
        client.info.held.set(Holding::Permitted, 0);
        self.handle().connections.fetch_sub(1, Relaxed);
        self.server.workers[destination].connections.fetch_add(1, Relaxed);
        tracing::debug!(client = client.info.id, from = self.id, to = destination, "moves to another io-thread");
        Some(unsent)
    }

    /// Has a client that listens to something counted at another worker from one position of the order on, and takes it out of the
    /// lists. Answers what it was sent before that and was not offered to its socket; none if it stays.
    fn move_subscriber(&self, client: &Rc<Client>, destination: WorkerId) -> Option<Vec<Frame>> {
        let names = client.some_names(usize::MAX);
        let mut wanted: Vec<Wanted<'_>> = names.iter().map(|(topic, name)| Wanted::new(*topic, name)).collect();
        let mut sent = Sent::default();
        let mut hub = self.hub();
        let (taken, goes) = hub.with(|hub| {
            let (taken, more) = hub.take_some(self.id, VecDeque::new());
            let goes = !more && !taken.iter().any(|entry| is_about(entry, &client.info));
            if goes {
                let slots = &self.server.workers[destination].slots;
                let places = wanted.iter_mut().zip(&names).map(|(wanted, (topic, name))| {
                    // In this order, so that the name is not forgotten in between.
                    let (name_there, slot) = hub.subscribe(destination, wanted, || slots.open());
                    hub.unsubscribe(self.id, *topic, name);
                    Place { topic: *topic, name: name_there, slot }
                });
                let places = places.collect();
                let arrival = Arrival { info: client.info.clone(), places };
                hub.send(destination, Order::Expect(arrival), &mut sent);
                client.info.move_to(destination);
            }
            (taken, goes)
        });
        self.incoming.borrow_mut().extend(taken);
        if !goes {
            self.deliver(&mut hub);
            return None;
        }
        self.server.wake(sent.wake);
        self.settle(std::iter::empty(), &mut hub);
        self.lists.borrow_mut().hand_over(client, &self.handle().slots);
        self.handle().load.count_subscriber(false);
        Some(client.outbox.borrow_mut().take_frames())
    }

    /// Serves a client from now on whose connection has still to arrive.
    pub(super) fn expect(&self, arrival: Arrival) {
        let Arrival { info, places } = arrival;
        let client = self.list(&info, None);
        client.set_arriving(true);
        self.lists.borrow_mut().take_over(&client, places);
        self.handle().load.count_subscriber(true);
        self.greet(&client);
    }

    /// Takes a client in whose connection comes from another worker, with what it has still to be sent from there.
    pub(crate) fn take_in(&self, info: Arc<ClientInfo>, sink: Option<Rc<dyn Sink>>, unsent: Unsent) -> Rc<Client> {
        let Some(unsent) = unsent else { return self.welcome(info, sink) };
        let client = self.expected(&info);
        client.arrive(sink, unsent);
        self.take_unoffered(&client);
        // Of a socket that has just come this thread has heard nothing.
        self.flush_unannounced(&client);
        client
    }

    /// A client that is expected: the order came before the client left where it was, but may still be in the mailbox.
    fn expected(&self, info: &ClientInfo) -> Rc<Client> {
        if self.client(info).is_none() {
            self.deliver(&mut self.hub());
        }
        self.client(info).expect("the order to expect it has come, and nothing but its connection ends it")
    }

    /// Forgets a client that was to come here and cannot be served.
    pub(crate) fn turn_away(&self, info: &ClientInfo, is_expected: bool) {
        if is_expected {
            let client = self.expected(info);
            client.arrive(None, Vec::new());
            self.take_unoffered(&client);
            return self.unregister(&client);
        }
        self.take_awaiting(info.id);
        self.server.clients.remove(info.id);
    }

    /// A client that lives here from now on.
    pub(super) fn list(&self, info: &Arc<ClientInfo>, sink: Option<Rc<dyn Sink>>) -> Rc<Client> {
        let client = Client::new(info.clone(), sink);
        let slot = self.clients.borrow_mut().insert(client.clone());
        info.slot.store(slot as u32, Relaxed);
        client
    }

    /// Does with `client` what was to be done with it before it came.
    pub(super) fn greet(&self, client: &Rc<Client>) {
        if client.info.is_killed() {
            client.close(Closing::Killed);
        }
        self.take_awaiting(client.info.id).into_iter().for_each(|errand| self.run_errand(client, errand));
    }
}

/// Whether this is an errand for that client.
fn is_about(entry: &Entry<Order>, client: &ClientInfo) -> bool {
    matches!(entry, Entry::Other(Order::To(info, _)) if info.id == client.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::test_support::{Peer, World};
    use crate::message::{Kind, Message};
    use crate::session::Luggage;

    const HEAD: &str = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n";

    /// A world with two workers, a client of the first that listens to the channel `a`, and one of the second.
    fn world() -> (World, Peer, Peer) {
        let world = World::with(&[("client-output-buffer-limit", "pubsub 1000 0 0")]);
        let (subscriber, other) = (world.client(), world.client_of(1));
        subscriber.say("SUBSCRIBE a");
        (world, subscriber, other)
    }

    fn leave(peer: &Peer) -> Luggage {
        peer.pack().expect("nothing is under way")
    }

    fn nobody_is_counted(world: &World) {
        let count = |worker: &Rc<Worker>| worker.handle().load.subscribers();
        assert_eq!(world.workers.iter().map(count).collect::<Vec<_>>(), [0, 0]);
        let message = Message::new(Kind::Channel, b"a", b"x");
        assert_eq!(world.server.hub.publish(Kind::Channel, b"a", &message).receivers, 0);
        assert!(world.workers.iter().all(|worker| worker.handle().slots.open() == 0), "no list is open");
    }

    #[test]
    fn p4_p6_what_came_before_the_move_and_behind_it_comes_once_and_in_order_and_is_counted() {
        let (world, subscriber, other) = world();
        let [here, there] = [0, 1].map(|id| &world.workers[id]);
        assert_eq!(other.say("PUBLISH a 1"), ":1\r\n");
        let before = world.server.hub.holds();
        let unsent = here.move_subscriber(&subscriber.client, 1).expect("nothing is meant for it alone");
        assert_eq!(world.server.hub.holds() - before, 1, "nothing comes between the order and what follows it");
        assert_eq!(unsent.len(), 1);
        assert_eq!(other.say("PUBLISH a 2"), ":1\r\n");
        there.deliver_all();
        assert_eq!(other.say("PUBLISH a 3\r\nPUBSUB NUMSUB a"), ":1\r\n*2\r\n$1\r\na\r\n:1\r\n");
        let client = there.take_in(subscriber.client.info.clone(), None, Some(unsent));
        there.deliver_all();
        let heard = String::from_utf8(client.take_output()).expect("text");
        assert_eq!(heard, ["1", "2", "3"].map(|payload| format!("{HEAD}{payload}\r\n")).concat());
        there.unregister(&client);
        nobody_is_counted(&world);
    }

    #[test]
    fn nothing_that_others_see_of_a_client_changes_when_it_moves() {
        let world = World::new();
        let subscriber = world.client().speaking(crate::resp::Proto::Resp3);
        let [here, there] = [0, 1].map(|id| world.workers[id].handle());
        subscriber.say("SUBSCRIBE a\r\nPSUBSCRIBE b* *\r\nSSUBSCRIBE c");
        world.workers.iter().for_each(|worker| worker.handle().connections.store(1, Relaxed));
        let seen = |peer: &Peer| {
            let info = &peer.client.info;
            let counts: Vec<u32> = info.subscriptions.iter().map(|count| count.load(Relaxed)).collect();
            let user = info.user(&world.server.acl);
            (counts, info.held.get(Holding::Subscriptions), format!("{:?}", user.usage().subscriptions()))
        };
        let before = seen(&subscriber);
        let luggage = leave(&subscriber);
        assert_eq!(seen(&subscriber), before);
        assert_eq!((here.connections.load(Relaxed), there.connections.load(Relaxed)), (0, 2));
        let arrived = subscriber.unpack(&world.workers[1], luggage);
        assert_eq!(seen(&arrived), before);
        assert_eq!((here.load.subscribers(), there.load.subscribers()), (0, 1));
        let info = arrived.say("CLIENT INFO");
        assert!(info.contains(" sub=1 psub=2 ssub=1 "), "{info}");
        arrived.leave();
        nobody_is_counted(&world);
    }

    #[test]
    fn p4_who_is_killed_on_its_way_is_not_counted_once_that_is_answered_and_ends_where_it_arrives() {
        for (killer, settles_first) in [(0, false), (0, true), (1, false), (1, true)] {
            let (world, subscriber, other) = world();
            let killer = if killer == 1 { other } else { world.client() };
            let luggage = leave(&subscriber);
            if settles_first {
                world.settle();
            }
            let answer = killer.say(&format!("CLIENT KILL ID {}", subscriber.id()));
            world.settle();
            assert_eq!(answer + &killer.resume(), ":1\r\n");
            assert_eq!(killer.say("PUBLISH a x"), ":0\r\n");
            let arrived = subscriber.unpack(&world.workers[1], luggage);
            assert!(arrived.is_killed());
            assert_eq!(arrived.resume(), "");
            arrived.leave();
            nobody_is_counted(&world);
        }
    }

    #[test]
    fn an_order_to_end_or_to_judge_a_client_goes_after_it() {
        for order in ["CLIENT KILL ID", "ACL SETUSER u resetchannels &b #"] {
            let (world, _, other) = world();
            let subscriber = world.client();
            other.say("ACL SETUSER u on nopass +@all allchannels");
            subscriber.say("AUTH u x\r\nSUBSCRIBE a");
            // It is sent to where the client is, and found there when the client has gone.
            subscriber.client.info.move_to(0);
            let luggage = leave(&subscriber);
            subscriber.client.info.move_to(0);
            let order =
                if order.ends_with('#') { order.replace(" #", "") } else { format!("{order} {}", subscriber.id()) };
            assert_eq!(other.say(&order), "");
            subscriber.client.info.move_to(1);
            world.settle();
            world.settle();
            assert_eq!(other.resume().len(), if order.starts_with("ACL") { 5 } else { 4 });
            assert_eq!(other.say("PUBLISH a x"), ":1\r\n", "the other one is counted");
            let arrived = subscriber.unpack(&world.workers[1], luggage);
            assert!(arrived.is_finished());
        }
    }

    #[test]
    fn who_has_an_errand_in_the_mailbox_stays() {
        let (world, subscriber, other) = world();
        let id = subscriber.id();
        assert_eq!(other.say(&format!("PUBLISH a 1\r\nCLIENT KILL ID {id}")), ":1\r\n");
        assert!(world.workers[0].move_subscriber(&subscriber.client, 1).is_none());
        assert!(subscriber.is_killed());
        world.settle();
        assert_eq!(other.resume(), ":1\r\n");
        subscriber.leave();
        nobody_is_counted(&world);
    }

    #[test]
    fn who_cannot_be_served_where_it_goes_ends_with_its_subscriptions() {
        for settles_first in [false, true] {
            let (world, subscriber, _) = world();
            let luggage = leave(&subscriber);
            if settles_first {
                world.settle();
            }
            world.workers[1].turn_away(&subscriber.client.info, luggage.is_expected());
            assert!(world.server.clients.get(subscriber.id()).is_none());
            nobody_is_counted(&world);
        }
    }

    #[test]
    fn p7_what_waits_for_a_connection_on_its_way_counts_against_no_limit_before_that_has_arrived() {
        let (world, subscriber, other) = world();
        let luggage = leave(&subscriber);
        (0..100).for_each(|_| drop(other.say(&format!("PUBLISH a {}", "x".repeat(100)))));
        world.settle();
        assert_eq!(other.say("PUBLISH a y"), ":1\r\n");
        let arrived = subscriber.unpack(&world.workers[1], luggage);
        assert!(arrived.is_finished(), "now there is a socket that takes nothing");
        arrived.leave();
        nobody_is_counted(&world);
    }

    #[test]
    fn p11_publishers_wait_while_much_waits_for_connections_on_their_way_and_go_on_when_these_have_come_or_will_not() {
        for comes in [true, false] {
            let (world, subscriber, other) = world();
            let there = &world.workers[1];
            let luggage = leave(&subscriber);
            for _ in 0..50 {
                other.say(&format!("PUBLISH a {}", "x".repeat(50_000)));
                there.deliver_some();
            }
            assert!(there.is_crowded());
            let before = there.delivered();
            other.say("PUBLISH a y");
            assert!(there.deliver_some());
            assert_eq!(there.delivered(), before, "what has come waits in the mailbox");
            if comes {
                subscriber.unpack(there, luggage).leave();
            } else {
                there.turn_away(&subscriber.client.info, luggage.is_expected());
            }
            assert!(!there.is_crowded());
            nobody_is_counted(&world);
        }
    }

    #[test]
    fn who_listens_to_very_much_stays() {
        let (_, subscriber, _) = world();
        let names: Vec<String> = (0..64).map(|number| format!("c{number}")).collect();
        names[..63].chunks(9).for_each(|some| drop(subscriber.say(&format!("SUBSCRIBE {}", some.join(" ")))));
        assert!(subscriber.client.is_at_rest());
        subscriber.say(&format!("SUBSCRIBE {}", names[63]));
        assert!(subscriber.pack().is_none());
    }
}
