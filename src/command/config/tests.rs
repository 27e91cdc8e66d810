//! CONFIG through sessions in memory. What values are taken is tested beside the table of directives.

use std::fs;

use crate::command::test_support::World;
use crate::config::{Invocation, invocation_with};
use crate::resp::Proto;
use crate::resp::errors::ReplyError;

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
fn resetstat_sets_what_every_thread_counts_to_zero() {
    let world = World::new();
    let client = world.client();
    world.server.all_stats().for_each(|stats| stats.counters.commands.add(1));
    client.say("CONFIG RESETSTAT");
    assert_eq!(world.server.total(|stats| &stats.commands), 1);
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
fn p7_what_the_system_takes_its_time_for_keeps_nobody_waiting_but_who_has_asked_for_it() {
    let world = World::new();
    let (mut changes, mut rewrites) = world.server.governor.open();
    let (client, writer, other) = (world.client(), world.client(), world.client_of(1));
    assert_eq!(client.say("PING\r\nCONFIG SET timeout 5 bind nosuchname\r\nPING"), "+PONG\r\n");
    assert_eq!(writer.say("CONFIG REWRITE"), "");
    assert_eq!(other.say("PUBLISH a b\r\nCONFIG SET timeout 7\r\nSET k v"), ":0\r\n+OK\r\n+OK\r\n");
    assert_eq!(other.say("MULTI\r\nPUBLISH a b\r\nGET k\r\nEXEC").lines().last(), Some("v"));
    assert_eq!((client.resume(), writer.resume()), (String::new(), String::new()));
    let change = changes.try_recv().expect("it was asked for");
    assert_eq!(&change.details.args()[3], b"5");
    *change.answer.lock() = Some(Err(ReplyError::SYNTAX));
    assert_eq!(client.resume(), "-ERR syntax error\r\n+PONG\r\n");
    let rewrite = rewrites.try_recv().expect("it was asked for");
    *rewrite.answer.lock() = Some(Ok(()));
    assert_eq!(writer.resume(), "+OK\r\n");
    assert_eq!(world.server.settings().timeout.0, 7);
}

#[test]
fn what_the_system_takes_its_time_for_is_not_done_within_a_transaction() {
    let world = World::new();
    let (mut changes, _rewrites) = world.server.governor.open();
    let client = world.client();
    let answers =
        client.say("MULTI\r\nCONFIG SET timeout 5 port 7000\r\nCONFIG REWRITE\r\nCONFIG SET timeout 6\r\nEXEC");
    let expected = "*3\r\n-ERR CONFIG SET failed (possibly related to argument 'port') - can't be changed within a \
                    transaction\r\n-ERR CONFIG REWRITE is not allowed within a transaction: nothing there waits for a \
                    file\r\n+OK\r\n";
    assert!(answers.ends_with(expected), "{answers}");
    assert!(changes.try_recv().is_err());
    assert_eq!(world.server.settings().timeout.0, 6);
}

#[test]
fn an_answer_that_its_client_has_asked_not_to_get_stays_out_also_when_it_comes_later() {
    let world = World::new();
    let (mut changes, _rewrites) = world.server.governor.open();
    let client = world.client();
    assert_eq!(client.say("CLIENT REPLY SKIP\r\nCONFIG SET port 7000\r\nPING"), "");
    *changes.try_recv().expect("it was asked for").answer.lock() = Some(Ok(()));
    assert_eq!(client.resume(), "+PONG\r\n");
}

#[test]
fn p11_only_so_many_changes_wait() {
    let world = World::new();
    let _errands = world.server.governor.open();
    let clients: Vec<_> = (0..100).map(|_| world.client()).collect();
    let answers: Vec<String> = clients.iter().map(|client| client.say("CONFIG SET port 7000")).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_empty()).count(), 64);
    let refused = "-ERR Too many changes of the configuration are under way, try again later\r\n";
    assert!(answers[64..].iter().all(|answer| answer == refused));
}

#[test]
fn help_names_the_subcommands() {
    let help = World::new().client().say("CONFIG HELP");
    assert!(help.starts_with("*"), "{help}");
    for word in ["+GET ", "+SET ", "+RESETSTAT\r\n", "+REWRITE\r\n", "+HELP\r\n"] {
        assert!(help.contains(word), "{word} in {help}");
    }
}
