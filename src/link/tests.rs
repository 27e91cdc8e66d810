//! Several real servers and an engine in simulated time: whatever comes in between, all holds that docs/scale-out.md promises.

mod asking;
mod cluster;
mod history;
mod node;
mod text;
mod upstream;
mod wire;

use std::collections::BTreeSet;
use std::future::Future;
use std::io::Cursor;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use fastrand::Rng;

use super::connection::{Buffers, Connection};
use super::engine::Engine;
use super::nats::Nats;
use super::upstream::Upstream;
use crate::backplane::envelope::{Class, Envelope};
use crate::backplane::status::Figures;
use crate::backplane::subject::{Naming, Subjects, is_tree};
use crate::command::test_support::World;
use crate::ids::Topic;
use crate::message::Kind;
use asking::Question;
use cluster::Cluster;
use history::History;
use node::{Node, PATIENCE_MS};
use upstream::OneServer;
use wire::{Net, Takes};

/// Names that lie in each other's trees, and one of which only a digest travels.
const CHANNELS: [&str; 9] = ["a", "a:b", "a:c", "a:b:c", "b", "b.x", "b.y", "c-d", ""];
const PATTERNS: [&str; 8] = ["a*", "a:*", "a:b*", "*", "b.?", "b.*", "a:b:c", "?:b"];

/// The most that a server of NATS takes at once where that is little, where messages come in pieces, and where they are to flood it,
/// in bytes.
const LITTLE_PAYLOAD: usize = 300;
const PIECE: usize = 100_000;
const FLOOD_PIECE: usize = 20_000;
/// What pieces of messages may take at a node, in bytes.
const PIECES_LIMIT: usize = 1024 * 1024;

/// How long a step takes, in milliseconds.
const STEP_MS: u64 = 5;
/// Steps of a round in which something happens, and the most until everything is at rest.
const BUSY_STEPS: usize = 60;
const MOST_STEPS: usize = 2000;

/// What may happen in a run.
#[derive(Clone, Copy)]
struct Plan {
    nodes: usize,
    servers: usize,
    /// Whether connections break and servers stall.
    breaks: bool,
    /// How long an engine may go on reading what came over a connection that its node has left, in milliseconds.
    late_ms: u64,
    /// Whether messages are so large, and so many, that there is no room for all of them.
    floods: bool,
    /// Whether a subscription is confirmed when the engine knows of it.
    confirms: bool,
    /// Whether PUBLISH counts those who hear it at all nodes.
    counts_all: bool,
    /// How many of the last messages a server of NATS sends a node again that comes back.
    repeats: usize,
    /// How large messages are that come in pieces, in bytes; none where they are not so large.
    pieces: Option<[usize; 2]>,
}

/// A run with all that is in it.
struct Run<'w, E, S> {
    plan: Plan,
    random: Rng,
    net: Net<S>,
    nodes: Vec<Node<'w, E>>,
    history: History,
    now_ms: u64,
}

