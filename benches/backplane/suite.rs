//! The cases, and what three Pregons that NATS joins have to reach in them.

use crate::generator::figures::Metric;
use crate::generator::wire::Proto;
use crate::generator::{Case, FanOut, OpenLoop, Shape};
use crate::goal::{Against, Goal, INTACT, REDIS_CLUSTER};

/// Between which nodes messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the first to all three.
    ToAll,
    /// From the first to the second.
    Across,
    /// From the first to itself.
    Within,
    /// From the first to the second, and what the third does meanwhile counts.
    Bystander,
    /// No messages: commands on keys, through the first node.
    Forward,
}

/// A case with its name.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// What is done in it, for readers.
    pub(crate) what: String,
    pub(crate) case: Case,
    pub(crate) way: Way,
    pub(crate) goals: Vec<Goal>,
}

impl Entry {
    fn new(name: &str, what: &str, way: Way, case: Case) -> Self {
        Entry { name: name.into(), what: what.into(), case, way, goals: Vec::new() }
    }

    /// For how long it is measured.
    pub(crate) fn seconds(&self) -> f64 {
        match &self.case {
            Case::FanOut(FanOut { seconds, .. }) | Case::OpenLoop(OpenLoop { seconds, .. }) => *seconds,
            _ => 0.0,
        }
    }

    /// Measures for so long.
    pub(crate) fn measure_for(&mut self, for_seconds: f64) {
        if let Case::FanOut(FanOut { seconds, .. }) | Case::OpenLoop(OpenLoop { seconds, .. }) = &mut self.case {
            *seconds = for_seconds;
        }
    }

    /// How many requests are in flight.
    pub(crate) fn window(&self) -> usize {
        match &self.case {
            Case::FanOut(FanOut { window, .. }) => *window,
            _ => 1,
        }
    }

    fn at_least(self, metric: Metric, against: Against, bound: f64) -> Self {
        self.goal(Goal { metric, against, bound, at_least: true })
    }

    fn at_most(self, metric: Metric, against: Against, bound: f64) -> Self {
        self.goal(Goal { metric, against, bound, at_least: false })
    }

    /// Nobody is cut, and nothing is lost or altered.
    fn intact(self) -> Self {
        INTACT.into_iter().fold(self, |entry, metric| entry.at_most(metric, Against::Nothing, 0.0))
    }

    fn goal(mut self, goal: Goal) -> Self {
        self.goals.push(goal);
        self
    }
}

/// What the figures of a page are.
pub(crate) const LEGEND: &str = "\
    Medians of all rounds. Three nodes, or one server of NATS by itself, are new for each round, with their default settings \
    (each Pregon with one io-thread, where nothing else is said) and nothing written to disk; they and the load generator \
    share the cores and talk over the loopback interface. Publishers are at the first node. With SPUBLISH all are at the one \
    node that has the slot. Payloads are of 64 bytes.\n\n\
    - per second: deliveries that arrived\n\
    - server cpu ns: processor time of all nodes and of the engine for each of them; of the node without interest what it \
    spent more than when nothing was sent, for each message of the others; \
    what the first node spent for each GET that went through it to the Redis behind it\n\
    - bytes each: what the node without interest received of each message of the others\n\
    - p50 to max us: from sending to arrival; of GET, how much longer it took than at the Redis itself\n\
    - Ratio: the first column to the Redis Cluster";

const FAN_OUT: FanOut = FanOut {
    publishers: 1,
    channels: 1,
    subscribers: 1,
    window: 64,
    payload: 64,
    seconds: 2.0,
    proto: Proto::Resp2,
    cold_patterns: 0,
    cold_shape: String::new(),
    shape: Shape::PLAIN,
    hot_patterns: 0,
    pending_mb: Some(1),
};

/// The case that shows what a message takes without a link.
const WITHIN: &str = "latency within a node";

/// All of them.
pub(crate) fn all() -> Vec<Entry> {
    let fan_out = |name: &str, what: &str, case| {
        let entry = Entry::new(name, what, Way::ToAll, Case::FanOut(case));
        let entry = entry.at_least(Metric::Rate, Against::Server(Some(REDIS_CLUSTER)), 5.0);
        entry.at_most(Metric::Cpu, Against::Server(Some(REDIS_CLUSTER)), 0.3).intact()
    };
    let pairs = FanOut { publishers: 50, channels: 50, subscribers: 50, window: 16, ..FAN_OUT };
    let single = Case::OpenLoop(OpenLoop { rate: 200, subscribers: 1, payload: 64, seconds: 2.0, proto: Proto::Resp2 });
    vec![
        fan_out(
            "fan-out 3 x 100 w64",
            "1 publisher, 100 subscribers at each node, 64 in flight",
            FanOut { subscribers: 300, pending_mb: Some(16), ..FAN_OUT },
        ),
        fan_out(
            "fan-out 3 x 1000 w16",
            "1 publisher, 1,000 subscribers at each node, 16 in flight",
            FanOut { subscribers: 3000, window: 16, pending_mb: Some(48), ..FAN_OUT },
        ),
        Entry::new(
            "50:50 across nodes w16",
            "50 publishers at one node to 50 subscribers at another, one to one, 16 in flight each",
            Way::Across,
            Case::FanOut(pairs),
        )
        .at_least(Metric::Rate, Against::Server(Some(REDIS_CLUSTER)), 1.0)
        .intact(),
        Entry::new(
            WITHIN,
            "1 subscriber at the publisher's node, 200 messages per second",
            Way::Within,
            single.clone(),
        )
        .intact(),
        Entry::new("latency across nodes", "1 subscriber at another node, the same", Way::Across, single)
            .at_most(Metric::P50, Against::Case(WITHIN), 4.0)
            .intact(),
        Entry::new(
            "node without interest",
            "what a node does while the two others exchange messages, 64 in flight",
            Way::Bystander,
            Case::FanOut(FAN_OUT),
        )
        .at_most(Metric::Cpu, Against::Nothing, 20.0)
        .at_most(Metric::Each, Against::Nothing, 0.0),
        Entry::new(
            "GET through a node",
            "1 client of a node with backplane-keys forward asks for a value in the Redis behind it",
            Way::Forward,
            Case::FanOut(FanOut { window: 1, ..FAN_OUT }),
        )
        .at_most(Metric::P50, Against::Nothing, 60.0),
        Entry::new(
            "GET through a node w64",
            "the same with 64 requests in flight",
            Way::Forward,
            Case::FanOut(FAN_OUT),
        )
        .at_most(Metric::Cpu, Against::Nothing, 1500.0),
    ]
}
