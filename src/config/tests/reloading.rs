//! The file read again while the server runs.

use super::*;

/// Reads the file again and does what it says; answers the directives that changed, and those that a new start changes.
fn reload(config: &mut Config) -> Result<(Vec<&'static str>, Vec<&'static str>), StartError> {
    let reading = config.read_again()?.expect("there is a file");
    let plan = config.plan_for(&reading);
    let told = (plan.changed(), config.for_the_next_start(&reading));
    config.commit(plan);
    config.keep(reading);
    Ok(told)
}

#[test]
fn only_what_the_file_says_otherwise_than_before_is_changed() {
    let files = Files::new(&[("redis.conf", "timeout 10\nslowlog-max-len 20\nrequirepass old\n")]);
    let mut config = run(&[&files.text("redis.conf"), "--tcp-keepalive", "30"]);
    set(&mut config, &[("slowlog-max-len", "21"), ("timeout", "11")]).expect("they may change");
    assert_eq!(reload(&mut config), Ok((vec![], vec![])));
    files.write("redis.conf", "timeout 12\nslowlog-max-len 20\nrequirepass new\ntcp-keepalive 40\nappendonly yes\n");
    assert_eq!(reload(&mut config), Ok((vec!["timeout", "requirepass", "appendonly"], vec![])));
    let values = ["timeout", "slowlog-max-len", "requirepass", "tcp-keepalive", "appendonly"];
    assert_eq!(values.map(|name| value(&config, name)), ["12", "21", "new", "30", "yes"], "options win over the file");
    files.write("redis.conf", "slowlog-max-len 20\nrequirepass new\n");
    assert_eq!(
        reload(&mut config),
        Ok((vec!["timeout", "appendonly"], vec![])),
        "without their lines they are as at first"
    );
    assert_eq!([value(&config, "timeout"), value(&config, "slowlog-max-len")], ["0", "21"]);
}

#[test]
fn what_changes_only_at_start_is_named_once_and_left_alone() {
    let files = Files::new(&[("redis.conf", "databases 4\n")]);
    let mut config = run(&[&files.text("redis.conf")]);
    files.write("redis.conf", "databases 5\nrename-command PING PONG\ntimeout 1\n");
    assert_eq!(reload(&mut config), Ok((vec!["timeout"], vec!["rename-command", "databases"])));
    assert_eq!(value(&config, "databases"), "4");
    assert_eq!(reload(&mut config), Ok((vec![], vec![])));
}

#[test]
fn a_file_with_an_error_changes_nothing_and_the_next_reading_begins_where_the_last_good_one_ended() {
    let files = Files::new(&[("redis.conf", "timeout 10\n")]);
    let mut config = run(&[&files.text("redis.conf")]);
    for wrong in ["timeout 20\ntimeout x\n", "timeout 20\nno-such-thing 1\n", "timeout 20\ndaemonize yes\n"] {
        files.write("redis.conf", wrong);
        let error = reload(&mut config).expect_err("it is wrong").to_string();
        assert!(error.starts_with(&format!("{} line 2: ", files.text("redis.conf"))), "{error}");
        assert_eq!(value(&config, "timeout"), "10");
    }
    fs::remove_file(files.path("redis.conf")).expect("it exists");
    assert!(reload(&mut config).is_err());
    files.write("redis.conf", "timeout 20\n");
    assert_eq!(reload(&mut config), Ok((vec!["timeout"], vec![])));
}

#[test]
fn standard_input_counts_as_it_was_and_without_a_file_there_is_nothing_to_read() {
    let files = Files::new(&[("redis.conf", "timeout 10\n")]);
    let (mut config, _) = run_with(&[&files.text("redis.conf"), "-"], "slowlog-max-len 5\n");
    files.write("redis.conf", "timeout 20\nslowlog-max-len 6\n");
    assert_eq!(reload(&mut config), Ok((vec!["timeout"], vec![])));
    assert!(matches!(text("timeout 10\n").read_again(), Ok(None)));
}
