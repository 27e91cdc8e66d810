//! CLIENT KILL, on one worker and across workers.

use std::time::Duration;

use crate::command::gate;
use crate::command::test_support::World;
use crate::message::{Kind, Message};
use crate::resp::Proto;
use crate::resp::decode::OwnedArgs;
use crate::session::{Conversation, Turn, TurnOutcome};

#[test]
fn the_old_form_takes_an_address_and_answers_ok() {
    let world = World::new();
    let (victim, client) = (world.client(), world.client());
    assert_eq!(client.say("CLIENT KILL 127.0.0.1:1"), "+OK\r\n");
    assert!(victim.is_killed());
    assert_eq!(client.say("CLIENT KILL 127.0.0.1:1"), "-ERR No such client\r\n");
    assert_eq!(client.say("CLIENT KILL nonsense"), "-ERR No such client\r\n");
}

#[test]
fn who_kills_itself_gets_the_answer_and_nothing_more() {
    for request in ["CLIENT KILL 127.0.0.1:1", "CLIENT KILL ID 1 SKIPME no"] {
        let world = World::new();
        let client = world.client();
        let answer = client.say(&format!("{request}\r\nPING"));
        assert!(["+OK\r\n", ":1\r\n"].contains(&&*answer), "{answer}");
        assert!(client.is_finished());
        assert_eq!(client.say("PING"), "");
    }
}

