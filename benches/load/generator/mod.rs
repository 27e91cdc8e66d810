//! A load generator for any server that speaks RESP, cheap enough to run beside it: one thread publishes, one listens (or
//! several, where a server is to be saturated that has many), requests are patched in place, and what arrives is counted by its length. That nothing was lost follows from the
//! replies to PUBLISH, which announce every delivery; that nothing was altered or reordered is checked byte by byte for
//! a few of the subscribers. Over TLS only these decrypt what they hear: how much the others hear follows from the headers of
//! records.
//!
//! - `target`: the server; `stream`, `sealed`: connections to it, plain or over TLS; `usage`: its processor time and memory
//! - `words`, `wire`: what is sent and what must arrive; `poll`: waiting for sockets
//! - `publishers`, `listeners`: the two threads; `flow`: cases made of them; `uneven`: those in which some of the server's
//!   threads have more to do than others, which `threads` shows, to channels that `draw` chooses
//! - `patterns`, `churn`, `hand_over`, `listing`, `memory`: the other cases
//! - `neighbours`: clients that ask for more than their share, beside messages of others
//! - `figures`: what comes out

mod churn;
mod draw;
pub(crate) mod figures;
pub(crate) mod flow;
mod hand_over;
mod listeners;
mod listing;
mod memory;
pub(crate) mod neighbours;
mod patterns;
mod poll;
mod publishers;
mod sealed;
mod stream;
pub(crate) mod target;
mod threads;
pub(crate) mod uneven;
pub(crate) mod usage;
pub(crate) mod wire;
pub(crate) mod words;

use std::io;

use figures::Figures;
use rustix::process::{Resource, getrlimit, setrlimit};
use target::Target;
use uneven::Uneven;
use wire::Proto;

/// One thing to measure.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Case {
    /// Publishers with a window of publishes in flight each, and subscribers that read as fast as they can
    FanOut(FanOut),
    /// One publisher at a fixed rate that waits for nobody; measures delivery latencies
    OpenLoop(OpenLoop),
    /// Loads that are more work for some of the server's threads than for others; shows how busy each is over time
    Uneven(Uneven),
    /// Clients that connect, subscribe and go, over and over
    Churn(Churn),
    /// Lists as queues: clients wait for elements that others push
    HandOver(HandOver),
    /// How long a publish waits while somebody lists very many channels
    Listing(Listing),
    /// Memory of connections that do nothing
    Idle(Idle),
    /// Memory of subscriptions, each with its own name
    Names(Names),
    /// Memory while subscribers do not read, and whether one that reads gets everything
    Stuck(Stuck),
    /// How late messages arrive while a client asks for more than its share
    Neighbour(NeighbourOf),
}

/// How the generator does what it does.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Shape {
    /// Refill each publisher as soon as a reply of its own has come, and read each subscriber until it is empty, instead of
    /// taking what all have got before any is answered
    #[arg(long)]
    pub(crate) eager: bool,
    /// Threads that publish, and threads that listen, at most
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) threads: usize,
}

impl Shape {
    /// The one without options.
    pub(crate) const PLAIN: Shape = Shape { eager: false, threads: 1 };

    /// Deals connections out to its threads in turn. There is one group at least.
    fn dealt<T>(self, connections: Vec<T>) -> Vec<Vec<T>> {
        let count = self.threads.min(connections.len()).max(1);
        let mut groups: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
        for (number, connection) in connections.into_iter().enumerate() {
            groups[number % count].push(connection);
        }
        groups
    }
}

/// A closed loop.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FanOut {
    /// Connections that publish
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) publishers: usize,
    /// Channels; publishers and subscribers are dealt out to them in turn
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) channels: usize,
    /// Connections that subscribe to one channel each
    #[arg(long, default_value_t = 100)]
    pub(crate) subscribers: usize,
    /// Publishes that each publisher has in flight
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) window: usize,
    /// Bytes of payload, 36 at least
    #[arg(long, default_value_t = 64)]
    pub(crate) payload: usize,
    /// For how long to measure
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// The protocol of the subscribers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) proto: Proto,
    /// Patterns that match nothing
    #[arg(long, default_value_t = 0)]
    pub(crate) cold_patterns: usize,
    /// Their shape; `#` stands for a number
    #[arg(long, default_value = "a:#*")]
    pub(crate) cold_shape: String,
    /// Patterns that match the first channel, all of one client
    #[arg(long, default_value_t = 0)]
    pub(crate) hot_patterns: usize,
    /// Publishers wait while more megabytes than this are announced and have not arrived
    #[arg(long)]
    pub(crate) pending_mb: Option<u64>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

