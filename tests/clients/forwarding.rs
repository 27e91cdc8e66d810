//! Queues of jobs, and histories, that need more types than this server has: a Redis behind it has the keys.

use crate::cases::{Case, open};
use crate::program::{Program, Served};
use crate::support::TestServer;
use crate::support::engine::{Engine, EngineKind};
use crate::support::language::Language;
use crate::support::nodes::{JOINED, start_alone};
use crate::support::trial::Unchecked;

/// Programs of one language, and what they are asked to do.
struct Suite {
    name: &'static str,
    program: Program,
    cases: &'static [Case],
}

const SUITES: &[Suite] = &[
    Suite {
        name: "python_jobs",
        program: Program { language: Language::Python, source: "jobs.py" },
        cases: &[open("celery_runs_tasks_and_brings_their_results"), open("rq_runs_jobs_and_brings_their_results")],
    },
    Suite {
        name: "node_jobs",
        program: Program { language: Language::Node, source: "jobs.mjs" },
        cases: &[open("bullmq_runs_jobs_and_brings_their_results")],
    },
    Suite {
        name: "go_centrifuge",
        program: Program { language: Language::Go, source: "centrifuge" },
        cases: &[
            open("centrifuge_publishes_with_history_and_knows_who_is_present"),
            open("centrifuge_gives_who_comes_back_what_it_has_missed"),
        ],
    },
    Suite {
        name: "ruby_jobs",
        program: Program { language: Language::Ruby, source: "jobs.rb" },
        cases: &[open("sidekiq_runs_jobs_now_later_and_again"), open("sidekiq_finds_deletes_and_enqueues_many_jobs")],
    },
];

/// A node, and the Redis behind it.
struct InFront {
    node: TestServer,
    _engine: Engine,
}

impl Served for InFront {
    fn obey(&mut self, order: &str) {
        panic!("{order} is no order to a node that has something behind it");
    }

    fn log(&self) -> String {
        self.node.log()
    }
}

/// The trials in a language: one for each case, and one that compares the lists of cases.
pub(crate) fn trials(language: Language) -> impl Iterator<Item = Unchecked> {
    let suites = SUITES.iter().filter(move |suite| suite.program.language == language);
    suites.flat_map(|suite| {
        let agreement = Unchecked {
            name: format!("{}::program_and_harness_know_the_same_cases", suite.name),
            run: Box::new(|| suite.program.compare_case_lists(suite.cases)),
        };
        let trials = suite.cases.iter().map(|case| Unchecked {
            name: format!("{}::{} (in front of a redis)", suite.name, case.name),
            run: Box::new(|| {
                let engine = EngineKind::Redis.start();
                let node = start_alone(&engine.url(), &["--backplane-keys", "forward", "--maxclients", "1000"]);
                node.expect_log(JOINED);
                let ports = [node.port(); 2];
                let mut served = InFront { node, _engine: engine };
                suite.program.run_against(&mut served, ports, suite.program.command()?, case, None)
            }),
        });
        std::iter::once(agreement).chain(trials)
    })
}
