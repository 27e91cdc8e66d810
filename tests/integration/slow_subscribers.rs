//! Subscribers that stop reading while much is published, and read on later: what they have lost, and what they are told of it.

use std::collections::HashMap;

use crate::support::peer::encode_command;
use crate::support::{Peer, TestServer};

const CHANNELS: usize = 3;
/// So many messages are more than the buffers of sockets and the limit hold.
const MESSAGES: usize = 12_000;
const AT_ONCE: usize = 100;
/// So many fit into the buffers of sockets, whatever the system.
const READ_BEHIND: usize = 20;
const FILLER: usize = 1_000;

/// A server whose subscribers lose messages by this policy.
fn start(policy: &str) -> TestServer {
    TestServer::start(&[
        "--io-threads",
        "2",
        "--slow-subscriber-policy",
        policy,
        "--slow-subscriber-limit",
        "64kb",
        "1000",
    ])
}

fn subscriber(server: &TestServer, proto: &str) -> Peer {
    let mut peer = Peer::connect(&server.addr());
    peer.call(&["HELLO", proto]);
    let channels: Vec<String> = (0..CHANNELS).map(|channel| format!("c{channel}")).collect();
    let names: Vec<&str> = channels.iter().map(String::as_str).chain(["end", "__pregon__:gap"]).collect();
    peer.send_command(&[&["SUBSCRIBE"], &names[..]].concat());
    names.iter().for_each(|_| drop(peer.read_frame()));
    peer
}

/// What publishes the message of this number; the channels have their turns.
fn request(number: usize) -> Vec<u8> {
    let payload = format!("{}:{}", number / CHANNELS, "x".repeat(FILLER));
    encode_command(&["PUBLISH", &format!("c{}", number % CHANNELS), &payload])
}

/// Publishes numbered messages to all channels in turn.
fn publish(server: &TestServer) {
    let mut publisher = Peer::connect(&server.addr());
    let numbers: Vec<usize> = (0..MESSAGES).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        publisher.send(numbers.iter().flat_map(|number| request(*number)).collect::<Vec<u8>>());
        numbers.iter().for_each(|_| drop(publisher.read_frame()));
    }
}

/// The words of a frame without its lengths.
fn words(frame: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(frame).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with(['$', '*', '>']));
    lines.map(|line| line.trim_start_matches(':').to_owned()).collect()
}

/// What a subscriber has got and was told, by channel.
#[derive(Default)]
struct Heard {
    got: usize,
    lost: usize,
    /// The number of the next message if nothing is lost.
    next: HashMap<String, usize>,
}

impl Heard {
    /// Reads until the end was heard, which is published again as long as that may have been lost, too.
    fn all(server: &TestServer, peer: &mut Peer) -> Self {
        let mut publisher = Peer::connect(&server.addr());
        let mut heard = Heard::default();
        loop {
            if heard.got % AT_ONCE == 0 {
                publisher.call(&["PUBLISH", "end", ""]);
            }
            let frame = words(&peer.read_frame());
            let frame: Vec<&str> = frame.iter().map(String::as_str).collect();
            match frame[..] {
                ["message", "end", ..] => return heard,
                ["message", "__pregon__:gap", told] => match told.split(' ').collect::<Vec<_>>()[..] {
                    [count, "message", channel] => heard.miss(channel, count),
                    _ => panic!("{told}"),
                },
                ["gap", channel, count] => heard.miss(channel, count),
                ["message", channel, payload] => heard.get(channel, payload),
                _ => panic!("{frame:?}"),
            }
        }
    }

    fn miss(&mut self, channel: &str, count: &str) {
        let count: usize = count.parse().expect("a number");
        if channel != "end" {
            self.lost += count;
            *self.next.entry(channel.into()).or_default() += count;
        }
        self.got += 1;
    }

    fn get(&mut self, channel: &str, payload: &str) {
        let (number, filler) = payload.split_once(':').expect("a number and a filler");
        let next = self.next.entry(channel.into()).or_default();
        assert_eq!(number.parse(), Ok(*next), "of {channel}");
        assert_eq!(filler.len(), FILLER);
        (*next, self.got) = (*next + 1, self.got + 1);
    }
}

#[test]
fn who_stops_reading_loses_what_its_policy_says_and_is_told_of_each_message_in_its_place() {
    for policy in ["drop-oldest", "drop-newest", "conflate"] {
        for proto in ["2", "3"] {
            let server = start(policy);
            let mut slow = subscriber(&server, proto);
            publish(&server);
            let heard = Heard::all(&server, &mut slow);
            assert!(heard.lost > MESSAGES / 10, "{policy} {proto}: {} lost", heard.lost);
            if policy != "drop-newest" {
                let newest = (0..CHANNELS).map(|channel| heard.next[&format!("c{channel}")]);
                assert!(newest.eq([MESSAGES / CHANNELS; CHANNELS]), "{policy} {proto}: {:?}", heard.next);
            }
            let listed =
                String::from_utf8_lossy(&Peer::connect(&server.addr()).call(&["CLIENT", "LIST", "TYPE", "pubsub"]))
                    .into_owned();
            assert!(listed.contains(&format!(" slow={policy} lost=")), "it is still there: {listed}");
        }
    }
}

#[test]
fn p7_who_reads_on_loses_nothing_beside_one_that_does_not() {
    for policy in ["drop-oldest", "drop-newest", "conflate"] {
        let server = start(policy);
        let stuck = subscriber(&server, "3");
        let mut reader = subscriber(&server, "3");
        let (mut publisher, mut heard) = (Peer::connect(&server.addr()), Heard::default());
        // It is never further behind than what its socket holds.
        let numbers: Vec<usize> = (0..MESSAGES).collect();
        for numbers in numbers.chunks(READ_BEHIND) {
            publisher.send(numbers.iter().flat_map(|number| request(*number)).collect::<Vec<u8>>());
            for _ in numbers {
                publisher.read_frame();
                let frame = words(&reader.read_frame());
                heard.get(&frame[1], &frame[2]);
            }
        }
        assert_eq!(heard.got, MESSAGES, "{policy}");
        drop(stuck);
    }
}
