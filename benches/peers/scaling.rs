//! What more io-threads bring: each load with 1, 2, 4, 8 and 16 of them, as far as there are cores, and the load generator on
//! cores of its own, beside what the model of `docs/performance.md` says ("More cores").
//!
//! The model: a message takes the processor time that it takes with one io-thread, a part of it under the lock that orders all
//! messages, which one thread has at a time. So the throughput of N io-threads is that of one, times N or times the work of a
//! message in relation to its time under the lock, whichever is less.

use std::fmt::Write as _;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cores::{self, Division};
use crate::generator::figures::{Figures, Metric, short};
use crate::generator::uneven::{Kind, Uneven};
use crate::generator::{Case, FanOut, Shape};
use crate::servers::Program;
use crate::watchdog::Watchdog;

/// Numbers of io-threads.
const IO_THREADS: [u8; 5] = [1, 2, 4, 8, 16];
/// Those with which loads run that are more work for some of the server's threads than for others.
const IO_THREADS_UNEVEN: [u8; 2] = [2, 4];
const UNEVEN: [(Kind, &str); 5] = [
    (Kind::Hot, "one hot of 40"),
    (Kind::Zipf, "zipf, 10,000"),
    (Kind::Mixed, "large and small"),
    (Kind::Crowd, "7,000 at once"),
    (Kind::Quiet, "100 at 500/s"),
];
/// How long a case may take beyond the time for which it measures: ten thousand clients come first.
const LIMIT: Duration = Duration::from_secs(20);
/// What may be on its way to the subscribers of a fan-out: the generator may be what is too slow.
const PENDING_MB: u64 = 64;
/// The time of a publish under the lock by the io-threads that have subscribers of its channel, in nanoseconds
/// (`cargo bench --bench hub`).
const LOCKED_NS: [(u8, f64); 5] = [(1, 42.0), (2, 59.0), (4, 89.0), (8, 154.0), (16, 287.0)];
/// What is shown of an uneven load, and of the others.
const SHOWN: [Metric; 9] = [
    Metric::Rate,
    Metric::Cpu,
    Metric::LockWaits,
    Metric::LockWait,
    Metric::Lopsided,
    Metric::Awake,
    Metric::Cut,
    Metric::Lost,
    Metric::Altered,
];

/// On how many io-threads a message of a load has listeners.
#[derive(Clone, Copy, Debug)]
enum Heard {
    /// None: then no lock is taken.
    Nowhere,
    OnOne,
    OnAll,
}

/// One load.
#[derive(Clone, Debug)]
struct Load {
    name: String,
    case: Case,
    /// None where the model says nothing.
    heard: Option<Heard>,
    io_threads: &'static [u8],
}

impl Load {
    /// What a message takes under the lock with so many io-threads, in nanoseconds; none where there is no model.
    fn locked_ns(&self, io_threads: u8) -> Option<f64> {
        let threads = match self.heard? {
            Heard::Nowhere => return Some(0.0),
            Heard::OnOne => 1,
            Heard::OnAll => io_threads,
        };
        LOCKED_NS.into_iter().find(|(count, _)| *count == threads).map(|(_, ns)| ns)
    }
}

fn loads(seconds: f64) -> Vec<Load> {
    let even = |name: String, case: FanOut, heard| Load {
        name,
        case: Case::FanOut(FanOut { seconds, ..case }),
        heard: Some(heard),
        io_threads: &IO_THREADS,
    };
    let to = |subscribers| FanOut { subscribers, window: 16, pending_mb: Some(PENDING_MB), ..FanOut::ONE };
    let pairs = |count| FanOut { publishers: count, channels: count, subscribers: count, window: 16, ..FanOut::ONE };
    let only = |publishers| FanOut { publishers, subscribers: 0, window: 64, ..FanOut::ONE };
    let mut loads = Vec::new();
    loads.extend([100, 1000, 10_000].map(|count| even(format!("fan-out {count} w16"), to(count), Heard::OnAll)));
    loads.extend([50, 200].map(|count| even(format!("{count}:{count}:{count} w16"), pairs(count), Heard::OnOne)));
    loads.extend([8, 32].map(|count| even(format!("nobody subscribed, {count} w64"), only(count), Heard::Nowhere)));
    loads.extend(UNEVEN.map(|(kind, name)| Load {
        name: format!("uneven: {name}"),
        case: Case::Uneven(Uneven { kind, seconds, shape: Shape::PLAIN }),
        heard: None,
        io_threads: &IO_THREADS_UNEVEN,
    }));
    loads
}

