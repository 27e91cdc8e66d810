//! The systems in `examples/` run, each with its real client libraries against a server of its own.
//!
//! An example's folder is copied into `examples/` in Cargo's target directory and installed there, by its own
//! `install.sh` from its own lock files, so that nothing is written into the source tree. See [`example`] for what the
//! tests expect of a folder, and [`part`] for how they talk with a program of it: by the lines that it prints, and
//! without waiting for time to pass.
//!
//! A language that this machine does not have makes the tests of its examples ignored, by name and with the reason;
//! where `CI` is `true` they fail instead.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

#[path = "../support/mod.rs"]
pub mod support;

mod distributed_cache;
mod example;
mod fire_and_forget_tour;
mod guaranteed_beside_fast;
mod live_notifications;
mod many_nodes;
mod microservice_events;
mod no_server;
mod part;
mod queue_chat;
mod stream_bus;
mod ticket_notifications;

use self::example::{Case, Example};
use self::support::trial::Unchecked;

/// What keeps this machine from running some tests; `None` when all is there.
type Missing = fn() -> Option<&'static str>;

/// Every example with its tests, in the order of `examples/README.md`, and what may be missing beside its languages.
static EXAMPLES: &[(&Example, &[Case], Missing)] = &[
    (&ticket_notifications::EXAMPLE, ticket_notifications::CASES, nothing),
    (&fire_and_forget_tour::PYTHON, fire_and_forget_tour::CASES, nothing),
    (&fire_and_forget_tour::NODE, fire_and_forget_tour::CASES, nothing),
    (&fire_and_forget_tour::GO, fire_and_forget_tour::CASES, nothing),
    (&distributed_cache::EXAMPLE, distributed_cache::CASES, nothing),
    (&live_notifications::EXAMPLE, live_notifications::CASES, nothing),
    (&live_notifications::EXAMPLE, live_notifications::IN_A_BROWSER, live_notifications::missing_browser),
    (&microservice_events::EXAMPLE, microservice_events::CASES, nothing),
    (&stream_bus::EXAMPLE, stream_bus::CASES, nothing),
    (&queue_chat::EXAMPLE, queue_chat::CASES, nothing),
    (&guaranteed_beside_fast::EXAMPLE, guaranteed_beside_fast::CASES, nothing),
    (&many_nodes::EXAMPLE, many_nodes::CASES, many_nodes::missing_nats),
    (&many_nodes::EXAMPLE, many_nodes::IN_FRONT_OF_A_REDIS, many_nodes::missing_redis),
    (&many_nodes::EXAMPLE, many_nodes::WITHOUT_NATS, nothing),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = EXAMPLES.iter().flat_map(|(example, cases, beside)| {
        let missing = example.missing().or_else(beside);
        cases.iter().map(move |&(name, case)| {
            let run = Box::new(move || case(example));
            Unchecked { name: format!("{}::{name}", example.folder()), run }.unless(missing)
        })
    });
    let without = no_server::PROGRAMS.iter().map(|(example, programs)| {
        let name = format!("{}::every_program_says_that_there_is_no_server", example.folder());
        let run = Box::new(|| no_server::says_so(example, programs));
        Unchecked { name, run }.unless(example.missing())
    });
    let complete =
        Trial::test("every_folder_is_explained_listed_and_tested", every_folder_is_explained_listed_and_tested);
    libtest_mimic::run(&arguments, trials.chain(without).chain([complete]).collect()).exit_code()
}

fn nothing() -> Option<&'static str> {
    None
}

fn every_folder_is_explained_listed_and_tested() -> Result<(), Failed> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let list = fs::read_to_string(examples.join("README.md"))?;
    for entry in fs::read_dir(&examples)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let folder = entry.file_name().to_string_lossy().into_owned();
        assert!(entry.path().join("README.md").is_file(), "{folder} has no README");
        assert!(list.contains(&format!("[{folder}]({folder})")), "{folder} is not in the list of examples");
        let tested = EXAMPLES.iter().any(|(example, ..)| example.folder().split('/').next() == Some(folder.as_str()));
        assert!(tested, "{folder} has no tests");
    }
    Ok(())
}
