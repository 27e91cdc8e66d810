//! What is printed from the table: `--version`, `--help` and the example file.

use super::ignored::GROUPS;
use super::param::{Change, Param, Section, Values};
use super::table::WORKING;
use crate::version::{REDIS_VERSION, VERSION};

/// Width of the prose in the example file, without the `# `.
const EXAMPLE_WIDTH: usize = 98;
/// Width of the list of names in `--help`.
const HELP_WIDTH: usize = 96;

/// One line for `--version`. It holds `Redis server v=`, which tools that start redis-server look for.
pub(super) fn version() -> String {
    format!("Pregon, compatible with Redis server v={REDIS_VERSION}; pregon_version={VERSION}\n")
}

/// The text of `--help`.
pub(super) fn help() -> String {
    let defaults = Values::default();
    let mut out = USAGE.to_owned();
    for section in Section::ALL.into_iter().filter(|section| *section != Section::NoEffect) {
        out += &format!("\n{}:\n", section.title());
        for param in WORKING.iter().filter(|param| param.section == section) {
            out += &help_entry(param, &defaults);
        }
    }
    let names: Vec<&str> = GROUPS.iter().flat_map(|group| group.params).flat_map(Param::names).collect();
    out += &format!("\n{}:\n", Section::NoEffect.title());
    for line in wrapped(&names.join(" "), HELP_WIDTH) {
        out += &format!("  {line}\n");
    }
    out
}

/// The example file: every directive with its default, and what it means.
pub(super) fn example() -> String {
    let defaults = Values::default();
    let mut out = EXAMPLE_INTRODUCTION.to_owned();
    for section in Section::ALL.into_iter().filter(|section| *section != Section::NoEffect) {
        out += &heading(section.title());
        for param in WORKING.iter().filter(|param| param.section == section) {
            out += &example_entry(param, &defaults);
        }
    }
    out += &heading(Section::NoEffect.title());
    out += "\n# A file made for Redis may contain them: they are checked, answered by CONFIG GET, and named in\n\
            # one warning at start.\n";
    for group in GROUPS {
        let names: Vec<&str> = group.params.iter().flat_map(Param::names).collect();
        out += &format!("\n# {}. {}\n", group.title, group.why);
        for line in wrapped(&names.join(" "), EXAMPLE_WIDTH - 2) {
            out += &format!("#   {line}\n");
        }
        for param in group.params {
            for line in param.only_default.iter().flat_map(|why| wrapped(&only(param, why), EXAMPLE_WIDTH)) {
                out += &format!("# {line}\n");
            }
        }
    }
    out
}

/// What `--help` begins with.
const USAGE: &str = "Usage: pregon [FILE] [-] [--directive value ...]\n\n\
    FILE is a configuration file in the format of redis.conf, - reads more of it from standard input, and\n\
    directives on the command line come last and win. Without any, the defaults below apply, or what lines in the\n\
    environment variable PREGON_DEFAULTS say.\n\n\
    \x20 pregon ./redis.conf --port 7000 --loglevel debug\n\
    \x20 pregon --bind 0.0.0.0 --protected-mode no\n\n\
    Options:\n\
    \x20 --check          read the configuration, report all errors and what has no effect, and exit\n\
    \x20 --print-example  print a configuration file that explains every directive\n\
    \x20 --version, -v    print the version\n\
    \x20 --help, -h       print this\n";

/// What the example file begins with.
const EXAMPLE_INTRODUCTION: &str = "# Configuration of Pregon, with every directive at its default.\n\
    # Start with: pregon /path/to/this/file\n\
    #\n\
    # The syntax is that of redis.conf: on each line a directive and its values, blanks between them,\n\
    # quotes around values with blanks, and \\n \\r \\t \\\" \\\\ \\xHH inside double quotes. The last value\n\
    # wins. Sizes take units in any case: 1k is 1000 bytes and 1kb is 1024; 1m, 1mb, 1g and 1gb\n\
    # accordingly.\n\
    #\n\
    # \"include /path/to/*.conf\" reads other files at that place. A relative path begins at the\n\
    # directory in which the server was started, here and everywhere else.\n\
    #\n\
    # What \"changes at run time\" takes CONFIG SET, too; CONFIG REWRITE then writes it into this file.\n\
    # After SIGHUP the server reads the file again, and changes what it says otherwise than before.\n\
    #\n\
    # This file is printed by: pregon --print-example\n";

/// Why a directive takes nothing but its default.
fn only(param: &Param, why: &str) -> String {
    let (text, cure) = why.split_once("; ").unwrap_or((why, ""));
    format!("{} takes nothing but its default: {text}; {cure}.", param.name)
}

fn heading(title: &str) -> String {
    format!("\n# {}\n# {title}\n# {}\n", "-".repeat(title.len()), "-".repeat(title.len()))
}

/// Name, what it takes, default, and the first sentence of its doc.
fn help_entry(param: &Param, defaults: &Values) -> String {
    let doc = prose(param);
    let first = doc.split_inclusive(['.', ';', ':']).next().unwrap_or(&doc);
    let first = first.trim_end_matches(['.', ';', ':']);
    let default = match param.change {
        Change::FileOnly => "none".into(),
        _ => String::from_utf8_lossy(&param.get(defaults)).into_owned(),
    };
    let default = if default.is_empty() { "none" } else { &default };
    format!("  --{} <{}>\n      {first} [{default}]\n", param.name, param.expects())
}

fn example_entry(param: &Param, defaults: &Values) -> String {
    let mut out = String::from("\n");
    for line in wrapped(&prose(param), EXAMPLE_WIDTH) {
        out += &format!("# {line}\n");
    }
    out += match param.change {
        Change::Runtime => "# Changes at run time.\n",
        _ => "# Changes only at start.\n",
    };
    match param.sample {
        Some(sample) => out += &format!("# {} {sample}\n", param.name),
        None => {
            let lines = param.lines(defaults);
            let lines = if lines.is_empty() { vec![b"\"\"".to_vec()] } else { lines };
            for line in lines {
                out += &format!("{} {}\n", param.name, String::from_utf8_lossy(&line));
            }
        }
    }
    out
}

/// The doc comment as running text.
fn prose(param: &Param) -> String {
    param.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").replace('`', "")
}

/// Breaks a text at blanks into lines of at most `width` letters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
