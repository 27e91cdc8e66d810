//! Pregon beside the other servers that are installed: `cargo bench --bench peers`.
//!
//! Every case runs in turn on each server, for several rounds; each time the server is new, on a free port of the
//! loopback, with its default settings and nothing written to disk. The medians go to a table, to JSON, to a page and to a
//! chart under `target/peers/`. What is published of it is in `benches/results/`, and the table of `docs/performance.md` is what
//! `--markdown` prints of the JSON there. Linux only.
//!
//! In the cases over TLS the server has a certificate with an ECDSA key (P-256) and asks clients for none. Clients offer one
//! version, one cipher and one key exchange (X25519), so that all servers do the same work. Clients that come and go shake
//! hands sixteen at once, and a case fails if one of them goes on with an earlier session where it should not, or does not
//! where it should. What most subscribers hear is counted by the headers of its records, and a few decrypt and compare it, so
//! that it is the server that is measured.

#[path = "../load/generator/mod.rs"]
mod generator;
#[path = "../support/goal.rs"]
mod goal;

mod bare;
mod certificates;
mod chart;
mod conditions;
mod cores;
mod others;
mod page;
mod report;
mod results;
mod scaling;
mod servers;
mod suite;
#[path = "../support/tls.rs"]
mod tls;
#[path = "../neighbours/watchdog.rs"]
mod watchdog;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Instant;

use certificates::Certificates;
use clap::Parser;
use generator::figures::Figures;
use others::Others;
use results::{Results, Row};
use servers::{Program, Server};
use suite::Entry;
use tls::Manner;

/// For how long a case is measured in the short form.
const SHORT_SECONDS: f64 = 0.5;
/// For how long each load is measured with each number of io-threads.
const SCALING_SECONDS: f64 = 2.0;

/// Compares Pregon with the servers that are installed
#[derive(Debug, Parser)]
#[command(name = "peers")]
struct Options {
    /// One short round of each case: under two minutes, and only roughly right
    #[arg(long)]
    short: bool,
    /// Only the cases whose names contain this
    #[arg(long)]
    case: Option<String>,
    /// Subscribers by payload by protocol by io-threads, instead of the cases with goals
    #[arg(long)]
    matrix: bool,
    /// What more io-threads bring, and how loads that are uneven are dealt out to them, on Pregon alone
    #[arg(long)]
    scaling: bool,
    /// Pregon's program, if it is not the one that was built with this one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the files are written, if not to `peers` in the target directory
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The number of io-threads that Pregon is given
    #[arg(long)]
    io_threads: Option<u8>,
    /// For how long to measure where a case takes time
    #[arg(long)]
    seconds: Option<f64>,
    /// How often each case runs on each server
    #[arg(long)]
    rounds: Option<usize>,
    /// The name of the files that are written
    #[arg(long, default_value = "figures")]
    name: String,
    /// Measures nothing, and prints a table of what the JSON of earlier runs says, a column for each
    #[arg(long, num_args = 1.., value_name = "JSON")]
    markdown: Vec<PathBuf>,
    /// Only Pregon
    #[arg(long)]
    alone: bool,
    /// Passed by cargo bench; without it nothing runs, so that `cargo test --benches` is quick
    #[arg(long, hide = true)]
    bench: bool,
    /// Is the program that only accepts, answers and closes
    #[arg(long, hide = true, requires = "port")]
    bare: bool,
    /// Where that serves
    #[arg(long, hide = true)]
    port: Option<u16>,
}

