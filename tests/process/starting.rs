//! What the command line prints, and what keeps the server from starting.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::child::{Ended, Running, binary, call, eventually, finish};
use crate::support::{Peer, TestServer};

/// A directory with these files.
fn dir_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    dir
}

/// It failed with exit code 1, and its only line on standard error begins like this.
fn assert_refused(ended: &Ended, complaint: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.starts_with(complaint), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
}

#[test]
fn version_and_help_are_printed_with_exit_code_0() {
    let dir = dir_with(&[]);
    for (arg, part) in [
        ("--version", "v=7.4.2;"),
        ("-v", "pregon_version="),
        ("version", "pregon_version="),
        ("--help", "--check"),
        ("-h", "Usage: "),
        ("help", "Usage: "),
    ] {
        let ended = call(dir.path(), &[arg]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arg}");
        assert!(ended.out.contains(part), "{arg}: {ended:?}");
    }
}

#[test]
fn help_that_nobody_reads_to_its_end_is_no_failure() {
    let script = "\"$0\" --help | true; \"$0\" --print-example | true";
    let ended = finish(Command::new("sh").args(["-c", script, binary()]), b"");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[test]
fn a_port_in_use_is_one_line() {
    let dir = dir_with(&[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("a port: {e}"));
    let addr = taken.local_addr().unwrap_or_else(|e| panic!("its address: {e}"));
    let ended = call(dir.path(), &["--bind", "127.0.0.1", "--port", &addr.port().to_string()]);
    assert_refused(&ended, &format!("pregon: cannot listen on {addr}: Address already in use"));
}

#[test]
fn errors_of_a_file_name_the_file_and_the_line() {
    let dir = dir_with(&[
        ("unknown.conf", "port 7000\n\nprot 7000\n"),
        ("bad.conf", "maxclients many\n"),
        ("outer.conf", "port 7000\ninclude inner.conf\n"),
        ("inner.conf", "# fine\ntimeout -1\n"),
        ("missing.conf", "include nowhere.conf\n"),
        ("renamed.conf", "port 7000\nrename-command FLUSHALL \"\"\ninclude renaming.conf\n"),
        ("users.conf", "port 7000\nuser ann on nopass ~* &* +@all\n\nuser bob on +nosuch\n"),
        ("renaming.conf", "# fine\nrename-command PING GET\ntimeout 1\n"),
    ]);
    for (file, place) in [
        ("unknown.conf", "unknown.conf line 3: unknown directive 'prot'"),
        ("bad.conf", "bad.conf line 1: maxclients: "),
        ("outer.conf", "inner.conf line 2: timeout: "),
        ("missing.conf", "missing.conf line 1: include: "),
        (
            "users.conf",
            "users.conf line 4: user 'bob': the rule '+nosuch': Unknown command or category name in ACL; correct",
        ),
        ("renamed.conf", "renaming.conf line 2: rename-command PING GET: the new name is taken; use a name that"),
        ("nowhere.conf", "nowhere.conf: can't open the configuration file: "),
    ] {
        for args in [&[file][..], &[file, "--check"]] {
            let ended = call(dir.path(), args);
            assert_refused(&ended, "pregon: ");
            assert!(ended.err.contains(place), "{ended:?}");
        }
    }
}

#[test]
fn check_says_that_a_configuration_is_valid_and_does_not_serve() {
    let dir = dir_with(&[("redis.conf", "port 0\nunixsocket s\nappendonly no\nsave 60 1\n")]);
    let ended = call(dir.path(), &["redis.conf", "--check"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.out.lines().next(), Some("in effect: port, unixsocket"));
    assert_eq!(ended.out.lines().last(), Some("the configuration is valid"));
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.contains("redis.conf line 4: save: no effect here. "), "{ended:?}");
    assert_eq!(call(dir.path(), &["--check"]).code, Some(0));
}

#[test]
fn check_says_all_that_is_wrong_and_fails() {
    let dir = dir_with(&[("redis.conf", "prot 1\ntimeout x\nport 0\n")]);
    let ended = call(dir.path(), &["redis.conf", "--check"]);
    let expected = "in effect: port\nthe configuration is not valid; errors: 2\n";
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), expected));
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("pregon: ")), "{ended:?}");
    assert!(lines[0].contains("redis.conf line 1: ") && lines[1].contains("redis.conf line 2: "), "{ended:?}");
}

