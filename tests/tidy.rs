//! What holds for the sources themselves, and what a reviewer would otherwise have to see: who uses whom, how long files
//! and functions are, and that every promise has its test.
//!
//! That the table of commands in `docs` and the example configuration say what the code does is tested where these tables
//! are (`command::introspect`, `config`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules at the top of `src/`. Each may use those before it.
const LAYERS: [&str; 31] = [
    "version",
    "quoting",
    "clock",
    "resp",
    "pattern",
    "config",
    "ids",
    "acl",
    "message",
    "pause",
    "drain",
    "shutdown",
    "mailbox",
    "hub",
    "observe",
    "client",
    "relay",
    "backplane",
    "keyspace",
    "script",
    "lazy_free",
    "server",
    "worker",
    "session",
    "command",
    "net",
    "link",
    "web",
    "process",
    "cli",
    "main",
];

/// Who uses a module behind its own, and why that stays: a session runs commands, and commands change their session.
const CIRCLES: [(&str, &str); 1] = [("session", "command")];

/// Lines of a file, without the tests at its end.
const LONGEST_FILE: usize = 450;
/// What is one table, from which nothing can be taken out: an entry for each directive.
const TABLES: [&str; 1] = ["src/config/table.rs"];
/// Lines of a function.
const LONGEST_FUNCTION: usize = 70;

/// A file with Rust in it.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// All files in these folders of the project and below.
    fn all(folders: &[&str]) -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Vec::new();
        let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            for path in entries.map(|entry| entry.expect("an entry of a folder can be read").path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    let path = path.strip_prefix(root).expect("the folders are below the root").to_path_buf();
                    sources.push(Source { path, text });
                }
            }
        }
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        sources
    }

    /// Its lines with their numbers, without the tests at its end.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Its lines but for comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Whether it is there for tests only.
    fn is_test(&self) -> bool {
        let name = self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        name == "tests.rs"
            || name == "test_support.rs"
            || self.path.components().any(|part| part.as_os_str() == "tests")
    }

    /// The module at the top of `src/` that it belongs to.
    fn layer(&self) -> String {
        let top =
            self.path.components().nth(1).map_or_else(String::new, |part| part.as_os_str().to_string_lossy().into());
        top.trim_end_matches(".rs").to_owned()
    }

    /// `path:line`, as editors and people take it.
    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

