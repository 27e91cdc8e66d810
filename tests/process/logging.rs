//! What is logged, how, and when.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::child::{Running, eventually};
use crate::support::{Peer, TestServer};

#[test]
fn the_start_says_what_started_where_it_listens_and_as_redis_does_that_it_is_ready() {
    let server = TestServer::start(&["--unixsocket", "s"]);
    assert!(server.expect_log("* Ready to accept connections tcp").ends_with(" * Ready to accept connections tcp"));
    assert!(server.expect_log("* Ready to accept connections unix").ends_with(" * Ready to accept connections unix"));
    server.expect_log(&format!("listening address=\"{}\"", server.addr()));
    server.expect_log("listening address=\"s\"");
    let line = server.expect_log("started");
    let facts = [format!("port={}", server.port()), format!("pid={}", server.pid().unwrap_or_default())];
    for fact in facts.iter().map(String::as_str).chain(["version=\"", "io_threads="]) {
        assert!(line.contains(fact), "{fact} is missing in {line}");
    }
}

#[test]
fn a_changed_loglevel_changes_what_is_logged() {
    let server = TestServer::start(&[]);
    let mut peer = Peer::connect(&server.addr());
    assert_eq!(peer.call(&["CONFIG", "SET", "loglevel", "debug"]), b"+OK\r\n");
    eventually("connections are logged", || {
        let _connected = Peer::connect(&server.addr());
        server.log().contains("connected").then_some(())
    });
    assert_eq!(peer.call(&["CONFIG", "SET", "loglevel", "verbosely"])[0], b'-');
}

#[test]
fn wrong_passwords_are_told_of_at_verbose_with_the_address_and_once_a_minute() {
    for (format, sign) in [("human", "DEBUG"), ("redis", " - wrong user or password")] {
        let args = ["--loglevel", "verbose", "--logformat", format, "--requirepass", "a-password"];
        let mut server = TestServer::start(&args);
        let mut peer = Peer::connect(&server.addr());
        for _ in 0..3 {
            assert_eq!(peer.call(&["AUTH", "a-guess"])[0], b'-');
        }
        let line = server.expect_log("wrong user or password");
        assert!(line.contains(sign) && line.contains("peer=\"127.0.0.1:") && line.contains("not_shown=0"), "{line}");
        server.stop();
        let log = server.log();
        assert_eq!(log.matches("wrong user or password").count(), 1, "{log}");
        assert!(!log.contains("a-guess") && !log.contains("disconnected"), "{log}");
    }
    let mut server = TestServer::start(&["--requirepass", "a-password"]);
    assert_eq!(Peer::connect(&server.addr()).call(&["AUTH", "a-guess"])[0], b'-');
    server.stop();
    assert!(!server.log().contains("wrong user or password"));
}

#[test]
fn no_message_is_logged_at_any_level() {
    let server = TestServer::start(&["--loglevel", "debug"]);
    let mut peer = Peer::connect(&server.addr());
    assert_eq!(peer.call(&["PUBLISH", "a-channel", "a-message"]), b":0\r\n");
    assert_eq!(peer.call(&["AUTH", "a-password"])[0], b'-');
    drop(peer);
    let line = server.expect_log("disconnected");
    assert!(line.contains("DEBUG"), "{line}");
    let log = server.log();
    assert!(!log.contains("a-channel") && !log.contains("a-message") && !log.contains("a-password"), "{log}");
}

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let mut server = TestServer::start(&["--logformat", "json", "--appendonly", "yes", "--loglevel", "debug"]);
    Peer::connect(&server.addr()).send("POST / HTTP/1.1\r\n\r\n");
    server.expect_log("cross-protocol");
    server.stop();
    let log = server.log();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(event[field].is_string(), "{field} is missing in {line}");
        }
    }
    let ready = log.lines().find(|line| line.contains("Ready to accept connections tcp")).unwrap_or_default();
    let ready: Value = serde_json::from_str(ready).unwrap_or_default();
    assert_eq!(ready["port"], u64::from(server.port()));
    assert_eq!(ready["level"], "INFO");
}

#[test]
fn lines_in_the_form_of_redis_have_process_role_time_and_sign_before_the_text() {
    let mut server = TestServer::start(&["--logformat", "redis", "--appendonly", "yes", "--loglevel", "debug"]);
    Peer::connect(&server.addr()).call(&["PING"]);
    server.expect_log("disconnected");
    let pid = format!("{}:M", server.pid().unwrap_or_default());
    server.stop();
    let log = server.log();
    let mut signs = Vec::new();
    for line in log.lines() {
        let words: Vec<&str> = line.splitn(7, ' ').collect();
        let [process, day, month, year, time, sign, _text] = words[..] else { panic!("{line}") };
        assert_eq!(process, pid, "{line}");
        assert_eq!([day.len(), month.len(), year.len(), time.len()], [2, 3, 4, 12], "{line}");
        signs.push(sign);
    }
    for sign in ["#", "*", "."] {
        assert!(signs.contains(&sign), "{sign} is missing in {log}");
    }
    assert!(log.contains(" * Ready to accept connections tcp\n"), "{log}");
}

/// More connections than are needed to fill the log's buffer and the pipe behind it.
const MANY_CONNECTIONS: usize = 10_000;

/// What the server answers to one inline command on a connection of its own, whose last bytes are these.
fn ask(socket: &Path, command: &str, last: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap_or_else(|e| panic!("connecting: {e}"));
    stream.write_all(command.as_bytes()).unwrap_or_else(|e| panic!("{command}: {e}"));
    let mut answer = Vec::new();
    while !answer.ends_with(last.as_bytes()) {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(count @ 1..) => answer.extend_from_slice(&bytes[..count]),
            end => panic!("{command}: {end:?} after {}", answer.escape_ascii()),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A server whose log nobody has read for so long that lines are missing, and its socket.
fn unread(dir: &Path) -> (Running, std::path::PathBuf) {
    let args = ["--port", "0", "--unixsocket", "s", "--loglevel", "debug", "--log-buffer-limit", "64kb"];
    let server = Running::start(dir, &args);
    let socket = dir.join("s");
    eventually("the socket is there", || UnixStream::connect(&socket).ok());
    let is_full = |_: &usize| !ask(&socket, "INFO stats\r\n", "\r\n\r\n").contains("\r\nlog_lines_dropped:0\r\n");
    (0..MANY_CONNECTIONS).find(is_full).expect("so many connections fill the log");
    (server, socket)
}

#[test]
fn p11_a_log_that_nobody_reads_costs_lines_and_delays_nobody_not_even_the_end() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let (mut server, socket) = unread(dir.path());
    assert_eq!(ask(&socket, "PING\r\n", "\r\n"), "+PONG\r\n");
    server.signal(Signal::TERM);
    assert_eq!(server.0.wait().ok().and_then(|status| status.code()), Some(0));
}

#[test]
fn a_reader_of_the_log_who_goes_on_is_told_how_many_lines_are_missing() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let (mut server, socket) = unread(dir.path());
    let log = server.0.stdout.take().expect("it is a pipe");
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    let told = lines.find(|line| line.contains("lines are missing here")).expect("the server still runs");
    assert!(told.contains("WARN") && told.contains("lines="), "{told}");
    // From now on none is missing any more.
    ask(&socket, "PING\r\n", "\r\n");
    assert!(lines.any(|line| line.contains("disconnected")));
}
