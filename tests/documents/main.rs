//! What the documents say is tried: every block of commands in the README and in `docs` is run, every configuration is
//! read, every link leads somewhere, and the figures of the README are those that were measured.
//!
//! What a block is stands behind its fence:
//!
//! | language | what becomes of it |
//! |---|---|
//! | `sh` | each line is a command for the shell, and is run ([`terminal`]) |
//! | `console` | the same with lines that begin with `$ `; the others have to be printed by what its section runs |
//! | `redis` | each line is a request; they are sent over one connection, and none is answered an error |
//! | `conf` | lines of a configuration, which `--check` finds valid |
//! | `text` | no commands |
//!
//! Each section (from one heading of the second level to the next) is a test of its own, ignored by name where a program is
//! missing that it calls. Lines that another suite runs are in [`ELSEWHERE`], where that suite has to name the document.

#[path = "../support/mod.rs"]
pub mod support;

mod figures;
mod markdown;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

use markdown::{Block, Section};
use support::trial::Unchecked;

/// Programs of which another suite runs what documents say, and the file that does it. It names the documents.
const ELSEWHERE: [(&str, &str); 2] =
    [("docker", "tests/container/running.rs"), ("redis-benchmark", "tests/clients/redis_cli.rs")];

/// What runs this.
const THIS: &str = "cargo test";

/// Programs that a machine may lack.
const PEERS: [&str; 3] = ["redis-cli", "redis-server", "nats-server"];

/// What begins a command, and no other text.
const COMMANDS: [&str; 12] = [
    "pregon",
    "redis-cli",
    "redis-server",
    "redis-benchmark",
    "nats-server",
    "cargo",
    "docker",
    "buildah",
    "kubectl",
    "systemctl",
    "curl",
    "$",
];

/// What a newcomer reads in five minutes.
const README_LINES: usize = 200;
const README_BYTES: usize = 14 * 1024;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("every_link_leads_somewhere", every_link_leads_somewhere),
        Trial::test("every_block_says_what_it_is", every_block_says_what_it_is),
        Trial::test("what_is_run_elsewhere_is_read_there", what_is_run_elsewhere_is_read_there),
        Trial::test("the_readme_is_short", the_readme_is_short),
        Trial::test("the_readme_leads_to_every_document", the_readme_leads_to_every_document),
        Trial::test("the_readme_shows_the_figures_that_were_measured", figures::are_those_that_were_measured),
    ];
    for section in with_commands().iter().flat_map(|document| markdown::sections(document, &text(document))) {
        if section.blocks.iter().any(is_tried_here) {
            trials.push(trial(section));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Whether there is something in a block that this suite runs or reads itself.
fn is_tried_here(block: &Block) -> bool {
    let is_run = block.commands().iter().any(|line| line != THIS && elsewhere(line).is_none());
    is_run || ["redis", "conf"].contains(&block.language.as_str())
}

/// The test of a section, if the programs are there that it calls.
fn trial(section: Section) -> Trial {
    let lines: Vec<String> = section.blocks.iter().flat_map(Block::commands).collect();
    let has_requests = section.blocks.iter().any(|block| block.language == "redis");
    let calls = |program: &str| {
        has_requests && program == "redis-cli" || lines.iter().any(|line| line.split(' ').next() == Some(program))
    };
    let missing = PEERS.into_iter().find(|program| calls(program) && !is_there(program));
    let missing = missing.map(|program| format!("{program} is not on PATH"));
    let name = format!("{}: {}", section.document, section.heading);
    Unchecked { name, run: Box::new(move || terminal::run(&section)) }.unless(missing.as_deref())
}

fn is_there(program: &str) -> bool {
    let command = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok()
}

/// A file of this package.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The documents of which the commands are run.
fn with_commands() -> Vec<String> {
    let folder = fs::read_dir(path("docs")).unwrap_or_else(|e| panic!("docs: {e}"));
    let names = folder.map(|entry| entry.map(|entry| format!("docs/{}", entry.file_name().display())));
    let mut names: Vec<String> = names.collect::<Result<_, _>>().unwrap_or_else(|e| panic!("docs: {e}"));
    names.retain(|name| name.ends_with(".md"));
    names.push("README.md".into());
    names.sort();
    names
}

fn every_link_leads_somewhere() -> Result<(), Failed> {
    let others = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md", "examples/README.md"];
    let mut wrong = Vec::new();
    for document in with_commands().into_iter().chain(others.map(String::from)) {
        let text = text(&document);
        for link in markdown::links(&text).filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path(&document),
                _ => path(&document).parent().map(|folder| folder.join(file)).unwrap_or_default(),
            };
            let leads = target.exists()
                && (anchor.is_empty() || markdown::anchors(&fs::read_to_string(&target)?).any(|known| known == anchor));
            if !leads {
                wrong.push(format!("{document}: {link}"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn every_block_says_what_it_is() -> Result<(), Failed> {
    for document in with_commands() {
        let text = text(&document);
        if let Some(line) = markdown::indented(&text) {
            return Err(format!("{document} line {line}: a block without a fence").into());
        }
        for block in markdown::sections(&document, &text).into_iter().flat_map(|section| section.blocks) {
            if !["sh", "console", "redis", "conf", "text"].contains(&block.language.as_str()) {
                return Err(format!("{document} line {}: what is '{}'?", block.line, block.language).into());
            }
            let is_command = |line: &str| COMMANDS.iter().any(|program| line.starts_with(&format!("{program} ")));
            if block.language == "text" && block.text.lines().any(is_command) {
                return Err(format!("{document} line {}: commands that nobody runs", block.line).into());
            }
        }
    }
    Ok(())
}

fn what_is_run_elsewhere_is_read_there() -> Result<(), Failed> {
    for document in with_commands() {
        let sections = markdown::sections(&document, &text(&document));
        for line in sections.iter().flat_map(|section| &section.blocks).flat_map(Block::commands) {
            if let Some(file) = elsewhere(&line)
                && !text(file).contains(&document)
            {
                return Err(format!("{file} does not run what {document} says: {line}").into());
            }
        }
    }
    Ok(())
}

/// The file that runs this line in place of this suite.
fn elsewhere(line: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(program, _)| line.split(' ').next() == Some(program)).map(|(_, file)| *file)
}

fn the_readme_leads_to_every_document() -> Result<(), Failed> {
    let readme = text("README.md");
    let mut documents = with_commands();
    documents.retain(|document| document != "README.md" && !markdown::links(&readme).any(|link| link == document));
    if documents.is_empty() { Ok(()) } else { Err(format!("nothing leads to {documents:?}").into()) }
}

fn the_readme_is_short() -> Result<(), Failed> {
    let readme = text("README.md");
    let (lines, bytes) = (readme.lines().count(), readme.len());
    if lines <= README_LINES && bytes <= README_BYTES {
        return Ok(());
    }
    Err(format!("it has {lines} lines and {bytes} bytes: what is not for everybody belongs into docs").into())
}
