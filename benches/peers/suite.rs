//! The cases, and what Pregon has to reach in them.

use crate::bare;
use crate::generator::figures::Metric;
use crate::generator::uneven::Uneven;
use crate::generator::wire::Proto;
use crate::generator::{Case, Churn, FanOut, HandOver, Idle, Listing, Names, OpenLoop, Stuck};
use crate::goal::{Against, Goal, INTACT, REDIS};
use crate::tls::Manner;

/// A case with its name.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// What is done in it, for readers.
    pub(crate) what: String,
    pub(crate) case: Case,
    pub(crate) goals: Vec<Goal>,
    /// How clients come in if connections are encrypted.
    pub(crate) tls: Option<Manner>,
    /// Whether the least that is possible is measured, too.
    pub(crate) with_bare: bool,
}

impl Entry {
    /// Measures for so long, where the case takes time to measure.
    pub(crate) fn measure_for(&mut self, for_seconds: f64) {
        match &mut self.case {
            Case::FanOut(FanOut { seconds, .. })
            | Case::OpenLoop(OpenLoop { seconds, .. })
            | Case::HandOver(HandOver { seconds, .. })
            | Case::Uneven(Uneven { seconds, .. })
            | Case::Churn(Churn { seconds }) => *seconds = for_seconds,
            Case::Listing(_) | Case::Idle(_) | Case::Names(_) | Case::Stuck(_) | Case::Neighbour(_) => {}
        }
    }

    fn new(name: impl Into<String>, what: impl Into<String>, case: Case) -> Self {
        Entry { name: name.into(), what: what.into(), case, goals: Vec::new(), tls: None, with_bare: false }
    }

    /// The same over TLS.
    fn over_tls(mut self, manner: Manner) -> Self {
        self.tls = Some(manner);
        self
    }

    /// This, and the same with the load generator's other shape.
    fn in_both_shapes(self) -> [Self; 2] {
        let mut eager = self.clone();
        eager.name.push_str(", eager");
        eager.what.push_str(", each answered at once");
        if let Case::FanOut(case) = &mut eager.case {
            case.shape.eager = true;
        }
        [self, eager]
    }

    /// At least `throughput` times the throughput of each of the others with at most `cpu` times their processor time.
    fn beside_each(self, throughput: f64, cpu: f64) -> Self {
        self.goal(Metric::Rate, Against::Server(None), throughput, true).goal(
            Metric::Cpu,
            Against::Server(None),
            cpu,
            false,
        )
    }

    /// At most the processor time of the least that is possible.
    fn beside_bare(mut self) -> Self {
        self.with_bare = true;
        self.goal(Metric::Cpu, Against::Server(Some(bare::NAME)), 1.0, false)
    }

    /// At least `bound` times the throughput of Redis.
    fn throughput(self, bound: f64) -> Self {
        self.goal(Metric::Rate, Against::Server(Some(REDIS)), bound, true)
    }

    /// At most `bound` times the processor time that Redis spends.
    fn cpu(self, bound: f64) -> Self {
        self.at_most(Metric::Cpu, bound)
    }

    /// At most `bound` times the figure of Redis.
    fn at_most(self, metric: Metric, bound: f64) -> Self {
        self.goal(metric, Against::Server(Some(REDIS)), bound, false)
    }

    /// At most this figure.
    fn limit(self, metric: Metric, bound: f64) -> Self {
        self.goal(metric, Against::Nothing, bound, false)
    }

    /// Nobody who reads is cut, and nothing is lost or altered.
    fn intact(self) -> Self {
        INTACT.into_iter().fold(self, |entry, metric| entry.limit(metric, 0.0))
    }

    fn goal(mut self, metric: Metric, against: Against, bound: f64, at_least: bool) -> Self {
        self.goals.push(Goal { metric, against, bound, at_least });
        self
    }
}

/// What the figures of a page are.
pub(crate) const LEGEND: &str = "\
    Medians of all rounds. Each server is new for each case, with its default settings and nothing written to disk; it \
    and the load generator share the cores and talk over the loopback interface. Payloads are of 64 bytes where nothing \
    else is said.\n\n\
    - per second: deliveries that arrived; publishes where nobody listens; clients that came and went\n\
    - server cpu ns: processor time of the server for each of them\n\
    - p50 to max us: from sending to arrival, or to the reply where a case says so\n\
    - Ratio, or to NAME: the first column to Redis, or to each of the servers\n\
    - bare: a program that only accepts, answers and closes";

