//! The load generator as a program, for any RESP server by its address:
//!
//! `cargo bench --bench load -- --address 127.0.0.1:6379 fan-out --subscribers 100 --window 16`
//!
//! Linux only.

mod generator;
#[path = "../support/tls.rs"]
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use generator::Case;
use generator::figures::{Figures, short};
use generator::target::Target;
use generator::words::Words;

/// Puts load on a RESP server and measures what it does with it
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Options {
    /// The server
    #[arg(long, default_value = "127.0.0.1:6379")]
    address: SocketAddr,
    /// Its process, if it runs here: then its processor time and memory are measured too; of further ones, the time
    #[arg(long, num_args = 1..)]
    pid: Vec<u32>,
    /// Where subscribers connect, in turn, if not to the same server
    #[arg(long, num_args = 1.., value_name = "ADDRESS")]
    subscribe_at: Vec<SocketAddr>,
    /// What publishers and subscribers say
    #[arg(long, value_enum, default_value_t)]
    words: Words,
    /// File with the authority of the server's certificate, which is for localhost: then connections are encrypted
    #[arg(long)]
    cacert: Option<PathBuf>,
    /// With --cacert: go on with the sessions of earlier connections
    #[arg(long)]
    resume: bool,
    /// With --cacert: speak TLS 1.2 instead of 1.3
    #[arg(long)]
    tls12: bool,
    /// How often to run the case; the medians are printed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Passed by cargo
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    case: Option<Case>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let Some(case) = &options.case else {
        println!("name a case to put load on a server, or --help");
        return ExitCode::SUCCESS;
    };
    match run(&options, case) {
        Ok(figures) => {
            figures.iter().for_each(|(metric, value)| println!("{:>22}  {}", metric.name(), short(value)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, case: &Case) -> io::Result<Figures> {
    let limit = generator::raise_descriptor_limit()?;
    let needed = case.descriptors();
    if limit < needed {
        return Err(io::Error::other(format!("it takes {needed} descriptors, and {limit} are allowed")));
    }
    let manner = tls::Manner { older: options.tls12, resumed: options.resume };
    let tls = options.cacert.as_ref().map(|authority| tls::client(authority, manner)).transpose()?;
    let mut target = Target::new(options.address, options.pid.first().copied(), tls);
    target.resumed = options.resume;
    target.words = options.words;
    target.subscribed_at.clone_from(&options.subscribe_at);
    target.helpers = options.pid.iter().skip(1).copied().collect();
    let runs = (0..options.rounds).map(|_| case.run(&target)).collect::<io::Result<Vec<_>>>()?;
    Ok(Figures::medians(&runs))
}