impl FanOut {
    /// One publisher with one publish in flight, and 100 subscribers.
    pub(crate) const ONE: FanOut = FanOut {
        publishers: 1,
        channels: 1,
        subscribers: 100,
        window: 1,
        payload: 64,
        seconds: 3.0,
        proto: Proto::Resp2,
        cold_patterns: 0,
        cold_shape: String::new(),
        hot_patterns: 0,
        pending_mb: None,
        shape: Shape::PLAIN,
    };
}

/// An open loop.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OpenLoop {
    /// Messages in a second
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rate: u64,
    /// Connections that subscribe
    #[arg(long, default_value_t = 10)]
    pub(crate) subscribers: usize,
    /// Bytes of payload, 36 at least
    #[arg(long, default_value_t = 64)]
    pub(crate) payload: usize,
    /// For how long to measure
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// The protocol of the subscribers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) proto: Proto,
}

/// Coming and going.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Churn {
    /// For how long to measure
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
}

/// Queues.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HandOver {
    /// Queues, each with a connection that waits for elements and one that pushes the next as soon as the first waits
    #[arg(long, default_value_t = 25, value_parser = positive)]
    pub(crate) pairs: usize,
    /// Bytes of an element, 36 at least
    #[arg(long, default_value_t = 64)]
    pub(crate) payload: usize,
    /// For how long to measure
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
}

/// Very many channels.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Listing {
    /// How many are listed
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) channels: usize,
}

/// Idle connections.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Idle {
    /// How many
    #[arg(long, default_value_t = 5000)]
    pub(crate) connections: usize,
    /// Each with a subscription to one and the same channel
    #[arg(long)]
    pub(crate) subscribed: bool,
}

/// Many names.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Names {
    /// How many
    #[arg(long, default_value_t = 100_000)]
    pub(crate) count: usize,
    /// Patterns of this shape, in which `#` stands for a number; without it, channels with names of 32 bytes
    #[arg(long)]
    pub(crate) shape: Option<String>,
}

/// Subscribers that do not read.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stuck {
    /// How many
    #[arg(long, default_value_t = 100)]
    pub(crate) subscribers: usize,
    /// What is published, in megabytes
    #[arg(long, default_value_t = 16)]
    pub(crate) megabytes: usize,
    /// Bytes of payload, 36 at least
    #[arg(long, default_value_t = 1024)]
    pub(crate) payload: usize,
}

/// A neighbour.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NeighbourOf {
    /// Its name in the table of `cargo bench --bench neighbours`
    #[arg(long)]
    pub(crate) name: String,
    /// For how long it goes on
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
}

impl Case {
    /// Runs the case against a server.
    ///
    /// # Errors
    ///
    /// Those of sockets and of `/proc`, and a server that refuses what the case needs.
    pub(crate) fn run(&self, target: &Target) -> io::Result<Figures> {
        match self {
            Case::FanOut(case) => flow::fan_out(target, case),
            Case::OpenLoop(case) => flow::open_loop(target, case),
            Case::Uneven(case) => uneven::uneven(target, case),
            Case::Churn(case) => churn::churn(target, case),
            Case::HandOver(case) => hand_over::hand_over(target, case),
            Case::Listing(case) => listing::listing(target, case),
            Case::Idle(case) => memory::idle(target, case),
            Case::Names(case) => memory::names(target, case),
            Case::Stuck(case) => memory::stuck(target, case),
            Case::Neighbour(case) => neighbours::neighbours(target, case),
        }
    }

    /// Descriptors that the generator needs for it, and the server too.
    pub(crate) fn descriptors(&self) -> u64 {
        let connections = match self {
            Case::FanOut(case) => case.publishers + case.subscribers,
            Case::OpenLoop(case) => case.subscribers,
            Case::Uneven(_) => uneven::DESCRIPTORS,
            Case::HandOver(case) => 2 * case.pairs,
            Case::Idle(case) => case.connections,
            Case::Stuck(case) => case.subscribers,
            Case::Listing(case) => case.channels / target::NAMES_EACH,
            Case::Neighbour(_) => neighbours::DESCRIPTORS,
            Case::Churn(_) | Case::Names(_) => 100,
        };
        connections as u64 + 200
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1".into()),
        Ok(number) => Ok(number),
    }
}

/// Raises this process' limit of descriptors, which the servers it starts inherit, and answers what it is now.
pub(crate) fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.current.unwrap_or(u64::MAX))
}
