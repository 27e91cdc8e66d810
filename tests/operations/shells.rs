//! What is printed for other programs to read: the manual page and the completions of shells.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::language::run;

/// The server.
const BINARY: &str = env!("CARGO_BIN_EXE_pregon");

/// Beginnings of a command line, and what completes them.
const COMPLETED: [(&str, &[&str]); 5] = [
    ("pregon --metrics-po", &["--metrics-port"]),
    ("pregon --print-", &["--print-completions", "--print-example", "--print-man"]),
    ("pregon --loglevel no", &["nothing", "notice"]),
    ("pregon --print-completions z", &["zsh"]),
    ("pregon cli --big", &["--bigkeys"]),
];

/// What the server prints, as a file.
fn printed(args: &[&str]) -> (TempDir, PathBuf) {
    let text = run(Command::new(BINARY).args(args)).unwrap_or_else(|e| panic!("{e}"));
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
    let file = dir.path().join("printed");
    std::fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    (dir, file)
}

pub(crate) fn the_manual_page_has_no_mistakes() {
    let (_dir, page) = printed(&["--print-man"]);
    for (program, args) in
        [("mandoc", &["-T", "lint", "-W", "warning"][..]), ("groff", &["-man", "-ww", "-z", "-T", "utf8"])]
    {
        let output = Command::new(program).args(args).arg(&page).output().unwrap_or_else(|e| panic!("{program}: {e}"));
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{program}: {}", String::from_utf8_lossy(&said));
    }
}

/// What a shell prints that has read the completions and is given this script.
fn in_shell(shell: &str, script: &str) -> Vec<String> {
    let (_dir, completions) = printed(&["--print-completions", shell]);
    let script = format!("source {}\n{script}", completions.display());
    let text = run(Command::new(shell).args(["-c", &script])).unwrap_or_else(|e| panic!("{e}"));
    text.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}

pub(crate) fn bash_completes() {
    for (line, expected) in COMPLETED {
        let words: Vec<&str> = line.split(' ').collect();
        let [.., before, word] = words.as_slice() else { panic!("{line}: there is something to complete") };
        let script = format!(
            "COMP_WORDS=({line}); COMP_CWORD={}; _pregon pregon '{word}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1
        );
        let mut found = in_shell("bash", &script);
        found.sort();
        assert_eq!(found, expected, "{line}");
    }
}

pub(crate) fn zsh_reads_the_completions() {
    let (_dir, completions) = printed(&["--print-completions", "zsh"]);
    let said = run(Command::new("zsh").arg("-n").arg(completions)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(said, "");
}

pub(crate) fn fish_completes() {
    for (line, expected) in COMPLETED {
        let mut found = in_shell("fish", &format!("complete -C '{line}'"));
        found.sort();
        assert_eq!(found, expected, "{line}");
    }
}
