//! What a service manager hears of the server.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::{Running, binary, eventually, finish};
use crate::support::DEADLINE;

/// What listens as systemd does, in a directory of its own.
fn manager() -> (TempDir, UnixDatagram) {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap_or_else(|e| panic!("a socket: {e}"));
    socket.set_read_timeout(Some(DEADLINE)).unwrap_or_else(|e| panic!("a timeout: {e}"));
    (dir, socket)
}

/// The binary as a unit starts it; it has nothing but a Unix socket.
fn unit(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).args(["--port", "0", "--unixsocket", "s"]).current_dir(dir);
    command.env("NOTIFY_SOCKET", dir.join("notify")).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn start(command: &mut Command) -> Running {
    Running(command.spawn().unwrap_or_else(|e| panic!("starting: {e}")))
}

/// The next that the manager hears which has this line.
fn expect(socket: &UnixDatagram, line: &str) {
    let mut bytes = [0; 4096];
    loop {
        let count = socket.recv(&mut bytes).unwrap_or_else(|e| panic!("waiting for {line}: {e}"));
        if String::from_utf8_lossy(&bytes[..count]).lines().any(|told| told == line) {
            return;
        }
    }
}

#[test]
fn a_supervisor_hears_that_the_server_is_ready_reloads_and_ends() {
    for mode in ["systemd", "auto"] {
        let (dir, socket) = manager();
        let mut server = start(&mut unit(dir.path(), &["--supervised", mode]));
        for line in ["STATUS=Ready to accept connections", "RELOADING=1", "READY=1", "STOPPING=1"] {
            match line {
                "RELOADING=1" => server.signal(Signal::HUP),
                "STOPPING=1" => server.signal(Signal::TERM),
                _ => {}
            }
            expect(&socket, line);
        }
        assert_eq!(server.0.wait().ok().and_then(|status| status.code()), Some(0));
    }
}

#[test]
fn a_watchdog_hears_again_and_again_that_the_server_is_alive() {
    let (dir, socket) = manager();
    let _server = start(unit(dir.path(), &["--supervised", "systemd"]).env("WATCHDOG_USEC", "20000"));
    (0..3).for_each(|_| expect(&socket, "WATCHDOG=1"));
}

#[test]
fn info_says_whether_a_supervisor_is_told() {
    for (mode, shown) in [("auto", "systemd"), ("upstart", "no")] {
        let (dir, socket) = manager();
        let _server = start(&mut unit(dir.path(), &["--supervised", mode]));
        if shown == "systemd" {
            expect(&socket, "READY=1");
        }
        let mut stream = eventually("the server is ready", || UnixStream::connect(dir.path().join("s")).ok());
        let mut info = String::new();
        let asked = stream.write_all(b"INFO server\r\nQUIT\r\n").and_then(|()| stream.read_to_string(&mut info));
        assert!(asked.is_ok() && info.contains(&format!("\r\nprocess_supervised:{shown}\r\n")), "{mode}: {info}");
    }
}

#[test]
fn who_is_supervised_stays_in_the_foreground_whatever_daemonize_says() {
    let (dir, socket) = manager();
    let _server = start(&mut unit(dir.path(), &["--daemonize", "yes", "--supervised", "systemd"]));
    expect(&socket, "READY=1");
    let ended = finish(unit(dir.path(), &["--daemonize", "yes", "--supervised", "no"]).stdout(Stdio::piped()), b"");
    assert!(ended.err.starts_with("pregon: command line: daemonize: the server stays in the foreground"), "{ended:?}");
}

#[test]
fn the_call_of_debians_unit_starts_though_the_file_wants_the_background() {
    let (dir, socket) = manager();
    let place = dir.path().display().to_string();
    // Debian's own file where its package is installed, and otherwise what matters of it.
    let file = std::fs::read("/etc/redis/redis.conf").unwrap_or_else(|_| b"port 6379\ndaemonize yes\n".to_vec());
    std::fs::write(dir.path().join("redis.conf"), file).unwrap_or_else(|e| panic!("a file: {e}"));
    let call = ["redis.conf", "--supervised", "systemd", "--daemonize", "no"];
    let places = ["--dir", &place, "--logfile", "log", "--pidfile", "pid"];
    let _server = start(&mut unit(dir.path(), &[&call[..], &places].concat()));
    expect(&socket, "READY=1");
}
