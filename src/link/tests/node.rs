//! A node of the model: a real server and its link, whose bytes go through the simulated engine.

use std::future::Future;
use std::io::Cursor;
use std::pin::pin;
use std::sync::atomic::Ordering::Acquire;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;

use super::history::{History, LinkState, Name, Published};
use super::wire::{self, ConnectionId, Net};
use crate::backplane::Backplane;
use crate::backplane::status::Phase;
use crate::command::test_support::{Peer, World};
use crate::ids::Topic;
use crate::link::connection::{Broken, Buffers, Connection};
use crate::link::engine::Engine;
use crate::link::talk::Talk;
use crate::resp::Proto;

/// Milliseconds between two looks at time, as in the loop.
const TICK_MS: u64 = 50;
/// How long a confirmation may take, in milliseconds.
const LONGEST_CONFIRMATION_MS: u64 = 2100;

/// A client of a node.
struct Member {
    peer: Peer,
    number: usize,
    /// Since when it waits for confirmations, and for how many.
    waits: Option<(u64, usize)>,
}

/// A node.
pub(super) struct Node<'w, E> {
    pub(super) number: usize,
    pub(super) world: &'w World,
    pub(super) backplane: &'w Backplane,
    talk: Talk<'w, E>,
    buffers: Buffers,
    pub(super) connection: Option<ConnectionId>,
    pub(super) link: LinkState,
    was_up: bool,
    members: Vec<Member>,
    /// When it tries to connect again, and when it looks at time next, in milliseconds.
    pub(super) connects_ms: u64,
    looks_ms: u64,
    pub(super) published: u64,
    /// The longest name of a channel that the engine takes, in bytes.
    longest_name: usize,
}

/// So many bytes, which are others for each message and at each place.
fn filling(number: usize, len: usize) -> String {
    (0..len).map(|place| char::from(b'a' + ((number + place * (place / 26 + 1)) % 26) as u8)).collect()
}

/// The frames of RESP3 in some text: their kinds and elements.
fn frames(text: &str) -> Vec<(char, Vec<&str>)> {
    let mut lines = text.split_terminator("\r\n");
    let mut frames = Vec::new();
    while let Some(line) = lines.next() {
        let (kind, rest) = line.split_at(1);
        let mut words = Vec::new();
        if kind == ">" {
            for _ in 0..rest.parse::<usize>().expect("a number of elements") {
                let head = lines.next().expect("an element");
                words.push(if head.starts_with('$') { lines.next().expect("a bulk") } else { head });
            }
        } else {
            words.push(rest);
        }
        frames.push((kind.chars().next().expect("a kind"), words));
    }
    frames
}

impl<'w, E: Engine> Node<'w, E> {
    pub(super) fn new(number: usize, world: &'w World, engine: E, longest_name: usize, history: &mut History) -> Self {
        let backplane = world.server.backplane.as_ref().expect("the directives say so");
        let mut node = Node {
            number,
            world,
            backplane,
            talk: Talk::new(&world.server, backplane, engine),
            buffers: Buffers::default(),
            connection: None,
            link: LinkState::default(),
            was_up: false,
            members: Vec::new(),
            connects_ms: 0,
            looks_ms: 0,
            published: 0,
            longest_name,
        };
        (0..3).for_each(|_| node.arrive(history));
        node
    }

    /// A client comes.
    fn arrive(&mut self, history: &mut History) {
        let number = history.arrive(self.number);
        let peer = self.world.client_of(number % 2).speaking(Proto::Resp3);
        self.members.push(Member { peer, number, waits: None });
    }

    fn now_ms(&self) -> u64 {
        self.world.server.clock.now().ms()
    }

