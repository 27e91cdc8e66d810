//! A node of the model: a real server and its link, whose bytes go through the simulated engine.

use std::future::Future;
use std::io::Cursor;
use std::pin::pin;
use std::sync::atomic::Ordering::Acquire;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;

use super::asking::{Asked, Question};
use super::history::{History, LinkState, Measure, Name, Published, is_for};
use super::text::{self, SUBSCRIBE, filling, frames};
use super::wire::{self, ConnectionId, Net, Takes};
use crate::backplane::Backplane;
use crate::backplane::status::Phase;
use crate::command::test_support::{Peer, World};
use crate::config::BackplaneCounts;
use crate::ids::Topic;
use crate::link::connection::{Broken, Buffers, Connection};
use crate::link::engine::Engine;
use crate::link::talk::Talk;
use crate::resp::Proto;

/// Milliseconds between two looks at time, as in the loop.
const TICK_MS: u64 = 50;
/// How long a confirmation may take, in milliseconds.
const LONGEST_CONFIRMATION_MS: u64 = 2100;

/// How long other nodes have for their answers, and how long a client waits for all of them at most, in milliseconds.
pub(super) const PATIENCE_MS: u64 = 600;
const LONGEST_ANSWER_MS: u64 = PATIENCE_MS + 100;

/// A client of a node.
struct Member {
    peer: Peer,
    number: usize,
    /// Since when it waits for confirmations, and for how many.
    waits: Option<(u64, usize)>,
    /// What it has asked of all nodes.
    asks: Option<Asked>,
}

impl Member {
    fn is_idle(&self) -> bool {
        self.waits.is_none() && self.asks.is_none()
    }
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
    takes: Takes,
    /// Whether what is confirmed now is known to the engine.
    confirms: bool,
    /// Subscriptions of which it was not known whether the engine knows, and how much it has to have done of what it was told on a
    /// connection before that is so, once it was told.
    unknown: Vec<(usize, Option<(ConnectionId, u64)>)>,
}

