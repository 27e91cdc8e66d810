//! An upstream that speaks the Redis protocol, as far as nodes notice: what is published gets there in one order, and is sent
//! once for each subscription.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::wire::{ConnectionId, Engine};
use crate::backplane::subject::Naming;
use crate::ids::Topic;
use crate::pattern::matches;

/// Commands that change what a connection is sent, and whether they begin that.
const CHANGES: [(&[u8], Topic, bool); 6] = [
    (b"subscribe", Topic::Channel, true),
    (b"psubscribe", Topic::Pattern, true),
    (b"ssubscribe", Topic::ShardChannel, true),
    (b"unsubscribe", Topic::Channel, false),
    (b"punsubscribe", Topic::Pattern, false),
    (b"sunsubscribe", Topic::ShardChannel, false),
];

#[derive(Default)]
struct Connection {
    input: Vec<u8>,
    output: Vec<u8>,
    /// Names with their [`Topic`].
    asked: BTreeSet<(usize, Vec<u8>)>,
}

impl Connection {
    fn push(&mut self, words: &[&[u8]]) {
        self.output.extend(format!(">{}\r\n", words.len()).as_bytes());
        words.iter().for_each(|word| self.bulk(word));
    }

    fn bulk(&mut self, word: &[u8]) {
        self.output.extend(format!("${}\r\n", word.len()).as_bytes());
        self.output.extend([word, b"\r\n"].concat());
    }

    /// Sends a message once for each subscription.
    fn deliver(&mut self, topic: Topic, channel: &[u8], payload: &[u8]) {
        if self.asked.contains(&(topic as usize, channel.to_vec())) {
            let word: &[u8] = if topic == Topic::Channel { b"message" } else { b"smessage" };
            self.push(&[word, channel, payload]);
        }
        let patterns = self.asked.iter().filter(|(kind, _)| *kind == Topic::Pattern as usize).map(|(_, name)| name);
        let matching = patterns.filter(|name| topic == Topic::Channel && matches(name, channel));
        for pattern in matching.cloned().collect::<Vec<_>>() {
            self.push(&[b"pmessage", &pattern, channel, payload]);
        }
    }
}

/// A server.
#[derive(Default)]
pub(super) struct OneServer {
    connections: BTreeMap<ConnectionId, Connection>,
}

impl OneServer {
    fn run(&mut self, id: ConnectionId, words: &[Vec<u8>]) {
        let Some(it) = self.connections.get_mut(&id) else { return };
        let word = words[0].to_ascii_lowercase();
        match &word[..] {
            b"client" => {
                // Nodes end what they had before, which comes from a port of the same number.
                let id = std::str::from_utf8(&words[3]).expect("digits");
                assert_eq!(words[5], format!("127.0.0.1:{id}").into_bytes());
                it.output.extend(b":1\r\n");
                self.connections.remove(&id.parse().expect("a number"));
            }
            b"ping" => it.bulk(&words[1]),
            b"publish" => self.publish(id, Topic::Channel, &words[1], &words[2]),
            b"spublish" => self.publish(id, Topic::ShardChannel, &words[1], &words[2]),
            _ => {
                let change = CHANGES.into_iter().find(|(name, ..)| *name == &word[..]);
                let (_, topic, begins) = change.unwrap_or_else(|| panic!("nodes do not say {}", word.escape_ascii()));
                for name in &words[1..] {
                    let of = (topic as usize, name.clone());
                    _ = if begins { it.asked.insert(of) } else { it.asked.remove(&of) };
                    it.push(&[&word, name, b"1"]);
                }
            }
        }
    }

    fn publish(&mut self, from: ConnectionId, topic: Topic, channel: &[u8], payload: &[u8]) {
        self.connections.values_mut().for_each(|it| it.deliver(topic, channel, payload));
        self.connections.entry(from).or_default().output.extend(b":0\r\n");
    }
}

/// The command at the front of `input`, and how long it is; none while it is not complete.
fn read(input: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut at = 0;
    let number = |at: &mut usize| {
        let end = *at + input[*at..].windows(2).position(|two| two == b"\r\n")?;
        let digits = std::str::from_utf8(&input[*at + 1..end]).expect("digits");
        *at = end + 2;
        Some(digits.parse::<usize>().expect("a number"))
    };
    let mut words = Vec::new();
    for _ in 0..number(&mut at)? {
        let len = number(&mut at)?;
        words.push(input.get(at..at + len + 2)?[..len].to_vec());
        at += len + 2;
    }
    Some((words, at))
}

impl Engine for OneServer {
    fn greeting(&self, connection: ConnectionId) -> Vec<u8> {
        format!("%2\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:{connection}\r\n").into_bytes()
    }

    fn accept(&mut self, connection: ConnectionId, _server: usize) {
        self.connections.insert(connection, Connection::default());
    }

    fn close(&mut self, connection: ConnectionId, random: &mut Rng, now_ms: u64) {
        self.work(random, now_ms, None);
        self.connections.remove(&connection);
    }

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) {
        if let Some(it) = self.connections.get_mut(&connection) {
            it.input.extend(bytes);
        }
    }

    fn work(&mut self, random: &mut Rng, _now_ms: u64, stalled: Option<usize>) {
        if stalled.is_some() {
            return;
        }
        let mut ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        random.shuffle(&mut ids);
        for id in ids {
            while let Some((words, len)) = self.connections.get(&id).and_then(|it| read(&it.input)) {
                self.connections.entry(id).or_default().input.drain(..len);
                self.run(id, &words);
            }
        }
    }

    fn unread(&self, connection: ConnectionId) -> usize {
        self.connections.get(&connection).map_or(0, |it| it.input.len())
    }

    fn take_output(&mut self, connection: ConnectionId) -> Vec<u8> {
        self.connections.get_mut(&connection).map(|it| std::mem::take(&mut it.output)).unwrap_or_default()
    }

    fn is_idle(&self) -> bool {
        self.connections.values().all(|it| it.input.is_empty())
    }

    fn asked(&self, connection: ConnectionId) -> BTreeSet<Vec<u8>> {
        let asked = self.connections[&connection].asked.iter().filter(|(_, name)| !name.starts_with(b"__pregon__:"));
        asked.map(|(topic, name)| Naming::Names.of_interest(Topic::ALL[*topic], name)).collect()
    }
}