const FAN_OUT: FanOut = FanOut::ONE;

/// The case without patterns that those with patterns are compared with.
const NO_PATTERNS: &str = "1 subscriber w16";
/// The case of matching patterns only.
const HOT_PATTERNS: &str = "100 matching patterns";

/// What may be on its way to all subscribers together in a cell of the matrix.
const MATRIX_PENDING_MB: usize = 64;

/// Everything that has a goal; some of them are others where Pregon has several io-threads, because these have to wake each other.
pub(crate) fn all(threaded: bool) -> Vec<Entry> {
    [fan_outs(), one_to_one(threaded), others(), patterns(), latencies(), listing(), memory(), overload(), encrypted()]
        .into_iter()
        .flatten()
        .collect()
}

/// Subscribers by payload by protocol by io-threads; without goals. Only Pregon is measured with other numbers of
/// io-threads than its default.
pub(crate) fn matrix() -> Vec<Entry> {
    let mut entries = Vec::new();
    for (proto, proto_name) in [(Proto::Resp2, "RESP2"), (Proto::Resp3, "RESP3")] {
        for (payload, payload_name) in [(64, "64 B"), (1024, "1 KB"), (64 * 1024, "64 KB")] {
            for subscribers in [1, 10, 100, 1_000, 10_000] {
                // What is on its way is bounded, or the largest cells would fill the memory of the machine.
                let window = (MATRIX_PENDING_MB * 1024 * 1024 / (subscribers * payload)).clamp(1, 16);
                let pending_mb = Some(MATRIX_PENDING_MB as u64);
                let case = FanOut { subscribers, window, payload, proto, pending_mb, ..FAN_OUT };
                let name = format!("{subscribers} x {payload_name} {proto_name}");
                let what = format!("1 publisher, up to {window} publishes in flight");
                entries.push(Entry::new(name, what, Case::FanOut(case)));
            }
        }
    }
    entries
}

fn fan_outs() -> Vec<Entry> {
    let fan_out = |name: &str, what: &str, case: FanOut| Entry::new(name, what, Case::FanOut(case));
    vec![
        fan_out("fan-out 100 w1", "1 publisher, 100 subscribers, 1 publish in flight", FAN_OUT)
            .throughput(6.0)
            .cpu(0.2)
            .intact(),
        fan_out("fan-out 100 w64", "the same, 64 in flight", FanOut { window: 64, ..FAN_OUT })
            .throughput(5.0)
            .cpu(0.2)
            .intact(),
        fan_out(
            "fan-out 1000 w16",
            "1,000 subscribers, 16 in flight",
            FanOut { subscribers: 1000, window: 16, ..FAN_OUT },
        )
        .throughput(10.0)
        .cpu(0.15)
        .intact(),
        fan_out("fan-out 7000 w1", "7,000 subscribers, 1 in flight", FanOut { subscribers: 7000, ..FAN_OUT })
            .throughput(10.0)
            .cpu(0.15)
            .intact(),
    ]
}

/// Where nothing fans out, so that the cost of one message counts.
fn one_to_one(threaded: bool) -> Vec<Entry> {
    let (pairs_w16, pairs_w1) = if threaded { (0.9, 0.85) } else { (0.75, 0.8) };
    let pairs = FanOut { publishers: 50, channels: 50, subscribers: 50, ..FAN_OUT };
    let w16 = Entry::new(
        "50:50:50 w16",
        "50 publishers to 50 subscribers, one to one, 16 in flight each",
        Case::FanOut(FanOut { window: 16, ..pairs.clone() }),
    );
    let w1 = Entry::new("50:50:50 w1", "the same, 1 in flight each", Case::FanOut(pairs));
    let unheard = Entry::new(
        "nobody subscribed",
        "8 publishers, 64 in flight each, nobody listens",
        Case::FanOut(FanOut { publishers: 8, subscribers: 0, window: 64, ..FAN_OUT }),
    );
    let entries = [
        w16.beside_each(1.3, pairs_w16).intact(),
        w1.beside_each(1.1, pairs_w1).intact(),
        unheard.beside_each(2.0, 0.4),
    ];
    entries.into_iter().flat_map(Entry::in_both_shapes).collect()
}

