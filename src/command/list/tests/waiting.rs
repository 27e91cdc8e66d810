//! How many of the clients that wait are looked at.

use crate::command::test_support::{Peer, World};
use crate::process::upkeep;

/// How many attempts of clients that wait have been run again.
fn tried(world: &World) -> usize {
    world.server.keyspace.lock().waiters.tried
}

/// Clients that have said this and wait.
fn waiting(world: &World, count: usize, request: impl Fn(usize) -> String) -> Vec<Peer> {
    let wait = |i| {
        let client = world.client();
        assert_eq!(client.say(&request(i)), "");
        client
    };
    (0..count).map(wait).collect()
}

/// Who of them has been answered.
fn answered(world: &World, clients: &[Peer]) -> Vec<usize> {
    world.settle();
    (0..clients.len()).filter(|i| !clients[*i].resume().is_empty()).collect()
}

fn keys(count: usize) -> String {
    (0..count).map(|i| format!("k{i} ")).collect()
}

#[test]
fn a_push_looks_at_no_more_clients_than_it_serves() {
    let world = World::new();
    let idle = waiting(&world, 1000, |i| format!("{} q 0", ["BLPOP", "BRPOP"][i % 2]));
    assert_eq!(world.client().say("RPUSH q a"), ":1\r\n");
    assert_eq!((answered(&world, &idle), tried(&world)), (vec![0], 1));
    assert_eq!(world.client().say("MULTI\r\nRPUSH q b\r\nLPUSH q c d\r\nEXEC").lines().last(), Some(":3"));
    assert_eq!((answered(&world, &idle), tried(&world)), (vec![1, 2, 3], 4));
}

#[test]
fn a_push_serves_on_behind_a_client_that_it_answers_with_an_error() {
    let world = World::new();
    world.client().say("SET text x");
    let idle = waiting(&world, 3, |i| format!("BLMOVE q {} LEFT LEFT 0", ["text", "other", "text"][i]));
    assert_eq!(world.client().say("RPUSH q a"), ":1\r\n");
    assert_eq!((answered(&world, &idle), tried(&world)), (vec![0, 1], 2));
}

#[test]
fn an_entry_is_shown_to_all_readers_and_to_the_first_of_each_group_and_whom_it_finds_waiting_behind() {
    let world = World::new();
    world.client().say("XGROUP CREATE s g 0 MKSTREAM\r\nXGROUP CREATE s h 0");
    let in_group = |i: usize| format!("XREADGROUP GROUP {} c{i} BLOCK 0 STREAMS s >", ["g", "h"][i % 2]);
    let members = waiting(&world, 100, in_group);
    let readers = waiting(&world, 3, |_| "XREAD BLOCK 0 STREAMS s $".into());
    assert_eq!(world.client().say("XADD s 1-1 a b"), "$3\r\n1-1\r\n");
    assert_eq!((answered(&world, &members), answered(&world, &readers)), (vec![0, 1], vec![0, 1, 2]));
    assert_eq!(tried(&world), 3 + 2 * 2);
}

#[test]
fn a_client_whose_id_is_not_reached_keeps_its_place() {
    let world = World::new();
    let readers = waiting(&world, 2, |i| format!("XREAD BLOCK 0 STREAMS other s 0 {}-0", 5 - i));
    let writer = world.client();
    writer.say("XADD s 3-0 a b");
    assert_eq!((answered(&world, &readers), tried(&world)), (vec![], 0));
    writer.say("XADD s 5-0 a b");
    assert_eq!((answered(&world, &readers), tried(&world)), (vec![1], 1));
    writer.say("XADD s 6-0 a b");
    assert_eq!((answered(&world, &readers), tried(&world)), (vec![0], 2));
}

