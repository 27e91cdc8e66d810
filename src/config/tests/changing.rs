//! CONFIG GET and CONFIG SET.

use super::*;

fn names(config: &Config, patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    config.get(&patterns).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn get_answers_names_and_patterns_once_in_any_case() {
    let config = Config::default();
    assert_eq!(names(&config, &["PORT", "port", "por[t]", "P?RT"]), ["PORT"]);
    assert_eq!(names(&config, &["slowlog-*"]), ["slowlog-log-slower-than", "slowlog-max-len"]);
    assert_eq!(names(&config, &["no-such", "none*"]), Vec::<String>::new());
    assert_eq!(names(&config, &["replicaof", "slaveof"]), ["replicaof", "slaveof"]);
    let all = names(&config, &["*"]);
    for present in ["port", "save", "slave-priority", "tls-port", "io-threads", "maxmemory-policy"] {
        assert!(all.iter().any(|name| name == present), "{present}");
    }
    for absent in ["rename-command", "user", "loadmodule", "include"] {
        assert!(!all.iter().any(|name| name == absent) && names(&config, &[absent]).is_empty(), "{absent}");
    }
}

#[test]
fn defaults_are_answered_as_redis_answers_them() {
    let config = Config::default();
    for (name, expected) in [
        ("bind", "* -::*"),
        ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        ("client-query-buffer-limit", "1073741824"),
        ("latency-tracking-info-percentiles", "50 99 99.9"),
        ("save", ""),
        ("unixsocketperm", "0"),
        ("slave-priority", "100"),
        ("appendonly", "no"),
        ("shutdown-on-sigint", "default"),
        ("logfile", ""),
        ("oom-score-adj-values", "0 200 800"),
    ] {
        assert_eq!(value(&config, name), expected, "{name}");
    }
    assert!(value(&config, "dir").starts_with('/'));
}

#[test]
fn every_default_of_the_table_is_accepted_as_a_value_and_reads_back_the_same() {
    let defaults = Values::default();
    for param in params().filter(|param| param.change != Change::FileOnly) {
        let mut values = Values::default();
        let shown = param.get(&defaults);
        let args: Vec<Vec<u8>> = if param.several {
            shown.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect()
        } else {
            vec![shown.clone()]
        };
        // `replicaof` has no text for "nobody"; Redis writes no line either.
        if param.name != "replicaof" {
            assert_eq!(param.set(&mut values, &args, false), Ok(()), "{}", param.name);
        }
        assert_eq!(param.get(&values), shown, "{}", param.name);
    }
}

#[test]
fn names_are_unique_and_lower_case() {
    let mut names: Vec<&str> = params().flat_map(Param::names).collect();
    assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn set_replaces_the_snapshot_and_leaves_the_old_one_to_its_readers() {
    let mut config = Config::default();
    let before = Arc::clone(config.settings());
    let changed = set(&mut config, &[("Timeout", "5"), ("maxclients", "10000"), ("hz", "20"), ("maxmemory", "1kb")]);
    assert_eq!(changed, Ok(vec!["timeout", "hz", "maxmemory"]));
    assert_eq!((before.timeout, config.settings().timeout), (Seconds(0), Seconds(5)));
    assert_eq!((value(&config, "hz"), value(&config, "maxmemory")), ("20".into(), "1024".into()));
}

#[test]
fn set_changes_all_or_nothing() {
    let mut config = Config::default();
    let result = set(&mut config, &[("timeout", "5"), ("save", "1 1"), ("maxclients", "0")]);
    assert!(result.is_err());
    assert_eq!(config.settings().timeout, Seconds(0));
    assert_eq!(value(&config, "save"), "");
}

#[test]
fn a_plan_changes_nothing_until_it_is_committed() {
    let mut config = Config::default();
    let plan = config.plan(&[(b"port", b"7000")], Caller::Remote).expect("a port");
    assert_eq!((plan.settings().port, plan.changed()), (7000, vec!["port"]));
    assert_eq!(config.settings().port, 6379);
    config.commit(plan);
    assert_eq!(config.settings().port, 7000);
    let failed = SetError::failed("port", "Unable to listen on this port. Check server logs.");
    let expected =
        "CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.";
    assert_eq!(failed.to_string(), expected);
}

/// Asserts that one change is refused because of its argument, in these words.
fn check_refusal(pairs: &[(&str, &str)], argument: &str, reason: &str) {
    let error = set(&mut Config::default(), pairs).expect_err("a refusal").to_string();
    let expected = format!("CONFIG SET failed (possibly related to argument '{argument}') - {reason}");
    assert_eq!(error, expected, "{pairs:?}");
}

#[test]
fn unknown_directives_are_refused_before_anything_else() {
    for pairs in [&[("Foo", "1")][..], &[("rename-command", "A B")], &[("timeout", "x"), ("foo", "1")]] {
        let name = pairs[pairs.len() - 1].0;
        let error = set(&mut Config::default(), pairs).expect_err("a refusal").to_string();
        assert_eq!(error, format!("Unknown option or number of arguments for CONFIG SET - '{name}'"));
    }
}

#[test]
fn what_cannot_be_set_is_refused_under_the_name_that_was_used() {
    check_refusal(&[("TIMEOUT", "1"), ("timeout", "2")], "timeout", "duplicate parameter");
    check_refusal(&[("Databases", "3")], "Databases", "can't set immutable config");
    check_refusal(&[("dir", "/")], "dir", "can't set protected config");
    check_refusal(&[("Slave-Priority", "x")], "slave-priority", "argument couldn't be parsed into an integer");
}

#[test]
fn wrong_values_are_refused_in_the_words_of_redis() {
    for (name, value, reason) in [
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        ("timeout", "01", "argument couldn't be parsed into an integer"),
        ("slowlog-log-slower-than", "-2", "argument must be between -1 and 9223372036854775807 inclusive"),
        ("client-query-buffer-limit", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        ("maxmemory", "x", "argument must be a memory value"),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "x", "argument must be a memory or percent value"),
        ("protected-mode", "1", "argument must be 'yes' or 'no'"),
        ("loglevel", "x", "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"),
        ("shutdown-on-sigint", "", "argument(s) must be one of the following: default, save, nosave, now, force"),
    ] {
        check_refusal(&[(name, value)], name, reason);
    }
}

#[test]
fn wrong_values_with_an_inner_structure_are_refused_in_the_words_of_redis() {
    let limits = "client-output-buffer-limit";
    for (name, value, reason) in [
        ("bind", "1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8", "Too many bind addresses specified."),
        ("bind", "127.0.0.1 -", "Invalid bind address."),
        ("bind", "\"two words\"", "Invalid bind address."),
        ("bind", "\"quote\\\"\"", "Invalid bind address."),
        (limits, "pubsub 1 2", "Wrong number of arguments in buffer limit configuration."),
        (limits, "master 1 2 3", "Invalid client class specified in buffer limit configuration."),
        (limits, "pubsub 1 2 x", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
        ("shutdown-on-sigint", "nosave save", "shutdown options SAVE and NOSAVE can't be used simultaneously"),
        ("save", "a", "Invalid save parameters"),
        ("notify-keyspace-events", "KQ", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
    ] {
        check_refusal(&[(name, value)], name, reason);
    }
}

#[test]
fn values_are_answered_in_one_form_whatever_was_written() {
    let mut config = Config::default();
    for (name, written, expected) in [
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "xK", "xK"),
        ("shutdown-on-sigterm", "NOW nosave", "nosave now"),
        ("latency-tracking-info-percentiles", "50.10 100", "50.1 100"),
        ("latency-tracking-info-percentiles", "", ""),
        ("maxmemory-clients", "5%", "5%"),
        ("client-output-buffer-limit", "replica 1kb 1k 3", {
            "normal 0 0 0 slave 1024 1000 3 pubsub 33554432 8388608 60"
        }),
        ("client-output-buffer-limit", "", "normal 0 0 0 slave 1024 1000 3 pubsub 33554432 8388608 60"),
        ("bind", "", ""),
        ("maxmemory", "99999999999999999999", "18446744073709551615"),
        ("save", "60 1 30 2", "60 1 30 2"),
        ("save", "", ""),
        ("maxmemory-policy", "ALLKEYS-lru", "allkeys-lru"),
    ] {
        assert!(set(&mut config, &[(name, written)]).is_ok(), "{name} {written}");
        assert_eq!(value(&config, name), expected, "{name} {written}");
    }
}

#[test]
fn protected_directives_change_where_they_are_allowed_to() {
    for (allowed, local, remote) in [("no", false, false), ("local", true, false), ("yes", true, true)] {
        let config = Config::from_pairs(&[("enable-protected-configs", allowed)]).expect("a word of the directive");
        let pair: (&[u8], &[u8]) = (b"dbfilename", b"x.rdb");
        assert_eq!(config.plan(&[pair], Caller::Local).is_ok(), local, "{allowed}");
        assert_eq!(config.plan(&[pair], Caller::Remote).is_ok(), remote, "{allowed}");
    }
}
