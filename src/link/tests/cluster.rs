//! Servers of NATS, as far as nodes notice: they know a moment later what is asked for at each other, find out for whom a
//! message is before they send it, and send it once for each thing that was asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;

use super::wire::{ConnectionId, Engine};
use crate::backplane::subject::is_tree;

/// The longest that it takes until a message is sent for which it is known who gets it, in milliseconds. Nodes trust in that it is
/// shorter than the time that they wait before they give something up.
const LONGEST_SENDING_MS: u64 = 150;
/// The longest that something takes from one server to another, in milliseconds.
pub(super) const LONGEST_ROUTE_MS: u64 = 60;

/// Messages that were sent: their subjects and payloads.
type Delivered = VecDeque<(Vec<u8>, Vec<u8>)>;

/// A message for which it is known who gets it.
struct Publishing {
    at_ms: u64,
    subject: Vec<u8>,
    payload: Vec<u8>,
    receivers: Vec<(ConnectionId, u64)>,
    servers: Vec<usize>,
}

#[derive(Default)]
struct Connection {
    server: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    asked: BTreeMap<u64, Vec<u8>>,
    /// What the node calls itself, and what it was sent last.
    node: Vec<u8>,
    delivered: Delivered,
    publishing: Option<Publishing>,
    /// Whether the answer to its next PING belongs to the greeting, which it has got.
    is_greeting: bool,
}

/// What one server tells another.
enum Told {
    Asked(Vec<u8>),
    Forgotten(Vec<u8>),
    Message(Vec<u8>, Vec<u8>),
}

/// A cluster of servers.
pub(super) struct Cluster {
    connections: BTreeMap<ConnectionId, Connection>,
    servers: usize,
    /// The largest payload, in bytes.
    max_payload: usize,
    /// How many of the last messages a node that comes back is sent again.
    repeats: usize,
    /// What nodes were sent last whose connections have ended.
    last: BTreeMap<Vec<u8>, Delivered>,
    /// What is on its way from one server to another.
    routes: BTreeMap<(usize, usize), VecDeque<(u64, Told)>>,
    /// What a server knows to be asked for at another, with how many times: `(knows, asks)`.
    known: BTreeMap<(usize, usize), BTreeMap<Vec<u8>, usize>>,
}

fn covers(asked: &[u8], subject: &[u8]) -> bool {
    if is_tree(asked) { subject.starts_with(asked) } else { asked == subject }
}

fn is_control(subject: &[u8]) -> bool {
    subject == b"pregon.n" || subject.starts_with(b"pregon.r.")
}

impl Cluster {
    /// So many servers, which take payloads of so many bytes, and send a node that comes back so many of the last messages again.
    pub(super) fn of(servers: usize, max_payload: usize, repeats: usize) -> Self {
        let (routes, known) = (BTreeMap::new(), BTreeMap::new());
        Cluster { connections: BTreeMap::new(), servers, max_payload, repeats, last: BTreeMap::new(), routes, known }
    }

    /// A connection asks for something: a node that has come back is sent what it was sent last of that.
    fn repeat(&mut self, id: ConnectionId, number: u64) {
        let Some(it) = self.connections.get_mut(&id) else { return };
        let asked = it.asked[&number].clone();
        if asked.starts_with(b"pregon.r.") {
            it.node.clone_from(&asked);
        }
        let last = self.last.get_mut(&it.node).map(std::mem::take).unwrap_or_default();
        let (again, later): (Delivered, Delivered) = last.into_iter().partition(|(subject, _)| covers(&asked, subject));
        self.last.insert(it.node.clone(), later);
        again.iter().for_each(|(subject, payload)| self.deliver(&[(id, number)], subject, payload));
    }

    fn tell(&mut self, from: usize, to: usize, told: Told, random: &mut Rng, now_ms: u64) {
        let route = self.routes.entry((from, to)).or_default();
        let last_ms = route.back().map_or(0, |(last_ms, _)| *last_ms);
        route.push_back((last_ms.max(now_ms + random.u64(0..LONGEST_ROUTE_MS)), told));
    }

