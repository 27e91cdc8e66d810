//! The table of all neighbours, and the same as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::generator::figures::{Figures, Metric, short};
use crate::generator::neighbours::Neighbour;
use crate::servers::Program;
use crate::verdict;

/// What a neighbour cost the others on each server, or why that is not known.
pub(crate) struct Row {
    pub(crate) neighbour: &'static Neighbour,
    pub(crate) outcomes: Vec<Result<Figures, String>>,
}

/// One line for each neighbour: for each server the time that 999 of 1,000 messages took at most, the longest, and what
/// the memory grew by; and what is wrong with it. `others` is what other processes had of the cores, in percent.
pub(crate) fn table(programs: &[Program], rows: &[Row], others: Option<f64>) -> String {
    let mut text = String::from(
        "From publish to delivery in ms, 99.9 % and longest, and what the memory grew by at most; of the pair of \
         publisher and subscriber that is worst off.\n\n| Neighbour |",
    );
    for program in programs {
        let _ = write!(text, " {} |", program.name);
    }
    let _ = writeln!(text, " |\n|---|{}---|", "---|".repeat(programs.len()));
    for row in rows {
        let _ = write!(text, "| `{}`: {} |", row.neighbour.name, row.neighbour.what);
        for outcome in &row.outcomes {
            let _ = write!(text, " {} |", cell(outcome));
        }
        let wrong = complaints(programs, row);
        let _ =
            writeln!(text, " {} |", if wrong.is_empty() { "met".into() } else { format!("**{}**", wrong.join("; ")) });
    }
    let met = rows.iter().filter(|row| complaints(programs, row).is_empty()).count();
    let _ = writeln!(text, "\n{met} of {} neighbours are kept in bounds", rows.len());
    if let Some(percent) = others {
        let _ = writeln!(text, "other processes had {percent:.1} % of the cores");
    }
    text
}

/// All figures.
pub(crate) fn json(programs: &[Program], rows: &[Row], others: Option<f64>) -> String {
    let versions: Vec<String> = programs.iter().map(Program::version).collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let named = programs.iter().map(|program| program.name.clone()).zip(row.outcomes.iter().map(outcome));
            json!({
                "neighbour": row.neighbour.name,
                "what": row.neighbour.what,
                "limit_bytes": row.neighbour.limit,
                "servers": named.collect::<Map<String, Value>>(),
                "wrong": complaints(programs, row),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "versions": versions, "other_processes_percent": others, "neighbours": rows }))
}

/// What is wrong with Pregon in a row, with the number of io-threads where it is.
fn complaints(programs: &[Program], row: &Row) -> Vec<String> {
    let redis = programs.iter().position(|program| program.name == "redis");
    let redis = redis.and_then(|redis| row.outcomes[redis].as_ref().ok());
    let own = programs.iter().zip(&row.outcomes).filter(|(program, _)| program.name.starts_with("pregon"));
    own.flat_map(|(program, outcome)| {
        let threads = program.name.rsplit(' ').next().unwrap_or_default();
        let wrong = match outcome {
            Ok(figures) => verdict::complaints(row.neighbour, figures, threads != "1", redis),
            Err(_) => vec!["did not run".into()],
        };
        wrong.into_iter().map(move |what| format!("{threads}: {what}"))
    })
    .collect()
}

fn cell(outcome: &Result<Figures, String>) -> String {
    let figures = match outcome {
        Ok(figures) => figures,
        Err(reason) => return reason.clone(),
    };
    let ms = |metric| figures.get(metric).map_or_else(|| "-".into(), |us| format!("{:.1}", us / 1000.0));
    let grown = figures.get(Metric::Added).map_or_else(|| "-".into(), |bytes| format!("{}B", short(bytes.max(0.0))));
    format!("{}, {}, {grown}", ms(Metric::P999), ms(Metric::Max))
}

fn outcome(outcome: &Result<Figures, String>) -> Value {
    match outcome {
        Ok(figures) => figures.iter().map(|(metric, value)| (metric.name().to_owned(), json!(value))).collect(),
        Err(reason) => json!({ "failed": reason }),
    }
}
