//! A name server that hangs: who asks for a name waits, and nobody else.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::support::{DEADLINE, Peer, TestServer};

/// Where the server finds its name server: an address of this machine that nobody else uses.
const NAME_SERVER: &str = "127.53.53.53";
/// Messages that pass while a name is looked up.
const MESSAGES: usize = 1000;

/// Why this machine cannot do that, if it cannot: the server gets a file system of its own, in which `/etc/resolv.conf` is
/// another one, and name servers are asked at a port that only administrators may open.
pub(crate) fn missing() -> Option<String> {
    let unshared = Command::new("unshare").args(["--mount", "true"]).output().is_ok_and(|done| done.status.success());
    let may_listen = unshared && UdpSocket::bind((NAME_SERVER, 53)).is_ok();
    (!may_listen).then(|| "a name server cannot be put in the place of this machine's".into())
}

/// Starts the server as a program that asks the name server of the test.
fn start(dir: &Path) -> TestServer {
    let (settings, program) = (dir.join("resolv.conf"), dir.join("pregon"));
    let write = |path: &Path, text: &str| fs::write(path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    write(&settings, &format!("nameserver {NAME_SERVER}\noptions timeout:30 attempts:1\n"));
    let mount = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let (settings, server) = (settings.display(), env!("CARGO_BIN_EXE_pregon"));
    write(&program, &format!("#!/bin/sh\nexec unshare --mount sh -c '{mount}' '{settings}' '{server}' \"$@\"\n"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap_or_else(|e| panic!("the program: {e}"));
    TestServer::start_binary(program, &[], &[])
}

/// While a name in CONFIG SET is looked up, messages pass, keys are served and new clients are let in.
pub(crate) fn a_name_server_that_hangs_keeps_only_those_waiting_who_ask_for_a_name() {
    let socket = UdpSocket::bind((NAME_SERVER, 53)).unwrap_or_else(|e| panic!("{NAME_SERVER}: {e}"));
    socket.set_read_timeout(Some(DEADLINE)).unwrap_or_else(|e| panic!("a deadline: {e}"));
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let server = start(dir.path());
    let [mut subscriber, mut publisher, mut operator] = [(); 3].map(|()| Peer::connect(&server.addr()));
    subscriber.call(&["SUBSCRIBE", "news"]);
    operator.send_command(&["CONFIG", "SET", "bind", "127.0.0.1 nowhere.invalid"]);
    let mut question = [0; 512];
    let asked = socket.recv_from(&mut question).unwrap_or_else(|e| panic!("nobody asks: {e}"));
    for number in 0..MESSAGES {
        let number = number.to_string();
        assert_eq!(publisher.call(&["PUBLISH", "news", &number]), b":1\r\n");
        subscriber.expect(format!("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n${}\r\n{number}\r\n", number.len()).as_bytes());
    }
    assert_eq!(publisher.call(&["SET", "key", "value"]), b"+OK\r\n");
    assert_eq!(Peer::connect(&server.addr()).call(&["GET", "key"]), b"$5\r\nvalue\r\n");
    let answering = thread::spawn(move || answer(&socket, question, asked));
    let refused = operator.read_frame();
    let end = UdpSocket::bind("127.0.0.1:0").and_then(|other| other.send_to(b"", (NAME_SERVER, 53)));
    end.unwrap_or_else(|e| panic!("ending: {e}"));
    answering.join().expect("it has answered all questions");
    let refused = String::from_utf8_lossy(&refused).into_owned();
    assert!(refused.starts_with("-ERR CONFIG SET failed (possibly related to argument 'bind')"), "{refused}");
    assert_eq!(operator.call(&["CONFIG", "GET", "bind"]), b"*2\r\n$4\r\nbind\r\n$9\r\n127.0.0.1\r\n");
}

/// Answers this question and those behind it: there is no such name. Until somebody sends nothing.
fn answer(socket: &UdpSocket, mut question: [u8; 512], mut asked: (usize, SocketAddr)) {
    while asked.0 > 4 {
        // A response, and its code.
        (question[2], question[3]) = (0x81, 0x83);
        socket.send_to(&question[..asked.0], asked.1).unwrap_or_else(|e| panic!("answering: {e}"));
        asked = socket.recv_from(&mut question).unwrap_or_else(|e| panic!("nobody asks: {e}"));
    }
}