    fn tell_all(&mut self, from: usize, told: impl Fn() -> Told, random: &mut Rng, now_ms: u64) {
        for to in (0..self.servers).filter(|to| *to != from) {
            self.tell(from, to, told(), random, now_ms);
        }
    }

    /// Who gets a message at this server.
    fn receivers(&self, server: usize, subject: &[u8], from: Option<ConnectionId>) -> Vec<(ConnectionId, u64)> {
        let here = self.connections.iter().filter(|(id, it)| it.server == server && Some(**id) != from);
        let asked = here.flat_map(|(id, it)| it.asked.iter().map(move |(number, asked)| (*id, *number, asked)));
        asked.filter(|(_, _, asked)| covers(asked, subject)).map(|(id, number, _)| (id, number)).collect()
    }

    fn deliver(&mut self, receivers: &[(ConnectionId, u64)], subject: &[u8], payload: &[u8]) {
        for (id, number) in receivers {
            // What has been given up meanwhile gets nothing.
            if let Some(it) = self.connections.get_mut(id).filter(|it| it.asked.contains_key(number)) {
                let line = format!("MSG {} {number} {}\r\n", String::from_utf8_lossy(subject), payload.len());
                it.output.extend([line.as_bytes(), payload, b"\r\n"].concat());
                if !is_control(subject) && self.repeats > 0 {
                    it.delivered.push_back((subject.to_vec(), payload.to_vec()));
                    it.delivered.drain(..it.delivered.len().saturating_sub(self.repeats));
                }
            }
        }
    }

    /// Does the next thing that a connection has sent; false if there is none, or it has to wait.
    fn next(&mut self, id: ConnectionId, random: &mut Rng, now_ms: u64) -> bool {
        let Some(it) = self.connections.get_mut(&id) else { return false };
        if let Some(publishing) = &it.publishing {
            if publishing.at_ms > now_ms {
                return false;
            }
            let server = it.server;
            if let Some(Publishing { subject, payload, receivers, servers, .. }) = it.publishing.take() {
                self.deliver(&receivers, &subject, &payload);
                for to in servers {
                    self.tell(server, to, Told::Message(subject.clone(), payload.clone()), random, now_ms);
                }
            }
            return true;
        }
        let Some(end) = it.input.windows(2).position(|two| two == b"\r\n") else { return false };
        let line = String::from_utf8(it.input[..end].to_vec()).expect("lines are ASCII");
        let server = it.server;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["CONNECT", ..] => it.is_greeting = true,
            ["PING"] if it.is_greeting => it.is_greeting = false,
            ["PING"] => it.output.extend(b"PONG\r\n"),
            ["SUB", subject, number] => {
                let asked = subject.trim_end_matches('>').as_bytes().to_vec();
                let number = number.parse().expect("a number");
                let before = it.asked.insert(number, asked.clone());
                assert!(before.is_none(), "a number is used once");
                self.repeat(id, number);
                self.tell_all(server, || Told::Asked(asked.clone()), random, now_ms);
            }
            ["UNSUB", number] => {
                let asked = it.asked.remove(&number.parse().expect("a number")).expect("it was asked for");
                self.tell_all(server, || Told::Forgotten(asked.clone()), random, now_ms);
            }
            ["PUB", subject, len] => {
                let (begin, len) = (end + 2, len.parse::<usize>().expect("a length"));
                let Some(payload) = it.input.get(begin..begin + len + 2) else { return false };
                let (subject, payload) = (subject.as_bytes().to_vec(), payload[..len].to_vec());
                it.input.drain(..begin + len + 2);
                self.begin_to_publish(id, subject, payload, random, now_ms);
                return true;
            }
            _ => panic!("nodes do not say {line}"),
        }
        if let Some(it) = self.connections.get_mut(&id) {
            it.input.drain(..end + 2);
        }
        true
    }

    fn begin_to_publish(
        &mut self,
        id: ConnectionId,
        subject: Vec<u8>,
        payload: Vec<u8>,
        random: &mut Rng,
        now_ms: u64,
    ) {
        let Some(server) = self.connections.get(&id).map(|it| it.server) else { return };
        let receivers = self.receivers(server, &subject, Some(id));
        let knows = |other: &usize| {
            let known = self.known.get(&(server, *other));
            known.is_some_and(|known| known.keys().any(|asked| covers(asked, &subject)))
        };
        let servers = (0..self.servers).filter(|other| *other != server).filter(knows).collect();
        let at_ms = if random.u8(..8) == 0 { now_ms + random.u64(..LONGEST_SENDING_MS) } else { now_ms };
        if let Some(it) = self.connections.get_mut(&id) {
            it.publishing = Some(Publishing { at_ms, subject, payload, receivers, servers });
        }
    }

    fn hear_route(&mut self, from: usize, to: usize, told: Told) {
        let known = self.known.entry((to, from)).or_default();
        match told {
            Told::Asked(asked) => *known.entry(asked).or_default() += 1,
            Told::Forgotten(asked) => {
                if let Some(count) = known.get_mut(&asked) {
                    *count -= 1;
                    if *count == 0 {
                        known.remove(&asked);
                    }
                }
            }
            Told::Message(subject, payload) => {
                let receivers = self.receivers(to, &subject, None);
                self.deliver(&receivers, &subject, &payload);
            }
        }
    }
}