#[test]
fn emptying_databases_looks_only_at_clients_that_mind() {
    let world = World::new();
    let idle = waiting(&world, 2, |_| format!("BLPOP {} 0", keys(1000)));
    let writer = world.client();
    writer.say("SET x y");
    for flush in ["FLUSHDB", "FLUSHALL"] {
        assert_eq!((writer.say(flush), tried(&world)), ("+OK\r\n".into(), 0));
    }
    (0..100).for_each(|i| drop(writer.say(&format!("XGROUP CREATE s{i} g 0 MKSTREAM"))));
    let streams: String = (0..100).map(|i| format!("s{i} ")).collect();
    let read = format!("XREADGROUP GROUP g c BLOCK 0 STREAMS {streams} {}", "> ".repeat(100));
    let minding = waiting(&world, 1, |_| read.clone());
    assert_eq!((writer.say("FLUSHALL"), tried(&world)), ("+OK\r\n".into(), 1));
    assert_eq!((answered(&world, &minding), answered(&world, &idle)), (vec![0], vec![]));
    assert_eq!(writer.say("RPUSH k999 a"), ":1\r\n");
    assert_eq!(answered(&world, &idle), [0]);
}

#[test]
fn an_exchange_of_databases_looks_only_at_clients_that_may_find_something() {
    let world = World::new();
    let idle = waiting(&world, 2, |_| format!("BLPOP {} 0", keys(1000)));
    let writer = world.client();
    writer.say("SELECT 1\r\nRPUSH k7 a\r\nSET k8 text\r\nRPUSH other b");
    assert_eq!((writer.say("SWAPDB 0 1"), tried(&world)), ("+OK\r\n".into(), 1));
    assert_eq!(answered(&world, &idle), [0]);
}

#[test]
fn a_client_that_waits_for_many_keys_is_tried_once_whatever_number_of_them_is_fed() {
    let world = World::new();
    let idle = waiting(&world, 1, |_| format!("BLPOP {} 0", keys(1000)));
    let pushes: String = (0..1000).map(|i| format!("RPUSH k{i} a\r\n")).collect();
    world.client().say(&format!("MULTI\r\n{pushes}EXEC"));
    assert_eq!((answered(&world, &idle), tried(&world)), (vec![0], 1));
}

#[test]
fn a_client_that_waited_for_very_many_keys_leaves_them_in_steps_and_keeps_no_turn_there() {
    let world = World::new();
    let places = || world.server.keyspace.lock().waiters.keys().0;
    let (many, other, pusher) = (world.client(), world.client(), world.client());
    assert_eq!(many.say(&format!("BLPOP {}0", keys(5000))), "");
    assert_eq!(pusher.say("RPUSH k0 a"), ":1\r\n");
    world.settle();
    assert_eq!(many.resume(), "*2\r\n$2\r\nk0\r\n$1\r\na\r\n");
    let left = places();
    assert!((3900..5000).contains(&left), "{left} places are left");
    assert_eq!(other.say("BLPOP k5 0"), "");
    assert_eq!(many.say("BLPOP k5 0"), "");
    assert_eq!(pusher.say("RPUSH k5 b"), ":1\r\n");
    world.settle();
    assert_eq!((many.resume(), other.resume()), (String::new(), "*2\r\n$2\r\nk5\r\n$1\r\nb\r\n".to_owned()));
    let steps = 1 + (0..100).take_while(|_| upkeep::trim(&world.server)).count();
    assert!(steps > 2, "{steps} steps");
    assert_eq!(places(), 1);
}

#[test]
fn an_entry_looks_at_no_reader_that_waits_for_a_later_one() {
    let world = World::new();
    let readers = waiting(&world, 1000, |i| format!("XREAD BLOCK 0 STREAMS s other {}-5 $", 1 + i % 500));
    let writer = world.client();
    assert_eq!(writer.say("XADD s 1-5 a b"), "$3\r\n1-5\r\n");
    assert_eq!((answered(&world, &readers), tried(&world)), (vec![], 0));
    assert_eq!(writer.say("XADD s 1-6 a b"), "$3\r\n1-6\r\n");
    assert_eq!((answered(&world, &readers), tried(&world)), (vec![0, 500], 2));
    assert_eq!(writer.say("XADD other 1-1 a b"), "$3\r\n1-1\r\n");
    assert_eq!((answered(&world, &readers).len(), tried(&world)), (998, 1000));
}

