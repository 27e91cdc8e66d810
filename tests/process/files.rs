//! Files that the server makes: the unix socket, the pid file, the log.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::{Running, binary, call, eventually};
use crate::support::{DEADLINE, Peer, TestServer};

/// What comes back for one inline command whose reply has this length.
fn ask(stream: &mut UnixStream, command: &str, reply_bytes: usize) -> Vec<u8> {
    let mut reply = vec![0; reply_bytes];
    let asked = stream
        .set_read_timeout(Some(DEADLINE))
        .and_then(|()| stream.write_all(command.as_bytes()))
        .and_then(|()| stream.read_exact(&mut reply));
    asked.unwrap_or_else(|e| panic!("{command}: {e}"));
    reply
}

#[test]
fn the_unix_socket_has_its_permissions_and_goes_with_the_server() {
    let mut server = TestServer::start(&["--unixsocket", "pregon.sock", "--unixsocketperm", "700"]);
    let path = server.dir().join("pregon.sock");
    let mode = fs::metadata(&path).unwrap_or_else(|e| panic!("the socket: {e}")).permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut stream = UnixStream::connect(&path).unwrap_or_else(|e| panic!("connecting: {e}"));
    assert_eq!(ask(&mut stream, "PING\r\n", 7), b"+PONG\r\n");
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_socket_that_a_former_run_has_left_is_replaced() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let path = dir.path().join("pregon.sock");
    drop(UnixListener::bind(&path).unwrap_or_else(|e| panic!("a socket: {e}")));
    let _server = TestServer::start(&["--unixsocket", &path.display().to_string()]);
    let mut stream = UnixStream::connect(&path).unwrap_or_else(|e| panic!("connecting: {e}"));
    assert_eq!(ask(&mut stream, "PING\r\n", 7), b"+PONG\r\n");
}

#[test]
fn a_socket_on_which_another_server_listens_is_left_to_it() {
    let first = TestServer::start(&["--unixsocket", "pregon.sock"]);
    let ended = call(&first.dir(), &["--port", "0", "--unixsocket", "pregon.sock"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with("pregon: cannot listen on pregon.sock: "), "{ended:?}");
    assert!(UnixStream::connect(first.dir().join("pregon.sock")).is_ok());
}

#[test]
fn a_file_that_is_no_socket_is_not_replaced_by_one() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let path = dir.path().join("redis.conf");
    fs::write(&path, "port 0\n").unwrap_or_else(|e| panic!("a file: {e}"));
    let ended = call(dir.path(), &["redis.conf", "--unixsocket", "redis.conf"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with("pregon: cannot listen on redis.conf: entity already exists; "), "{ended:?}");
    assert_eq!(fs::read(&path).ok().as_deref(), Some(&b"port 0\n"[..]));
}

#[test]
fn the_pid_file_names_the_process_and_goes_with_it() {
    let mut server = TestServer::start(&["--pidfile", "pregon.pid"]);
    let path = server.dir().join("pregon.pid");
    let pid = fs::read_to_string(&path).unwrap_or_else(|e| panic!("the pid file: {e}"));
    assert_eq!(Some(pid), server.pid().map(|pid| format!("{pid}\n")));
    server.stop();
    assert!(!path.exists());
}

#[test]
fn relative_names_begin_at_dir_and_the_directory_of_the_start_may_be_missing() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let (start, files) = (dir.path().join("start"), dir.path().join("files"));
    let made = fs::create_dir(&start).and_then(|()| fs::create_dir(&files));
    made.unwrap_or_else(|e| panic!("directories: {e}"));
    let names = ["--unixsocket", "s", "--pidfile", "pid", "--logfile", "log"];
    let at = files.display().to_string();
    // Nobody can write to it after this: it is gone.
    let script = "cd start && rmdir ../start && exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, binary(), "--port", "0", "--dir", &at]).args(names).current_dir(dir.path());
    let server = Running(command.spawn().unwrap_or_else(|e| panic!("starting: {e}")));
    let mut stream = eventually("the socket is there", || UnixStream::connect(files.join("s")).ok());
    let expected = format!("*2\r\n$3\r\ndir\r\n${}\r\n{at}\r\n", at.len());
    let answer = ask(&mut stream, "CONFIG GET dir\r\n", expected.len());
    assert_eq!(String::from_utf8_lossy(&answer), expected);
    assert_eq!(fs::read_to_string(files.join("pid")).ok(), Some(format!("{}\n", server.0.id())));
    eventually("the log is written", || fs::read_to_string(files.join("log")).ok().filter(|log| log.contains("Ready")));
}