#[test]
fn who_kills_itself_in_a_transaction_is_not_answered_the_rest() {
    let world = World::new();
    let client = world.client();
    let answer = client.say("MULTI\r\nCLIENT KILL ID 1 SKIPME no\r\nPING\r\nEXEC\r\nPING");
    assert_eq!(answer, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n");
    assert!(client.is_finished());
}

#[test]
fn only_clients_that_pass_every_filter_end() {
    let cases: [(&str, &[u64]); 12] = [
        ("ID 2", &[2]),
        ("ID 4", &[]),
        ("TYPE pubsub", &[2, 3]),
        ("TYPE normal", &[1]),
        ("TYPE normal SKIPME no", &[1, 4]),
        ("TYPE replica", &[]),
        ("ADDR 127.0.0.1:3", &[3]),
        ("ADDR 127.0.0.1:3 TYPE normal", &[]),
        ("LADDR 127.0.0.1:6379 USER default", &[1, 2, 3]),
        ("MAXAGE 10", &[1, 2]),
        ("MAXAGE 10 TYPE pubsub", &[2]),
        ("MAXAGE 11", &[]),
    ];
    for (filters, ended) in cases {
        let world = World::new();
        let (normal, subscriber) = (world.client(), world.client());
        world.advance(Duration::from_secs(10));
        let (sharded, client) = (world.client(), world.client());
        subscriber.say("SUBSCRIBE x");
        sharded.say("SSUBSCRIBE x");
        assert_eq!(client.say(&format!("CLIENT KILL {filters}")), format!(":{}\r\n", ended.len()), "{filters}");
        for peer in [&normal, &subscriber, &sharded] {
            assert_eq!(peer.is_killed(), ended.contains(&peer.id()), "{filters}: {}", peer.id());
        }
        assert_eq!(client.is_finished(), ended.contains(&client.id()), "{filters}");
    }
}

#[test]
fn filters_of_kill_that_make_no_sense_are_errors() {
    let world = World::new();
    let client = world.client();
    let cases = [
        ("ID 0", "client-id should be greater than 0"),
        ("ID x", "client-id should be greater than 0"),
        ("TYPE nosuch", "Unknown client type 'nosuch'"),
        ("USER nosuch", "No such user 'nosuch'"),
        ("SKIPME maybe", "syntax error"),
        ("NOSUCH x", "syntax error"),
        ("ADDR x TYPE", "syntax error"),
        ("MAXAGE x", "maxage is not an integer or out of range"),
        ("MAXAGE 0", "maxage should be greater than 0"),
    ];
    for (filters, error) in cases {
        assert_eq!(client.say(&format!("CLIENT KILL {filters}")), format!("-ERR {error}\r\n"), "{filters}");
    }
    assert_eq!(client.say("CLIENT KILL"), "-ERR wrong number of arguments for 'client|kill' command\r\n");
}

#[test]
fn a_publish_behind_a_kill_counts_none_of_the_killed() {
    for proto in [2, 3] {
        let world = World::new();
        let (near, far) = (world.client(), world.client_of(1));
        near.say(&format!("HELLO {proto}\r\nSUBSCRIBE x"));
        far.say(&format!("HELLO {proto}\r\nSUBSCRIBE x\r\nPSUBSCRIBE *"));
        let client = world.client();
        assert_eq!(client.say("PUBLISH x 1"), ":3\r\n");
        assert_eq!(client.say("CLIENT KILL TYPE pubsub\r\nPUBLISH x 2"), "");
        world.settle();
        assert_eq!(client.resume(), ":2\r\n:0\r\n");
        assert!(near.is_killed() && far.is_killed());
        assert_eq!(far.heard(), "");
    }
}

#[test]
fn the_answer_waits_until_every_worker_has_obeyed() {
    let world = World::new();
    let (client, far, farther) = (world.client(), world.client_of(1), world.client_of(1));
    assert_eq!(client.say("ECHO x\r\nCLIENT KILL TYPE normal"), "$1\r\nx\r\n");
    assert_eq!(client.resume(), "");
    assert!(!far.is_killed() && !farther.is_killed());
    assert!(!world.client().say("CLIENT LIST").contains("id=2 "));
    world.settle();
    assert!(far.is_killed() && farther.is_killed());
    assert_eq!(client.resume(), ":2\r\n");
    assert_eq!(client.resume(), "");
}

#[test]
fn a_confirmation_before_a_kill_comes_before_the_first_message() {
    let world = World::new();
    let (client, _far, publisher) = (world.client().speaking(Proto::Resp3), world.client_of(1), world.client());
    let confirmation = ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n";
    assert_eq!(client.say("SUBSCRIBE x\r\nCLIENT KILL ID 2"), confirmation);
    publisher.say("PUBLISH x m");
    world.settle();
    assert_eq!(client.heard(), ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nm\r\n");
    assert_eq!(client.resume(), ":1\r\n");
}

#[test]
fn who_kills_itself_and_others_is_answered_before_it_ends() {
    let world = World::new();
    let (client, far) = (world.client(), world.client_of(1));
    assert_eq!(client.say("CLIENT KILL TYPE normal SKIPME no\r\nPING"), "");
    assert!(!client.is_finished());
    world.settle();
    assert!(far.is_killed());
    assert_eq!(client.resume(), ":2\r\n");
    assert!(client.is_finished());
}

#[test]
fn two_clients_that_kill_each_other_across_workers_both_end() {
    let world = World::new();
    let (one, two) = (world.client_of(0), world.client_of(1));
    one.say("CLIENT KILL ID 2");
    two.say("CLIENT KILL ID 1");
    world.settle();
    assert!(one.is_killed() && two.is_killed());
}

#[test]
fn a_kill_in_a_transaction_answers_at_once() {
    let world = World::new();
    let (client, near, far) = (world.client(), world.client(), world.client_of(1));
    let answer = client.say("MULTI\r\nCLIENT KILL TYPE normal\r\nPING\r\nEXEC\r\nECHO x");
    assert!(answer.ends_with("*2\r\n:2\r\n+PONG\r\n$1\r\nx\r\n"), "{answer}");
    assert!(near.is_killed());
    world.settle();
    assert!(far.is_killed());
}

#[test]
fn p4_a_kill_delivers_nothing_before_an_earlier_confirmation() {
    let world = World::new();
    let (client, victim) = (world.client().speaking(Proto::Resp3), world.client());
    victim.say("SUBSCRIBE y");
    let worker = &world.workers[0];
    let (mut conversation, mut outcome) = (Conversation::default(), TurnOutcome::default());
    let mut turn = Turn::new(&client.client, worker, &mut outcome, Vec::new(), worker.now());
    let subscribe = OwnedArgs::new(["SUBSCRIBE", "x"].map(str::as_bytes).into_iter());
    gate::admit(&mut turn, &mut conversation, subscribe.args());
    // What another thread does between two commands of one read.
    world.server.hub.publish(Kind::Channel, b"x", &Message::new(Kind::Channel, b"x", b"1"));
    let kill = OwnedArgs::new(["CLIENT", "KILL", "ID", "2"].map(str::as_bytes).into_iter());
    gate::admit(&mut turn, &mut conversation, kill.args());
    assert_eq!(turn.reply.rest(), b":1\r\n");
    let heard = client.heard();
    assert!(heard.starts_with(">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n>3\r\n$7\r\nmessage\r\n"), "{heard}");
}
