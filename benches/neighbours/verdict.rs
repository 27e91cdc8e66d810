//! What has to hold for the neighbours of Pregon.

use crate::generator::figures::{Figures, Metric, short};
use crate::generator::neighbours::Neighbour;

/// The longest that 999 of 1,000 messages may take with one io-thread, in microseconds.
const ONE_THREAD_US: f64 = 50_000.0;
/// The same with several.
const THREADS_US: f64 = 20_000.0;
/// How many times the limit that the configuration names a neighbour may make the memory grow.
const LIMITS: f64 = 2.0;
/// What the times of two servers may differ by and still count as the same: a share, and so many microseconds.
const NOISE: f64 = 1.25;
const NOISE_US: f64 = 2_000.0;

/// What is wrong with the figures of a server with so many threads; empty if nothing is. Redis' figures are compared with
/// where they are known.
pub(crate) fn complaints(
    neighbour: &Neighbour,
    figures: &Figures,
    has_threads: bool,
    redis: Option<&Figures>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let p999 = figures.get(Metric::P999).unwrap_or(f64::INFINITY);
    let bound = if has_threads { THREADS_US } else { ONE_THREAD_US };
    if p999 > bound {
        complaints.push(format!("above {} ms", bound / 1000.0));
    }
    if let Some(of_redis) = redis.and_then(|redis| redis.get(Metric::P999))
        && p999 > of_redis * NOISE + NOISE_US
    {
        complaints.push("later than Redis".into());
    }
    let grown = figures.get(Metric::Added).unwrap_or(0.0);
    if neighbour.limit > 0 && grown > LIMITS * neighbour.limit as f64 {
        complaints.push(format!("{} times its limit", short(grown / neighbour.limit as f64)));
    }
    for metric in [Metric::Cut, Metric::Lost, Metric::Altered] {
        let count = figures.get(metric).unwrap_or(0.0);
        if count > 0.0 {
            complaints.push(format!("{} {}", short(count), metric.name()));
        }
    }
    complaints
}