impl<E: Engine, S: wire::Engine> Run<'_, E, S> {
    fn step(&mut self) {
        self.now_ms += STEP_MS;
        for node in &self.nodes {
            node.world.advance(Duration::from_millis(STEP_MS));
        }
        self.net.work(&mut self.random, self.now_ms);
        for index in 0..self.nodes.len() {
            self.note_links();
            let node = &mut self.nodes[index];
            if node.connection.is_none() && node.connects_ms <= self.now_ms {
                let server = self.random.usize(..self.plan.servers);
                node.connect(&mut self.net, server, &mut self.random);
            }
            node.step(&mut self.net, &mut self.random, &mut self.history);
            self.watch();
        }
    }

    fn note_links(&mut self) {
        self.history.links = self.nodes.iter().map(|node| node.link).collect();
    }

    /// Lets those who count see what has changed.
    fn watch(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.watch(&self.history));
    }

    /// Something happens.
    fn act(&mut self) {
        self.note_links();
        let random = &mut self.random;
        let index = random.usize(..self.nodes.len());
        let node = &mut self.nodes[index];
        let long = "long".repeat(100);
        let channel = CHANNELS.get(random.usize(..CHANNELS.len() + 1)).copied().unwrap_or(&long);
        match random.u8(..48) {
            0..20 => {
                for _ in 0..random.usize(1..4) {
                    let topic = if random.u8(..8) == 0 { Topic::ShardChannel } else { Topic::Channel };
                    let filler = if random.u8(..6) == 0 { random.usize(..2000) } else { 0 };
                    node.publish((topic, channel), filler, random, &mut self.history);
                }
            }
            20..26 => {
                let topic = if random.u8(..5) == 0 { Topic::ShardChannel } else { Topic::Channel };
                let other = if channel == "c-d" { "a" } else { channel };
                node.subscribe(topic, &["c-d", other][random.usize(..2)..], random, &mut self.history);
            }
            26..30 => {
                let pattern = PATTERNS[random.usize(..PATTERNS.len())];
                node.subscribe(Topic::Pattern, &[pattern], random, &mut self.history);
            }
            30..38 => node.leave(random, &mut self.history),
            40..44 if !self.plan.floods => {
                let mut some = || (Topic::Channel, CHANNELS[random.usize(..CHANNELS.len())]);
                let (to, listens) = ([some(), some(), some()], some());
                let listens = random.bool().then_some(listens);
                node.transact(listens, &to[..random.usize(1..4)], random, &mut self.history);
            }
            44.. => {
                let channels = [&CHANNELS[..], &[&long]].concat();
                node.ask(Question::any(&channels, &PATTERNS, random), random, &mut self.history);
            }
            38 if self.plan.breaks => node.disconnect(&mut self.net, random, &mut self.history),
            39 if self.plan.breaks && random.bool() => {
                let until_ms = self.now_ms + random.u64(..1500);
                self.net.stall(random.usize(..self.plan.servers), until_ms);
            }
            _ if let Some(sizes) = self.plan.pieces => {
                node.publish((Topic::Channel, channel), sizes[random.usize(..2)], random, &mut self.history);
            }
            _ if self.plan.floods => {
                self.net.stall(0, self.now_ms + random.u64(200..800));
                for _ in 0..random.usize(..12) {
                    node.publish((Topic::Channel, channel), 150_000, random, &mut self.history);
                }
            }
            _ => {}
        }
        self.watch();
    }

    /// Lets everything come to rest.
    fn rest(&mut self) {
        for _ in 0..MOST_STEPS {
            self.step();
            if self.net.is_idle() && self.nodes.iter().all(Node::is_idle) {
                return;
            }
        }
        panic!("nothing comes to rest");
    }

    /// What is asked for is what clients listen to and nothing else, none of it twice.
    fn judge_interest(&mut self, naming: &Naming) {
        (0..300).for_each(|_| self.step());
        self.rest();
        for node in &self.nodes {
            let wanted: BTreeSet<Vec<u8>> = self
                .history
                .names_at(node.number)
                .map(|(topic, name)| naming.of_interest(Topic::ALL[*topic], name.as_bytes()))
                .collect();
            let covered = |subject: &Vec<u8>| {
                wanted.iter().any(|tree| is_tree(tree) && tree != subject && subject.starts_with(tree))
            };
            let needed: BTreeSet<Vec<u8>> = wanted.iter().filter(|subject| !covered(subject)).cloned().collect();
            let asked = node.connection.map(|connection| self.net.engine.asked(connection));
            assert_eq!(asked.as_ref(), Some(&needed), "interest of node {}", node.number);
            assert_eq!(node.backplane.interest(), (needed.len(), wanted.len()));
        }
    }

    /// What is asked at any node is answered for all of them.
    fn judge_answers(&mut self) {
        self.history.all_are_there = true;
        for index in 0..self.nodes.len() {
            let long = "long".repeat(100);
            let channels = [&CHANNELS[..], &[&long]].concat();
            let of = |topic| [Question::counts(topic, &channels), Question::names(topic, &channels, None)];
            let all = of(Topic::Channel).into_iter().chain(of(Topic::ShardChannel)).chain([Question::patterns()]);
            for question in all {
                let incomplete = self.nodes[index].incomplete_answers();
                self.nodes[index].ask(question, &mut self.random, &mut self.history);
                self.rest();
                assert_eq!(self.nodes[index].incomplete_answers(), incomplete, "a node is late");
            }
        }
    }

    /// Every message was sent or is counted as not sent, and nothing is counted that does not happen here.
    fn judge_figures(&self) {
        for node in &self.nodes {
            let figures = &node.backplane.status.figures;
            let sent = figures.sent_messages.get() + node.world.server.hub.lock().dropped();
            if !E::ECHOES || !self.plan.breaks && !self.plan.floods {
                assert_eq!(sent + figures.oversized_messages.get(), node.published, "node {}", node.number);
            }
            if !self.plan.breaks && !self.plan.floods {
                assert_eq!(figures.connections.get(), 1, "node {}", node.number);
            }
            assert_eq!(figures.damaged_messages.get(), 0, "damaged at node {}", node.number);
            assert_eq!((figures.refusals.get(), figures.late_confirmations.get()), (0, 0));
        }
        if self.plan.pieces.is_some_and(|sizes| sizes[1] > PIECES_LIMIT) {
            let lost = self.nodes.iter().map(|node| node.backplane.status.figures.lost_pieces.get());
            assert!(lost.sum::<u64>() > 0, "nobody counts what is lost");
        }
    }
}