impl<'w, E: Engine> Node<'w, E> {
    pub(super) fn new(number: usize, world: &'w World, engine: E, takes: Takes, history: &mut History) -> Self {
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
            takes,
            confirms: world.server.settings().backplane_confirm,
            unknown: Vec::new(),
        };
        (0..3).for_each(|_| node.arrive(history));
        node
    }

    /// A client comes.
    fn arrive(&mut self, history: &mut History) {
        let number = history.arrive(self.number);
        let peer = self.world.client_of(number % 2).speaking(Proto::Resp3);
        self.members.push(Member { peer, number, waits: None, asks: None });
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
            self.note_known(connection, net, history);
        }
        if stirs {
            self.settle(history);
        }
    }

    /// Notes what the engine has been told of and has done since.
    fn note_known<S: wire::Engine>(&mut self, connection: ConnectionId, net: &Net<S>, history: &mut History) {
        let ((sent, done), now_ms) = (net.progress(connection), self.now_ms());
        let told = (!self.backplane.has_changes()).then(|| (connection, sent + self.buffers.output.len() as u64));
        self.unknown.retain_mut(|(subscription, place)| match *place {
            Some((on, until)) if on == connection => {
                let knows = until <= done;
                if knows {
                    history.note_known(*subscription, now_ms);
                }
                !knows
            }
            _ => {
                *place = told;
                true
            }
        });
    }

    /// Lets all clients hear what has come for them.
    fn settle(&mut self, history: &mut History) {
        self.world.settle();
        let published = self.published;
        for index in 0..self.members.len() {
            let dropped = self.dropped();
            let message = self.members[index].asks.as_ref().and_then(|asked| asked.message);
            let text = self.members[index].peer.resume();
            self.note(index, &text, history);
            if let Some(message) = message.filter(|_| self.dropped() > dropped) {
                history.drop(message);
            }
        }
        if self.published > published {
            self.settle(history);
        }
    }

    fn dropped(&self) -> u64 {
        self.world.server.hub.lock().dropped()
    }

    /// Notes what there is at this moment for those who count it.
    pub(super) fn watch(&mut self, history: &History) {
        self.members.iter_mut().filter_map(|member| member.asks.as_mut()).for_each(|asked| asked.watch(history));
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
                    if !begins {
                        history.end(member.number, &name(topic, of));
                    } else if let Some(new) = history.begin(member.number, name(topic, of), self.confirms, now_ms)
                        && !self.confirms
                    {
                        self.unknown.push((new, None));
                    }
                    member.waits = member.waits.filter(|(_, left)| *left > 1).map(|(since, left)| (since, left - 1));
                }
                (kind, words) => {
                    if let Some(message) = member.asks.as_mut().and_then(|asked| asked.message.take()) {
                        history.publish(message, now_ms);
                        self.published += 1;
                    }
                    answers.push(format!("{kind}{}", words.concat()));
                }
            }
        }
        if let Some(asked) = member.asks.take_if(|_| !answers.is_empty()) {
            let incomplete = self.backplane.status.figures.incomplete_answers.get();
            asked.judge(self.number, &std::mem::take(&mut answers), history, incomplete);
        }
        let asks_ms = member.asks.as_ref().map_or(0, |asked| now_ms - asked.since_ms);
        assert!(asks_ms <= LONGEST_ANSWER_MS, "no answer after {asks_ms} ms");
        let waited_ms = member.waits.map_or(0, |(since_ms, _)| now_ms - since_ms);
        assert!(waited_ms <= LONGEST_CONFIRMATION_MS, "no confirmation after {waited_ms} ms");
        answers
    }

    /// One of those who do not wait.
    fn idle(&self, random: &mut Rng) -> Option<usize> {
        let idle: Vec<usize> = (0..self.members.len()).filter(|index| self.members[*index].is_idle()).collect();
        (!idle.is_empty()).then(|| idle[random.usize(..idle.len())])
    }

    fn say(&mut self, index: usize, request: &str, history: &mut History) -> Vec<String> {
        let text = self.members[index].peer.say(request);
        let answers = self.note(index, &text, history);
        self.settle(history);
        answers
    }

    /// The next message of a client, with so many bytes behind its number, and what publishes it.
    fn message(&self, index: usize, to: (Topic, &str), filler: usize, history: &mut History) -> (usize, String) {
        let number = history.messages.len();
        let payload = format!("{number}:{}", filling(number, filler));
        let request = text::publish(to, &payload);
        let (name, len) = (to.1.len(), payload.len());
        let mut message = Published::new(self.members[index].number, self.number, to, payload);
        message.was_dropped = name > self.takes.name || len > self.takes.most;
        message.may_be_lost = len > self.takes.payload;
        (history.announce(message), request)
    }

    /// A client publishes this message, and is answered at once, whatever the engine does, unless it wants to know how many hear it
    /// at all nodes.
    pub(super) fn publish(&mut self, to: (Topic, &str), filler: usize, random: &mut Rng, history: &mut History) {
        let Some(index) = self.idle(random) else { return };
        let (message, request) = self.message(index, to, filler, history);
        if self.world.server.settings().backplane_counts == BackplaneCounts::Cluster {
            let mut asked = self.asked(Question::receivers(to.0, to.1), history);
            asked.message = Some(message);
            self.members[index].asks = Some(asked);
            let answers = self.say(index, &request, history);
            return assert!(answers.is_empty());
        }
        let receivers = history.count(self.number, &Measure::Receivers(to.0, to.1.to_owned()));
        let before = self.dropped();
        history.publish(message, self.now_ms());
        let text = self.members[index].peer.say(&request);
        assert!(self.members[index].peer.crowded().is_empty(), "P7: the publisher waits");
        if self.dropped() > before {
            history.drop(message);
        }
        let answers = self.note(index, &text, history);
        assert_eq!(answers, [format!(":{receivers}")], "P5, P7: {}", to.1);
        self.published += 1;
        self.settle(history);
    }

    fn asked(&self, question: Question, history: &History) -> Asked {
        Asked::new(question, history, self.incomplete_answers(), self.now_ms())
    }

    /// Answers that lacked what some node has.
    pub(super) fn incomplete_answers(&self) -> u64 {
        self.backplane.status.figures.incomplete_answers.get()
    }

    /// A client wants to know something of all nodes.
    pub(super) fn ask(&mut self, question: Question, random: &mut Rng, history: &mut History) {
        let Some(index) = self.idle(random) else { return };
        let request = question.request.clone();
        self.members[index].asks = Some(self.asked(question, history));
        let answers = self.say(index, &request, history);
        assert!(answers.is_empty(), "{answers:?}");
    }

    /// A client publishes to these channels, and perhaps begins to listen to one before, in one transaction.
    pub(super) fn transact(
        &mut self,
        listens: Option<(Topic, &str)>,
        to: &[(Topic, &str)],
        random: &mut Rng,
        history: &mut History,
    ) {
        let Some(index) = self.idle(random) else { return };
        assert_eq!(self.say(index, "MULTI", history), ["+OK"]);
        let subscribes = listens.map(|(topic, name)| format!("{} \"{name}\"", SUBSCRIBE[topic as usize]));
        let messages: Vec<_> = to.iter().map(|to| self.message(index, *to, 0, history)).collect();
        for request in subscribes.iter().chain(messages.iter().map(|(_, request)| request)) {
            assert_eq!(self.say(index, request, history), ["+QUEUED"]);
        }
        let new = listens.map(|(topic, name)| (topic as usize, name.to_owned()));
        let new = new.filter(|new| history.names_of(self.members[index].number).all(|name| name != new));
        let mut expected = vec![format!("*{}", to.len() + usize::from(listens.is_some()))];
        for (topic, channel) in to {
            let others = history.count(self.number, &Measure::Receivers(*topic, (*channel).into()));
            let own = new.as_ref().is_some_and(|name| is_for(name, *topic, channel));
            expected.push(format!(":{}", others + usize::from(own)));
        }
        messages.into_iter().for_each(|(message, _)| history.publish(message, self.now_ms()));
        let dropped = self.dropped();
        // Nobody waits for the engine within a transaction.
        let confirms = std::mem::take(&mut self.confirms);
        let text = self.members[index].peer.say("EXEC");
        let answers = self.note(index, &text, history);
        self.confirms = confirms;
        assert_eq!((answers, self.dropped()), (expected, dropped), "P5");
        self.published += to.len() as u64;
        self.settle(history);
    }

    /// A client begins to listen.
    pub(super) fn subscribe(&mut self, topic: Topic, names: &[&str], random: &mut Rng, history: &mut History) {
        let Some(index) = self.idle(random) else { return };
        self.members[index].waits = Some((self.now_ms(), names.len()));
        let request = format!("{} \"{}\"", SUBSCRIBE[topic as usize], names.join("\" \""));
        let answers = self.say(index, &request, history);
        assert!(answers.is_empty());
        assert!(self.confirms || self.members[index].waits.is_none(), "it waits for a confirmation");
    }

    /// A client gives up something that it listens to, or everything, or goes; another one comes then.
    pub(super) fn leave(&mut self, random: &mut Rng, history: &mut History) {
        let Some(index) = self.idle(random) else { return };
        let number = self.members[index].number;
        match random.u8(..8) {
            0 => {
                let text = self.members[index].peer.say("RESET");
                assert_eq!(self.note(index, &text, history), ["+RESET"]);
                history.end_all(number, false);
                self.settle(history);
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
        is_up && !owes && self.buffers.output.is_empty() && self.members.iter().all(Member::is_idle)
    }
}
