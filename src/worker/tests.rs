//! What waits for workers, for clients that are not there, and for those who send too much.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::client::notice::{Forgotten, Notice};
use crate::client::order::{Errand, HubAccess, Order};
use crate::client::registry::ClientInfo;
use crate::command::test_support::{Peer, World};
use crate::ids::{Address, PortSet};
use crate::mailbox::{CROWDED_BYTES, Sent};
use crate::message::Kind;
use crate::process::upkeep;
use crate::resp::Proto;

fn is_crowded(world: &World, worker: usize) -> bool {
    let mut ports = PortSet::default();
    ports.insert(worker);
    !world.server.hub.lock().crowded(ports).is_empty()
}

/// Sends a client more than may wait for a worker.
fn flood(world: &World, info: &Arc<ClientInfo>) {
    let key = vec![b'k'; CROWDED_BYTES / 4];
    for _ in 0..5 {
        let keys = Forgotten::keys([&key[..]].into_iter());
        let errand = Errand::Tell(Notice::Forget { keys, redirected: true });
        world.server.hub.lock().send(info.worker(), Order::To(info.clone(), errand), &mut Sent::default());
    }
}

/// A client of the first worker that has not arrived there.
fn newcomer(world: &World) -> Arc<ClientInfo> {
    let info = world.server.clients.admit(0, Address::Unix("/x".into()), -1, world.workers[0].now());
    info.proto.store(Proto::Resp3.number(), Relaxed);
    info
}

#[test]
fn what_comes_for_a_client_on_its_way_waits_for_it_and_counts() {
    let world = World::new();
    let (worker, info) = (&world.workers[0], newcomer(&world));
    flood(&world, &info);
    let steps = (0..100).take_while(|_| worker.deliver_some()).count();
    assert!(steps < 10, "nothing goes round and round");
    assert!(is_crowded(&world, 0), "what was taken waits still");
    let client = worker.welcome(info, None);
    assert!(client.take_output().starts_with(b">2\r\n$10\r\ninvalidate\r\n"));
    assert!(!is_crowded(&world, 0));
}

#[test]
fn what_comes_for_a_client_that_never_arrives_is_dropped() {
    let world = World::new();
    let (worker, info) = (&world.workers[0], newcomer(&world));
    flood(&world, &info);
    worker.deliver_all();
    worker.turn_away(&info, false);
    assert!(!is_crowded(&world, 0));
    flood(&world, &info);
    worker.deliver_all();
    assert!(!is_crowded(&world, 0), "it has gone");
    assert!(worker.awaiting.borrow().is_empty());
}

#[test]
fn what_comes_for_a_client_that_has_moved_on_is_sent_after_it() {
    let world = World::with(&[("io-threads", "3")]);
    let peer = world.client().speaking(Proto::Resp3);
    let info = peer.client.info.clone();
    flood(&world, &info);
    world.workers[0].let_go(&peer.client, 2).expect("nothing is under way");
    world.workers[0].deliver_all();
    assert!(!is_crowded(&world, 0));
    world.workers[2].deliver_all();
    assert!(is_crowded(&world, 2), "it has not arrived");
    let client = world.workers[2].welcome(info, None);
    assert!(client.take_output().ends_with(b"k\r\n"));
    assert!(!is_crowded(&world, 2));
}

#[test]
fn p11_whoever_fills_a_mailbox_waits_until_its_worker_has_caught_up() {
    // What a client of another worker does to be sent something, and what is done for it to be sent.
    let senders = [
        ("SUBSCRIBE x", "PUBLISH x @"),
        ("PSUBSCRIBE __keyspace*", "SET @ v"),
        ("CLIENT TRACKING ON BCAST", "SET @ v"),
        ("MONITOR", "ECHO @"),
    ];
    for (listen, command) in senders {
        let world = World::with(&[("notify-keyspace-events", "KA")]);
        let (client, listener) = (world.client(), world.client_of(1).speaking(Proto::Resp3));
        listener.say(listen);
        let command = command.replace('@', &"x".repeat(CROWDED_BYTES / 200));
        let read = vec![command.as_str(); 400].join("\r\n");
        let answered = client.say(&read).matches(['+', ':', '$']).count();
        assert!((100..300).contains(&answered), "{listen}: {answered} of a read were run");
        assert_eq!(client.crowded(), [1], "{listen}");
        world.workers[1].deliver_all();
        let rest = client.resume().matches(['+', ':', '$']).count();
        assert!(rest > 0, "{listen}: the rest is run when there is room");
    }
}

