//! What CLIENT does to sessions: REPLY, KILL, PAUSE.

use std::time::Duration;

use pregon::client::Closing;
use pregon::resp::Proto;

use crate::harness::{Peer, World, everywhere, pipeline};

#[test]
fn reply_off_and_skip_silence_replies() {
    everywhere(|world| {
        let mut peer = world.peer();
        peer.send(&pipeline(&["CLIENT REPLY OFF", "PING", "NOSUCH", "CLIENT REPLY ON", "PING"]));
        peer.hears(["+OK", "+PONG"]);
        peer.send(&pipeline(&["CLIENT REPLY SKIP", "PING", "PING", "CLIENT REPLY SKIP", "NOSUCH", "ECHO x"]));
        peer.hears(["+PONG", "x"]);
        peer.hears_nothing();
    });
}

#[test]
fn reply_off_lets_confirmations_and_messages_through() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.send(&pipeline(&["CLIENT REPLY OFF", "SUBSCRIBE a", "PING", "PSUBSCRIBE a*", "UNSUBSCRIBE a"]));
        publisher.say("PUBLISH a x");
        publisher.hears([":1"]);
        subscriber.hears_push(["subscribe a :1", "psubscribe a* :2", "unsubscribe a :1", "pmessage a* a x"]);
        subscriber.hears_nothing();
    });
}

#[test]
fn a_publisher_without_replies_hears_its_own_messages() {
    let world = World::new(2, Proto::Resp3, &[]);
    let mut both = world.peer();
    both.joins("SUBSCRIBE a");
    both.send(&pipeline(&["CLIENT REPLY OFF", "PUBLISH a 1", "MULTI", "PUBLISH a 2", "EXEC", "CLIENT REPLY ON"]));
    both.hears_push(["message a 1", "message a 2"]);
    both.hears(["+OK"]);
}

#[test]
fn a_session_in_pieces_is_as_silent_as_in_one() {
    for mode in ["OFF", "SKIP"] {
        for proto in Proto::ALL {
            let mut bytes = pipeline(&["PING", &format!("CLIENT REPLY {mode}")]);
            bytes.extend(b"*1\r\n+\r\n");
            for at in 0..bytes.len() {
                let world = World::new(1, proto, &[]);
                let mut peer = world.peer();
                peer.send(&bytes[..at]);
                peer.send(&bytes[at..]);
                peer.hears(["+PONG"]);
                peer.hears_nothing();
                assert!(peer.session.is_finished());
            }
        }
    }
}

/// The address of a client, which all share in these tests, is no help; its number is.
fn kill(peer: &Peer) -> String {
    format!("CLIENT KILL ID {}", peer.client.info.id)
}

#[test]
fn p4_a_killed_client_is_not_counted_once_the_answer_has_come() {
    everywhere(|world| {
        let (mut killer, mut stranger) = (world.peer(), world.peer());
        let mut subscribers: Vec<Peer> = (0..4).map(|_| world.peer()).collect();
        subscribers.iter_mut().for_each(|subscriber| subscriber.joins("SUBSCRIBE a"));
        for left in (1..=3).rev() {
            let mut victim = subscribers.remove(0);
            let count = format!(":{left}");
            killer.send_only(&pipeline(&[&kill(&victim), "PUBLISH a after"]));
            assert!(killer.session.is_blocked() || victim.closing() == Some(Closing::Killed));
            world.workers.iter().for_each(|worker| worker.deliver_all());
            killer.resume();
            killer.hears([":1", &count]);
            assert_eq!(victim.closing(), Some(Closing::Killed));
            assert_eq!(stranger.ask("PUBLISH a too").to_string(), count);
            victim.hears_nothing();
            victim.hangs_up();
        }
        for _ in 0..3 {
            subscribers[0].hears_push(["message a after", "message a too"]);
        }
    });
}

#[test]
fn an_answer_to_kill_waits_for_other_workers_and_keeps_its_place() {
    for proto in Proto::ALL {
        let world = World::new(2, proto, &[]);
        let (mut killer, victim) = (world.peer(), world.peer());
        killer.send_only(&pipeline(&["PING", &kill(&victim), "ECHO behind"]));
        killer.hears(["+PONG"]);
        killer.hears_nothing();
        killer.session.resume();
        killer.hears_nothing();
        victim.worker.deliver_all();
        killer.worker.deliver_all();
        killer.resume();
        killer.hears([":1", "behind"]);
    }
}

#[test]
fn a_client_that_kills_itself_is_answered_first() {
    everywhere(|world| {
        let mut peer = world.peer();
        let order = format!("{} SKIPME no", kill(&peer));
        peer.send(&pipeline(&[&order, "PING"]));
        peer.hears([":1"]);
        peer.hears_nothing();
        assert!(peer.session.is_finished());
    });
}

#[test]
fn a_client_that_goes_before_the_order_to_kill_it_arrives_keeps_nobody_waiting() {
    for proto in Proto::ALL {
        let world = World::new(2, proto, &[]);
        let (mut killer, mut victim) = (world.peer(), world.peer());
        victim.joins("SUBSCRIBE a");
        killer.send_only(&pipeline(&[&kill(&victim)]));
        victim.hangs_up();
        victim.worker.deliver_all();
        killer.worker.deliver_all();
        killer.resume();
        killer.hears([":1"]);
    }
}

#[test]
fn a_transaction_of_a_killed_client_does_not_run() {
    let world = World::new(2, Proto::Resp3, &[]);
    let (mut killer, mut victim, mut witness) = (world.peer(), world.peer(), world.peer());
    witness.joins("SUBSCRIBE a");
    victim.joins("SUBSCRIBE b");
    victim.send(&pipeline(&["MULTI", "PUBLISH a x"]));
    killer.session.feed(&pipeline(&[&kill(&victim)]));
    // The order waits in the mailbox of the victim's worker when its EXEC comes.
    victim.send_only(&pipeline(&["EXEC", "PUBLISH a y"]));
    killer.session.spread();
    assert_eq!(victim.closing(), Some(Closing::Killed));
    killer.resume();
    killer.hears([":1"]);
    witness.hears_nothing();
}

#[test]
fn pause_and_unpause_hold_and_release_publishers() {
    everywhere(|world| {
        let (mut admin, mut publisher, mut subscriber) = (world.peer(), world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        assert_eq!(admin.ask("CLIENT PAUSE 1000 WRITE").to_string(), "+OK");
        publisher.say("PUBLISH a 1");
        publisher.hears_nothing();
        assert_eq!(admin.ask("CLIENT UNPAUSE").to_string(), "+OK");
        publisher.resume();
        publisher.hears([":1"]);
        assert_eq!(admin.ask("CLIENT PAUSE 1000").to_string(), "+OK");
        publisher.say("PUBLISH a 2");
        subscriber.hears_push(["message a 1"]);
        world.wait(Duration::from_secs(1));
        publisher.resume();
        publisher.hears([":1"]);
        subscriber.hears_push(["message a 2"]);
    });
}