/// Runs a random program; answers how many deliveries were promised and made, how many messages were dropped, and how often
/// subscribers had to be told of one of these and were.
fn run<E: Engine, S: wire::Engine>(
    seed: u64,
    plan: Plan,
    url: &str,
    simulated: S,
    engine: impl Fn(&World) -> E,
) -> [usize; 3] {
    let mut random = Rng::with_seed(seed);
    let linger = [0, 50, 300][random.usize(..3)].to_string();
    let urls = vec![url; plan.servers].join(" ");
    let (confirms, counts) =
        (if plan.confirms { "yes" } else { "no" }, if plan.counts_all { "cluster" } else { "local" });
    let patience = PATIENCE_MS.to_string();
    let directives = [
        ("backplane", &urls[..]),
        ("backplane-linger", &linger),
        ("backplane-timeout", "1"),
        ("backplane-queue-limit", if plan.pieces.is_some() { "64mb" } else { "1mb" }),
        ("backplane-pieces-limit", "1mb"),
        ("backplane-gather-timeout", &patience),
        ("backplane-confirm", confirms),
        ("backplane-counts", counts),
    ];
    let worlds: Vec<World> = (0..plan.nodes).map(|_| World::with(&directives)).collect();
    let mut history = History::of(E::ECHOES);
    let others = plan.nodes - 1;
    let takes = Takes {
        name: if E::ECHOES || plan.floods || plan.pieces.is_some() { usize::MAX } else { LITTLE_PAYLOAD - 38 },
        payload: match plan.pieces {
            Some([_, largest]) if largest * others > PIECES_LIMIT => LITTLE_PAYLOAD,
            _ => usize::MAX,
        },
        most: if plan.pieces.is_some() { PIECES_LIMIT } else { usize::MAX },
    };
    let node = |(number, world)| Node::new(number, world, engine(world), takes, &mut history);
    let nodes = worlds.iter().enumerate().map(node).collect();
    let net = Net::new(simulated, plan.late_ms);
    let mut run = Run { plan, random, net, nodes, history, now_ms: 0 };
    run.rest();
    // Until they know each other.
    (0..100).for_each(|_| run.step());
    run.history.all_are_there = !plan.breaks && !plan.floods;
    for _ in 0..4 {
        for _ in 0..BUSY_STEPS {
            run.act();
            run.step();
        }
        run.rest();
        run.history.judge();
    }
    run.judge_interest(&if E::ECHOES { Naming::Names } else { Naming::Subjects(Subjects::new("pregon")) });
    run.judge_answers();
    run.judge_figures();
    let dropped = run.history.messages.iter().filter(|message| message.was_dropped).count();
    [run.history.promised, dropped, run.history.told_lost]
}

/// Does many runs, and says which seed it was that failed. Answers the sums of what [`run`] does.
fn runs(seeds: std::ops::Range<u64>, one: impl Fn(u64) -> [usize; 3]) -> [usize; 3] {
    struct Says(u64);
    impl Drop for Says {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the seed is {}", self.0);
            }
        }
    }
    let many = seeds.end as usize;
    let counts = seeds.map(|seed| {
        let _says = Says(seed);
        fastrand::seed(seed);
        one(seed)
    });
    let sums = counts.fold([0; 3], |sums, next| [0, 1, 2].map(|place| sums[place] + next[place]));
    assert!(sums[0] > 30 * many, "{sums:?}");
    sums
}

fn nats(seed: u64, plan: Plan) -> [usize; 3] {
    let max_payload = match plan {
        Plan { floods: true, .. } => FLOOD_PIECE,
        Plan { pieces: Some(_), .. } => PIECE,
        _ => LITTLE_PAYLOAD,
    };
    run(seed, plan, "nats://engine:4222", Cluster::of(plan.servers, max_payload, plan.repeats), |world| {
        let origin = world.server.backplane.as_ref().map_or(0, |backplane| backplane.nodes.origin);
        Nats::new(&world.server.settings(), origin)
    })
}

fn upstream(seed: u64, plan: Plan) -> [usize; 3] {
    run(seed, plan, "redis://engine:6379", OneServer::default(), |world| {
        let origin = world.server.backplane.as_ref().map_or(0, |backplane| backplane.nodes.origin);
        Upstream::new(&world.server.settings(), origin)
    })
}

/// Nothing breaks.
const CALM: Plan = Plan {
    nodes: 3,
    servers: 1,
    breaks: false,
    late_ms: 0,
    floods: false,
    confirms: true,
    counts_all: false,
    repeats: 0,
    pieces: None,
};
/// Connections break, and servers stall.
const STORM: Plan = Plan { breaks: true, late_ms: 300, ..CALM };

#[test]
fn all_that_is_promised_holds_through_one_server_of_nats() {
    runs(0..25, |seed| nats(seed, CALM));
}

