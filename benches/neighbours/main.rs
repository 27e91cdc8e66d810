//! What clients that ask for more than their share cost the others: `cargo bench --bench neighbours`.
//!
//! Each neighbour of the generator's table acts in turn on Pregon with one and two io-threads and on the other servers that
//! are installed, while others send messages to each other. Each time the server is new, on a free port of the loopback,
//! with its default settings but for those that the neighbour's limit needs. The longest time and that of 999 messages of
//! 1,000 from sending to arrival and the most memory go to a table with verdicts, and as JSON to a file. Linux only.

#[path = "../load/generator/mod.rs"]
mod generator;
#[path = "../peers/others.rs"]
mod others;
#[path = "../peers/servers.rs"]
mod servers;

mod report;
mod verdict;
mod watchdog;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use generator::figures::Figures;
use generator::neighbours::{ALL, Neighbour};
use generator::{Case, NeighbourOf};
use others::Others;
use report::Row;
use servers::Program;
use watchdog::Watchdog;

/// How long a server may take for one neighbour before it counts as hanging and is ended.
const LIMIT: Duration = Duration::from_secs(120);

/// Measures what clients that ask for more than their share cost the others
#[derive(Debug, Parser)]
#[command(name = "neighbours")]
struct Options {
    /// Only the neighbours whose names contain one of these
    #[arg(long, num_args = 1.., value_name = "NAME")]
    only: Vec<String>,
    /// Only the servers whose names contain one of these, such as `threads 2` or `redis`
    #[arg(long, num_args = 1.., value_name = "NAME")]
    servers: Vec<String>,
    /// For how long each neighbour goes on
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often each acts on each server; the medians count
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Where all figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Passed by cargo bench; without it nothing runs, so that `cargo test --benches` is quick
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("measurements run with `cargo bench --bench neighbours`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("neighbours: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    servers::end_with_signals()?;
    let descriptors = generator::raise_descriptor_limit()?;
    let all = [Program::pregon(Some(2)), Program::pregon(Some(1))].into_iter().chain(Program::peers(false));
    let programs: Vec<Program> = all.filter(|program| is_wanted(&options.servers, &program.name)).collect();
    let neighbours: Vec<&Neighbour> = ALL.iter().filter(|of| is_wanted(&options.only, of.name)).collect();
    let mut rows = Vec::new();
    let (start, others_before) = (Instant::now(), Others::now());
    for (number, neighbour) in neighbours.iter().enumerate() {
        eprintln!("[{}/{}, {} s] {}", number + 1, neighbours.len(), start.elapsed().as_secs(), neighbour.name);
        let case = Case::Neighbour(NeighbourOf { name: neighbour.name.into(), seconds: options.seconds });
        let outcomes = if case.descriptors() > descriptors {
            vec![
                Err(format!("it takes {} descriptors, and {descriptors} are allowed", case.descriptors()));
                programs.len()
            ]
        } else {
            programs.iter().map(|program| measure(&case, neighbour, program, options.rounds)).collect()
        };
        rows.push(Row { neighbour, outcomes });
    }
    let others = Others::now().zip(others_before).map(|(now, before)| now.percent_since(before));
    print!("{}", report::table(&programs, &rows, others));
    if let Some(file) = &options.json {
        fs::write(file, report::json(&programs, &rows, others))?;
        eprintln!("written: {}", file.display());
    }
    Ok(())
}

/// Whether a name contains one of `parts`; any does if there are none.
fn is_wanted(parts: &[String], name: &str) -> bool {
    parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()))
}

/// The medians of all rounds of a neighbour on a server, or why there are none.
fn measure(case: &Case, neighbour: &Neighbour, program: &Program, rounds: u8) -> Result<Figures, String> {
    let runs = (0..rounds).map(|_| act(case, neighbour, program)).collect::<Result<Vec<_>, _>>();
    match &runs {
        Ok(runs) => runs.iter().for_each(|figures| eprintln!("  {:<22} {figures}", program.name)),
        Err(reason) => eprintln!("  {:<22} {reason}", program.name),
    }
    runs.map(|runs| Figures::medians(&runs))
}

fn act(case: &Case, neighbour: &Neighbour, program: &Program) -> Result<Figures, String> {
    // The end that nobody reads lives as long as the server.
    let (_unread, log) = if neighbour.log_stalls {
        let (unread, log) = io::pipe().map_err(|error| error.to_string())?;
        (Some(unread), Stdio::from(log))
    } else {
        (None, Stdio::null())
    };
    let server = program.start(log).map_err(|error| error.to_string())?;
    let watchdog = Watchdog::new(server.target.pid, LIMIT);
    let figures = case.run(&server.target);
    let has_hung = watchdog.has_bitten();
    figures.map_err(|error| match error.kind() {
        _ if has_hung => format!("hung for {} s", LIMIT.as_secs()),
        io::ErrorKind::WouldBlock => "did not answer any more".into(),
        _ => error.to_string(),
    })
}
