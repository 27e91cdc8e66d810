//! Three nodes act as one, lose one of them, and get it back. The example starts its servers itself.

use std::process::Command;

use libtest_mimic::Failed;

use crate::example::{Case, Example};
use crate::part::Part;
use crate::support::language::Language;
use crate::support::nats;

pub(crate) static EXAMPLE: Example = Example::new("many-nodes", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[("the_demonstration_shows_a_node_die_and_come_back", demonstration)];

pub(crate) const WITHOUT_NATS: &[Case] = &[("one_line_says_what_is_not_installed", what_is_not_installed)];

/// What keeps this machine from running it.
pub(crate) fn missing_nats() -> Option<&'static str> {
    nats::missing().map(|_| "needs nats-server")
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
    let part = start(example, "PREGON", env!("CARGO_BIN_EXE_pregon"))?;
    assert_eq!(part.finish().join("\n"), DEMONSTRATION);
    Ok(())
}

fn what_is_not_installed(example: &'static Example) -> Result<(), Failed> {
    let complaints = start(example, "NATS_SERVER", "/nowhere/nats-server")?.refuse();
    let [line] = &complaints[..] else { panic!("{complaints:#?}") };
    assert!(line.contains("/nowhere/nats-server") && line.contains("install"), "{line}");
    Ok(())
}

/// Runs the example with a variable set, which names a program.
fn start(example: &Example, variable: &str, program: &str) -> Result<Part, Failed> {
    let dir = example.installed()?;
    Ok(Part::start(Command::new(dir.join("run.sh")).current_dir(dir).env(variable, program)))
}
