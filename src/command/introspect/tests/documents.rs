//! What documents say of commands and of the toolchain is what there is: the table of `docs/commands.md`, and the README.

use std::fmt::Write as _;

use crate::command::families;
use crate::command::spec::{Command, Group, OWN};

/// The families in the order in which readers look for them, with their headings.
const HEADINGS: &[(Group, &str)] = &[
    (Group::PubSub, "Publish and subscribe"),
    (Group::Connection, "Connection"),
    (Group::Transactions, "Transactions"),
    (Group::Server, "Server"),
    (Group::Generic, "Keys"),
    (Group::String, "Strings"),
    (Group::List, "Lists"),
    (Group::Stream, "Streams"),
    (Group::Scripting, "Scripts"),
    (Group::Cluster, "Cluster (refused by a server that is no node of one)"),
];

/// What stands around the table in `docs/commands.md`.
const BEGIN: &str = "<!-- commands -->\n";
const END: &str = "<!-- /commands -->";

const COMMANDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");

#[test]
fn the_readme_asks_for_the_toolchain_that_the_package_needs() {
    let version = env!("CARGO_PKG_RUST_VERSION").trim_end_matches(".0");
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(&format!("With a Rust toolchain ({version} or later)")), "{version}");
}

#[test]
fn the_documents_list_the_commands_that_there_are() {
    let document = std::fs::read_to_string(COMMANDS).expect("the document can be read");
    let (before, rest) = document.split_once(BEGIN).expect("it has the mark that begins the table");
    let (listed, after) = rest.split_once(END).expect("it has the mark that ends the table");
    let table = supported_table();
    if std::env::var_os("PREGON_REFRESH_DOCS").is_some() {
        std::fs::write(COMMANDS, [before, BEGIN, &table, END, after].concat()).expect("it can be written");
    } else {
        assert!(listed == table, "refresh it: PREGON_REFRESH_DOCS=1 cargo test --lib the_documents_list");
    }
}

#[test]
fn every_family_has_a_heading() {
    for command in families().into_iter().flatten() {
        assert!(HEADINGS.iter().any(|(group, _)| *group == command.group), "{}", command.name);
    }
}

/// All commands and subcommands as Markdown: for each family a heading and a table of names, the versions of Redis that
/// introduced them, and what they do.
fn supported_table() -> String {
    let mut text = String::new();
    for (group, heading) in HEADINGS {
        let commands = families().into_iter().flatten().filter(|command| command.group == *group);
        let mut rows: Vec<String> = commands.flat_map(rows).collect();
        if rows.is_empty() {
            continue;
        }
        rows.sort();
        let separator = if text.is_empty() { "" } else { "\n" };
        write!(text, "{separator}## {heading}\n\n| Command | Since | Summary |\n|---|---|---|\n")
            .expect("a String takes all that is written");
        text.extend(rows);
    }
    text
}

/// The rows of a command: its own where it does something, and those of its subcommands.
fn rows(command: &Command) -> Vec<String> {
    let own = command.runner().is_some().then(|| row(command.name, command));
    let subcommands = command.subcommands.iter().map(|sub| row(&format!("{} {}", command.name, sub.name), sub));
    own.into_iter().chain(subcommands).collect()
}

fn row(name: &str, command: &Command) -> String {
    let since = if command.since == OWN { "not in Redis" } else { command.since };
    format!("| `{}` | {since} | {} |\n", name.to_uppercase(), command.summary.replace('|', "\\|"))
}
