use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::job::RunAlone;
use super::task::{Slot, Task};
use crate::client::Closing;
use crate::command::test_support::{Peer, World, beside_executors, heard_until};
use crate::ids::CommandIndex;
use crate::resp::Proto;
use crate::resp::decode::OwnedArgs;
use crate::session::Scope;

/// A server with executors, whose jobs are done when a test says so.
fn world(directives: &[(&str, &str)]) -> World {
    let world = World::with(directives);
    world.server.executors.keys.attach();
    world.server.executors.others.attach();
    world
}

/// Does all jobs, none of which may lend anything.
fn work(world: &World) {
    let executors = &world.server.executors;
    for executor in [&executors.keys, &executors.others] {
        while !executor.is_idle() {
            executor.work(&world.server, Duration::ZERO);
        }
    }
    world.settle();
}

/// The answer to a request of one line, whether it runs here or elsewhere.
fn ask(world: &World, peer: &Peer, request: &str) -> String {
    let answer = peer.say(request);
    if answer.is_empty() { heard_until(world, peer, "\r\n") } else { answer }
}

#[test]
fn p12_pub_sub_does_not_notice_that_the_keys_are_locked() {
    let world = world(&[]);
    let (subscriber, publisher, others) = (world.client(), world.client(), world.client_of(1));
    let locked = world.server.keyspace.lock();
    assert!(subscriber.say("SUBSCRIBE a").starts_with("*3"));
    for command in ["SET k v", "GET k", "LPUSH l x", "BLPOP l 0", "WATCH k", "INFO keyspace", "DBSIZE", "KEYS *"] {
        assert_eq!(world.client_of(1).say(command), "", "{command} waits");
    }
    for busy in ["CLIENT TRACKING ON", "FLUSHALL", "CLIENT UNBLOCK 1"] {
        assert_eq!(world.client().say(busy), "", "{busy} waits");
    }
    assert_eq!(others.say("MULTI\r\nSET k v\r\nPUBLISH a lost\r\nEXEC"), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    assert_eq!(publisher.say("PUBLISH a 1\r\nMULTI\r\nPUBLISH a 2\r\nEXEC"), ":1\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
    world.settle();
    assert_eq!(subscriber.heard().matches("message").count(), 2);
    assert!(subscriber.say("UNSUBSCRIBE").starts_with("*3"));
    drop(locked);
}

#[test]
fn what_finds_the_keys_taken_is_answered_in_order_when_they_are_free() {
    let world = world(&[]);
    let (one, two) = (world.client(), world.client_of(1));
    let locked = world.server.keyspace.lock();
    assert_eq!(one.say("ECHO a\r\nSET k 1\r\nGET k\r\nECHO b"), "$1\r\na\r\n");
    assert_eq!(two.say("APPEND k 2\r\nECHO c"), "");
    drop(locked);
    assert_eq!(world.client().say("GET k"), "", "those who came before are served first");
    work(&world);
    assert_eq!(one.resume(), "+OK\r\n$2\r\n12\r\n$1\r\nb\r\n", "its next command comes last");
    assert_eq!(two.resume(), ":2\r\n$1\r\nc\r\n");
    assert_eq!(one.say("GET k"), "$2\r\n12\r\n");
}

#[test]
fn long_commands_run_elsewhere_and_short_ones_do_not() {
    let world = world(&[]);
    let client = world.client();
    let answered_at_once = |command: &str| {
        let answer = client.say(command);
        let at_once = !answer.is_empty();
        work(&world);
        assert!(at_once || !client.resume().is_empty(), "{command}");
        at_once
    };
    for i in 0..6 {
        let items = " x".repeat(100);
        for command in [format!("RPUSH long{items}"), format!("XADD log * f {i}")] {
            assert!((0..10).all(|_| answered_at_once(&command)), "{command}");
        }
    }
    assert!(!answered_at_once("SETRANGE big 1000000 x"));
    for short in
        ["SET k v", "GET k", "LPUSH long y", "LRANGE long 0 9", "LPOP long", "LLEN long", "STRLEN big", "TTL big"]
    {
        assert!(answered_at_once(short), "{short}");
    }
    for short in ["XADD log MAXLEN 100 * f v", "XRANGE log - + COUNT 2", "SCAN 0", "DEL big", "SET big v", "GET big"] {
        assert!(answered_at_once(short), "{short}");
    }
    assert!(!answered_at_once("SETRANGE big 1000000 x"));
    for long in
        ["LRANGE long 0 -1", "LINSERT long BEFORE y z", "SORT long ALPHA", "GET big", "APPEND big x", "FLUSHALL"]
    {
        assert!(!answered_at_once(long), "{long}");
    }
    assert!(!answered_at_once("COMMAND DOCS"));
}

#[test]
fn p8_what_a_command_run_elsewhere_causes_follows_its_answer() {
    let world = world(&[("notify-keyspace-events", "KA")]);
    let client = world.client().speaking(Proto::Resp3);
    client.say("SUBSCRIBE __keyspace@0__:k");
    assert_eq!(client.say("SETRANGE k 1000000 x\r\nECHO behind"), "");
    work(&world);
    let heard = client.resume();
    assert!(heard.starts_with(":1000001\r\n>3\r\n$7\r\nmessage\r\n"), "{heard}");
    assert!(heard.ends_with("$6\r\nbehind\r\n"), "{heard}");
}

#[test]
fn a_blocking_command_that_ran_elsewhere_waits_and_is_served_or_gives_up() {
    let world = world(&[]);
    let (waiting, late, client) = (world.client(), world.client(), world.client_of(1));
    let locked = world.server.keyspace.lock();
    assert_eq!(waiting.say("BLPOP l 0\r\nECHO behind"), "");
    assert_eq!(late.say("BLPOP m 5"), "");
    drop(locked);
    work(&world);
    assert_eq!((waiting.resume(), late.resume()), (String::new(), String::new()));
    assert_eq!(client.say("RPUSH l x"), ":1\r\n");
    world.settle();
    assert_eq!(waiting.resume(), "*2\r\n$1\r\nl\r\n$1\r\nx\r\n$6\r\nbehind\r\n");
    world.advance(Duration::from_secs(5));
    let locked = world.server.keyspace.lock();
    assert_eq!(late.resume(), "");
    drop(locked);
    work(&world);
    assert_eq!(late.resume(), "*-1\r\n");
}

#[test]
fn reply_modes_and_the_database_hold_for_what_runs_elsewhere() {
    let world = world(&[("io-threads", "1")]);
    let client = world.client();
    client.say("SELECT 3\r\nSETRANGE k 1000000 x");
    work(&world);
    client.resume();
    assert_eq!(client.say("CLIENT REPLY SKIP\r\nGETRANGE k 0 -1\r\nSTRLEN k"), "");
    work(&world);
    assert_eq!(client.resume(), ":1000001\r\n", "one answer is left out, the next one is not");
    assert_eq!(client.say("DBSIZE"), ":1\r\n");
}

#[test]
fn a_client_that_has_gone_leaves_nothing_behind() {
    let world = world(&[]);
    let (client, watching, tracking) = (world.client(), world.client(), world.client());
    assert_eq!(watching.say("WATCH k"), "+OK\r\n");
    assert_eq!(tracking.say("HELLO 3\r\nCLIENT TRACKING ON\r\nGET k").lines().next_back(), Some("_"));
    let locked = world.server.keyspace.lock();
    let gone = world.client();
    assert_eq!(gone.say("SET k v\r\nSET k w"), "");
    let blocked = world.client();
    assert_eq!(blocked.say("BLPOP l 0"), "");
    [gone, blocked, watching, tracking].into_iter().for_each(Peer::leave);
    drop(locked);
    work(&world);
    assert_eq!(client.say("GET k"), "$1\r\nv\r\n", "the request that was on its way has been run");
    let state = world.server.keyspace.lock();
    assert_eq!((state.waiters.keys(), state.tracking.size().clients), ((0, 0), 0));
    drop(state);
    assert_eq!(client.say("RPUSH l x"), ":1\r\n");
}

#[test]
fn a_long_transaction_is_executed_in_steps_and_whole() {
    let world = world(&[]);
    let (client, other) = (world.client().speaking(Proto::Resp3), world.client_of(1));
    beside_executors(&world.server, || {
        client.say("MULTI\r\nSETRANGE k 1000000 x\r\nSUBSCRIBE a\r\nPUBLISH a own\r\nSTRLEN k\r\nPING");
        let answer = client.say("EXEC\r\nECHO behind");
        let heard = answer + &heard_until(&world, &client, "$6\r\nbehind\r\n");
        let array = "*5\r\n:1000001\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:1\r\n:1000001\r\n+PONG\r\n";
        assert!(heard.starts_with(array), "{heard}");
        assert!(heard.contains(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nown\r\n"), "{heard}");
        assert_eq!(ask(&world, &other, "STRLEN k"), ":1000001\r\n");
    });
}

#[test]
fn a_transaction_whose_client_goes_away_happens_as_a_whole() {
    for steps in 0..6 {
        let world = world(&[]);
        let (client, other) = (world.client(), world.client_of(1));
        beside_executors(&world.server, || {
            let sets: String = (0..200).map(|i| format!("INCR k{}\r\n", i % 2)).collect();
            client.say(&format!("MULTI\r\n{sets}CLIENT REPLY ON\r\n{sets}EXEC"));
            (0..steps).for_each(|_| drop(client.resume()));
            client.leave();
            // What is asked now comes behind all that was on its way.
            assert_eq!(ask(&world, &other, "MGET k0 k1"), "*2\r\n$3\r\n200\r\n$3\r\n200\r\n", "{steps} steps");
        });
    }
}

#[test]
fn p11_no_answer_is_longer_than_the_output_limit_however_it_is_asked_for() {
    let limit = 100_000;
    for elsewhere in [false, true] {
        let limits = [("client-output-buffer-limit", "normal 100000 0 0")];
        let world = if elsewhere { world(&limits) } else { World::with(&limits) };
        let writer = world.client();
        writer.say("SETRANGE k 60000 x");
        work(&world);
        for request in
            ["MGET k k k k", "MULTI\r\nGET k\r\nGET k\r\nGET k\r\nEXEC", "GET k\r\nGET k\r\nGET k\r\nINCR ran"]
        {
            let greedy = world.client();
            let heard = greedy.say(request).len();
            work(&world);
            assert!(heard + greedy.resume().len() <= limit, "{request}");
            assert_eq!(greedy.client.closing(), Some(Closing::HardLimit), "{request}");
        }
        assert_eq!(world.client().say("EXISTS ran"), ":0\r\n", "what follows is not run");
    }
}

#[test]
fn p11_an_answer_that_comes_from_elsewhere_counts_in_full_against_the_output_limit() {
    let world = world(&[]);
    let client = world.client();
    client.transmit(b"COMMAND DOCS\r\n", usize::MAX);
    work(&world);
    let mut outbox = client.client.outbox.borrow_mut();
    outbox.advance(1);
    assert!(outbox.bytes() > 50_000, "{} bytes", outbox.bytes());
    assert_eq!(outbox.counted_bytes(), outbox.bytes(), "it is no message, which may be longer than the limit");
}

#[test]
fn a_command_that_fails_as_none_should_ends_the_connection_of_its_client_only() {
    let world = world(&[]);
    let (client, other) = (world.client(), world.client());
    let nowhere = CommandIndex::MAX;
    let task = Task {
        client: client.client.info.clone(),
        requests: [(nowhere, OwnedArgs::new(["GET", "k"].map(str::as_bytes).into_iter()))].into(),
        scope: Scope::default(),
        proto: Proto::Resp2,
        room: usize::MAX,
        last: true,
        slot: Slot::default(),
    };
    world.server.executors.keys.add(RunAlone(task));
    work(&world);
    assert_eq!((client.client.closing(), other.client.closing()), (Some(Closing::Failed), None));
    assert_eq!(other.say("SET k v"), "+OK\r\n");
}

/// A client that watches 4000 keys.
fn watching(world: &World) -> Peer {
    let client = world.client();
    for part in 0..4 {
        let keys: String = (0..1000).map(|i| format!(" k{part}-{i}")).collect();
        client.say(&format!("WATCH{keys}"));
        work(world);
        client.resume();
    }
    assert_eq!(world.server.keyspace.lock().watchers.len(), 4000);
    client
}

/// Does all jobs one after the other, of which the first lets go of keys, and answers how many are watched after each. A
/// client is served when there are still some.
fn watched_after_each_job(world: &World) -> Vec<usize> {
    let other = world.client_of(1);
    assert_eq!(other.say("SET k v"), "", "it waits");
    let (executor, mut watched, mut is_served) = (&world.server.executors.keys, Vec::new(), false);
    while !executor.is_idle() {
        executor.work(&world.server, Duration::ZERO);
        world.settle();
        watched.push(world.server.keyspace.lock().watchers.len());
        if !is_served && !other.resume().is_empty() {
            is_served = true;
            assert!(watched.last().is_some_and(|left| *left > 1000), "{watched:?}");
        }
    }
    assert!(is_served && watched.windows(2).all(|pair| pair[0] <= pair[1] + 1024), "{watched:?}");
    watched
}

#[test]
fn many_watched_keys_are_let_go_of_in_parts_and_their_client_may_watch_others_meanwhile() {
    for request in [
        "MULTI\r\nNOSUCH\r\nEXEC",
        "MULTI\r\nEXEC x\r\n",
        "MULTI\r\nDISCARD",
        "MULTI\r\nEXEC",
        "UNWATCH",
        "MULTI\r\nRESET",
    ] {
        let world = world(&[]);
        let client = watching(&world);
        assert_ne!(client.say(request), "", "{request}");
        assert_eq!(client.say("WATCH new"), "", "it comes behind the first part of {request}");
        let watched = watched_after_each_job(&world);
        assert_eq!((watched[0], watched.last()), (4000 - 1024, Some(&1)), "{request}");
        assert_eq!(client.resume(), "+OK\r\n");
        assert_eq!(client.client.info.watched.load(Relaxed), 1);
    }
}

#[test]
fn the_watched_keys_of_a_client_that_has_gone_are_let_go_of_in_parts() {
    let world = world(&[]);
    watching(&world).leave();
    assert_eq!(watched_after_each_job(&world).last(), Some(&0));
}
