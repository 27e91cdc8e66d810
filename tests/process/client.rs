//! The client that the binary is when called as `redis-cli`: its modes, and what people type on a terminal.

mod terminal;

use std::fs;
use std::process::Command;

use crate::child::{Ended, binary, finish};
use crate::support::TestServer;
use terminal::Terminal;

/// The client with these arguments, on its way to a server.
fn client(server: &TestServer, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["cli", "-p", &server.port().to_string()]).args(args);
    // What the person who runs the tests has set for servers of their own.
    command.env_remove("REDISCLI_AUTH").env_remove("FAKETTY").env_remove("REDISCLI_RCFILE");
    command.env("HOME", server.dir()).env("REDISCLI_HISTFILE", server.dir().join("history")).env("TERM", "xterm");
    command
}

fn call(server: &TestServer, args: &[&str], input: &[u8]) -> Ended {
    finish(&mut client(server, args), input)
}

#[test]
fn prepared_requests_are_piped_and_their_replies_counted() {
    let server = TestServer::start(&[]);
    let ended = call(&server, &["--pipe"], &b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(50_000));
    let transferred = "All data transferred. Waiting for the last reply...\nLast reply received from server.\n";
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert_eq!(ended.out, format!("{transferred}errors: 0, replies: 50000\n"));
    let ended = call(&server, &["--pipe"], b"SET a 2\r\nPROCLAIM\r\nGET a\r\nSET a");
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.ends_with("errors: 2, replies: 4\n"), "{}", ended.out);
    assert!(ended.err.contains("unknown command 'PROCLAIM'"), "{}", ended.err);
}

#[test]
fn what_is_piped_to_a_server_that_goes_away_fails() {
    let server = TestServer::start(&[]);
    let ended = call(&server, &["--pipe"], b"QUIT\r\n");
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), "Error reading replies from server\n"));
}

#[test]
fn all_keys_are_listed_in_steps_of_any_size_and_by_type() {
    let server = TestServer::start(&[]);
    let keys: String = (0..300).map(|n| format!("set key:{n} x\n")).collect();
    call(&server, &[], (keys + "rpush list x\n").as_bytes());
    for count in ["1", "7", "1000"] {
        let ended = call(&server, &["--scan", "--pattern", "key:*", "--count", count], b"");
        let mut found: Vec<&str> = ended.out.lines().collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!((found.len(), ended.code), (300, Some(0)));
    }
    assert_eq!(call(&server, &["--scan", "--type", "list"], b"").out, "list\n");
}

#[test]
fn what_keeps_a_mode_from_working_is_said_and_ends_it() {
    let server = TestServer::start(&["--requirepass", "secret"]);
    for (mode, complaint) in [
        ("--scan", "SCAN error: NOAUTH Authentication required.\n"),
        ("--bigkeys", "Couldn't determine DBSIZE: NOAUTH Authentication required.\n"),
        ("--stat", "ERROR: NOAUTH Authentication required.\n"),
    ] {
        let ended = call(&server, &[mode], b"");
        assert_eq!((ended.code, ended.err.as_str()), (Some(1), complaint), "{mode}");
        let ended = call(&server, &["--no-auth-warning", "-a", "wrong", mode], b"");
        assert_eq!(ended.code, Some(1), "{mode}");
        assert!(ended.err.starts_with("AUTH failed: WRONGPASS"), "{mode}: {}", ended.err);
    }
}

#[test]
fn the_password_is_asked_for() {
    let server = TestServer::start(&["--requirepass", "secret"]);
    let ended = call(&server, &["--askpass", "ping"], b"secret\n");
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("PONG\n", ""));
    let mut terminal = Terminal::run(client(&server, &["--askpass", "ping"]));
    terminal.expect("Please input password: ");
    terminal.enter("secret\n");
    terminal.expect("PONG");
    assert!(!terminal.seen().contains("secret"), "{}", terminal.seen());
}

#[test]
fn figures_and_latencies_are_printed_until_nobody_reads_them() {
    let server = TestServer::start(&[]);
    let mut terminal = Terminal::run(client(&server, &["--stat", "-i", "0.01"]));
    terminal.expect("keys       mem      clients blocked requests            connections");
    terminal.expect("(+0)");
    terminal.expect("(+1)");
    let mut terminal = Terminal::run(client(&server, &["--latency-history", "-i", "0.02"]));
    terminal.expect("samples)");
    terminal.expect("seconds range");
    let mut terminal = Terminal::run(client(&server, &["--latency-dist", "-i", "0.02"]));
    terminal.expect("From 0 to 100%: ");
    terminal.expect("\x1b[38;5;0m");
}

