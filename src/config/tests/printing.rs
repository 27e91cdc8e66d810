//! What is printed from the table.

use super::*;

#[test]
fn the_checked_in_example_is_what_the_table_prints() {
    let printed = print::example();
    let checked_in = include_str!("../../../redis.conf.example");
    assert!(printed == checked_in, "refresh it: pregon --print-example > redis.conf.example");
}

#[test]
fn the_example_starts_without_a_warning_and_changes_nothing() {
    let (config, warnings) = run_with(&["-"], &print::example());
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.get(&[b"*"]), Config::default().get(&[b"*"]));
}

#[test]
fn the_example_and_the_manual_name_every_directive() {
    let example = print::example();
    let manual = manual::page();
    for param in params() {
        assert!(example.contains(param.name), "{}", param.name);
        let name = param.name.replace('-', "\\-");
        let item = format!(".TP\n\\fB\\-\\-{name} <");
        assert!(param.is_ignored() && manual.contains(&name) || manual.contains(&item), "{}", param.name);
    }
    assert!(example.lines().all(|line| line.len() <= 100), "lines stay readable");
}

#[test]
fn the_help_is_what_one_reads_at_first() {
    let help = print::help();
    assert!(help.lines().count() <= 60, "{help}");
    for name in print::FIRST {
        assert!(help.contains(&format!("  --{name} <")), "{name}");
    }
}

#[test]
fn every_directive_with_an_effect_explains_itself() {
    for param in params().filter(|param| !param.is_ignored()) {
        let words = param.doc.iter().flat_map(|line| line.split_whitespace()).count();
        assert!(words >= 8, "{}", param.name);
    }
}
