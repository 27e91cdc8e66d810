//! The results as a table for people and as JSON for programs.

use std::fmt::Write as _;

use crate::generator::figures::{Figures, Metric, short};
use crate::goal::{Against, Goal, INTACT, REDIS, REDIS_CLUSTER};
use crate::results::{Results, Row};
use crate::suite::LEGEND;

/// Figures that every row of the table shows, if the case has them.
const SHOWN: [Metric; 10] = [
    Metric::Rate,
    Metric::Cpu,
    Metric::P50,
    Metric::P99,
    Metric::P999,
    Metric::Max,
    Metric::Each,
    Metric::Peak,
    Metric::After,
    Metric::StuckCut,
];
/// Width of a program's column: its name with a number of io-threads fits.
const COLUMN: usize = 22;
/// Width of a ratio at least.
const RATIO: usize = 8;

/// One table: a line for each figure of each case, with the ratio to Redis, the goal, and whether it was met.
pub(crate) fn table(results: &Results) -> String {
    let mut text = format!("{:<33} {:<22}", "case", "figure");
    for name in &results.programs {
        let _ = write!(text, " {name:>COLUMN$}");
    }
    for name in ratio_names(results) {
        let _ = write!(text, " {name:>RATIO$}");
    }
    text.push_str("  goal\n");
    for row in &results.rows {
        let mut name = row.entry.name.as_str();
        for metric in SHOWN.into_iter().chain(INTACT) {
            let values: Vec<Option<f64>> = row.figures.iter().map(|of| of.as_ref()?.get(metric)).collect();
            let silent = INTACT.contains(&metric) && values.iter().flatten().all(|value| *value == 0.0);
            if values.iter().any(Option::is_some) && !silent {
                text.push_str(&line(results, row, name, metric, &values));
                name = "";
            }
        }
        if row.figures.iter().all(Option::is_none) {
            let _ = writeln!(text, "{name:<33} did not run");
        }
    }
    text + &summary(results)
}

/// A page of this title: how it was measured, and the table.
pub(crate) fn page(title: &str, results: &Results, conditions: &[(&str, String)]) -> String {
    let mut text = format!("# {title}\n\n{LEGEND}\n\n");
    for (name, value) in conditions {
        let _ = writeln!(text, "- {name}: {value}");
    }
    let programs = joined(results.programs.iter().cloned(), " | ");
    let ratios = ratio_names(results);
    let _ = writeln!(text, "\n| Case | Figure | {programs} | {} | Goal |", ratios.join(" | "));
    let _ = writeln!(text, "|---|---|{}---|", "---|".repeat(results.programs.len() + ratios.len()));
    for row in &results.rows {
        let mut name = format!("{}: {}", row.entry.name, row.entry.what);
        for metric in SHOWN.into_iter().chain(INTACT) {
            let values: Vec<Option<f64>> = row.figures.iter().map(|of| of.as_ref()?.get(metric)).collect();
            let silent = INTACT.contains(&metric) && values.iter().flatten().all(|value| *value == 0.0);
            if values.iter().all(Option::is_none) || silent {
                continue;
            }
            let values = joined(values.iter().map(|value| value.map_or_else(|| "-".into(), short)), " | ");
            let ratios = joined(results.ratios(row, metric).into_iter().map(times), " | ");
            let goals = row.entry.goals.iter().filter(|goal| goal.metric == metric);
            let goals = joined(goals.map(|goal| judged(results, row, goal)), ", ");
            let _ = writeln!(text, "| {name} | {} | {values} | {ratios} | {goals} |", metric.name());
            name.clone_from(&row.entry.name);
        }
    }
    text
}

/// A goal, and whether it was met.
fn judged(results: &Results, row: &Row, goal: &Goal) -> String {
    let verdict = match results.verdict(row, goal) {
        Some(verdict) if verdict.met => "met",
        Some(_) => "**missed**",
        None => "not compared",
    };
    format!("{}: {verdict}", described(goal))
}

