//! Commands that answer the same whatever clients do.

use std::time::Duration;

use crate::command::test_support::World;
use crate::resp::Proto;

/// Commands with the answers that both protocol versions get.
fn check(cases: &[(&str, &str)]) {
    for proto in Proto::ALL {
        let world = World::new();
        let client = world.client().speaking(proto);
        for (command, answer) in cases {
            assert_eq!(client.say(command), format!("{answer}\r\n"), "{command} in {proto:?}");
        }
    }
}

const NO_DISK: &str = "-ERR nothing is kept on disk: this server holds all data in memory and never saves";
const NO_CLUSTER: &str = "-ERR This instance has cluster support disabled";

#[test]
fn time_is_seconds_and_microseconds() {
    let world = World::new();
    let client = world.client();
    world.advance(Duration::from_micros(1_000_042));
    assert_eq!(client.say("TIME"), "*2\r\n$10\r\n1767225601\r\n$2\r\n42\r\n");
}

#[test]
fn the_last_save_was_the_start() {
    let world = World::new();
    let client = world.client();
    world.advance(Duration::from_millis(90_000));
    assert_eq!(client.say("LASTSAVE"), ":1767225600\r\n");
}

#[test]
fn there_are_no_keys_to_count_or_to_remove() {
    check(&[
        ("DBSIZE", ":0"),
        ("FLUSHALL", "+OK"),
        ("FLUSHALL async", "+OK"),
        ("FLUSHDB SYNC", "+OK"),
        ("FLUSHDB NOSUCH", "-ERR syntax error"),
        ("FLUSHALL SYNC ASYNC", "-ERR syntax error"),
    ]);
}

#[test]
fn what_needs_a_disk_is_refused() {
    check(&[
        ("SAVE", NO_DISK),
        ("BGSAVE", NO_DISK),
        ("BGSAVE schedule", NO_DISK),
        ("BGSAVE now", "-ERR syntax error"),
        ("BGREWRITEAOF", NO_DISK),
    ]);
}

#[test]
fn a_server_without_replicas_is_a_master_that_waits_for_nobody() {
    check(&[
        ("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0"),
        ("WAIT 0 0", ":0"),
        ("WAIT 3 1000", ":0"),
        ("WAIT x 0", "-ERR value is not an integer or out of range"),
        ("WAIT 0 x", "-ERR timeout is not an integer or out of range"),
        ("WAIT 0 -1", "-ERR timeout is negative"),
        ("WAIT 0 9223372036854775807", "-ERR timeout is out of range"),
        ("WAITAOF 0 1 10", "*2\r\n:0\r\n:0"),
        ("WAITAOF 1 0 0", "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
        ("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1"),
        ("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive"),
        ("WAITAOF 1 0 -1", "-ERR timeout is negative"),
    ]);
}

#[test]
fn only_no_one_can_be_the_master() {
    const NO_REPLICATION: &str = "-ERR replication is not supported: this server is always its own master";
    check(&[
        ("REPLICAOF NO ONE", "+OK"),
        ("slaveof no one", "+OK"),
        ("REPLICAOF 127.0.0.1 6379", NO_REPLICATION),
        ("SLAVEOF no two", "-ERR Invalid master port"),
        ("REPLICAOF a 65536", "-ERR Invalid master port"),
    ]);
}

#[test]
fn cluster_commands_are_known_and_refused() {
    check(&[
        ("CLUSTER INFO", NO_CLUSTER),
        ("cluster slots", NO_CLUSTER),
        ("CLUSTER HELP", NO_CLUSTER),
        ("CLUSTER", "-ERR wrong number of arguments for 'cluster' command"),
        ("CLUSTER INFO x", "-ERR wrong number of arguments for 'cluster|info' command"),
        ("CLUSTER NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP."),
        ("READONLY", NO_CLUSTER),
        ("READWRITE", NO_CLUSTER),
        ("ASKING", NO_CLUSTER),
    ]);
}

#[test]
fn there_is_one_user_and_no_module() {
    check(&[
        ("ACL WHOAMI", "$7\r\ndefault"),
        ("ACL USERS", "*1\r\n$7\r\ndefault"),
        ("ACL CAT nosuch", "-ERR Unknown category 'nosuch'"),
        ("ACL CAT a b", "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP."),
        ("MODULE LIST", "*0"),
    ]);
}

#[test]
fn a_category_lists_its_commands() {
    let world = World::new();
    let client = world.client();
    let all = client.say("ACL CAT");
    assert!(all.starts_with("*21\r\n$8\r\nkeyspace\r\n") && all.ends_with("$9\r\nscripting\r\n"), "{all}");
    let connection = client.say("ACL CAT Connection");
    for name in ["hello", "wait", "readonly"] {
        assert!(connection.contains(&format!("\r\n{name}\r\n")), "{name}");
    }
    assert!(!connection.contains("\r\npublish\r\n"));
    assert!(!client.say("ACL CAT keyspace").contains("\r\nwait\r\n"));
}

#[test]
fn lolwut_says_the_versions() {
    let world = World::new();
    for (proto, kind) in [(Proto::Resp2, "$"), (Proto::Resp3, "=")] {
        let client = world.client().speaking(proto);
        for command in ["LOLWUT", "LOLWUT VERSION 5 6 7 8", "LOLWUT 40 10"] {
            let text = client.say(command);
            assert!(text.starts_with(kind) && text.ends_with("\nRedis ver. 7.4.2\n\r\n"), "{text}");
        }
    }
}

#[test]
fn lolwut_draws_as_large_as_it_is_told_within_bounds() {
    let world = World::new();
    let client = world.client();
    for (command, columns, lines) in [("LOLWUT 5 3", 5, 3), ("LOLWUT 9999999999 -1", 200, 1)] {
        let text = client.say(command);
        let drawn: Vec<&str> = text.split('\n').skip(1).take_while(|line| !line.is_empty()).collect();
        assert_eq!(drawn.len(), lines, "{text}");
        assert!(drawn.iter().all(|line| line.len() == columns), "{text}");
    }
    for command in ["LOLWUT VERSION x", "LOLWUT x", "LOLWUT VERSION 5 1 x"] {
        assert_eq!(client.say(command), "-ERR value is not an integer or out of range\r\n");
    }
}