impl Engine for Cluster {
    fn greeting(&self, _connection: ConnectionId) -> Vec<u8> {
        format!("INFO {{\"max_payload\":{}}}\r\nPONG\r\n", self.max_payload).into_bytes()
    }

    fn accept(&mut self, connection: ConnectionId, server: usize) {
        self.connections.insert(connection, Connection { server, ..Connection::default() });
    }

    fn close(&mut self, connection: ConnectionId, random: &mut Rng, now_ms: u64) {
        loop {
            let publishing = self.connections.get_mut(&connection).and_then(|it| it.publishing.as_mut());
            publishing.into_iter().for_each(|publishing| publishing.at_ms = now_ms);
            if !self.next(connection, random, now_ms) {
                break;
            }
        }
        let Some(gone) = self.connections.remove(&connection) else { return };
        self.last.insert(gone.node, gone.delivered);
        for asked in gone.asked.into_values() {
            self.tell_all(gone.server, || Told::Forgotten(asked.clone()), random, now_ms);
        }
    }

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) {
        if let Some(it) = self.connections.get_mut(&connection) {
            it.input.extend(bytes);
        }
    }

    fn work(&mut self, random: &mut Rng, now_ms: u64, stalled: Option<usize>) {
        let routes: Vec<(usize, usize)> = self.routes.keys().copied().collect();
        for (from, to) in routes.into_iter().filter(|(_, to)| Some(*to) != stalled) {
            let due = |route: &mut VecDeque<(u64, Told)>| route.pop_front_if(|(at_ms, _)| *at_ms <= now_ms);
            while let Some((_, told)) = self.routes.get_mut(&(from, to)).and_then(due) {
                self.hear_route(from, to, told);
            }
        }
        let awake = self.connections.iter().filter(|(_, it)| Some(it.server) != stalled);
        let awake: Vec<ConnectionId> = awake.map(|(id, _)| *id).collect();
        for id in awake {
            while self.next(id, random, now_ms) {}
        }
    }

    fn unread(&self, connection: ConnectionId) -> usize {
        self.connections.get(&connection).map_or(0, |it| it.input.len())
    }

    fn take_output(&mut self, connection: ConnectionId) -> Vec<u8> {
        self.connections.get_mut(&connection).map(|it| std::mem::take(&mut it.output)).unwrap_or_default()
    }

    fn is_idle(&self) -> bool {
        let rests = |it: &Connection| it.publishing.is_none() && it.input.is_empty();
        self.routes.values().all(VecDeque::is_empty) && self.connections.values().all(rests)
    }

    fn asked(&self, connection: ConnectionId) -> BTreeSet<Vec<u8>> {
        let mut all = BTreeSet::new();
        for asked in self.connections[&connection].asked.values().filter(|asked| !is_control(asked)) {
            assert!(all.insert(asked.clone()), "{} is asked for twice", asked.escape_ascii());
        }
        all
    }
}