/// What came out of one load with one number of io-threads.
struct Row {
    load: String,
    io_threads: u8,
    cores: String,
    outcome: Result<Outcome, String>,
}

struct Outcome {
    figures: Figures,
    /// Its throughput for each core in relation to that of one io-thread.
    efficiency: Option<f64>,
    /// The throughput that the model says.
    model: Option<f64>,
}

impl Outcome {
    /// `first` is the outcome with one io-thread, if that is another.
    fn new(load: &Load, io_threads: u8, figures: Figures, first: Option<&Figures>) -> Self {
        let count = f64::from(io_threads);
        let (rate, of_one) = (figures.get(Metric::Rate), first.and_then(|first| first.get(Metric::Rate)));
        let efficiency = rate.zip(of_one).map(|(rate, of_one)| rate / of_one / count);
        let model = first.and_then(|first| {
            // Where nobody listens, what is counted is publishes.
            let each = first.get(Metric::Publishes).map_or(1.0, |publishes| of_one.unwrap_or(0.0) / publishes.max(1.0));
            let work_ns = first.get(Metric::Cpu)? * each;
            let locked_ns = load.locked_ns(io_threads)?;
            Some(of_one? * count.min(work_ns / locked_ns))
        });
        Outcome { figures, efficiency, model }
    }
}

/// Runs all loads whose names contain `part`, and hands what there is to `write` after each, as JSON and as a page.
///
/// # Errors
///
/// Those of setting cores and of `write`; a case that fails is a row that says so.
pub(crate) fn run(
    part: Option<&str>,
    seconds: f64,
    descriptors: u64,
    program: impl Fn(u8) -> Program,
    conditions: &[(&str, String)],
    write: impl Fn(&[(&str, String)]) -> io::Result<()>,
) -> io::Result<()> {
    let all = cores::allowed()?;
    let mut rows = Vec::new();
    println!("{}", line(["load", "io-threads", "cores", "efficiency", "model"].map(String::from), Metric::name));
    for load in loads(seconds).into_iter().filter(|load| part.is_none_or(|part| load.name.contains(part))) {
        let mut first: Option<Figures> = None;
        for &io_threads in load.io_threads.iter().filter(|count| usize::from(**count) <= all.len()) {
            let division = Division::of(&all, usize::from(io_threads));
            let figures = measure(&load, &program(io_threads), &division, descriptors, seconds);
            cores::keep_to(&all)?;
            if io_threads == 1 {
                first = figures.as_ref().ok().cloned();
            }
            let outcome = figures.map(|figures| Outcome::new(&load, io_threads, figures, first.as_ref()));
            let row = Row { load: load.name.clone(), io_threads, cores: division.name(), outcome };
            println!("{}", row.line());
            rows.push(row);
            write(&[("json", as_json(&rows, conditions)), ("md", as_page(&rows, conditions))])?;
        }
    }
    Ok(())
}

/// Runs a load on a new server, each on its cores.
fn measure(
    load: &Load,
    program: &Program,
    division: &Division,
    descriptors: u64,
    seconds: f64,
) -> Result<Figures, String> {
    let needed = load.case.descriptors();
    if needed > descriptors {
        return Err(format!("it takes {needed} descriptors, and {descriptors} are allowed"));
    }
    let mut case = load.case.clone();
    if let Case::FanOut(FanOut { shape, .. }) | Case::Uneven(Uneven { shape, .. }) = &mut case {
        shape.threads = division.generator.len();
    }
    let run = || {
        cores::keep_to(&division.server)?;
        let mut server = program.start(Stdio::null())?;
        cores::keep_to(&division.generator)?;
        server.target.tells_lock_waits = true;
        let watchdog = Watchdog::new(server.target.pid, LIMIT + Duration::from_secs_f64(seconds));
        let figures = case.run(&server.target);
        if watchdog.has_bitten() { Err(io::Error::other("it took too long")) } else { figures }
    };
    run().map_err(|error| error.to_string())
}