#[test]
fn a_pid_file_that_cannot_be_written_is_a_warning() {
    let server = TestServer::start(&["--pidfile", "nowhere/pregon.pid"]);
    let line = server.expect_log("cannot write the pid file");
    assert!(line.contains("WARN") && line.contains("nowhere/pregon.pid"), "{line}");
    assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), b"+PONG\r\n");
}

#[test]
fn the_log_file_is_appended_to() {
    let (dir, _server) = logging_to("pregon.log");
    let log = fs::read_to_string(dir.path().join("pregon.log")).unwrap_or_default();
    assert!(log.starts_with("of before\n"), "{log}");
}

/// A server that is ready and appends its log to a file that is not empty.
fn logging_to(file: &str) -> (TempDir, Running) {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let path = dir.path().join(file);
    let made = fs::create_dir_all(path.parent().unwrap_or(&path)).and_then(|()| fs::write(&path, "of before\n"));
    made.unwrap_or_else(|e| panic!("a log: {e}"));
    let server = Running::start(dir.path(), &["--port", "0", "--unixsocket", "s", "--logfile", file]);
    eventually("the server is ready", || {
        fs::read_to_string(&path).ok().filter(|log| log.contains("Ready to accept connections"))
    });
    (dir, server)
}

#[test]
fn a_hangup_opens_the_log_file_anew_so_that_the_old_one_can_be_renamed() {
    let (dir, server) = logging_to("pregon.log");
    let (path, old) = (dir.path().join("pregon.log"), dir.path().join("pregon.log.1"));
    fs::rename(&path, &old).unwrap_or_else(|e| panic!("renaming: {e}"));
    server.signal(Signal::HUP);
    let log = eventually("the new file says so", || fs::read_to_string(&path).ok().filter(|log| !log.is_empty()));
    assert!(log.contains("log file opened anew"), "{log}");
    let old = fs::read_to_string(&old).unwrap_or_default();
    assert!(old.contains("Ready to accept connections") && !old.contains("opened anew"), "{old}");
}

#[test]
fn a_log_file_that_cannot_be_opened_anew_goes_on_being_written() {
    let (dir, server) = logging_to("logs/pregon.log");
    let old = dir.path().join("old");
    fs::rename(dir.path().join("logs"), &old).unwrap_or_else(|e| panic!("renaming: {e}"));
    server.signal(Signal::HUP);
    eventually("the old file says so", || {
        fs::read_to_string(old.join("pregon.log")).ok().filter(|log| log.contains("log file not opened anew"))
    });
}

#[test]
fn a_log_file_that_cannot_be_written_is_a_start_error() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let ended = call(dir.path(), &["--port", "0", "--unixsocket", "s", "--logfile", "nowhere/pregon.log"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with("pregon: cannot write the log to nowhere/pregon.log: "), "{ended:?}");
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_it() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let args = ["--port", "0", "--unixsocket", "s", "--loglevel", "debug"];
    let mut server = Running::start(dir.path(), &args);
    drop(server.0.stdout.take());
    let connect = || UnixStream::connect(dir.path().join("s")).ok();
    eventually("the socket is there", connect);
    for _ in 0..10 {
        // Every connection is a line in the log at this level.
        let mut stream = connect().unwrap_or_else(|| panic!("it does not listen any more"));
        assert_eq!(ask(&mut stream, "PING\r\n", 7), b"+PONG\r\n");
    }
}