    /// Connects to a server of the engine.
    pub(super) fn connect<S: wire::Engine>(&mut self, net: &mut Net<S>, server: usize, random: &mut Rng) {
        let connection = net.connect(server, random);
        let greeting = Connection::over(
            Box::new(tokio::io::join(Cursor::new(net.engine.greeting(connection)), tokio::io::sink())),
            ([127, 0, 0, 1], connection as u16).into(),
        );
        let settings = self.world.server.settings();
        let url = &settings.backplane.0[server];
        let greeted =
            pin!(self.talk.engine.greet(greeting, url, &settings)).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok(greeted)) = greeted else { panic!("all that it waits for is there") };
        self.buffers = greeted.buffers;
        self.talk.begin(url.to_string(), None);
        self.connection = Some(connection);
        self.link = LinkState { server: Some(server), up_since_ms: None };
    }

    /// The connection breaks.
    pub(super) fn disconnect<S: wire::Engine>(&mut self, net: &mut Net<S>, random: &mut Rng, history: &mut History) {
        let Some(connection) = self.connection.take() else { return };
        history.note_break(self.number);
        let now_ms = self.now_ms();
        self.buffers.input.extend_from_slice(&net.cut(connection, random, now_ms));
        self.talk.hear(&mut self.buffers).expect("the engine speaks its protocol");
        self.talk.end("it broke".into());
        while self.talk.end_echo().is_some() {}
        (self.buffers, self.link) = (Buffers::default(), LinkState::default());
        self.connects_ms = now_ms + 100 + random.u64(..400);
    }

    /// Everything happens that is due.
    pub(super) fn step<S: wire::Engine>(&mut self, net: &mut Net<S>, random: &mut Rng, history: &mut History) {
        let now_ms = self.now_ms();
        let mut stirs = now_ms >= self.looks_ms;
        if let Some(connection) = self.connection {
            let bytes = net.take(connection, now_ms);
            if !bytes.is_empty() {
                stirs = true;
                self.buffers.input.extend_from_slice(&bytes);
                self.talk.hear(&mut self.buffers).expect("the engine speaks its protocol");
            }
            if self.backplane.status.condition().phase == Phase::Up && self.link.up_since_ms.is_none() {
                self.link.up_since_ms = Some(now_ms);
                if std::mem::replace(&mut self.was_up, true) {
                    history.note_return(self.number);
                }
            }
        }
        if now_ms >= self.looks_ms {
            self.looks_ms = now_ms + TICK_MS;
            if self.connection.is_none() {
                self.talk.expire();
            } else if let Err(Broken(_)) = self.talk.look_at_time(&mut self.buffers.output, Duration::from_secs(1)) {
                self.disconnect(net, random, history);
            }
        }
        if let Some(connection) = self.connection {
            self.talk.fill(&mut self.buffers.output);
            let count = self.buffers.output.len().min(net.room(connection));
            net.send(connection, self.buffers.output.split_to(count).to_vec(), random, now_ms);
        }
        if stirs {
            self.settle(history);
        }
    }

    /// Lets all clients hear what has come for them.
    fn settle(&mut self, history: &mut History) {
        self.world.settle();
        for index in 0..self.members.len() {
            let text = self.members[index].peer.resume();
            self.note(index, &text, history);
        }
    }

    /// Notes what a client has heard; answers its answers that were no pushes.
    fn note(&mut self, index: usize, text: &str, history: &mut History) -> Vec<String> {
        let now_ms = self.now_ms();
        let member = &mut self.members[index];
        let name = |topic: Topic, name: &str| -> Name { (topic as usize, name.to_owned()) };
        let mut answers = Vec::new();
        for (kind, words) in frames(text) {
            match (kind, &words[..]) {
                ('>', ["message", channel, payload]) => {
                    history.hear(member.number, name(Topic::Channel, channel), channel, payload);
                }
                ('>', ["smessage", channel, payload]) => {
                    history.hear(member.number, name(Topic::ShardChannel, channel), channel, payload);
                }
                ('>', ["pmessage", pattern, channel, payload]) => {
                    history.hear(member.number, name(Topic::Pattern, pattern), channel, payload);
                }
                ('>', [word @ ("gap" | "pgap" | "sgap"), of, _]) => {
                    let topic = match *word {
                        "pgap" => Topic::Pattern,
                        "sgap" => Topic::ShardChannel,
                        _ => Topic::Channel,
                    };
                    history.tell(member.number, (*of != "_").then(|| name(topic, of)));
                }
                ('>', [word, of, _]) => {
                    let begins = !word.contains("unsub");
                    let topic = match word.trim_end_matches("subscribe").trim_end_matches("un") {
                        "p" => Topic::Pattern,
                        "s" => Topic::ShardChannel,
                        _ => Topic::Channel,
                    };
                    history.confirm(member.number, name(topic, of), begins, now_ms);
                    member.waits = member.waits.filter(|(_, left)| *left > 1).map(|(since, left)| (since, left - 1));
                }
                (kind, words) => answers.push(format!("{kind}{}", words.concat())),
            }
        }
        let waited_ms = member.waits.map_or(0, |(since_ms, _)| now_ms - since_ms);
        assert!(waited_ms <= LONGEST_CONFIRMATION_MS, "no confirmation after {waited_ms} ms");
        answers
    }

    /// One of those who do not wait.
    fn idle(&self, random: &mut Rng) -> Option<usize> {
        let idle: Vec<usize> = (0..self.members.len()).filter(|index| self.members[*index].waits.is_none()).collect();
        (!idle.is_empty()).then(|| idle[random.usize(..idle.len())])
    }

    fn say(&mut self, index: usize, request: &str, history: &mut History) -> Vec<String> {
        let text = self.members[index].peer.say(request);
        let answers = self.note(index, &text, history);
        self.settle(history);
        answers
    }

    /// A client publishes this message, and is answered at once, whatever the engine does.
    pub(super) fn publish(
        &mut self,
        to: (Topic, &str),
        filler: usize,
        links: Vec<LinkState>,
        random: &mut Rng,
        history: &mut History,
    ) {
        let Some(index) = self.idle(random) else { return };
        let ((topic, channel), client) = (to, self.members[index].number);
        let payload = format!("{}:{}", history.messages.len(), filling(history.messages.len(), filler));
        let command = if topic == Topic::Channel { "PUBLISH" } else { "SPUBLISH" };
        let request = format!(
            "*3\r\n${}\r\n{command}\r\n${}\r\n{channel}\r\n${}\r\n{payload}",
            command.len(),
            channel.len(),
            payload.len()
        );
        let receivers = history.receivers(self.number, topic, channel);
        let dropped = || self.world.server.hub.lock().dropped();
        let before = dropped();
        let message = Published {
            links,
            at_ms: self.now_ms(),
            ..Published::new(client, self.number, (topic, channel.to_owned()), payload)
        };
        history.publish(message);
        let text = self.members[index].peer.say(&request);
        assert!(self.members[index].peer.crowded().is_empty(), "P7: the publisher waits");
        let number = history.messages.len() - 1;
        history.messages[number].had_no_room = dropped() > before;
        history.messages[number].was_dropped = dropped() > before || channel.len() > self.longest_name;
        let answers = self.note(index, &text, history);
        assert_eq!(answers, [format!(":{receivers}")], "P5, P7: {channel}");
        self.published += 1;
        self.settle(history);
    }

    /// A client begins to listen.
    pub(super) fn subscribe(&mut self, topic: Topic, names: &[&str], random: &mut Rng, history: &mut History) {
        let Some(index) = self.idle(random) else { return };
        let word = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"][topic as usize];
        self.members[index].waits = Some((self.now_ms(), names.len()));
        let answers = self.say(index, &format!("{word} \"{}\"", names.join("\" \"")), history);
        assert!(answers.is_empty());
    }

    /// A client gives up something that it listens to, or everything, or goes; another one comes then.
    pub(super) fn leave(&mut self, random: &mut Rng, history: &mut History) {
        let Some(index) = self.idle(random) else { return };
        let number = self.members[index].number;
        match random.u8(..8) {
            0 => {
                let answers = self.say(index, "RESET", history);
                assert_eq!(answers, ["+RESET"]);
                history.end_all(number, false);
                let _ = self.members[index].peer.say("HELLO 3");
            }
            1 => {
                // Perhaps one that waits.
                let index = random.usize(..self.members.len());
                let member = self.members.swap_remove(index);
                history.end_all(member.number, true);
                member.peer.leave();
                self.world.settle();
                self.arrive(history);
            }
            _ => {
                let names: Vec<Name> = history.names_of(number).cloned().collect();
                if !names.is_empty() {
                    let (topic, name) = &names[random.usize(..names.len())];
                    let word = ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"][*topic];
                    let answers = self.say(index, &format!("{word} \"{name}\""), history);
                    assert!(answers.is_empty());
                }
            }
        }
    }

    /// Whether nothing is under way here.
    pub(super) fn is_idle(&self) -> bool {
        let is_up = self.link.up_since_ms.is_some();
        let owes = self.backplane.status.owes.load(Acquire) || self.world.server.hub.lock().owes(self.backplane.port);
        is_up && !owes && self.buffers.output.is_empty() && self.members.iter().all(|member| member.waits.is_none())
    }
}
