//! What a worker does from time to time about clients that wait, idle or hold too much.

use std::time::Duration;

use pregon::client::Closing;
use pregon::pause::PauseMode;
use pregon::process::upkeep;

use crate::harness::{World, everywhere_with, pipeline, request};

/// Lets this many seconds pass, with the work that is due in each.
fn pass(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.wait(Duration::from_secs(1));
        world.workers.iter().for_each(|worker| upkeep::each_second(worker, &worker.all_clients()));
    }
}

#[test]
fn p7_a_soft_limit_ends_a_subscriber_also_when_no_further_message_comes() {
    everywhere_with(&[("client-output-buffer-limit", "pubsub 0 10kb 5")], |world| {
        let (mut publisher, mut stuck, mut reader) = (world.peer(), world.peer(), world.peer());
        stuck.joins("SUBSCRIBE a");
        reader.joins("SUBSCRIBE a");
        publisher.send(&request(["PUBLISH", "a", &"x".repeat(11_000)]));
        assert_eq!(reader.take_frames().len(), 1);
        pass(world, 5);
        assert_eq!(stuck.closing(), None);
        pass(world, 1);
        assert_eq!((stuck.closing(), reader.closing()), (Some(Closing::SoftLimit), None));
    });
}

#[test]
fn an_idle_client_is_closed_but_no_subscriber_and_no_client_that_waits() {
    everywhere_with(&[("timeout", "10")], |world| {
        let (idle, mut busy, mut subscriber) = (world.peer(), world.peer(), world.peer());
        let mut paused = world.peer();
        subscriber.joins("SUBSCRIBE a");
        world.server.pause.start(PauseMode::Write, 60_000, 0);
        paused.say("PUBLISH a x");
        pass(world, 10);
        busy.say("PING");
        assert_eq!(idle.closing(), None);
        pass(world, 1);
        assert_eq!(idle.closing(), Some(Closing::Idle));
        for other in [&busy, &subscriber, &paused] {
            assert_eq!(other.closing(), None);
        }
        subscriber.joins("UNSUBSCRIBE");
        pass(world, 10);
        assert_eq!(subscriber.closing(), None, "its time begins with its last command");
        pass(world, 1);
        assert_eq!(subscriber.closing(), Some(Closing::Idle));
    });
}

#[test]
fn the_clients_that_hold_most_are_evicted_until_all_fit() {
    everywhere_with(&[("maxmemory-clients", "1mb")], |world| {
        let mut peers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        let mut spared = world.peer();
        spared.send(&pipeline(&["CLIENT NO-EVICT ON", "MULTI"]));
        spared.send(&request(["PUBLISH", "a", &"x".repeat(700_000)]));
        for (peer, size) in peers.iter_mut().zip([200_000, 500_000, 50_000]) {
            peer.say("MULTI");
            peer.send(&request(["PUBLISH", "a", &"x".repeat(size)]));
        }
        upkeep::often(&world.workers[0]);
        world.workers.iter().for_each(|worker| worker.deliver_inbox());
        let closed: Vec<_> = peers.iter().map(|peer| peer.closing()).collect();
        assert_eq!(closed, [None, Some(Closing::Evicted), None]);
        assert_eq!(spared.closing(), None);
    });
}

#[test]
fn p11_subscriptions_count_against_what_all_clients_may_hold() {
    everywhere_with(&[("maxmemory-clients", "1mb")], |world| {
        let mut peers: Vec<_> = (0..3).map(|_| world.peer()).collect();
        for (peer, count) in peers.iter_mut().zip([600, 900, 600]) {
            for number in 0..count {
                peer.joins(&format!("SUBSCRIBE {number}{}", "x".repeat(500)));
            }
        }
        peers[2].joins("UNSUBSCRIBE");
        let closed = || {
            upkeep::often(&world.workers[0]);
            world.workers.iter().for_each(|worker| worker.deliver_inbox());
            peers.iter().map(|peer| peer.closing()).collect::<Vec<_>>()
        };
        assert_eq!(closed(), [None, None, None]);
        world.peer().say("CONFIG SET maxmemory-clients 600kb");
        assert_eq!(closed(), [None, Some(Closing::Evicted), None]);
    });
}
