//! Several Pregons as one beside a Redis Cluster and beside bare NATS: `cargo bench --bench backplane`.
//!
//! Three nodes, joined by each of the engines in turn, three masters of a Redis Cluster, and a server of NATS by itself, each
//! new for each round, on free ports of the loopback, do the same one after the other. Processor time is that of all their
//! processes together, the engine included. Replies to PUBLISH count who listens at the same node, so how much must arrive
//! follows from what was published, and publishers wait while more than some megabytes of that have not: what is far behind
//! is cut or lost otherwise, by whichever server. The medians go to a table, and as JSON and as a page where that is asked
//! for. It needs nats-server and redis-server on the PATH. Linux only.

#[path = "../peers/conditions.rs"]
mod conditions;
#[path = "../load/generator/mod.rs"]
mod generator;
#[path = "../support/goal.rs"]
mod goal;
#[path = "../peers/others.rs"]
mod others;
#[path = "../peers/report.rs"]
mod report;
#[path = "../peers/results.rs"]
mod results;
#[path = "../peers/servers.rs"]
mod servers;

mod bystander;
mod deployment;
mod forwarding;
mod suite;
mod talk;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use deployment::{Deployment, Kind};
use generator::figures::Figures;
use others::Others;
use results::{Results, Row};
use suite::{Entry, Way};

/// For how long a case is measured in the short form.
const SHORT_SECONDS: f64 = 0.5;

/// Compares several Pregons that act as one with a Redis Cluster and with NATS
#[derive(Debug, Parser)]
#[command(name = "backplane")]
struct Options {
    /// One short round of each case: under a minute, and only roughly right
    #[arg(long)]
    short: bool,
    /// Only the cases whose names contain one of these
    #[arg(long, num_args = 1.., value_name = "NAME")]
    only: Vec<String>,
    /// Only the deployments whose names contain one of these
    #[arg(long, num_args = 1.., value_name = "NAME")]
    servers: Vec<String>,
    /// The number of io-threads of each Pregon
    #[arg(long, default_value_t = 1)]
    io_threads: u8,
    /// For how long to measure each case
    #[arg(long)]
    seconds: Option<f64>,
    /// How often each case runs
    #[arg(long)]
    rounds: Option<usize>,
    /// Where all figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the table goes as a page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Passed by cargo bench; without it nothing runs, so that `cargo test --benches` is quick
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("measurements run with `cargo bench --bench backplane`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("backplane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    servers::end_with_signals()?;
    let descriptors = generator::raise_descriptor_limit()?;
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| is_wanted(&options.servers, kind.name())).collect();
    let mut entries: Vec<Entry> = suite::all();
    entries.retain(|entry| is_wanted(&options.only, &entry.name));
    if let Some(entry) = entries.iter().find(|entry| entry.case.descriptors() > descriptors) {
        let needed = entry.case.descriptors();
        return Err(io::Error::other(format!(
            "{}: it takes {needed} descriptors, and {descriptors} are allowed",
            entry.name
        )));
    }
    if let Some(seconds) = options.seconds.or(options.short.then_some(SHORT_SECONDS)) {
        entries.iter_mut().for_each(|entry| entry.measure_for(seconds));
    }
    let rounds = options.rounds.unwrap_or(if options.short { 1 } else { 3 }).max(1);
    let mut conditions = conditions::now("backplane", deployment::versions(), rounds);
    let others_before = Others::now();
    let mut runs: Vec<Vec<Vec<Figures>>> = vec![vec![Vec::new(); kinds.len()]; entries.len()];
    for round in 1..=rounds {
        for (number, kind) in kinds.iter().enumerate() {
            eprintln!("[{round}/{rounds}] {}", kind.name());
            match Deployment::start(*kind, options.io_threads) {
                Ok(deployment) => entries.iter().zip(&mut runs).for_each(|(entry, runs)| {
                    runs[number].extend(measure(&deployment, entry));
                }),
                Err(error) => eprintln!("  does not start: {error}"),
            }
        }
    }
    if let Some((now, before)) = Others::now().zip(others_before) {
        conditions.push(("other processes on these cores", format!("{:.1} % of the time", now.percent_since(before))));
    }
    let medians = |runs: Vec<Figures>| (!runs.is_empty()).then(|| Figures::medians(&runs));
    let rows = entries.into_iter().zip(runs);
    let forwards = kinds.iter().position(|kind| *kind == Kind::RedisUpstream);
    let judged = |entry: &Entry| forwards.filter(|_| entry.way == Way::Forward).unwrap_or_default();
    let row = |(entry, runs): (Entry, Vec<Vec<Figures>>)| Row {
        judged: judged(&entry),
        entry,
        figures: runs.into_iter().map(medians).collect(),
    };
    let rows = rows.map(row).collect();
    let programs = kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let redis = kinds.iter().position(|kind| *kind == Kind::RedisCluster);
    let results = Results { programs, peers: redis.into_iter().collect(), rows };
    print!("{}", report::table(&results));
    for (file, text) in [
        (&options.json, report::json(&results, &conditions)),
        (&options.page, report::page("Several Pregons as one", &results, &conditions)),
    ] {
        if let Some(file) = file {
            fs::write(file, text)?;
            eprintln!("written: {}", file.display());
        }
    }
    Ok(())
}

/// Whether a name contains one of `parts`; any does if there are none.
fn is_wanted(parts: &[String], name: &str) -> bool {
    parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()))
}

/// Runs a case; none where it does not apply or has failed.
fn measure(deployment: &Deployment, entry: &Entry) -> Option<Figures> {
    let figures = match entry.way {
        Way::Bystander => bystander::measure(deployment, entry)?,
        Way::Forward => forwarding::measure(deployment, entry)?,
        way => entry.case.run(&deployment.target(way)?),
    };
    match &figures {
        Ok(figures) => eprintln!("  {:<26} {figures}", entry.name),
        Err(error) => eprintln!("  {:<26} failed: {error}", entry.name),
    }
    figures.ok()
}
