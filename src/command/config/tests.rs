//! CONFIG through sessions in memory. What values are taken is tested beside the table of directives.

use std::fs;

use crate::command::test_support::Bench;
use crate::config::{Invocation, invocation_with};

#[test]
fn get_answers_a_map_of_names_and_values() {
    let bench = Bench::new(&[("timeout", "7")]);
    assert_eq!(bench.client().call("CONFIG GET timeout"), "*2\r\n$7\r\ntimeout\r\n$1\r\n7\r\n");
    assert_eq!(bench.client3().call("CONFIG GET timeout"), "%1\r\n$7\r\ntimeout\r\n$1\r\n7\r\n");
    let several = bench.client3().call("CONFIG GET slowlog-max* TIMEOUT timeout nosuch");
    assert_eq!(several, "%2\r\n$15\r\nslowlog-max-len\r\n$3\r\n128\r\n$7\r\nTIMEOUT\r\n$1\r\n7\r\n");
    assert_eq!(bench.client3().call("CONFIG GET nosuch"), "%0\r\n");
}

#[test]
fn set_changes_all_given_directives_or_none() {
    let bench = Bench::new(&[]);
    let mut client = bench.client();
    assert_eq!(client.call("CONFIG SET timeout 50 slowlog-max-len 10"), "+OK\r\n");
    assert_eq!((bench.server.settings().timeout.0, bench.server.settings().slowlog_max_len), (50, 10));
    let refused = client.call("CONFIG SET timeout 60 slowlog-max-len abc");
    assert!(refused.starts_with("-ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - "));
    assert_eq!(bench.server.settings().timeout.0, 50);
    assert_eq!(client.call("CONFIG SET timeout 1 hz"), "-ERR syntax error\r\n");
    assert_eq!(client.call("CONFIG SET timeout"), "-ERR wrong number of arguments for 'config|set' command\r\n");
    let unknown = "-ERR Unknown option or number of arguments for CONFIG SET - 'no such'\r\n";
    assert_eq!(client.call(r#"CONFIG SET "no\nsuch" 1"#), unknown);
}

#[test]
fn a_change_applies_to_the_next_command_of_the_same_read_and_transaction() {
    let bench = Bench::new(&[]);
    let mut client = bench.client();
    assert_eq!(client.feed(b"CONFIG SET requirepass x\r\nAUTH x\r\n"), "+OK\r\n+OK\r\n");
    let answers = client.feed(b"MULTI\r\nCONFIG SET requirepass y\r\nAUTH y\r\nEXEC\r\n");
    assert!(answers.ends_with("*2\r\n+OK\r\n+OK\r\n"), "{answers}");
}

#[test]
fn protected_directives_are_for_local_clients_where_the_directive_says_so() {
    let bench = Bench::new(&[("enable-protected-configs", "local")]);
    assert_eq!(bench.client().call("CONFIG SET dbfilename x.rdb"), "+OK\r\n");
    let refused = bench.client_at([10, 0, 0, 1]).call("CONFIG SET dbfilename y.rdb");
    assert!(refused.ends_with("can't set protected config\r\n"), "{refused}");
}

#[test]
fn more_clients_than_descriptors_are_refused_with_a_number_that_works() {
    let bench = Bench::new(&[]);
    let refused = bench.client().call("CONFIG SET maxclients 4294967295");
    let expected = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not \
                    able to handle the specified number of clients, try with ";
    assert!(refused.starts_with(expected), "{refused}");
    assert_eq!(bench.server.settings().maxclients, 10000);
}

#[test]
fn passwords_are_hidden_from_the_slow_log() {
    let bench = Bench::new(&[("slowlog-log-slower-than", "0")]);
    bench.client().call("CONFIG SET timeout 1 requirepass hunter2");
    let args = &bench.server.slowlog.newest(1)[0].args;
    assert_eq!(args.join(&b' '), b"CONFIG SET timeout 1 requirepass (redacted)");
}

#[test]
fn resetstat_sets_counters_to_zero() {
    let bench = Bench::new(&[]);
    let mut client = bench.client();
    client.call("PING");
    client.call("NOSUCH");
    assert_eq!(client.call("CONFIG RESETSTAT"), "+OK\r\n");
    // Its own execution counts again.
    assert_eq!(bench.server.total(|stats| &stats.commands), 1);
    assert_eq!(bench.server.total(|stats| &stats.errors), 0);
    assert!(bench.server.stats.errors.lock().is_empty());
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
    let bench = Bench::with(*config);
    let mut client = bench.client();
    client.call("CONFIG SET timeout 2");
    assert_eq!(client.call("CONFIG REWRITE"), "+OK\r\n");
    assert_eq!(fs::read_to_string(&path).expect("it was just written").lines().next(), Some("timeout 2"));
    let without_file = Bench::new(&[]).client().call("CONFIG REWRITE");
    assert_eq!(without_file, "-ERR The server is running without a config file\r\n");
}

#[test]
fn help_names_the_subcommands() {
    let help = Bench::new(&[]).client().call("CONFIG HELP");
    assert!(help.starts_with("*"), "{help}");
    for word in ["+GET ", "+SET ", "+RESETSTAT\r\n", "+REWRITE\r\n", "+HELP\r\n"] {
        assert!(help.contains(word), "{word} in {help}");
    }
}
