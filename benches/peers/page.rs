//! Earlier runs side by side, as a table for a page: one line for each case, a column for each run.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::generator::figures::{Metric, short};
use crate::goal::INTACT;
use crate::suite;

/// A run as it was written.
struct Run {
    json: Value,
}

/// The table of the runs whose JSON is in these files. Cases and goals are those of the first. What misses its goal is
/// bold; cases without a goal show their throughput and processor time in relation to Redis.
///
/// # Errors
///
/// Files that cannot be read, and such as are not the JSON of a run.
pub(crate) fn table(files: &[PathBuf]) -> io::Result<String> {
    let runs: Vec<Run> = files.iter().map(|file| Run::read(file)).collect::<io::Result<_>>()?;
    let Some(first) = runs.first() else { return Ok(String::new()) };
    let mut text = String::from("| Case | Figure (goal) |");
    runs.iter().for_each(|run| {
        let _ = write!(text, " {} |", run.name());
    });
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(runs.len()));
    let entries = suite::all(false);
    for case in first.cases() {
        let name = string(&case["case"]);
        let what = entries.iter().find(|entry| entry.name == name).map_or("", |entry| &entry.what);
        let goals = main_goals(case);
        let figures: Vec<String> = match goals.is_empty() {
            false => {
                goals.iter().map(|goal| format!("{} ({})", string(&goal["figure"]), string(&goal["goal"]))).collect()
            }
            true => without_goal(case).map(|(figure, _)| figure.to_owned()).collect(),
        };
        let _ = write!(text, "| `{name}`: {} | {} |", what, figures.join(", "));
        for run in &runs {
            let cell = run.cases().iter().find(|other| other["case"] == case["case"]).map_or_else(String::new, cell);
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    Ok(text)
}

impl Run {
    fn read(file: &Path) -> io::Result<Self> {
        let named = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| named(&error))?;
        Ok(Run { json: serde_json::from_str(&text).map_err(|error| named(&error))? })
    }

    fn cases(&self) -> &[Value] {
        self.json["cases"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Pregon's name in it, with its number of io-threads.
    fn name(&self) -> String {
        match self.cases().first().and_then(own) {
            Some((name, _)) if name == "pregon" => format!("io-threads {}", string(&self.json["conditions"]["cores"])),
            Some((name, _)) => name.trim_start_matches("pregon, ").to_owned(),
            None => String::new(),
        }
    }
}

/// What a run says of a case: the value of each goal, or the ratios to Redis.
fn cell(case: &Value) -> String {
    let goals = main_goals(case);
    let values: Vec<String> = match goals.is_empty() {
        false => goals.into_iter().map(judged).collect(),
        true => without_goal(case).map(|(_, ratio)| format!("{ratio:.2} x")).collect(),
    };
    values.join(", ")
}

/// The goals of a case; those that say only that nothing goes wrong are left out unless something did.
fn main_goals(case: &Value) -> Vec<&Value> {
    let goals = case["goals"].as_array().map_or(&[][..], Vec::as_slice);
    let intact = |goal: &Value| INTACT.iter().any(|metric| goal["figure"] == metric.name());
    goals.iter().filter(|goal| !intact(goal) || goal["met"] == false).collect()
}

fn judged(goal: &Value) -> String {
    let value = goal["value"].as_f64().unwrap_or(f64::NAN);
    let relative = string(&goal["goal"]).contains(" x");
    let value = if relative { format!("{value:.2} x") } else { short(value) };
    if goal["met"] == true { value } else { format!("**{value}**") }
}

/// Throughput and processor time of a case in relation to Redis.
fn without_goal(case: &Value) -> impl Iterator<Item = (&'static str, f64)> {
    [Metric::Rate, Metric::Cpu].into_iter().filter_map(|metric| {
        let of = |figures: &Value| figures[metric.name()].as_f64();
        Some((metric.name(), of(own(case)?.1)? / of(&case["figures"]["redis"])?))
    })
}

fn own(case: &Value) -> Option<(&String, &Value)> {
    case["figures"].as_object()?.iter().find(|(name, _)| name.starts_with("pregon"))
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