#[test]
fn ctrl_c_in_subscribed_mode_and_the_last_unsubscribe_return_to_the_prompt() {
    let server = TestServer::start(&[]);
    let prompt = format!("{}> ", server.addr());
    let subscribed = format!("{}(subscribed mode)> ", server.addr());
    let mut terminal = Terminal::run(client(&server, &[]));
    terminal.expect(&prompt);
    terminal.enter("subscribe news sport\r");
    terminal.expect("any key to type command)\r");
    call(&server, &["publish", "news", "hello"], b"");
    terminal.expect("3) \"hello\"");
    terminal.expect("any key to type command)\r");
    terminal.enter("unsubscribe news\r");
    terminal.expect(&subscribed);
    terminal.expect("any key to type command)\r");
    terminal.enter("unsubscribe sport\r");
    terminal.expect("3) (integer) 0");
    terminal.expect(&prompt);
    terminal.enter("ssubscribe orders\r");
    terminal.expect("any key to type command)\r");
    terminal.enter("\x03");
    terminal.expect("Ready to reconnect");
    terminal.expect(&prompt);
    terminal.enter("echo again\r");
    terminal.expect("\"again\"");
}

#[test]
fn ctrl_c_ends_monitoring_and_at_the_prompt_the_client() {
    let server = TestServer::start(&[]);
    let prompt = format!("{}> ", server.addr());
    let mut terminal = Terminal::run(client(&server, &[]));
    terminal.expect(&prompt);
    terminal.enter("monitor\r");
    terminal.expect("OK\r\n");
    call(&server, &["echo", "heard"], b"");
    terminal.expect("\"heard\"");
    terminal.enter("\x03");
    terminal.expect(&prompt);
    terminal.enter("echo again\r");
    terminal.expect("\r\n\"again\"");
    terminal.expect(&prompt);
    terminal.enter("\x03");
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn the_prompt_hints_completes_and_helps() {
    let server = TestServer::start(&[]);
    let prompt = format!("{}> ", server.addr());
    let mut terminal = Terminal::run(client(&server, &[]));
    terminal.expect(&prompt);
    terminal.enter("getrang\t");
    terminal.expect("GETRANGE\x1b[90m key start end");
    terminal.enter("\x15help publish\r");
    terminal.expect("PUBLISH\x1b[0m \x1b[90mchannel message");
    terminal.expect(&prompt);
    terminal.enter(":set nohints\r");
    terminal.expect(&prompt);
    terminal.enter(":set sails\r");
    terminal.expect("unknown redis-cli preference 'sails'");
    terminal.expect(&prompt);
    let before = terminal.seen().len();
    terminal.enter("get missing\r");
    terminal.expect("(nil)");
    assert!(!terminal.seen()[before..].contains("\x1b[90m"), "{}", terminal.seen());
}

#[test]
fn lines_are_remembered_for_the_next_time_but_for_passwords() {
    let server = TestServer::start(&[]);
    let prompt = format!("{}> ", server.addr());
    fs::write(server.dir().join("history"), "echo earlier\n").expect("the history can be written");
    let mut terminal = Terminal::run(client(&server, &[]));
    terminal.expect(&prompt);
    terminal.enter("\x1b[A\r");
    terminal.expect("\"earlier\"");
    terminal.enter("auth ann hidden\r");
    terminal.expect("WRONGPASS");
    terminal.enter("echo later\r");
    terminal.expect("\"later\"");
    terminal.enter("quit\r");
    assert_eq!(terminal.exit_code(), Some(0));
    let history = fs::read_to_string(server.dir().join("history")).expect("the history can be read");
    assert_eq!(history, "echo earlier\necho later\nquit\n");
}

#[test]
fn nothing_is_edited_or_remembered_where_lines_are_piped() {
    let server = TestServer::start(&[]);
    let ended = call(&server, &[], b"subscribe a\nunsubscribe a\nping\n:set hints\n");
    assert_eq!(ended.out, "subscribe\na\n1\nunsubscribe\na\n0\nPONG\n");
    assert!(!server.dir().join("history").exists());
}

#[test]
fn a_script_is_sent_with_its_keys_and_arguments() {
    let server = TestServer::start(&[]);
    let script = server.dir().join("script.lua");
    let script = script.to_str().expect("the path is text");
    let ended = call(&server, &["--eval", script, "a"], b"");
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.err, format!("Can't open file '{script}': No such file or directory\n"));
}
