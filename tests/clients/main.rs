//! Real clients, in their own languages, use the server as their documentation says.
//!
//! Each suite is a program beside this file, pinned by its language's lock file. What it needs is fetched once into
//! `clients/` in Cargo's target directory, never into the source tree. Every case of every suite is a test of its own
//! with a server of its own; see [`program`] for what harness and program say to each other, and [`cases`] for the
//! cases. Beside the clients, which are all asked to do the same, there are [`programs`] that people run on them.
//!
//! A language that this machine does not have makes its tests ignored, by name and with the reason; where `CI` is
//! `true` they fail instead, so that nothing goes untested unseen. libtest cannot ignore a test at run time, which is
//! why this binary has a harness of its own (with the same arguments and output).

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

#[path = "../support/mod.rs"]
pub mod support;

mod cases;
mod clusters;
mod encryption;
mod flood;
mod forwarding;
mod own_cli;
mod packages;
mod program;
mod programs;
mod quiet;
mod redis_cli;
mod works_with;

use self::cases::{EVERY_CLIENT, OF_CERTIFICATES, is_between_nodes};
use self::encryption::Refusals;
use self::program::Program;
use self::support::engine::EngineKind;
use self::support::language::Language;
use self::support::trial::Unchecked;

/// One client library and the program that drives it through [`EVERY_CLIENT`].
#[derive(Clone, Copy, Debug)]
struct Suite {
    name: &'static str,
    program: Program,
    refusals: Refusals,
}

const BY_OPENSSL: Refusals =
    Refusals { ended: "certificate has expired", of_another: "certificate is not valid for '127.0.0.1'" };
const BY_NODE: Refusals =
    Refusals { ended: "certificate has expired", of_another: "does not match certificate's altnames" };
const BY_GO: Refusals =
    Refusals { ended: "certificate has expired", of_another: "certificate is valid for 192.0.2.1, not 127.0.0.1" };

const SUITES: &[Suite] = &[
    Suite {
        name: "redis_py_sync",
        program: Program { language: Language::Python, source: "redis_py_sync.py" },
        refusals: BY_OPENSSL,
    },
    Suite {
        name: "redis_py_asyncio",
        program: Program { language: Language::Python, source: "redis_py_asyncio.py" },
        refusals: BY_OPENSSL,
    },
    Suite { name: "ioredis", program: Program { language: Language::Node, source: "ioredis.mjs" }, refusals: BY_NODE },
    Suite {
        name: "node_redis",
        program: Program { language: Language::Node, source: "node_redis.mjs" },
        refusals: BY_NODE,
    },
    Suite { name: "go_redis", program: Program { language: Language::Go, source: "go_redis" }, refusals: BY_GO },
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![works_with::trial()];
    for language in Language::ALL {
        let missing = language.missing();
        for suite in SUITES.iter().filter(|suite| suite.program.language == language) {
            trials.extend(suite.trials().map(|trial| trial.unless(missing)));
        }
        trials.extend(programs::trials(language).map(|trial| trial.unless(missing)));
        let no_redis = EngineKind::Redis.missing();
        trials.extend(forwarding::trials(language).map(|trial| trial.unless(missing.or(no_redis.as_deref()))));
    }
    trials.extend(redis_cli::trials().map(|trial| trial.unless(redis_cli::missing())));
    for kind in EngineKind::ALL {
        trials.extend(trials_of_nodes(kind));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The trials that need nodes with such an engine between them.
fn trials_of_nodes(kind: EngineKind) -> Vec<Trial> {
    let mut trials = Vec::new();
    let no_engine = kind.missing();
    let no_engine = no_engine.as_deref();
    let makes_clusters = kind == EngineKind::Nats;
    for language in Language::ALL {
        let missing = language.missing().or(no_engine);
        let suites = SUITES.iter().filter(|suite| suite.program.language == language);
        let between = suites.flat_map(|suite| suite.trials_between_nodes(kind));
        let between = between.chain(programs::trials_between_nodes(language, kind));
        let in_clusters = clusters::trials(language).filter(|_| makes_clusters);
        trials.extend(between.chain(in_clusters).map(|trial| trial.unless(missing)));
    }
    let in_cluster = Unchecked {
        name: "redis_cli::follows_keys_to_their_nodes".into(),
        run: Box::new(clusters::redis_cli_follows_keys_to_their_nodes),
    };
    let of_cli = redis_cli::trials_between_nodes(kind).chain([in_cluster].into_iter().filter(|_| makes_clusters));
    trials.extend(of_cli.map(|trial| trial.unless(redis_cli::missing().or(no_engine))));
    trials
}

impl Suite {
    /// One trial for each case and protocol version, some over TLS, and one that compares the lists of cases.
    fn trials(self) -> impl Iterator<Item = Unchecked> {
        let agreement = Unchecked {
            name: format!("{}::program_and_harness_know_the_same_cases", self.name),
            run: Box::new(move || self.program.compare_case_lists(EVERY_CLIENT.iter().chain(&OF_CERTIFICATES))),
        };
        let runs = EVERY_CLIENT.iter().flat_map(|case| [2, 3].map(|resp| (case, resp)));
        let trials = runs.map(move |(case, resp)| Unchecked {
            name: format!("{}::resp{resp}::{}", self.name, case.name),
            run: Box::new(move || self.program.run(case, Some(resp))),
        });
        std::iter::once(agreement).chain(trials).chain(encryption::trials(self))
    }

    /// One trial for each case that is about messages, with publishers at one node and subscribers at another.
    fn trials_between_nodes(self, kind: EngineKind) -> impl Iterator<Item = Unchecked> {
        let cases = EVERY_CLIENT.iter().filter(move |case| is_between_nodes(case, kind));
        cases.map(move |case| Unchecked {
            name: format!("{}::resp3::{} (two nodes, {})", self.name, case.name, kind.name()),
            run: Box::new(move || self.program.run_between_nodes(kind, case, Some(3))),
        })
    }
}
