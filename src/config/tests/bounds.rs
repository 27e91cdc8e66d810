//! Whatever a peer can make grow has a directive that bounds it, and a test that exceeds it.

use std::path::Path;
use std::{fs, io};

use super::*;
use crate::config::table::WORKING;

/// The names of all tests of this promise in the sources below `folder`.
fn tests_of_bounds(folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            tests_of_bounds(&path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path)?;
            let starts = text.match_indices("fn p11_").map(|(at, _)| &text[at + "fn ".len()..]);
            names.extend(starts.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
    Ok(())
}

fn bounding() -> impl Iterator<Item = &'static Param> + Clone {
    WORKING.iter().filter(|param| param.bounds)
}

#[test]
fn p11_each_directive_that_bounds_has_a_test_that_exceeds_it() {
    let mut tests = Vec::new();
    for folder in ["src", "tests"] {
        tests_of_bounds(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut tests)
            .expect("the sources can be read");
    }
    let fields: Vec<String> = bounding().map(|param| param.name.replace('-', "_")).collect();
    for field in &fields {
        // What is named after a longer directive is no test of a shorter one.
        let longer = fields.iter().filter(|other| other.len() > field.len() && other.contains(field.as_str()));
        let rest_of = |test: &String| longer.clone().fold(test.clone(), |rest, other| rest.replace(other.as_str(), ""));
        assert!(tests.iter().any(|test| rest_of(test).contains(field.as_str())), "no test p11_... exceeds {field}");
    }
}

#[test]
fn the_documents_list_each_directive_that_bounds() {
    let configuration = include_str!("../../../docs/configuration.md");
    let (_, limits) = configuration.split_once("\n## Limits\n").expect("there is a section on limits");
    let limits = limits.split("\n## ").next().unwrap_or_default();
    for param in bounding() {
        assert!(limits.contains(&format!("`{}`", param.name)), "{} is missing", param.name);
    }
}