#[test]
fn all_that_is_promised_holds_through_nats_while_connections_break_and_it_stalls() {
    runs(0..25, |seed| nats(seed, STORM));
}

#[test]
fn all_that_is_promised_holds_through_a_cluster_of_nats() {
    runs(0..20, |seed| nats(seed, Plan { nodes: 4, servers: 3, ..STORM }));
}

#[test]
fn all_that_is_promised_holds_through_an_upstream() {
    runs(0..25, |seed| upstream(seed, CALM));
}

#[test]
fn all_that_is_promised_holds_through_an_upstream_while_connections_break_and_it_stalls() {
    runs(0..25, |seed| upstream(seed, STORM));
}

#[test]
fn what_a_node_that_comes_back_is_sent_again_is_heard_once() {
    runs(0..10, |seed| nats(seed, Plan { repeats: 8, ..STORM }));
}

#[test]
fn messages_in_pieces_arrive_whole_while_there_is_room_and_are_lost_and_counted_where_there_is_none() {
    let most = PIECES_LIMIT / 2 - 50_000;
    runs(0..4, |seed| nats(seed, Plan { pieces: Some([200_000, most]), ..CALM }));
    let beyond = Plan { pieces: Some([200_000, PIECES_LIMIT + 100_000]), ..CALM };
    let [_, dropped, _] = runs(0..4, |seed| nats(seed, beyond));
    assert!(dropped > 10, "{dropped}");
}

#[test]
fn who_is_not_to_wait_is_confirmed_at_once_and_hears_what_is_published_when_the_engine_knows() {
    for plan in [CALM, STORM] {
        runs(0..5, |seed| nats(seed, Plan { confirms: false, ..plan }));
        runs(0..5, |seed| upstream(seed, Plan { confirms: false, ..plan }));
    }
}

#[test]
fn who_publishes_is_told_how_many_hear_it_at_all_nodes() {
    for plan in [CALM, STORM] {
        runs(0..5, |seed| nats(seed, Plan { counts_all: true, ..plan }));
        runs(0..5, |seed| upstream(seed, Plan { counts_all: true, ..plan }));
    }
}

#[test]
fn what_finds_no_room_is_counted_and_told_and_all_else_holds() {
    let flood = Plan { floods: true, ..CALM };
    for [_, dropped, told] in [runs(0..4, |seed| nats(seed, flood)), runs(0..4, |seed| upstream(seed, flood))] {
        assert!(dropped > 10 && told > 10, "{dropped}, {told}");
    }
}

/// What a node says when it has been let in by an upstream that calls the connection so, which comes from a port of that number.
fn first_words(upstream: &mut Upstream, world: &World, id: u16) -> String {
    let hello = format!("%1\r\n$2\r\nid\r\n:{id}\r\n").into_bytes();
    let stream = Box::new(tokio::io::join(Cursor::new(hello), tokio::io::sink()));
    let (connection, settings) = (Connection::over(stream, ([127, 0, 0, 1], id).into()), world.server.settings());
    let greeted = pin!(upstream.greet(connection, &settings.backplane.0[0], &settings))
        .poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(connection)) = greeted else { panic!("all that it waits for is there") };
    String::from_utf8_lossy(&connection.buffers.output).replace("\r\n", " ")
}

#[test]
fn p1_an_upstream_ends_the_last_connection_before_it_hears_anything_on_the_next() {
    let world = World::with(&[("backplane", "redis://engine:6379")]);
    let mut upstream = Upstream::new(&world.server.settings(), 1);
    assert!(first_words(&mut upstream, &world, 7).starts_with("*3 $9 SUBSCRIBE"));
    let kill = "*6 $6 CLIENT $4 KILL $2 ID $1 7 $4 ADDR $11 127.0.0.1:7 *3 $9 SUBSCRIBE";
    assert!(first_words(&mut upstream, &world, 8).starts_with(kill));
}

#[test]
fn what_a_node_has_sent_itself_on_a_connection_that_has_ended_is_a_repetition_and_no_damage() {
    let mut bytes = BytesMut::from("MSG p.c.a.a.= 1 24\r\n");
    let class = Class::Message(Kind::Channel);
    Envelope { class, origin: 1, number: 1, piece: None, channel: b"a", payload: b"x" }.append_to(&mut bytes);
    bytes.extend_from_slice(b"\r\n");
    let (mut buffers, figures) = (Buffers { input: bytes, output: BytesMut::new() }, Figures::default());
    let world = World::with(&[("backplane", "nats://engine:4222")]);
    let mut nats = Nats::new(&world.server.settings(), 1);
    assert_eq!(nats.hear(&mut buffers, &figures, 0, &mut |heard| panic!("{heard:?}")), Ok(true));
    assert_eq!(figures.repeated_messages.get(), 1);
}