fn others() -> Vec<Entry> {
    // A bound on what is under way: without it a publisher of large messages outruns the process that reads them.
    let large = FanOut { subscribers: 50, window: 16, payload: 64 * 1024, pending_mb: Some(64), ..FAN_OUT };
    vec![
        Entry::new(
            "64 KB to 50 w16",
            "1 publisher, 50 subscribers, payloads of 64 KB, 16 in flight, 64 MB under way at most",
            Case::FanOut(large),
        )
        .throughput(1.4)
        .cpu(0.5)
        .intact(),
        Entry::new(
            "connect-subscribe-go",
            "clients that connect, subscribe and go, 16 at once",
            Case::Churn(Churn { seconds: 3.0 }),
        )
        .throughput(1.1)
        .cpu(0.9)
        .beside_bare(),
        Entry::new(
            "BRPOP hand-over",
            "25 queues, each with a client that waits for an element and one that pushes the next one then",
            Case::HandOver(HandOver { pairs: 25, payload: 64, seconds: 3.0 }),
        )
        .throughput(1.0)
        .cpu(1.0),
    ]
}

fn patterns() -> Vec<Entry> {
    let one = FanOut { subscribers: 1, window: 16, ..FAN_OUT };
    let alone = Entry::new(NO_PATTERNS, "1 publisher, 1 subscriber, 16 in flight", Case::FanOut(one.clone()));
    let mut entries = Vec::from(alone.beside_each(1.1, 0.8).intact().in_both_shapes());
    for (name, shape) in [
        ("cold a:*", "a:#*"),
        ("cold *:a", "*:a#"),
        ("cold a?b*c", "a?b#*c"),
        ("cold [ab]x*", "[ab]x#*"),
        ("cold *a*b*", "*a#*b#*"),
    ] {
        let case = FanOut { cold_patterns: 100_000, cold_shape: shape.into(), ..one.clone() };
        let entry = Entry::new(
            name,
            "1 subscriber w16 beside 100,000 patterns of this shape that do not match",
            Case::FanOut(case),
        )
        .goal(Metric::Rate, Against::Case(NO_PATTERNS), 0.8, true);
        entries.push(entry.intact());
    }
    // All matches go to one client: without a bound its socket is what cannot keep up.
    let hot = FanOut { hot_patterns: 100, pending_mb: Some(4), ..one };
    let both = FanOut { cold_patterns: 100_000, cold_shape: "*:a#".into(), ..hot.clone() };
    let what = "1 publisher, 100 patterns of one client that all match, 16 in flight";
    entries.push(Entry::new(HOT_PATTERNS, what, Case::FanOut(hot)).intact());
    let what = "the same beside 100,000 patterns `*:a` that do not match";
    let both = Entry::new("100 matching of 100,000 patterns", what, Case::FanOut(both));
    entries.push(both.goal(Metric::Rate, Against::Case(HOT_PATTERNS), 0.8, true).intact());
    entries
}

fn latencies() -> Vec<Entry> {
    let paced = |name: &str, subscribers, rate| {
        let case = OpenLoop { rate, subscribers, payload: 64, seconds: 3.0, proto: Proto::Resp2 };
        let what = format!("{subscribers} subscribers, {rate} messages per second: latency");
        let entry = Entry::new(name, what, Case::OpenLoop(case));
        let most = [Metric::P50, Metric::P99, Metric::Cpu].into_iter();
        most.fold(entry, |entry, metric| entry.goal(metric, Against::Server(None), 1.0, false)).intact()
    };
    vec![paced("10 at 5000/s", 10, 5000), paced("100 at 500/s", 100, 500)]
}

fn listing() -> Vec<Entry> {
    let what = "8 publishers while another client lists a million channels: from a publish to its reply";
    vec![Entry::new("PUBSUB CHANNELS", what, Case::Listing(Listing { channels: 1_000_000 })).limit(Metric::Max, 5000.0)]
}