#[test]
fn check_finds_what_the_start_would_refuse() {
    let dir = dir_with(&[("file", "")]);
    for args in [
        &["--port", "0"][..],
        &["--port", "0", "--unixsocket", "file"],
        &["--bind", "no.such.host.invalid"],
        &["--port", "0", "--unixsocket", "s", "--logfile", "nowhere/pregon.log"],
        &["--port", "0", "--unixsocket", "s", "--rename-command", "FROBNICATE", "X"],
        &["--sentinel"],
    ] {
        let refused = call(dir.path(), args);
        assert_refused(&refused, "pregon: ");
        let checked = call(dir.path(), &[args, &["--check"]].concat());
        assert_eq!((checked.code, checked.err), (Some(1), refused.err), "{args:?}");
    }
    let valid = call(dir.path(), &["--port", "0", "--unixsocket", "s", "--logfile", "log", "--check"]);
    assert_eq!((valid.code, dir.path().join("log").exists()), (Some(0), false), "{valid:?}");
}

#[test]
fn programs_of_redis_that_are_not_here_are_one_line() {
    let dir = dir_with(&[]);
    for name in ["redis-sentinel", "redis-check-rdb", "redis-check-aof", "redis-benchmark"] {
        assert_refused(&call(dir.path(), &[name, "x"]), "pregon: ");
    }
}

#[test]
fn what_has_no_effect_is_a_warning_with_the_reason() {
    let server = TestServer::start(&["--appendonly", "yes", "--save", "60", "1", "--maxmemory-policy", "noeviction"]);
    let line = server.expect_log("no effect here");
    assert!(line.contains("WARN") && line.contains("appendonly") && line.contains("save"), "{line}");
    assert_eq!(server.log().matches("no effect here").count(), 1);
}

#[test]
fn directives_come_from_standard_input() {
    let dir = dir_with(&[]);
    let ended = finish(Command::new(binary()).args(["-", "--check"]), b"port 1\nport x\n");
    assert_refused(&ended, "pregon: standard input line 2: port: ");
    let mut server = Running::start(dir.path(), &["-"]);
    let given = server.0.stdin.take().map(|mut stdin| stdin.write_all(b"port 0\nunixsocket pregon.sock\n"));
    assert!(matches!(given, Some(Ok(()))), "{given:?}");
    eventually("the socket is there", || UnixStream::connect(dir.path().join("pregon.sock")).ok());
}

#[test]
fn a_server_that_listens_nowhere_does_not_start() {
    let dir = dir_with(&[]);
    assert_refused(&call(dir.path(), &["--port", "0"]), "pregon: there is nothing to listen on");
}

#[test]
fn called_as_the_container_calls_it_the_name_of_the_program_comes_first() {
    let dir = dir_with(&[]);
    let ended = call(dir.path(), &["redis-server", "--version"]);
    assert!(ended.out.contains("v=7.4.2;"), "{ended:?}");
    let server = TestServer::start(&["--requirepass", "secret"]);
    for name in ["redis-cli", "cli"] {
        let ended = call(dir.path(), &[name, "-p", &server.port().to_string(), "ping"]);
        assert!(ended.out.contains("NOAUTH Authentication required."), "{ended:?}");
    }
    assert_eq!(Peer::connect(&server.addr()).call(&["AUTH", "secret"]), b"+OK\r\n");
}

#[test]
fn a_socket_that_cannot_be_made_is_refused_with_what_is_wrong_about_its_path() {
    let dir = dir_with(&[]);
    for (path, cure) in [
        ("x".repeat(200), "choose a path in unixsocket and dir of at most 107 bytes\n"),
        ("nowhere/s".to_owned(), "choose a path in unixsocket and dir whose directory exists\n"),
    ] {
        let refused = call(dir.path(), &["--port", "0", "--unixsocket", &path]);
        assert_refused(&refused, "pregon: cannot listen on ");
        assert!(refused.err.ends_with(cure), "{refused:?}");
    }
}
