//! Random input, the same for the same seed: valid input, input that is nearly valid, and rubbish.
//!
//! `cargo test` tries a bounded number of cases of each target, the same ones each time. A longer run, and one from another
//! seed:
//!
//! `cargo test --release --test fuzz -- --cases 10000000 --seed 7 decoder`
//!
//! A case that fails says its own seed; `--cases 1 --seed` with that repeats it alone.

mod configuration;
mod decoder;
mod frame;
mod mutation;
mod patterns;
mod scripts;
mod session;

use std::process::ExitCode;

use fastrand::Rng;
use libtest_mimic::{Arguments, Trial};

/// What the decoder may allocate is measured.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The seed of the first case unless another one is given.
const SEED: u64 = 1;

/// What is tried: its name, one case of it, and how many `cargo test` tries.
type Target = (&'static str, fn(&mut Rng), u64);

const TARGETS: [Target; 5] = [
    ("decoder", decoder::case, 15_000),
    ("session", session::case, 700),
    ("patterns", patterns::case, 3_000),
    ("configuration", configuration::case, 3_000),
    ("scripts", scripts::case, 100),
];

fn main() -> ExitCode {
    let mut cases = None;
    let mut seed = SEED;
    let mut others = Vec::new();
    let mut given = std::env::args();
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--cases" => cases = Some(number(&argument, given.next())),
            "--seed" => seed = number(&argument, given.next()),
            _ => others.push(argument),
        }
    }
    let trial = |(name, case, usual): Target| {
        Trial::test(name, move || {
            run(name, case, seed, cases.unwrap_or(usual));
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_iter(others), TARGETS.into_iter().map(trial).collect()).exit_code()
}

/// Tries cases with seeds that follow each other.
fn run(name: &'static str, case: fn(&mut Rng), first: u64, cases: u64) {
    for seed in first..first + cases {
        let failing = Failing { name, seed };
        case(&mut Rng::with_seed(seed));
        std::mem::forget(failing);
    }
}

/// Says at a panic which case it was.
struct Failing {
    name: &'static str,
    seed: u64,
}

impl Drop for Failing {
    fn drop(&mut self) {
        eprintln!("it fails again with: cargo test --test fuzz -- --cases 1 --seed {} {}", self.seed, self.name);
    }
}

/// The number behind an option.
fn number(option: &str, text: Option<String>) -> u64 {
    let number = text.as_ref().and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{option} takes a number, not {text:?}"))
}