#[test]
fn readers_are_served_in_the_order_in_which_they_came_and_leave_nothing_behind() {
    let world = World::new();
    let ids = ["3-0", "0", "3-9", "2-0", "4-0"];
    let readers = waiting(&world, ids.len(), |i| format!("XREAD BLOCK 0 STREAMS s s {} {}", ids[i], ids[i]));
    let gone = waiting(&world, 1, |_| "XREAD BLOCK 0 STREAMS s 0".into());
    gone.into_iter().for_each(Peer::leave);
    assert_eq!(world.client().say("XADD s 3-5 a b"), "$3\r\n3-5\r\n");
    assert_eq!((answered(&world, &readers), tried(&world)), (vec![0, 1, 3], 3));
    readers.into_iter().for_each(Peer::leave);
    assert_eq!(world.server.keyspace.lock().waiters.keys(), (0, 0));
}

#[test]
fn who_has_lost_the_right_to_what_it_waits_for_is_refused_when_it_would_be_served_and_the_next_is_served() {
    let no_key = "-NOPERM No permissions to access a key\r\n";
    let no_command = |name: &str| format!("-NOPERM User u has no permissions to run the '{name}' command\r\n");
    let in_group = "XREADGROUP GROUP g c BLOCK 0 STREAMS s >";
    for (request, change, refused) in [
        ("BLPOP q 0", "-blpop", no_command("blpop")),
        ("BLMOVE q other LEFT LEFT 0", "resetkeys ~q", no_key.to_owned()),
        ("XREAD BLOCK 0 STREAMS s $", "-@read", no_command("xread")),
        (in_group, "resetkeys", no_key.to_owned()),
        ("CLIENT REPLY SKIP\r\nBLPOP q 0", "resetkeys", String::new()),
    ] {
        let world = World::new();
        let operator = world.client();
        operator.say("XGROUP CREATE s g $ MKSTREAM\r\nACL SETUSER u on nopass ~* +@all");
        let [waiting, next] = [(); 2].map(|()| world.client_of(1));
        assert_eq!(waiting.say(&format!("AUTH u x\r\n{request}")), "+OK\r\n");
        next.say(if request.starts_with('X') { in_group } else { "BLPOP q 0" });
        assert_eq!(operator.say(&format!("ACL SETUSER u {change}")), "+OK\r\n");
        world.settle();
        assert_eq!(waiting.resume(), "", "nothing has been fed");
        operator.say("RPUSH q a\r\nXADD s 1-1 f v");
        world.settle();
        assert_eq!(waiting.resume(), refused, "{request}");
        assert!(next.resume().starts_with("*"), "{request}");
        assert_eq!(waiting.say("ECHO on"), "$2\r\non\r\n");
        assert!(operator.say("ACL LOG").contains("$8\r\nusername\r\n$1\r\nu\r\n"), "{request}");
        assert!(operator.say("INFO clients").contains("blocked_clients:0"));
    }
}

#[test]
fn who_may_still_do_what_it_waits_for_is_served_and_a_deleted_user_is_not() {
    let world = World::new();
    let operator = world.client();
    operator.say("ACL SETUSER u on nopass ~* +@all\r\nACL SETUSER v on nopass ~* +@all");
    let (gone, stays) = (world.client(), world.client_of(1));
    gone.say("AUTH v x\r\nBLPOP q 0");
    stays.say("AUTH u x\r\nBLPOP q 0");
    operator.say("ACL SETUSER u resetkeys ~q -@all +blpop\r\nACL DELUSER v\r\nRPUSH q a");
    world.settle();
    assert!(gone.is_killed());
    assert_eq!(stays.resume(), "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
}
