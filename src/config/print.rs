//! What is printed from the table: `--version`, `--help` and the example file. The manual page is in `manual.rs`.

use super::arguments::OPTIONS;
use super::find;
use super::ignored::GROUPS;
use super::param::{Change, Param, Section, Values};
use super::table::WORKING;
use crate::version::{REDIS_VERSION, VERSION};

/// Width of the prose in the example file, without the `# `.
const EXAMPLE_WIDTH: usize = 98;

/// One line for `--version`. It holds `Redis server v=`, which tools that start redis-server look for.
pub(super) fn version() -> String {
    format!("Pregon, compatible with Redis server v={REDIS_VERSION}; pregon_version={VERSION}\n")
}

/// The text of `--help`: what one needs at first. The manual page and the example file have the rest.
pub(super) fn help() -> String {
    let defaults = Values::default();
    let mut out = USAGE.to_owned();
    let width = OPTIONS.iter().map(|option| option.usage().len()).max().unwrap_or_default();
    for option in OPTIONS {
        out += &format!("  {:width$}  {}\n", option.usage(), option.doc);
    }
    out += "\nSome directives, with their defaults; the manual page has all of them:\n";
    for param in FIRST.iter().filter_map(|name| find(name.as_bytes())) {
        out += &help_entry(param, &defaults);
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
    \x20 pregon cli ping    is a client, of which pregon cli --help lists the options\n\n\
    Options:\n";

/// The directives that `--help` shows.
pub(super) const FIRST: [&str; 12] = [
    "port",
    "bind",
    "unixsocket",
    "requirepass",
    "protected-mode",
    "tls-port",
    "io-threads",
    "maxclients",
    "maxmemory",
    "backplane",
    "metrics-port",
    "logfile",
];

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
pub(super) fn only(param: &Param, why: &str) -> String {
    let (text, cure) = why.split_once("; ").unwrap_or((why, ""));
    format!("{} takes nothing but its default: {text}; {cure}.", param.name)
}

fn heading(title: &str) -> String {
    format!("\n# {}\n# {title}\n# {}\n", "-".repeat(title.len()), "-".repeat(title.len()))
}

/// Name, what it takes, default, and the first sentence of its doc.
fn help_entry(param: &Param, defaults: &Values) -> String {
    let default = default_shown(param, defaults);
    format!("  --{} <{}>\n      {} [{default}]\n", param.name, param.expects(), param.first_sentence())
}

/// The default for people.
pub(super) fn default_shown(param: &Param, defaults: &Values) -> String {
    match (param.change, param.get(defaults)) {
        (Change::FileOnly, _) => "none".into(),
        (_, value) if value.is_empty() => "none".into(),
        (_, value) => String::from_utf8_lossy(&value).into_owned(),
    }
}

fn example_entry(param: &Param, defaults: &Values) -> String {
    let mut out = String::from("\n");
    for line in wrapped(&param.prose(), EXAMPLE_WIDTH) {
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
