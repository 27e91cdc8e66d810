//! Running out of file descriptors and of places for clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::child::{Running, binary, eventually, finish};
use crate::support::{Peer, TestServer};

/// Lets the server have so many descriptors, and answers how many it could have.
fn limit_descriptors(server: &TestServer, limit: Option<u64>) -> Option<u64> {
    let pid = server.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    // The hard limit, which it has inherited from this process, stays.
    let limit = Rlimit { current: limit, ..getrlimit(Resource::Nofile) };
    prlimit(pid, Resource::Nofile, limit).unwrap_or_else(|e| panic!("limiting the server: {e}")).current
}

#[test]
fn without_descriptors_new_clients_wait_and_others_are_served() {
    let server = TestServer::start(&["--maxclients", "100"]);
    let mut first = Peer::connect(&server.addr());
    assert_eq!(first.call(&["PING"]), b"+PONG\r\n");
    // What is open stays open, and only the three standard streams are below.
    let enough = limit_descriptors(&server, Some(3));
    let mut waiting: Vec<Peer> = (0..3).map(|_| Peer::connect(&server.addr())).collect();
    server.expect_log("cannot accept connections; trying again");
    // Enough of them for several tries.
    for _ in 0..5000 {
        assert_eq!(first.call(&["PING"]), b"+PONG\r\n");
    }
    assert_eq!(server.log().matches("cannot accept").count(), 1);
    limit_descriptors(&server, enough);
    for peer in &mut waiting {
        assert_eq!(peer.call(&["PING"]), b"+PONG\r\n");
    }
}

#[test]
fn the_limit_of_open_files_is_raised_for_maxclients_or_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|e| panic!("a port: {e}"));
    let port = taken.local_addr().map_or(0, |addr| addr.port()).to_string();
    for (limit, said) in [
        ("ulimit -S -n 64", "raised the limit of open files for maxclients"),
        ("ulimit -n 64", "the limit of open files is too low for maxclients, which is less now"),
    ] {
        let script = format!("{limit}; exec \"$0\" \"$@\"");
        let args = ["-c", &script, binary(), "--bind", "127.0.0.1", "--port", &port, "--io-threads", "1"];
        // It ends because the port is taken, after it has looked at its limits.
        let ended = finish(Command::new("sh").args(args), b"");
        assert!(ended.out.contains(said), "{ended:?}");
        assert!(ended.err.contains("cannot listen on"), "{ended:?}");
    }
}

/// The binary, allowed to have so many files open.
fn limited(limit: u32, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\""), binary()]).args(args);
    command
}

#[test]
fn where_descriptors_are_few_some_clients_are_served_and_the_rest_is_told_so() {
    const CLIENTS: usize = 200;
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let mut command = limited(64, &["--port", "0", "--unixsocket", "s", "--io-threads", "1"]);
    let spawned = command.current_dir(dir.path()).stdout(Stdio::null()).spawn();
    let _server = Running(spawned.unwrap_or_else(|e| panic!("starting: {e}")));
    let connect = || UnixStream::connect(dir.path().join("s"));
    let mut clients = vec![eventually("the socket is there", || connect().ok())];
    clients.extend((1..CLIENTS).map(|_| connect().unwrap_or_else(|e| panic!("connecting: {e}"))));
    let maxclients = ask(&mut clients[0], "CONFIG GET maxclients\r\n", 5).remove(4);
    let served: usize = maxclients.parse().unwrap_or_else(|e| panic!("{maxclients}: {e}"));
    assert!((10..64).contains(&served), "{served}");
    let refused = clients.split_off(served);
    for client in &mut clients {
        assert_eq!(ask(client, "PING\r\n", 1), ["+PONG"]);
    }
    for mut client in refused {
        let mut told = String::new();
        client.read_to_string(&mut told).unwrap_or_else(|e| panic!("reading: {e}"));
        assert_eq!(told, "-ERR max number of clients reached\r\n");
    }
}

/// The lines of what a command is answered.
fn ask(stream: &mut UnixStream, command: &str, lines: usize) -> Vec<String> {
    stream.write_all(command.as_bytes()).unwrap_or_else(|e| panic!("{command}: {e}"));
    BufReader::new(stream).lines().take(lines).map(|line| line.unwrap_or_else(|e| panic!("{command}: {e}"))).collect()
}

#[test]
fn without_a_descriptor_for_any_client_it_does_not_start() {
    let ended = finish(&mut limited(32, &["--port", "0", "--unixsocket", "s"]), b"");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("the limit of open files leaves no descriptor for clients"), "{ended:?}");
}

#[test]
fn p11_one_client_beyond_maxclients_is_told_so_until_another_one_goes() {
    let server = TestServer::start(&["--maxclients", "2"]);
    let mut first = Peer::connect(&server.addr());
    let mut second = Peer::connect(&server.addr());
    for peer in [&mut first, &mut second] {
        assert_eq!(peer.call(&["PING"]), b"+PONG\r\n");
    }
    let mut third = Peer::connect(&server.addr());
    third.expect("-ERR max number of clients reached\r\n");
    third.expect_closed();
    assert_eq!(second.call(&["QUIT"]), b"+OK\r\n");
    second.expect_closed();
    eventually("there is room again", || {
        let mut fourth = Peer::connect(&server.addr());
        // Refused without having been read, a request would become a reset; nothing is sent before nothing has come.
        fourth.finish_sending();
        fourth.read_to_end().is_empty().then_some(())
    });
    assert_eq!(first.call(&["PING"]), b"+PONG\r\n");
}
