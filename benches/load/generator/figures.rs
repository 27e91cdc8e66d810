//! What a case measured.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::usage::CpuTime;

/// One kind of figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Deliveries, publishes where nobody listens, or connections, in a second.
    Rate,
    /// Publishes in a second.
    Publishes,
    /// Everything that `Rate` counts, from the first to the last, also outside the measured time.
    Total,
    /// The server's processor time for each of what `Rate` counts, in nanoseconds.
    Cpu,
    /// The part of it outside the kernel.
    User,
    /// The part of it in the kernel.
    System,
    /// How often a thread of the server waited for the hub's lock, for each publish, and for how long, in nanoseconds.
    LockWaits,
    LockWait,
    /// The longest time in seconds during which one thread of the server had too much to do while another had little.
    Lopsided,
    /// Threads of the server that did anything.
    Awake,
    /// Delivery latencies, in microseconds.
    P50,
    P99,
    P999,
    Max,
    /// Memory for each of what the case counts, in bytes.
    Each,
    /// What the case added to the memory, in bytes.
    Added,
    /// The most memory that the server ever had, in bytes.
    Peak,
    /// Memory after the clients have gone, as a multiple of that before they came.
    After,
    /// Subscribers that do not read and were cut.
    StuckCut,
    /// Subscribers that read and were cut.
    Cut,
    /// Deliveries that were counted in replies to PUBLISH and never arrived at those that read.
    Lost,
    /// Frames that one of the looked-at subscribers received altered, out of order, or behind a gap.
    Altered,
}

impl Metric {
    /// Its name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Rate => "per second",
            Metric::Publishes => "publishes per second",
            Metric::Total => "in all",
            Metric::Cpu => "server cpu ns",
            Metric::User => "user ns",
            Metric::System => "system ns",
            Metric::LockWaits => "lock waits each",
            Metric::LockWait => "lock wait ns each",
            Metric::Lopsided => "lopsided s",
            Metric::Awake => "threads awake",
            Metric::P50 => "p50 us",
            Metric::P99 => "p99 us",
            Metric::P999 => "p99.9 us",
            Metric::Max => "max us",
            Metric::Each => "bytes each",
            Metric::Added => "bytes added",
            Metric::Peak => "bytes at most",
            Metric::After => "memory after / before",
            Metric::StuckCut => "stuck ones cut",
            Metric::Cut => "cut",
            Metric::Lost => "lost",
            Metric::Altered => "altered",
        }
    }
}

/// The figures of one run of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(BTreeMap<Metric, f64>);

impl Figures {
    /// Adds a figure.
    pub(crate) fn set(&mut self, metric: Metric, value: f64) {
        self.0.insert(metric, value);
    }

    /// Adds a rate and, where it is known, the processor time for each of `count` things done in `elapsed`.
    pub(crate) fn set_rate(&mut self, count: u64, elapsed: Duration, cpu: Option<CpuTime>) {
        self.set(Metric::Rate, count as f64 / elapsed.as_secs_f64());
        if let Some(cpu) = cpu {
            let each = |time: Duration| time.as_nanos() as f64 / count.max(1) as f64;
            self.set(Metric::Cpu, each(cpu.total));
            self.set(Metric::User, each(cpu.user));
            self.set(Metric::System, each(cpu.system));
        }
    }

    /// Adds percentiles of latencies in nanoseconds.
    pub(crate) fn set_latencies(&mut self, ns: &Histogram<u64>) {
        let quantiles = [(Metric::P50, 0.5), (Metric::P99, 0.99), (Metric::P999, 0.999), (Metric::Max, 1.0)];
        for (metric, quantile) in quantiles {
            self.set(metric, ns.value_at_quantile(quantile) as f64 / 1000.0);
        }
    }

    /// A figure, if the case measured it.
    pub(crate) fn get(&self, metric: Metric) -> Option<f64> {
        self.0.get(&metric).copied()
    }

    /// All figures.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + '_ {
        self.0.iter().map(|(metric, value)| (*metric, *value))
    }

    /// The medians of several runs of one case.
    pub(crate) fn medians(runs: &[Figures]) -> Figures {
        let metrics = runs.iter().flat_map(|run| run.0.keys().copied());
        let median = |metric: Metric| {
            let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(metric)).collect();
            values.sort_by(f64::total_cmp);
            (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
        };
        Figures(metrics.map(|metric| (metric, median(metric))).collect())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (metric, value)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", metric.name(), short(value))?;
        }
        Ok(())
    }
}

/// A number with three digits that matter, and a letter for thousands, millions or billions.
pub(crate) fn short(value: f64) -> String {
    let scales = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (scale, letter) = scales.into_iter().find(|(scale, _)| value.abs() >= *scale).unwrap_or((1.0, ""));
    let scaled = value / scale;
    let decimals = match scaled.abs() {
        x if x >= 100.0 || (letter.is_empty() && x.fract() == 0.0) => 0,
        x if x >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$}{letter}")
}
