//! CONFIG through sessions in memory. What values are taken is tested beside the table of directives.

use std::fs;

use crate::command::test_support::World;
use crate::config::{Invocation, invocation_with};
use crate::resp::Proto;

#[test]
fn get_answers_a_map_of_names_and_values() {
    let world = World::with(&[("timeout", "7")]);
    assert_eq!(world.client().say("CONFIG GET timeout"), "*2\r\n$7\r\ntimeout\r\n$1\r\n7\r\n");
    assert_eq!(world.client().speaking(Proto::Resp3).say("CONFIG GET timeout"), "%1\r\n$7\r\ntimeout\r\n$1\r\n7\r\n");
    let several = world.client().speaking(Proto::Resp3).say("CONFIG GET slowlog-max* TIMEOUT timeout nosuch");
    assert_eq!(several, "%2\r\n$15\r\nslowlog-max-len\r\n$3\r\n128\r\n$7\r\nTIMEOUT\r\n$1\r\n7\r\n");
    assert_eq!(world.client().speaking(Proto::Resp3).say("CONFIG GET nosuch"), "%0\r\n");
}

#[test]
fn set_changes_all_given_directives_or_none() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.say("CONFIG SET timeout 50 slowlog-max-len 10"), "+OK\r\n");
    assert_eq!((world.server.settings().timeout.0, world.server.settings().slowlog_max_len), (50, 10));
    let refused = client.say("CONFIG SET timeout 60 slowlog-max-len abc");
    assert!(refused.starts_with("-ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - "));
    assert_eq!(world.server.settings().timeout.0, 50);
    assert_eq!(client.say("CONFIG SET timeout 1 hz"), "-ERR syntax error\r\n");
    assert_eq!(client.say("CONFIG SET timeout"), "-ERR wrong number of arguments for 'config|set' command\r\n");
    let unknown = "-ERR Unknown option or number of arguments for CONFIG SET - 'no such'\r\n";
    assert_eq!(client.say(r#"CONFIG SET "no\nsuch" 1"#), unknown);
}

#[test]
fn a_change_applies_to_the_next_command_of_the_same_read_and_transaction() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.say("CONFIG SET requirepass x\r\nAUTH x"), "+OK\r\n+OK\r\n");
    let answers = client.say("MULTI\r\nCONFIG SET requirepass y\r\nAUTH y\r\nEXEC");
    assert!(answers.ends_with("*2\r\n+OK\r\n+OK\r\n"), "{answers}");
}

#[test]
fn protected_directives_are_for_local_clients_where_the_directive_says_so() {
    let world = World::with(&[("enable-protected-configs", "local")]);
    assert_eq!(world.client().say("CONFIG SET dbfilename x.rdb"), "+OK\r\n");
    let refused = world.client_from([10, 0, 0, 1]).say("CONFIG SET dbfilename y.rdb");
    assert!(refused.ends_with("can't set protected config\r\n"), "{refused}");
}

#[test]
fn more_clients_than_descriptors_are_refused_with_a_number_that_works() {
    let world = World::new();
    let refused = world.client().say("CONFIG SET maxclients 4294967295");
    let expected = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not \
                    able to handle the specified number of clients, try with ";
    assert!(refused.starts_with(expected), "{refused}");
    assert_eq!(world.server.settings().maxclients, 10000);
}

#[test]
fn passwords_are_hidden_from_the_slow_log() {
    let world = World::with(&[("slowlog-log-slower-than", "0")]);
    world.client().say("CONFIG SET timeout 1 requirepass hunter2");
    let args = &world.server.slowlog.newest(1)[0].args;
    assert_eq!(args.join(&b' '), b"CONFIG SET timeout 1 requirepass (redacted)");
}

#[test]
fn resetstat_sets_counters_to_zero() {
    let world = World::new();
    let client = world.client();
    client.say("PING");
    client.say("NOSUCH");
    assert_eq!(client.say("CONFIG RESETSTAT"), "+OK\r\n");
    // Its own execution counts again.
    assert_eq!(world.server.total(|stats| &stats.commands), 1);
    assert_eq!(world.server.total(|stats| &stats.errors), 0);
    assert!(world.server.stats.errors.lock().is_empty());
}

#[test]
fn rewrite_writes_what_was_set_into_the_file() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let path = directory.path().join("pregon.conf");
    fs::write(&path, "timeout 1\n").expect("the temporary directory is writable");
    let Ok(Invocation::Run { config, .. }) = invocation_with([path.clone().into_os_string()], b"", &mut &b""[..])
    else {
        panic!("the file is valid");
    };
    let world = World::configured(*config);
    let client = world.client();
    client.say("CONFIG SET timeout 2");
    assert_eq!(client.say("CONFIG REWRITE"), "+OK\r\n");
    assert_eq!(fs::read_to_string(&path).expect("it was just written").lines().next(), Some("timeout 2"));
    let without_file = World::new().client().say("CONFIG REWRITE");
    assert_eq!(without_file, "-ERR The server is running without a config file\r\n");
}

#[test]
fn help_names_the_subcommands() {
    let help = World::new().client().say("CONFIG HELP");
    assert!(help.starts_with("*"), "{help}");
    for word in ["+GET ", "+SET ", "+RESETSTAT\r\n", "+REWRITE\r\n", "+HELP\r\n"] {
        assert!(help.contains(word), "{word} in {help}");
    }
}