impl Options {
    /// Whether Pregon has several io-threads.
    fn is_threaded(&self) -> bool {
        self.io_threads != Some(1)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(port) = options.port.filter(|_| options.bare) {
        let Err(error) = bare::serve(port);
        eprintln!("peers: {error}");
        return ExitCode::FAILURE;
    }
    if !options.bench {
        println!("measurements run with `cargo bench --bench peers`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    if !options.markdown.is_empty() {
        print!("{}", page::table(&options.markdown)?);
        return Ok(());
    }
    servers::end_with_signals()?;
    let descriptors = generator::raise_descriptor_limit()?;
    if options.scaling {
        return scaled(options, descriptors);
    }
    let mut programs = programs(options);
    let own = programs.iter().filter(|program| program.name.starts_with("pregon")).count();
    let peers = (own..programs.len()).collect();
    let wanted = |entry: &Entry| options.case.as_ref().is_none_or(|part| entry.name.contains(part.as_str()));
    let entries = if options.matrix { suite::matrix() } else { suite::all(options.is_threaded()) };
    let mut entries: Vec<Entry> = entries.into_iter().filter(wanted).collect();
    if let Some(seconds) = options.seconds.or(options.short.then_some(SHORT_SECONDS)) {
        entries.iter_mut().for_each(|entry| entry.measure_for(seconds));
    }
    let rounds = options.rounds.unwrap_or(if options.short || options.matrix { 1 } else { 3 }).max(1);
    let versions = programs.iter().map(Program::version).collect();
    let mut conditions = conditions::now("peers", versions, rounds);
    if entries.iter().any(|entry| entry.with_bare) {
        programs.push(Program::new(bare::NAME.into(), std::env::current_exe()?, vec!["--bare".into()]));
    }
    let (start, others_before) = (Instant::now(), Others::now());
    let mut rows = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let elapsed = start.elapsed().as_secs();
        eprintln!("[{}/{}, {elapsed} s] {}", number + 1, entries.len(), entry.name);
        rows.push(measure(entry, &programs, rounds, descriptors));
    }
    if let Some((now, before)) = Others::now().zip(others_before) {
        conditions.push(("other processes on these cores", format!("{:.1} % of the time", now.percent_since(before))));
    }
    let programs = programs.iter().map(|program| program.name.clone()).collect();
    let results = Results { programs, peers, rows };
    print!("{}", report::table(&results));
    write(options, &results, &conditions)
}

fn scaled(options: &Options, descriptors: u64) -> io::Result<()> {
    let program = |io_threads| pregon(options, Some(io_threads));
    let conditions = conditions::now("peers", vec![program(1).version()], 1);
    let seconds = options.seconds.unwrap_or(if options.short { SHORT_SECONDS } else { SCALING_SECONDS });
    let write = |files: &[(&str, String)]| write_files(options, files).map(drop);
    scaling::run(options.case.as_deref(), seconds, descriptors, program, &conditions, write)
}

/// Pregon's program with so many io-threads.
fn pregon(options: &Options, io_threads: Option<u8>) -> Program {
    match &options.program {
        Some(path) => Program::pregon_at(path, io_threads),
        None => Program::pregon(io_threads),
    }
}

fn programs(options: &Options) -> Vec<Program> {
    let own = match (options.matrix, options.io_threads) {
        (true, None) => vec![pregon(options, Some(1)), pregon(options, Some(2))],
        (_, io_threads) => vec![pregon(options, io_threads)],
    };
    let peers = if options.alone { Vec::new() } else { Program::peers(options.is_threaded()) };
    own.into_iter().chain(peers).collect()
}

/// Runs a case on one server after the other, for several rounds. A server that fails in it has no figures.
fn measure(entry: &Entry, programs: &[Program], rounds: usize, descriptors: u64) -> Row {
    let mut runs: Vec<Vec<Figures>> = vec![Vec::new(); programs.len()];
    let needed = entry.case.descriptors();
    if needed > descriptors {
        eprintln!("  skipped: it takes {needed} descriptors, and {descriptors} are allowed");
    } else {
        for _ in 0..rounds {
            let takes_part = |program: &Program| entry.with_bare || program.name != bare::NAME;
            for (program, runs) in programs.iter().zip(&mut runs).filter(|(program, _)| takes_part(program)) {
                match start(program, entry.tls).and_then(|server| entry.case.run(&server.target)) {
                    Ok(figures) => {
                        eprintln!("  {:<10} {figures}", program.name);
                        runs.push(figures);
                    }
                    Err(error) => eprintln!("  {:<10} failed: {error}", program.name),
                }
            }
        }
    }
    let medians = runs.iter().map(|runs| (!runs.is_empty()).then(|| Figures::medians(runs)));
    Row { entry: entry.clone(), figures: medians.collect(), judged: 0 }
}

/// Starts a server, for clients over TLS if they are to come so.
fn start(program: &Program, tls: Option<Manner>) -> io::Result<Server> {
    let Some(manner) = tls else { return program.start(Stdio::null()) };
    let certificates = Certificates::new()?;
    let client = certificates.client(manner)?;
    let mut server = program.start_with(Stdio::null(), |port| certificates.server_args(port), Some(client))?;
    server.target.resumed = manner.resumed;
    Ok(server)
}

fn write(options: &Options, results: &Results, conditions: &[(&str, String)]) -> io::Result<()> {
    let title = if options.matrix { "Subscribers by payload, protocol and io-threads" } else { "Pregon beside Redis" };
    let files = [
        ("json", report::json(results, conditions)),
        ("svg", chart::svg(results)),
        ("md", report::page(title, results, conditions)),
    ];
    for file in write_files(options, &files)? {
        eprintln!("written: {}", file.display());
    }
    Ok(())
}

/// Writes texts to files with these extensions, and answers which files these are.
fn write_files(options: &Options, files: &[(&str, String)]) -> io::Result<Vec<PathBuf>> {
    // The server is built in the directory of a profile, in the target directory.
    let built = Path::new(env!("CARGO_BIN_EXE_pregon"));
    let target = built.ancestors().nth(2).unwrap_or(Path::new("."));
    let folder = options.folder.clone().unwrap_or_else(|| target.join("peers"));
    fs::create_dir_all(&folder)?;
    let file = |(extension, text): &(&str, String)| {
        let file = folder.join(&options.name).with_extension(extension);
        fs::write(&file, text).map(|()| file)
    };
    files.iter().map(file).collect()
}