impl Row {
    /// What comes before the figures, and the two behind them.
    fn words(&self) -> [String; 5] {
        let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let outcome = self.outcome.as_ref().ok();
        let model = outcome.and_then(|outcome| outcome.model).map_or_else(String::new, short);
        let efficiency = ratio(outcome.and_then(|outcome| outcome.efficiency));
        [self.load.clone(), self.io_threads.to_string(), self.cores.clone(), efficiency, model]
    }

    fn figure(&self, metric: Metric) -> Option<f64> {
        self.outcome.as_ref().ok()?.figures.get(metric)
    }

    fn line(&self) -> String {
        match &self.outcome {
            Ok(_) => line(self.words(), |metric| self.figure(metric).map_or_else(|| "-".into(), short)),
            Err(reason) => format!("{:<32} {:>10} {:>10}  failed: {reason}", self.load, self.io_threads, self.cores),
        }
    }
}

fn line<T: std::fmt::Display>(
    [load, io_threads, cores, efficiency, model]: [String; 5],
    of: impl Fn(Metric) -> T,
) -> String {
    let mut text = format!("{load:<32} {io_threads:>10} {cores:>10}");
    for metric in SHOWN {
        let width = metric.name().len().max(8);
        let _ = write!(text, " {:>width$}", of(metric).to_string());
    }
    let _ = write!(text, " {efficiency:>10} {model:>8}");
    text
}

fn as_page(rows: &[Row], conditions: &[(&str, String)]) -> String {
    let mut text = String::from(
        "# Throughput by io-threads\n\n\
        The server has as many cores as io-threads, and the load generator the others, with a thread that publishes and one that \
        listens on each of them; where none is left they share all. Payloads are of 64 bytes where nothing else is said.\n\n\
        - per second: deliveries that arrived; publishes where nobody listens\n\
        - server cpu ns: processor time of the server for each of them\n\
        - lock waits, lock wait ns: how often and how long an io-thread waited for the lock that orders all messages, for each publish\n\
        - lopsided s: for how long at a stretch one io-thread had all that it could do while another idled; threads awake: how many did anything\n\
        - Efficiency: throughput for each core, in relation to that with one io-thread; Model: the throughput that \
        `docs/performance.md` predicts (\"More cores\")\n\n",
    );
    for (name, value) in conditions {
        let _ = writeln!(text, "- {name}: {value}");
    }
    let names = SHOWN.map(Metric::name).join(" | ");
    let _ = writeln!(text, "\n| Load | io-threads | Cores | {names} | Efficiency | Model |");
    let _ = writeln!(text, "|---|{}", "---|".repeat(SHOWN.len() + 4));
    for row in rows {
        let [load, io_threads, cores, efficiency, model] = row.words();
        let figures = SHOWN.map(|metric| row.figure(metric).map_or_else(|| "-".into(), short)).join(" | ");
        let load = row.outcome.as_ref().err().map_or(load.clone(), |reason| format!("{load}: {reason}"));
        let _ = writeln!(text, "| {load} | {io_threads} | {cores} | {figures} | {efficiency} | {model} |");
    }
    text
}

fn as_json(rows: &[Row], conditions: &[(&str, String)]) -> String {
    let conditions: Map<String, Value> =
        conditions.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    let rows = rows.iter().map(|row| {
        let mut value = json!({"load": row.load, "io_threads": row.io_threads, "cores": row.cores});
        match &row.outcome {
            Ok(outcome) => {
                let figures = outcome.figures.iter().map(|(metric, value)| (metric.name().to_owned(), value.into()));
                value["figures"] = Value::Object(figures.collect());
                value["efficiency"] = outcome.efficiency.into();
                value["model"] = outcome.model.into();
            }
            Err(reason) => value["failed"] = reason.as_str().into(),
        }
        value
    });
    format!("{:#}\n", json!({"conditions": conditions, "rows": rows.collect::<Vec<_>>()}))
}
