//! Connections between nodes and an engine in simulated time: bytes take their time, and an end may come between any two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;

/// By what a connection is known; never used again.
pub(super) type ConnectionId = usize;

/// What the engine and other nodes take, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Takes {
    /// The longest name of a channel.
    pub(super) name: usize,
    /// The longest payload that surely finds room beside those of others, and that may.
    pub(super) payload: usize,
    pub(super) most: usize,
}

/// Bytes on their way, in their order, each with when they arrive.
#[derive(Debug, Default)]
struct Pipe {
    chunks: VecDeque<(u64, Vec<u8>)>,
}

impl Pipe {
    fn push(&mut self, bytes: Vec<u8>, at_ms: u64) {
        let last = self.chunks.back().map_or(0, |(last, _)| *last);
        if !bytes.is_empty() {
            self.chunks.push_back((at_ms.max(last), bytes));
        }
    }

    fn take(&mut self, now_ms: u64) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some((_, bytes)) = self.chunks.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            taken.extend(bytes);
        }
        taken
    }

    fn len(&self) -> usize {
        self.chunks.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// All that is on its way but for an end of random length, which is lost.
    fn cut(&mut self, random: &mut Rng) -> Vec<u8> {
        let mut left = self.take(u64::MAX);
        left.truncate(random.usize(..=left.len()));
        left
    }
}

/// What an engine is to its connections.
pub(super) trait Engine {
    /// What it says before it is spoken with, and answers to the greeting.
    fn greeting(&self, connection: ConnectionId) -> Vec<u8>;
    /// A node has connected to one of its servers.
    fn accept(&mut self, connection: ConnectionId, server: usize);
    /// A connection has ended.
    fn close(&mut self, connection: ConnectionId, random: &mut Rng, now_ms: u64);
    /// These bytes have come.
    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]);
    /// Does what is due, but for a server that stalls.
    fn work(&mut self, random: &mut Rng, now_ms: u64, stalled: Option<usize>);
    /// How much of what has come it has not done anything about, in bytes.
    fn unread(&self, connection: ConnectionId) -> usize;
    /// What it sends.
    fn take_output(&mut self, connection: ConnectionId) -> Vec<u8>;
    /// Whether nothing is under way in it.
    fn is_idle(&self) -> bool;
    /// What a connection has asked for, in the form of a [`Subject`](crate::backplane::subject::Subject), and what nodes tell each
    /// other left out. Nothing twice.
    fn asked(&self, connection: ConnectionId) -> BTreeSet<Vec<u8>>;
}

#[derive(Debug)]
struct Line {
    server: usize,
    /// How long bytes take, in milliseconds.
    delay_ms: u64,
    up: Pipe,
    down: Pipe,
    /// What the node has sent, in bytes.
    sent: u64,
    /// When the engine hears that it has ended, once the node has left it.
    ends_ms: Option<u64>,
}

/// An engine with all its connections.
pub(super) struct Net<E> {
    pub(super) engine: E,
    lines: BTreeMap<ConnectionId, Line>,
    next: ConnectionId,
    /// A server that does nothing, and until when.
    stalled: Option<(usize, u64)>,
    /// How long what has arrived before a connection broke may lie there until the engine reads it, in milliseconds.
    pub(super) late_ms: u64,
}

/// What a socket takes while the other side does not read, in bytes.
const WINDOW: usize = 64 * 1024;

impl<E: Engine> Net<E> {
    pub(super) fn new(engine: E, late_ms: u64) -> Self {
        Net { engine, lines: BTreeMap::new(), next: 0, stalled: None, late_ms }
    }

    pub(super) fn connect(&mut self, server: usize, random: &mut Rng) -> ConnectionId {
        self.next += 1;
        self.engine.accept(self.next, server);
        let delay_ms = random.u64(0..30);
        let line = Line { server, delay_ms, up: Pipe::default(), down: Pipe::default(), sent: 0, ends_ms: None };
        self.lines.insert(self.next, line);
        self.next
    }

    /// How much the node's socket takes now, in bytes.
    pub(super) fn room(&self, connection: ConnectionId) -> usize {
        self.lines.get(&connection).map_or(0, |line| WINDOW.saturating_sub(line.up.len()))
    }

    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Vec<u8>, random: &mut Rng, now_ms: u64) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.sent += bytes.len() as u64;
            line.up.push(bytes, now_ms + line.delay_ms + random.u64(0..5));
        }
    }

    /// How much the node has sent over a connection, and how much of that the engine has done, in bytes.
    pub(super) fn progress(&self, connection: ConnectionId) -> (u64, u64) {
        let sent = self.lines.get(&connection).map_or(0, |line| line.sent);
        let under_way = self.lines.get(&connection).map_or(0, |line| line.up.len());
        (sent, sent - (under_way + self.engine.unread(connection)) as u64)
    }

    pub(super) fn take(&mut self, connection: ConnectionId, now_ms: u64) -> Vec<u8> {
        self.lines.get_mut(&connection).map(|line| line.down.take(now_ms)).unwrap_or_default()
    }

    /// The connection breaks. Answers what the node still gets of what was on its way; the engine gets some of what was on
    /// the other way, later.
    pub(super) fn cut(&mut self, connection: ConnectionId, random: &mut Rng, now_ms: u64) -> Vec<u8> {
        let Some(line) = self.lines.get_mut(&connection) else { return Vec::new() };
        let (left, late_ms) = (line.up.cut(random), now_ms + random.u64(0..=self.late_ms));
        line.up.push(left, late_ms);
        line.ends_ms = Some(late_ms);
        let heard = line.down.cut(random);
        if self.late_ms == 0 {
            self.finish(connection, random, now_ms);
        }
        heard
    }

    /// The engine hears the rest of a connection, and that it has ended.
    fn finish(&mut self, connection: ConnectionId, random: &mut Rng, now_ms: u64) {
        if let Some(mut line) = self.lines.remove(&connection) {
            self.engine.receive(connection, &line.up.take(u64::MAX));
            self.engine.close(connection, random, now_ms);
        }
    }

    /// A server does nothing for so long.
    pub(super) fn stall(&mut self, server: usize, until_ms: u64) {
        self.stalled = Some((server, until_ms));
    }

    pub(super) fn work(&mut self, random: &mut Rng, now_ms: u64) {
        self.stalled = self.stalled.filter(|(_, until_ms)| *until_ms > now_ms);
        let stalled = self.stalled.map(|(server, _)| server);
        let awake = |line: &Line| Some(line.server) != stalled;
        for (id, line) in self.lines.iter_mut().filter(|(_, line)| awake(line)) {
            let bytes = line.up.take(now_ms);
            if !bytes.is_empty() {
                self.engine.receive(*id, &bytes);
            }
        }
        self.engine.work(random, now_ms, stalled);
        for (id, line) in self.lines.iter_mut() {
            line.down.push(self.engine.take_output(*id), now_ms + line.delay_ms + random.u64(0..5));
        }
        let ended = |(id, line): (&ConnectionId, &Line)| {
            (awake(line) && line.ends_ms.is_some_and(|ends_ms| ends_ms <= now_ms)).then_some(*id)
        };
        let ended: Vec<ConnectionId> = self.lines.iter().filter_map(ended).collect();
        ended.into_iter().for_each(|id| self.finish(id, random, now_ms));
    }

    pub(super) fn is_idle(&self) -> bool {
        let rests = |line: &Line| line.ends_ms.is_none() && line.up.len() + line.down.len() == 0;
        self.stalled.is_none() && self.engine.is_idle() && self.lines.values().all(rests)
    }
}
