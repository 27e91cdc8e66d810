//! MONITOR.

use std::time::Duration;

use crate::command::test_support::{Peer, World};
use crate::resp::Proto;

/// Two workers, a monitor on each.
fn watched() -> (World, [Peer; 2]) {
    let world = World::new();
    let monitors = [world.client(), world.client_of(1).speaking(Proto::Resp3)];
    for monitor in &monitors {
        assert_eq!(monitor.say("MONITOR"), "+OK\r\n");
    }
    (world, monitors)
}

/// What every one of `monitors` has seen, which must be the same.
fn seen(world: &World, monitors: &[Peer]) -> String {
    world.settle();
    let mut texts: Vec<String> = monitors.iter().map(Peer::heard).collect();
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    texts.remove(0)
}

#[test]
fn every_monitor_on_every_worker_sees_every_command() {
    let (world, monitors) = watched();
    world.advance(Duration::from_micros(1_000_042));
    for (worker, port) in [(0, 3), (1, 4)] {
        world.client_of(worker).say("ping hello");
        let line = format!("+1767225601.000042 [0 127.0.0.1:{port}] \"ping\" \"hello\"\r\n");
        assert_eq!(seen(&world, &monitors), line);
    }
}

#[test]
fn arguments_are_quoted_and_the_database_is_shown() {
    let (world, monitors) = watched();
    let client = world.client();
    client.say("SELECT 3");
    seen(&world, &monitors);
    client.say("ECHO \"a b\\r\\n\\t\\x00\\xfe\\\"\\\\\"");
    let line = seen(&world, &monitors);
    let (_, line) = line.split_once(' ').expect("the time comes first");
    assert_eq!(line, "[3 127.0.0.1:3] \"ECHO\" \"a b\\r\\n\\t\\x00\\xfe\\\"\\\\\"\r\n");
}

#[test]
fn a_client_of_the_unix_socket_is_shown_with_its_path() {
    let (world, monitors) = watched();
    world.unix_client("/run/pregon.sock").say("PING");
    assert!(seen(&world, &monitors).ends_with(" [0 unix:/run/pregon.sock] \"PING\"\r\n"));
}

#[test]
fn secrets_are_hidden() {
    for (command, shown) in [
        ("AUTH secret", r#""AUTH" "(redacted)""#),
        ("AUTH user secret", r#""AUTH" "(redacted)" "(redacted)""#),
        ("HELLO 3 AUTH user secret SETNAME me", r#""HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me""#),
        ("HELLO 9 AUTH user secret", r#""HELLO" "9" "AUTH" "(redacted)" "(redacted)""#),
        ("HELLO x auth user secret", r#""HELLO" "x" "auth" "(redacted)" "(redacted)""#),
        (
            "HELLO 3 SETNAME auth AUTH user secret",
            r#""HELLO" "3" "SETNAME" "auth" "(redacted)" "(redacted)" "(redacted)""#,
        ),
    ] {
        let (world, monitors) = watched();
        world.client().say(command);
        let line = seen(&world, &monitors);
        assert!(line.ends_with(&format!("] {shown}\r\n")), "{line}");
    }
}

#[test]
fn commands_of_administrators_and_refused_ones_are_not_shown() {
    let (world, monitors) = watched();
    world.client().say("SAVE\r\nREPLICAOF NO ONE\r\nMODULE LIST\r\nNOSUCH\r\nECHO\r\nMONITOR");
    assert_eq!(seen(&world, &monitors), "");
}

#[test]
fn a_transaction_is_shown_in_the_order_of_execution() {
    let (world, monitors) = watched();
    world.client_of(1).say("MULTI\r\nECHO a\r\nECHO b\r\nEXEC");
    let lines = seen(&world, &monitors);
    let shown: Vec<&str> = lines.lines().filter_map(|line| line.split_once("] ")).map(|(_, shown)| shown).collect();
    assert_eq!(shown, [r#""MULTI""#, r#""ECHO" "a""#, r#""ECHO" "b""#, r#""EXEC""#]);
}

#[test]
fn a_monitor_sees_its_own_commands_behind_their_replies() {
    let (_world, [monitor, _other]) = watched();
    let line = |shown| format!("+1767225600.000000 [0 127.0.0.1:1] {shown}\r\n");
    let (ping, echo, exec) = (line(r#""PING""#), line(r#""ECHO" "x""#), line(r#""EXEC""#));
    assert_eq!(monitor.say("PING\r\nECHO x"), format!("+PONG\r\n{ping}$1\r\nx\r\n{echo}"));
    monitor.say("MULTI\r\nPING");
    assert_eq!(monitor.say("EXEC"), format!("*1\r\n+PONG\r\n{ping}{exec}"));
}

#[test]
fn a_new_monitor_sees_nothing_that_is_older_than_its_request() {
    let (world, _monitors) = watched();
    let late = world.client_of(1);
    world.client().say("ECHO early");
    assert_eq!(late.say("MONITOR"), "+OK\r\n");
    world.settle();
    assert_eq!(late.heard(), "");
}

#[test]
fn a_monitor_can_be_asked_for_again_and_is_counted_once() {
    let (world, [monitor, other]) = watched();
    let count = || world.server.monitors.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(monitor.say("MONITOR"), "+OK\r\n");
    assert_eq!(count(), 2);
    monitor.say("RESET");
    assert_eq!(count(), 1);
    assert_eq!(monitor.say("PING"), "+PONG\r\n");
    other.leave();
    assert_eq!(count(), 0);
}

#[test]
fn a_monitor_that_quits_hears_nothing_behind_its_answer() {
    let (world, [monitor, other]) = watched();
    assert_eq!(monitor.say("QUIT"), "+OK\r\n");
    world.settle();
    assert_eq!(monitor.heard(), "");
    assert!(other.heard().ends_with("\"QUIT\"\r\n"));
}

#[test]
fn monitor_within_exec_is_refused() {
    let world = World::new();
    let client = world.client();
    client.say("MULTI\r\nMONITOR");
    assert_eq!(client.say("EXEC"), "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
}