#[test]
fn p11_an_answer_to_who_waits_for_keys_counts() {
    let world = World::new();
    let (client, waiting) = (world.client(), world.client_of(1));
    waiting.say("BLPOP k 0");
    client.say(&format!("*3\r\n$5\r\nLPUSH\r\n$1\r\nk\r\n${CROWDED_BYTES}\r\n{}", "x".repeat(CROWDED_BYTES)));
    assert_eq!(client.crowded(), [1]);
}

#[test]
fn p11_no_key_expires_by_itself_while_those_who_are_to_hear_of_it_are_behind() {
    let world = World::with(&[("notify-keyspace-events", "Kx")]);
    let (client, listener) = (world.client(), world.client_of(1));
    listener.say("PSUBSCRIBE *");
    let name = "k".repeat(CROWDED_BYTES / 200);
    (0..500).for_each(|i| drop(client.say(&format!("SET {name}{i} v PX 1"))));
    world.advance(std::time::Duration::from_millis(1));
    let sweep = || (0..500).take_while(|_| upkeep::remove_keys(&world.server, 0)).count();
    let steps = sweep();
    assert_eq!(sweep(), 0, "it waits");
    world.workers[1].deliver_all();
    assert!(steps > 0 && sweep() > 0, "it goes on");
}

#[test]
fn who_administers_needs_no_lock_that_publishers_need() {
    let world = World::new();
    let client = world.client();
    let _held = world.server.hub.lock();
    let commands =
        ["CONFIG SET timeout 5", "CONFIG RESETSTAT", "CLIENT PAUSE 1", "CLIENT SETNAME x", "CLIENT NO-EVICT ON"];
    for command in commands {
        assert_eq!(client.say(command), "+OK\r\n", "{command}");
        world.advance(std::time::Duration::from_millis(2));
        client.resume();
    }
    assert_eq!(
        client.say("LATENCY RESET\r\nSLOWLOG RESET\r\nMULTI\r\nCLIENT SETNAME y\r\nEXEC"),
        ":0\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n"
    );
}

/// Subscribes a client to so many channels.
fn subscribe(peer: &Peer, count: usize) {
    subscribe_from(peer, 0, count);
}

/// The same, to channels from this number on.
fn subscribe_from(peer: &Peer, start: usize, count: usize) {
    for first in (start..start + count).step_by(100) {
        let names: Vec<String> = (first..first + 100).map(|number| format!("c{number}")).collect();
        peer.say(&format!("SUBSCRIBE {}", names.join(" ")));
    }
}

fn channels(world: &World) -> usize {
    world.server.hub.lock().channel_count(Kind::Channel)
}

#[test]
fn a_client_with_very_many_subscriptions_leaves_in_steps_and_hears_nothing_meanwhile() {
    let world = World::new();
    let (subscriber, publisher) = (world.client(), world.client_of(1));
    subscribe(&subscriber, 5000);
    let (client, worker) = (subscriber.client.clone(), &world.workers[0]);
    subscriber.leave();
    let left = channels(&world);
    assert!((3000..5000).contains(&left), "{left} channels are left");
    (0..5000).for_each(|number| drop(publisher.say(&format!("PUBLISH c{number} x"))));
    worker.deliver(&mut HubAccess::new(&world.server.hub));
    assert!(client.take_output().is_empty());
    let steps = (0..100).take_while(|_| worker.is_ending()).inspect(|_| worker.go_on_ending()).count();
    assert!(steps > 1, "{steps} steps");
    assert_eq!(channels(&world), 0);
}

#[test]
fn clients_that_leave_together_end_no_more_subscriptions_at_once_than_one() {
    let world = World::new();
    let all: Vec<Peer> = (0..10)
        .map(|number| {
            let peer = world.client();
            subscribe_from(&peer, 500 * number, 500);
            peer
        })
        .collect();
    all.into_iter().for_each(Peer::leave);
    let left = channels(&world);
    assert!(left > 4000, "{left} channels are left");
    world.settle();
    assert_eq!(channels(&world), 0);
}

#[test]
fn a_kill_is_answered_when_the_last_subscription_has_ended() {
    for home in 0..2 {
        let world = World::new();
        let (killer, victim) = (world.client(), world.client_of(home));
        subscribe(&victim, 5000);
        let (few, other) = (world.client(), world.client());
        few.say("SUBSCRIBE c1");
        assert_eq!(killer.say(&format!("CLIENT KILL ID {}", few.id())), ":1\r\n", "that takes no time");
        assert_eq!(killer.say(&format!("CLIENT KILL ID {}", victim.id())), "");
        assert!(channels(&world) > 0);
        world.settle();
        assert_eq!(killer.resume(), ":1\r\n");
        assert_eq!(channels(&world), 0);
        assert_eq!(other.say("PUBLISH c1 x"), ":0\r\n");
    }
}