fn memory() -> Vec<Entry> {
    let entry = |name: &str, what: &str, case| Entry::new(name, what, case).limit(Metric::After, 1.2);
    let idle = |subscribed| Case::Idle(Idle { connections: 5000, subscribed });
    let names = |shape: Option<&str>| Case::Names(Names { count: 100_000, shape: shape.map(Into::into) });
    let stuck = Case::Stuck(Stuck { subscribers: 100, megabytes: 16, payload: 1024 });
    vec![
        entry("memory: idle connection", "5,000 connections", idle(false)).at_most(Metric::Each, 0.2),
        entry("memory: subscribed connection", "5,000 connections, one channel", idle(true))
            .at_most(Metric::Each, 0.25),
        entry("memory: channel", "100,000 channels with names of 32 bytes", names(None)).at_most(Metric::Each, 0.6),
        entry("memory: pattern", "100,000 patterns `news:*:#`", names(Some("news:*:#"))).at_most(Metric::Each, 1.0),
        entry("memory: 100 stuck", "16 MB to 100 subscribers that do not read, and one that does", stuck)
            .limit(Metric::Peak, 64.0 * 1024.0 * 1024.0)
            .intact(),
    ]
}

fn encrypted() -> Vec<Entry> {
    const NEW: Manner = Manner { older: false, resumed: false };
    let entry = |name: &str, what: &str, case| {
        let what = format!("{what}, over TLS 1.3 with AES-128-GCM");
        Entry::new(format!("TLS: {name}"), what, case).over_tls(NEW)
    };
    let to = |subscribers, window| Case::FanOut(FanOut { subscribers, window, ..FAN_OUT });
    let pairs = FanOut { publishers: 50, channels: 50, subscribers: 50, window: 16, ..FAN_OUT };
    let idle = |name: &str, what: &str, subscribed| {
        let case = Case::Idle(Idle { connections: 2000, subscribed });
        entry(name, what, case).at_most(Metric::Each, 0.3)
    };
    let coming = |name: &str, what: &str, manner: Manner| {
        let what = format!("{what}, over TLS {} with AES-128-GCM", if manner.older { "1.2" } else { "1.3" });
        let entry = Entry::new(format!("TLS: {name}"), what, Case::Churn(Churn { seconds: 3.0 }));
        entry.over_tls(manner).throughput(1.2)
    };
    let come = "clients that connect, subscribe and go, 16 at once";
    let come_back = "the same with sessions that are gone on with";
    vec![
        entry("fan-out 100 w64", "100 subscribers, 64 in flight", to(100, 64)).throughput(4.0).cpu(0.3).intact(),
        entry("fan-out 1000 w16", "1,000 subscribers, 16 in flight", to(1000, 16)).throughput(6.0).cpu(0.25).intact(),
        entry("50:50:50 w16", "50 publishers to 50 subscribers, 16 in flight each", Case::FanOut(pairs))
            .throughput(1.2)
            .cpu(0.9)
            .intact(),
        coming("connect-subscribe-go", come, NEW),
        coming("connect-subscribe-go, resumed", come_back, Manner { resumed: true, ..NEW }),
        coming("connect-subscribe-go 1.2", come, Manner { older: true, ..NEW }),
        coming("connect-subscribe-go 1.2, resumed", come_back, Manner { older: true, resumed: true }),
        idle("memory: idle connection", "2,000 connections", false),
        idle("memory: subscribed connection", "2,000 connections, one channel", true),
    ]
}

fn overload() -> Vec<Entry> {
    // Each message to one subscriber, so that it is the server that cannot keep up and not those who read.
    let case = FanOut { publishers: 64, channels: 4, subscribers: 4, window: 1000, ..FAN_OUT };
    let stuck = Case::Stuck(Stuck { subscribers: 5, megabytes: 96, payload: 1024 });
    vec![
        Entry::new(
            "overload: 64 publishers w1000",
            "64 publishers as fast as they can, 1,000 in flight each, to 4 channels with a subscriber each: none is cut",
            Case::FanOut(case),
        )
        .intact(),
        Entry::new(
            "overload: stuck ones are cut",
            "96 MB to 5 subscribers that do not read, and one that does: those are cut, that one gets everything",
            stuck,
        )
        .goal(Metric::StuckCut, Against::Nothing, 5.0, true)
        .intact(),
    ]
}
