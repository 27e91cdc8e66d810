//! Running out of file descriptors and of places for clients.

use std::net::TcpListener;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::child::{binary, eventually, finish};
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
        ("ulimit -n 64", "the limit of open files is too low for maxclients; raise it with ulimit -n or LimitNOFILE"),
    ] {
        let script = format!("{limit}; exec \"$0\" \"$@\"");
        let args = ["-c", &script, binary(), "--bind", "127.0.0.1", "--port", &port, "--maxclients", "500"];
        // It ends because the port is taken, after it has looked at its limits.
        let ended = finish(Command::new("sh").args(args), b"");
        assert!(ended.out.contains(said), "{ended:?}");
        assert!(ended.err.contains("cannot listen on"), "{ended:?}");
    }
}

#[test]
fn one_client_too_many_is_told_so_until_another_one_goes() {
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
