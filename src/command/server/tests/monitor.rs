use super::*;

/// Two shards, a monitor on each.
fn watched() -> (Town, [Peer; 2]) {
    let town = Town::new(&[("io-threads", "2")]);
    let mut monitors = [town.client(0, Proto::Resp2), town.client(1, Proto::Resp3)];
    for monitor in &mut monitors {
        assert_eq!(monitor.ask("MONITOR"), "+OK\r\n");
    }
    (town, monitors)
}

/// What every one of `monitors` has seen, which must be the same.
fn seen(town: &Town, monitors: &mut [Peer]) -> String {
    town.deliver();
    let mut texts: Vec<String> = monitors.iter_mut().map(Peer::heard).collect();
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    texts.remove(0)
}

#[test]
fn every_monitor_on_every_shard_sees_every_command() {
    let (town, mut monitors) = watched();
    town.server.clock.advance(Duration::from_micros(1_000_042));
    for shard in 0..2 {
        town.client(shard, Proto::Resp2).ask("ping hello");
        assert_eq!(seen(&town, &mut monitors), "+1767225601.000042 [0 127.0.0.1:50000] \"ping\" \"hello\"\r\n");
    }
}

#[test]
fn arguments_are_quoted_and_the_database_is_shown() {
    let (town, mut monitors) = watched();
    let mut client = town.client(0, Proto::Resp2);
    client.ask("SELECT 3");
    seen(&town, &mut monitors);
    // Not `ask`: the answer is no text.
    client.session.feed(b"ECHO \"a b\\r\\n\\t\\x00\\xfe\\\"\\\\\"\r\n");
    client.session.spread();
    let line = seen(&town, &mut monitors);
    let (_, line) = line.split_once(' ').expect("the time comes first");
    assert_eq!(line, "[3 127.0.0.1:50000] \"ECHO\" \"a b\\r\\n\\t\\x00\\xfe\\\"\\\\\"\r\n");
}

#[test]
fn a_client_of_the_unix_socket_is_shown_with_its_path() {
    let (town, mut monitors) = watched();
    let shard = town.shards[0].clone();
    let client = shard.register(Address::Unix("/run/pregon.sock".into()));
    let mut peer = Peer { session: Session::new(shard.clone(), client.clone()), client, shard };
    peer.ask("PING");
    assert!(seen(&town, &mut monitors).ends_with(" [0 unix:/run/pregon.sock] \"PING\"\r\n"));
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
        let (town, mut monitors) = watched();
        town.client(0, Proto::Resp2).ask(command);
        let line = seen(&town, &mut monitors);
        assert!(line.ends_with(&format!("] {shown}\r\n")), "{line}");
    }
}

#[test]
fn commands_of_administrators_and_refused_ones_are_not_shown() {
    let (town, mut monitors) = watched();
    town.client(0, Proto::Resp2).ask("SAVE\r\nREPLICAOF NO ONE\r\nMODULE LIST\r\nNOSUCH\r\nECHO\r\nMONITOR");
    assert_eq!(seen(&town, &mut monitors), "");
}

#[test]
fn a_transaction_is_shown_in_the_order_of_execution() {
    let (town, mut monitors) = watched();
    town.client(1, Proto::Resp2).ask("MULTI\r\nECHO a\r\nECHO b\r\nEXEC");
    let lines = seen(&town, &mut monitors);
    let shown: Vec<&str> = lines.lines().filter_map(|line| line.split_once("] ")).map(|(_, shown)| shown).collect();
    assert_eq!(shown, [r#""MULTI""#, r#""ECHO" "a""#, r#""ECHO" "b""#, r#""EXEC""#]);
}

#[test]
fn a_monitor_sees_its_own_commands_behind_their_replies() {
    let (_town, [mut monitor, _other]) = watched();
    let line = |shown| format!("+1767225600.000000 [0 127.0.0.1:50000] {shown}\r\n");
    let (ping, echo, exec) = (line(r#""PING""#), line(r#""ECHO" "x""#), line(r#""EXEC""#));
    assert_eq!(monitor.ask("PING\r\nECHO x"), format!("+PONG\r\n{ping}$1\r\nx\r\n{echo}"));
    monitor.ask("MULTI\r\nPING");
    assert_eq!(monitor.ask("EXEC"), format!("*1\r\n+PONG\r\n{ping}{exec}"));
}

#[test]
fn a_new_monitor_sees_nothing_that_is_older_than_its_request() {
    let (town, _monitors) = watched();
    let mut late = town.client(1, Proto::Resp2);
    town.client(0, Proto::Resp2).ask("ECHO early");
    assert_eq!(late.ask("MONITOR"), "+OK\r\n");
    town.deliver();
    assert_eq!(late.heard(), "");
}

#[test]
fn a_monitor_can_be_asked_for_again_and_is_counted_once() {
    let (town, [mut monitor, other]) = watched();
    let count = || town.server.monitors.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(monitor.ask("MONITOR"), "+OK\r\n");
    assert_eq!(count(), 2);
    monitor.ask("RESET");
    assert_eq!(count(), 1);
    assert_eq!(monitor.ask("PING"), "+PONG\r\n");
    other.leave();
    assert_eq!(count(), 0);
}

#[test]
fn a_monitor_that_quits_hears_nothing_behind_its_answer() {
    let (town, [mut monitor, mut other]) = watched();
    assert_eq!(monitor.ask("QUIT"), "+OK\r\n");
    town.deliver();
    assert_eq!(monitor.heard(), "");
    assert!(other.heard().ends_with("\"QUIT\"\r\n"));
}

#[test]
fn monitor_within_exec_is_refused() {
    let town = Town::new(&[]);
    let mut client = town.client(0, Proto::Resp2);
    client.ask("MULTI\r\nMONITOR");
    assert_eq!(client.ask("EXEC"), "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
}