/// All figures, with the conditions under which they were measured.
pub(crate) fn json(results: &Results, conditions: &[(&str, String)]) -> String {
    let conditions = conditions.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)));
    let rows = results.rows.iter().map(|row| {
        let of_programs = results.programs.iter().zip(&row.figures);
        let of_programs = of_programs
            .filter_map(|(name, figures)| Some(format!("{}: {{{}}}", quoted(name), json_figures(figures.as_ref()?))));
        let goals = row.entry.goals.iter().filter_map(|goal| json_goal(results, row, goal));
        format!(
            "    {{\"case\": {}, \"figures\": {{{}}}, \"goals\": [{}]}}",
            quoted(&row.entry.name),
            joined(of_programs, ", "),
            joined(goals, ", ")
        )
    });
    format!(
        "{{\n  \"conditions\": {{{}}},\n  \"cases\": [\n{}\n  ]\n}}\n",
        joined(conditions, ", "),
        joined(rows, ",\n")
    )
}

fn line(results: &Results, row: &Row, name: &str, metric: Metric, values: &[Option<f64>]) -> String {
    let mut text = format!("{name:<33} {:<22}", metric.name());
    for value in values {
        let _ = write!(text, " {:>COLUMN$}", value.map_or_else(|| "-".into(), short));
    }
    for (ratio, name) in results.ratios(row, metric).into_iter().zip(ratio_names(results)) {
        let width = name.len().max(RATIO);
        let _ = write!(text, " {:>width$}", times(ratio));
    }
    for goal in row.entry.goals.iter().filter(|goal| goal.metric == metric) {
        let _ = write!(text, "  {}", described(goal));
        match results.verdict(row, goal) {
            Some(verdict) if verdict.met => text.push_str(": met"),
            Some(verdict) => {
                let _ = write!(text, ": MISSED ({})", short(verdict.value));
            }
            None => text.push_str(": not compared"),
        }
    }
    text.push('\n');
    text
}

/// What the columns of ratios are called.
fn ratio_names(results: &Results) -> Vec<String> {
    match &results.peers[..] {
        [_] => vec!["Ratio".into()],
        peers => peers.iter().map(|peer| format!("to {}", results.programs[*peer])).collect(),
    }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} x"))
}

fn described(goal: &Goal) -> String {
    let most = if goal.at_least { "at least" } else { "at most" };
    match goal.against {
        Against::Server(None) => format!("{most} {} x of each", short(goal.bound)),
        // What is compared with most is not named.
        Against::Server(Some(REDIS | REDIS_CLUSTER)) => format!("{most} {} x", short(goal.bound)),
        Against::Server(Some(name)) => format!("{most} {} x of {name}", short(goal.bound)),
        Against::Case(name) => format!("{most} {} x of `{name}`", short(goal.bound)),
        Against::Nothing => format!("{most} {}", short(goal.bound)),
    }
}

fn summary(results: &Results) -> String {
    let goals = results.rows.iter().flat_map(|row| row.entry.goals.iter().map(move |goal| (row, goal)));
    let verdicts: Vec<bool> = goals.filter_map(|(row, goal)| Some(results.verdict(row, goal)?.met)).collect();
    let met = verdicts.iter().filter(|met| **met).count();
    if verdicts.is_empty() { String::new() } else { format!("{met} of {} goals met\n", verdicts.len()) }
}

fn json_figures(figures: &Figures) -> String {
    joined(figures.iter().map(|(metric, value)| format!("{}: {value}", quoted(metric.name()))), ", ")
}

fn json_goal(results: &Results, row: &Row, goal: &Goal) -> Option<String> {
    let verdict = results.verdict(row, goal)?;
    let (metric, goal) = (quoted(goal.metric.name()), quoted(&described(goal)));
    Some(format!("{{\"figure\": {metric}, \"goal\": {goal}, \"value\": {}, \"met\": {}}}", verdict.value, verdict.met))
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

/// A string in JSON. What is written here holds no control characters but perhaps a tab.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " "))
}
