use std::time::Duration;

use super::*;

#[test]
fn shutdown_is_not_answered_and_leaves_the_client_waiting() {
    for (command, immediate) in [
        ("SHUTDOWN", false),
        ("SHUTDOWN NOSAVE", false),
        ("SHUTDOWN FORCE", false),
        ("shutdown now nosave force", true),
    ] {
        let town = Town::new(&[]);
        let mut client = town.client(0, Proto::Resp2);
        assert_eq!(client.ask(&format!("PING\r\n{command}\r\nPING")), "+PONG\r\n", "{command}");
        assert_eq!(client.wake(), "");
        let shutdown = &town.server.shutdown;
        assert!(shutdown.is_requested() && shutdown.is_immediate() == immediate, "{command}");
    }
}

#[test]
fn a_withdrawn_shutdown_is_told_to_all_who_asked_for_it() {
    for proto in Proto::ALL {
        let town = Town::new(&[("io-threads", "2")]);
        let mut asking = [town.client(0, proto), town.client(1, proto)];
        for client in &mut asking {
            assert_eq!(client.ask("SHUTDOWN\r\nPING"), "");
        }
        let mut other = town.client(0, proto);
        assert_eq!(other.ask("SHUTDOWN ABORT"), "+OK\r\n");
        for client in &mut asking {
            assert_eq!(client.wake(), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n+PONG\r\n");
        }
        assert!(!town.server.shutdown.is_requested());
        assert_eq!(other.ask("SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
    }
}

#[test]
fn shutdown_has_its_errors() {
    let town = Town::new(&[]);
    let mut client = town.client(0, Proto::Resp2);
    for words in ["NOSUCH", "SAVE NOSAVE", "NOSAVE NOSUCH", "ABORT NOSAVE", "NOW ABORT", "ABORT SAVE"] {
        assert_eq!(client.ask(&format!("SHUTDOWN {words}")), "-ERR syntax error\r\n", "{words}");
    }
    let refused = "-ERR nothing is kept on disk: this server holds all data in memory and never saves\r\n";
    assert_eq!(client.ask("SHUTDOWN SAVE"), refused);
    client.ask("MULTI");
    assert_eq!(client.ask("SHUTDOWN"), "-ERR Command not allowed inside a transaction\r\n");
    assert!(!town.server.shutdown.is_requested());
}

#[test]
fn while_the_server_ends_commands_wait_except_those_that_withdraw_it() {
    let town = Town::new(&[("io-threads", "2")]);
    let mut asking = town.client(0, Proto::Resp2);
    let mut other = town.client(1, Proto::Resp2);
    asking.ask("SHUTDOWN");
    town.shards.iter().for_each(|shard| shard.set_draining(true));
    assert_eq!(other.ask("PING"), "");
    assert_eq!(other.session.wakes_in(), None, "no time lets it go on");
    assert_eq!(other.wake(), "");
    assert_eq!(town.client(1, Proto::Resp2).ask("RESET\r\nSHUTDOWN ABORT"), "+RESET\r\n+OK\r\n");
    assert_eq!(asking.wake(), "", "the process has still to notice");
    town.shards.iter().for_each(|shard| shard.set_draining(false));
    assert_eq!(asking.wake(), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    assert_eq!(other.wake(), "+PONG\r\n");
}

#[test]
fn a_sleep_that_is_over_does_not_wake_its_client_while_the_server_ends() {
    let town = Town::new(&[("enable-debug-command", "yes")]);
    let mut sleeper = town.client(0, Proto::Resp2);
    assert_eq!(sleeper.ask("DEBUG SLEEP 1"), "");
    town.shards.iter().for_each(|shard| shard.set_draining(true));
    town.server.clock.advance(Duration::from_secs(2));
    assert_eq!(sleeper.session.wakes_in(), None);
    assert_eq!(sleeper.wake(), "");
    town.shards.iter().for_each(|shard| shard.set_draining(false));
    assert_eq!(sleeper.wake(), "+OK\r\n");
}
