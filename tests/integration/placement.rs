//! Clients that move from one io-thread to another while they talk.

use std::sync::Barrier;
use std::thread;

use crate::support::peer::encode_command;
use crate::support::{Peer, TestServer};

/// So many listeners of one channel one thread has before the next one gets any.
const CROWD: usize = 128;

/// How many subscribers each io-thread serves.
fn subscribers(server: &TestServer) -> Vec<usize> {
    let info = Peer::connect(&server.addr()).call(&["INFO", "threads"]);
    let info = String::from_utf8_lossy(&info).into_owned();
    let counts = info.split("subscribers=").skip(1).map(|rest| rest.split(',').next().expect("there is a first part"));
    counts.map(|count| count.parse().expect("a count is a number")).collect()
}

/// Lets so many listen to a channel that the next one that subscribes to it moves to another thread.
fn fill(server: &TestServer) -> Vec<Peer> {
    let subscribe = |_| {
        let mut peer = Peer::connect(&server.addr());
        peer.send_command(&["SUBSCRIBE", "crowd"]);
        peer.expect("*3\r\n$9\r\nsubscribe\r\n$5\r\ncrowd\r\n:1\r\n");
        peer
    };
    (0..CROWD).map(subscribe).collect()
}

#[test]
fn who_moves_takes_along_what_it_is_and_what_it_has_sent() {
    let server = TestServer::start(&["--io-threads", "4", "--requirepass", "secret"]);
    let mut peers: Vec<Peer> = (0..300).map(|_| Peer::connect(&server.addr())).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        let name = format!("client{number}");
        let requests: [&[&str]; 7] = [
            &["HELLO", "3", "AUTH", "default", "secret", "SETNAME", &name],
            &["SELECT", "5"],
            &["CLIENT", "REPLY", "SKIP"],
            &["PING", "skipped"],
            &["SUBSCRIBE", &name, "all"],
            &["PUBLISH", &name, "to oneself"],
            &["CLIENT", "INFO"],
        ];
        // All at once, so that what follows SUBSCRIBE is already there when the client moves.
        peer.send(requests.iter().flat_map(|request| encode_command(request)).collect::<Vec<u8>>());
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        assert!(peer.read_frame().starts_with(b"%7\r\n"), "HELLO is answered");
        peer.expect("+OK\r\n");
        let (name, len) = (format!("client{number}"), format!("client{number}").len());
        peer.expect(format!(">3\r\n$9\r\nsubscribe\r\n${len}\r\n{name}\r\n:1\r\n"));
        peer.expect(">3\r\n$9\r\nsubscribe\r\n$3\r\nall\r\n:2\r\n");
        peer.expect(":1\r\n");
        peer.expect(format!(">3\r\n$7\r\nmessage\r\n${len}\r\n{name}\r\n$10\r\nto oneself\r\n"));
        let info = String::from_utf8_lossy(&peer.read_frame()).into_owned();
        for part in [format!(" name={name} "), " db=5 ".into(), " sub=2 ".into(), " resp=3 ".into()] {
            assert!(info.contains(&part), "{part} in {info}");
        }
    }
    let mut publisher = Peer::connect(&server.addr());
    publisher.call(&["AUTH", "secret"]);
    assert_eq!(publisher.call(&["PUBLISH", "all", "x"]), b":300\r\n");
    for peer in &mut peers {
        peer.expect(">3\r\n$7\r\nmessage\r\n$3\r\nall\r\n$1\r\nx\r\n");
    }
}

#[test]
fn the_listeners_of_a_channel_to_which_very_many_listen_are_dealt_out_to_all_threads() {
    let server = TestServer::start(&["--io-threads", "3"]);
    let crowds: Vec<_> = (0..6).map(|_| fill(&server)).collect();
    let mut asked = (0..10_000).map(|_| subscribers(&server));
    let is_even = |counts: &Vec<usize>| counts.iter().all(|count| count.abs_diff(2 * CROWD) <= 2);
    assert!(asked.any(|counts| is_even(&counts)), "each has as many but for those that come meanwhile");
    drop(crowds);
    assert!(asked.any(|counts| counts == [0; 3]), "who has gone is counted no more");
}

#[test]
fn who_joins_a_crowd_in_a_transaction_or_behind_a_pause_goes_on_behind_it() {
    let server = TestServer::start(&["--io-threads", "2"]);
    let _crowd = fill(&server);
    let mut peer = Peer::connect(&server.addr());
    peer.send("MULTI\r\nSUBSCRIBE crowd\r\nEXEC\r\nPING\r\n");
    peer.expect("+OK\r\n+QUEUED\r\n*1\r\n*3\r\n$9\r\nsubscribe\r\n$5\r\ncrowd\r\n:1\r\n");
    peer.expect("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    let mut manager = Peer::connect(&server.addr());
    let mut paused = Peer::connect(&server.addr());
    assert_eq!(manager.call(&["CLIENT", "PAUSE", "100"]), b"+OK\r\n");
    paused.send("SUBSCRIBE crowd\r\nPING\r\n");
    paused.expect("*3\r\n$9\r\nsubscribe\r\n$5\r\ncrowd\r\n:1\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
}

#[test]
fn who_is_killed_on_the_way_does_not_arrive() {
    let server = TestServer::start(&["--io-threads", "2"]);
    let _crowd = fill(&server);
    let mut killer = Peer::connect(&server.addr());
    for _ in 0..200 {
        let mut victim = Peer::connect(&server.addr());
        let id = String::from_utf8_lossy(&victim.call(&["CLIENT", "ID"])).trim_matches([':', '\r', '\n']).to_owned();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                victim.send("SUBSCRIBE crowd\r\n");
                victim.read_to_end();
            });
            start.wait();
            assert_eq!(killer.call(&["CLIENT", "KILL", "ID", &id]), b":1\r\n");
            let answer = format!(":{CROWD}\r\n");
            assert_eq!(killer.call(&["PUBLISH", "crowd", "x"]), answer.as_bytes(), "nobody counts it any more");
        });
    }
}
