//! Three nodes act as one, lose one of them, and get it back; and two in front of a Redis, with a queue of jobs in it. The
//! example starts its servers itself.

use std::process::Command;

use libtest_mimic::Failed;

use crate::example::{Case, Example};
use crate::part::Part;
use crate::support::language::Language;
use crate::support::{nats, redis};

pub(crate) static EXAMPLE: Example = Example::new("many-nodes", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[("the_demonstration_shows_a_node_die_and_come_back", demonstration)];

pub(crate) const IN_FRONT_OF_A_REDIS: &[Case] =
    &[("jobs_are_queued_at_one_node_and_done_at_another_and_a_redis_has_them", jobs)];

pub(crate) const WITHOUT_NATS: &[Case] = &[("one_line_says_what_is_not_installed", what_is_not_installed)];

/// What keeps this machine from running it.
pub(crate) fn missing_nats() -> Option<&'static str> {
    nats::missing().map(|_| "needs nats-server")
}

/// What keeps this machine from running the part in front of a Redis.
pub(crate) fn missing_redis() -> Option<&'static str> {
    redis::reference_version().err().map(|_| "needs redis-server 7.0")
}

const DEMONSTRATION: &str = "\
one, two and three know each other
one: listening
two: listening
three: listening
published at one, heard by 1 there: hear ye
one: hear ye
two: hear ye
three: hear ye
two: dead
published at three, heard by 1 there: two is dead
one: two is dead
three: two is dead
two counts as gone
two: listening again; what was said meanwhile it has missed
published at one, heard by 1 there: two is back
one: two is back
two: two is back
three: two is back
the end";

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    let part = start(example, "run.sh", "PREGON", env!("CARGO_BIN_EXE_pregon"))?;
    assert_eq!(part.finish().join("\n"), DEMONSTRATION);
    Ok(())
}

const JOBS: &str = "\
20 listen at the nodes, and Redis has 2 subscribers
queued at one: 3 jobs
all 20 heard of it: 6 x 7 = 42
all 20 heard of it: 6 x 8 = 48
all 20 heard of it: 6 x 9 = 54
results at one: 42 48 54
the end";

fn jobs(example: &'static Example) -> Result<(), Failed> {
    let part = start(example, "jobs.sh", "PREGON", env!("CARGO_BIN_EXE_pregon"))?;
    assert_eq!(part.finish().join("\n"), JOBS);
    Ok(())
}

fn what_is_not_installed(example: &'static Example) -> Result<(), Failed> {
    let complaints = start(example, "run.sh", "NATS_SERVER", "/nowhere/nats-server")?.refuse();
    let [line] = &complaints[..] else { panic!("{complaints:#?}") };
    assert!(line.contains("/nowhere/nats-server") && line.contains("install"), "{line}");
    Ok(())
}

/// Runs a part of the example with a variable set, which names a program.
fn start(example: &Example, part: &str, variable: &str, program: &str) -> Result<Part, Failed> {
    let dir = example.installed()?;
    Ok(Part::start(Command::new(dir.join(part)).current_dir(dir).env(variable, program)))
}
