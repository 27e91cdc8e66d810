//! What replies alone do not show: deadlines in simulated time, and all commands against a naive model.

mod model;

use std::time::Duration;

use crate::command::test_support::World;

#[test]
fn a_string_is_gone_when_its_time_is_over() {
    let world = World::new();
    let client = world.client();
    for set in ["SET k v EX 10", "SET k v PX 10000", "SETEX k 10 v", "PSETEX k 10000 v"] {
        assert_eq!(client.say(set), "+OK\r\n", "{set}");
        world.advance(Duration::from_millis(9_999));
        assert_eq!(client.say("GET k"), "$1\r\nv\r\n", "{set}");
        world.advance(Duration::from_millis(1));
        assert_eq!(client.say("GET k"), "$-1\r\n", "{set}");
    }
}

#[test]
fn a_deadline_ends_with_the_value_unless_it_is_kept() {
    let world = World::new();
    let client = world.client();
    for (change, left) in [
        ("SET k w", ":-1\r\n"),
        ("SET k w KEEPTTL", ":100\r\n"),
        ("GETSET k w", ":-1\r\n"),
        ("APPEND k w", ":100\r\n"),
        ("SETRANGE k 0 w", ":100\r\n"),
        ("MSET k w", ":-1\r\n"),
        ("GETEX k PERSIST", ":-1\r\n"),
        ("GETEX k", ":100\r\n"),
        ("GETEX k EX 7", ":7\r\n"),
    ] {
        client.say("SET k v EX 100");
        client.say(change);
        assert_eq!(client.say("TTL k"), left, "{change}");
    }
}

#[test]
fn a_deadline_in_the_past_deletes_at_once() {
    let world = World::new();
    let client = world.client();
    client.say("SET k v");
    assert_eq!(client.say("GETEX k EXAT 1"), "$1\r\nv\r\n");
    assert_eq!(client.say("EXISTS k"), ":0\r\n");
    client.say("SET k v PXAT 1");
    assert_eq!(client.say("EXISTS k"), ":0\r\n");
}

#[test]
fn sums_of_fractions_have_the_digits_of_80_bits() {
    let world = World::new();
    let client = world.client();
    for (old, by, sum) in [
        ("10.50", "0.1", "10.6"),
        ("0.1", "0.2", "0.3"),
        ("5.0e3", "2.0e2", "5200"),
        ("3", "-3", "0"),
        ("-0.5", "0.25", "-0.25"),
        ("1", "1e-18", "1"),
        ("123456789", "0.00000001", "123456789.00000000999716576"),
    ] {
        client.say(&format!("SET k {old}"));
        assert_eq!(client.say(&format!("INCRBYFLOAT k {by}")), format!("${}\r\n{sum}\r\n", sum.len()), "{old} {by}");
    }
    for wrong in ["x", "1e5000", "", "1 "] {
        assert_eq!(client.say(&format!("INCRBYFLOAT k \"{wrong}\"")), "-ERR value is not a valid float\r\n", "{wrong}");
    }
    assert_eq!(client.say("INCRBYFLOAT k inf"), "-ERR increment would produce NaN or Infinity\r\n");
}
