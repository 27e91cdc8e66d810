//! The table of the README beside the results that it comes from.

use std::fmt::Write as _;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::{path, text};

/// Cases of the benchmark, what the README calls them, and the figure that it shows of each.
const ROWS: [(&str, &str, &str); 10] = [
    ("fan-out 100 w64", "To 100 subscribers: deliveries per second", "per second"),
    ("fan-out 1000 w16", "To 1,000 subscribers", "per second"),
    ("fan-out 7000 w1", "To 7,000 subscribers, one message at a time", "per second"),
    ("TLS: fan-out 1000 w16", "To 1,000 subscribers over TLS", "per second"),
    ("50:50:50 w16", "50 publishers to 50 subscribers, one to one", "per second"),
    ("1 subscriber w16", "One publisher to one subscriber", "per second"),
    ("cold a:*", "The same beside 100,000 patterns that do not match", "per second"),
    ("connect-subscribe-go", "Clients that connect, subscribe and go, per second", "per second"),
    ("memory: idle connection", "Bytes of an idle connection", "bytes each"),
    ("memory: 100 stuck", "Bytes at most, while 100 subscribers do not read 16 MB", "bytes at most"),
];

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- /figures -->";

pub(crate) fn are_those_that_were_measured() -> Result<(), Failed> {
    let results: Value = serde_json::from_str(&text("benches/results/two-threads.json"))?;
    let readme = text("README.md");
    let (before, rest) = readme.split_once(BEGIN).ok_or("the README has no mark that begins the table")?;
    let (shown, after) = rest.split_once(END).ok_or("the README has no mark that ends the table")?;
    let table = table(&results).ok_or("the results lack a case or a figure")?;
    if std::env::var_os("PREGON_REFRESH_DOCS").is_some() {
        std::fs::write(path("README.md"), [before, BEGIN, &table, END, after].concat())?;
        return Ok(());
    }
    if shown == table {
        return Ok(());
    }
    Err("refresh it: PREGON_REFRESH_DOCS=1 cargo test --test documents the_readme_shows".into())
}

fn table(results: &Value) -> Option<String> {
    let mut table = String::from("| | Redis | Pregon | Ratio |\n|---|---|---|---|\n");
    for (name, what, figure) in ROWS {
        let case = results["cases"].as_array()?.iter().find(|case| case["case"] == name)?;
        let of = |program: &str| case["figures"][program][figure].as_f64();
        let (redis, own) = (of("redis")?, of("pregon")?);
        writeln!(table, "| {what} | {} | {} | {} x |", short(redis), short(own), ratio(own / redis)).ok()?;
    }
    Some(table)
}

/// Three digits and a unit.
fn short(value: f64) -> String {
    let scales = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (scale, letter) = scales.into_iter().find(|(scale, _)| value >= *scale).unwrap_or((1.0, ""));
    format!("{}{letter}", ratio(value / scale))
}

fn ratio(value: f64) -> String {
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}
