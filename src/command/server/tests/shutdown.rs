//! SHUTDOWN.

use std::time::Duration;

use crate::command::test_support::World;
use crate::resp::Proto;

#[test]
fn shutdown_is_not_answered_and_leaves_the_client_waiting() {
    for (command, immediate) in [
        ("SHUTDOWN", false),
        ("SHUTDOWN NOSAVE", false),
        ("SHUTDOWN FORCE", false),
        ("shutdown now nosave force", true),
    ] {
        let world = World::new();
        let client = world.client();
        assert_eq!(client.say(&format!("PING\r\n{command}\r\nPING")), "+PONG\r\n", "{command}");
        assert_eq!(client.resume(), "");
        let shutdown = &world.server.shutdown;
        assert!(shutdown.is_requested() && shutdown.is_immediate() == immediate, "{command}");
    }
}

#[test]
fn a_withdrawn_shutdown_is_told_to_all_who_asked_for_it() {
    for proto in Proto::ALL {
        let world = World::new();
        let asking = [world.client().speaking(proto), world.client_of(1).speaking(proto)];
        for client in &asking {
            assert_eq!(client.say("SHUTDOWN\r\nPING"), "");
        }
        let other = world.client().speaking(proto);
        assert_eq!(other.say("SHUTDOWN ABORT"), "+OK\r\n");
        for client in &asking {
            assert_eq!(client.resume(), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n+PONG\r\n");
        }
        assert!(!world.server.shutdown.is_requested());
        assert_eq!(other.say("SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
    }
}

#[test]
fn shutdown_has_its_errors() {
    let world = World::new();
    let client = world.client();
    for words in ["NOSUCH", "SAVE NOSAVE", "NOSAVE NOSUCH", "ABORT NOSAVE", "NOW ABORT", "ABORT SAVE"] {
        assert_eq!(client.say(&format!("SHUTDOWN {words}")), "-ERR syntax error\r\n", "{words}");
    }
    let refused = "-ERR nothing is kept on disk: this server holds all data in memory and never saves\r\n";
    assert_eq!(client.say("SHUTDOWN SAVE"), refused);
    client.say("MULTI");
    assert_eq!(client.say("SHUTDOWN"), "-ERR Command not allowed inside a transaction\r\n");
    assert!(!world.server.shutdown.is_requested());
}

#[test]
fn while_the_server_ends_commands_wait_except_those_that_withdraw_it() {
    let world = World::new();
    let asking = world.client();
    let other = world.client_of(1);
    asking.say("SHUTDOWN");
    world.workers.iter().for_each(|worker| worker.set_draining(true));
    assert_eq!(other.say("PING"), "");
    assert_eq!(other.wakes_in(), None, "no time lets it go on");
    assert_eq!(other.resume(), "");
    assert_eq!(world.client_of(1).say("RESET\r\nSHUTDOWN ABORT"), "+RESET\r\n+OK\r\n");
    assert_eq!(asking.resume(), "", "the process has still to notice");
    world.workers.iter().for_each(|worker| worker.set_draining(false));
    assert_eq!(asking.resume(), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    assert_eq!(other.resume(), "+PONG\r\n");
}

#[test]
fn a_sleep_that_is_over_does_not_wake_its_client_while_the_server_ends() {
    let world = World::with(&[("enable-debug-command", "yes")]);
    let sleeper = world.client();
    assert_eq!(sleeper.say("DEBUG SLEEP 1"), "");
    world.workers.iter().for_each(|worker| worker.set_draining(true));
    world.advance(Duration::from_secs(2));
    assert_eq!(sleeper.wakes_in(), None);
    assert_eq!(sleeper.resume(), "");
    world.workers.iter().for_each(|worker| worker.set_draining(false));
    assert_eq!(sleeper.resume(), "+OK\r\n");
}
