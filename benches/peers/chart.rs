//! The ratios to Redis as a picture: throughput to the right is better, processor time to the left is.

use std::fmt::Write as _;

use crate::generator::figures::Metric;
use crate::goal::REDIS;
use crate::results::{Results, Row};

const NAMES: f64 = 250.0;
const WIDTH: f64 = 900.0;
const ROW: f64 = 34.0;
const TOP: f64 = 64.0;
/// The ratios at the left and the right edge; the scale is logarithmic.
const EDGES: (f64, f64) = (0.01, 100.0);
const BARS: [(Metric, &str, &str); 2] =
    [(Metric::Rate, "throughput", "#2a78b5"), (Metric::Cpu, "server CPU per delivery", "#d9822b")];

/// Bars for the ratio of Pregon to Redis in each case where both have figures.
pub(crate) fn svg(results: &Results) -> String {
    let rows: Vec<_> = results.rows.iter().filter(|row| ratio(results, row, Metric::Rate).is_some()).collect();
    let height = TOP + ROW * rows.len() as f64 + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, 8.0, 20.0, "Pregon as a multiple of Redis (logarithmic)");
    for (i, (_, label, color)) in BARS.into_iter().enumerate() {
        let x = NAMES + 90.0 + 150.0 * i as f64;
        rectangle(&mut svg, x, 10.0, 12.0, 12.0, color);
        text(&mut svg, x + 18.0, 20.0, label);
    }
    for power in -2..=2 {
        let x = position(10f64.powi(power));
        let color = if power == 0 { "#444" } else { "#ddd" };
        let bottom = height - 12.0;
        let _ = writeln!(svg, "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{color}\"/>");
        text(&mut svg, x - 12.0, TOP - 8.0, &format!("{} x", 10f64.powi(power)));
    }
    for (i, row) in rows.into_iter().enumerate() {
        let top = TOP + ROW * i as f64;
        text(&mut svg, 8.0, top + 20.0, &row.entry.name);
        for (j, (metric, _, color)) in BARS.into_iter().enumerate() {
            let Some(ratio) = ratio(results, row, metric) else { continue };
            let (from, to) = (position(1.0).min(position(ratio)), position(1.0).max(position(ratio)));
            let y = top + 4.0 + 13.0 * j as f64;
            rectangle(&mut svg, from, y, (to - from).max(1.0), 12.0, color);
            let label = if ratio < 1.0 { from - 48.0 } else { to + 4.0 };
            text(&mut svg, label, y + 10.0, &format!("{ratio:.2} x"));
        }
    }
    svg + "</svg>\n"
}

/// To Redis, which is the first of the others if it is there.
fn ratio(results: &Results, row: &Row, metric: Metric) -> Option<f64> {
    let first = results.peers.first().filter(|peer| results.programs[**peer] == REDIS);
    first.and_then(|_| results.ratios(row, metric)[0])
}

fn position(ratio: f64) -> f64 {
    let (left, right) = (NAMES + 50.0, WIDTH - 60.0);
    let share = (ratio.clamp(EDGES.0, EDGES.1) / EDGES.0).ln() / (EDGES.1 / EDGES.0).ln();
    left + (right - left) * share
}

fn rectangle(svg: &mut String, x: f64, y: f64, width: f64, height: f64, color: &str) {
    let _ =
        writeln!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{color}\"/>");
}

fn text(svg: &mut String, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}