#[test]
fn modules_use_only_those_of_the_layers_below_them() {
    let allowed: BTreeSet<(&str, &str)> = CIRCLES.into_iter().collect();
    let rank = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    let mut wrong = String::new();
    let mut needed = BTreeSet::new();
    for source in Source::all(&["src"]).iter().filter(|source| !source.is_test() && source.layer() != "lib") {
        let user = source.layer();
        let own = rank(&user).unwrap_or_else(|| panic!("{user} has no place among the layers"));
        for (line, code) in source.code() {
            for used in used_modules(code).filter(|used| **used != *user) {
                let below = rank(used).unwrap_or_else(|| panic!("{used} has no place among the layers"));
                if let Some(edge) = allowed.iter().find(|(one, other)| *one == user && *other == used) {
                    needed.insert(*edge);
                } else if below >= own {
                    let _ = writeln!(wrong, "{}: {user} may not use {used}", source.at(line));
                }
            }
        }
    }
    for (user, used) in allowed.difference(&needed) {
        let _ = writeln!(wrong, "{user} does not use {used} any more: take them out of the list");
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The modules that a line names by `crate::`.
fn used_modules(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn files_are_short_enough_to_be_read_at_once() {
    let mut wrong = String::new();
    for source in Source::all(&["src", "tests", "benches"]) {
        let length = source.lines().count();
        if length > LONGEST_FILE && !TABLES.iter().any(|table| source.path.ends_with(table)) {
            let _ = writeln!(wrong, "{}: {length} lines, {LONGEST_FILE} are allowed", source.path.display());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn functions_are_short_enough_to_be_read_at_once() {
    let mut wrong = String::new();
    for source in Source::all(&["src", "tests", "benches"]) {
        for (name, line, length) in functions(&source.text) {
            if length > LONGEST_FUNCTION {
                let _ = writeln!(wrong, "{}: {name} has {length} lines", source.at(line));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// All functions in a formatted text: name, first line, number of lines.
fn functions(text: &str) -> Vec<(&str, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let rest = &lines[index..];
        let head = rest.iter().position(|line| line.ends_with(['{', '}', ';'])).unwrap_or(0);
        // Formatted, a body ends with the first brace below the beginning of its function.
        let ends = |line: &&str| line.len() == indent + 1 && line.ends_with('}');
        let last = if rest[head].ends_with('{') { rest.iter().position(ends).unwrap_or(0) } else { head };
        found.push((name, index + 1, last + 1));
    }
    found
}

/// The name of the function that begins in this line.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start().split(' ');
    let modifier = |word: &&str| matches!(*word, "const" | "async") || word.starts_with("pub");
    let first = words.by_ref().find(|word| !modifier(word))?;
    let name = if first == "fn" { words.next()? } else { return None };
    name.split(['(', '<']).next()
}

#[test]
fn nothing_is_unwrapped_without_a_reason() {
    let mut wrong = String::new();
    for source in Source::all(&["src"]).iter().filter(|source| !source.is_test()) {
        for (line, code) in source.code().filter(|(_, code)| code.contains(".unwrap()")) {
            let _ = writeln!(wrong, "{}: {}", source.at(line), code.trim());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_promise_has_its_test() {
    let promised = promised("README.md", "\n## What is promised\n");
    assert_eq!(promised, self::promised("docs/promises.md", "# What is promised\n"), "short and in full");
    let mut tested: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for source in Source::all(&["src", "tests"]) {
        for (name, line, _) in functions(&source.text) {
            for promise in promises_of(name) {
                tested.entry(promise).or_default().push(source.at(line));
            }
        }
    }
    let untested: Vec<&usize> = promised.iter().filter(|promise| !tested.contains_key(promise)).collect();
    assert!(untested.is_empty(), "no test is named after promises {untested:?}");
    tested.retain(|promise, _| !promised.contains(promise));
    assert!(tested.is_empty(), "tests of promises that nobody has made: {tested:?}");
}

/// The numbers of the promises that stand behind a heading of a document.
fn promised(document: &str, heading: &str) -> BTreeSet<usize> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{document}: {e}"));
    let (_, promises) = text.split_once(heading).unwrap_or_else(|| panic!("{document} does not say what is promised"));
    let promises = promises.split("\n## ").next().unwrap_or_default();
    promises.lines().filter_map(|line| line.split_once(". ")?.0.parse().ok()).collect()
}

/// The promises that a test is named after: `p4_...`, or `p1_to_p4_...`.
fn promises_of(name: &str) -> std::ops::Range<usize> {
    let number = |word: Option<&str>| word?.strip_prefix('p')?.parse::<usize>().ok();
    let mut words = name.split('_');
    let first = number(words.next());
    let last = if words.next() == Some("to") { number(words.next()) } else { first };
    match first.zip(last) {
        Some((first, last)) => first..last + 1,
        None => 0..0,
    }
}

#[test]
fn functions_are_measured_whatever_their_shape() {
    let text = "fn one() {}\n\nimpl X {\n    pub(crate) async fn two(&self) -> u8 {\n        let a = 1;\n        a\n    }\n\n    \
                fn three(\n        a: u8,\n    ) -> u8\n    where\n        X: Y,\n    {\n        a\n    }\n}\n\ntrait Z {\n    \
                fn four(&self);\n    const fn five() {\n    }\n}\n";
    let found: Vec<(&str, usize)> = functions(text).into_iter().map(|(name, _, length)| (name, length)).collect();
    assert_eq!(found, [("one", 1), ("two", 4), ("three", 8), ("four", 1), ("five", 2)]);
}
