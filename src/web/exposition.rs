//! The figures as text: OpenMetrics, or the older format of Prometheus for those who do not ask for it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::delays::Times;
use super::families::{Family, Kind, families};
use super::figures::Figures;

/// How the text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// What a request with this header wants.
    pub(super) fn accepted(accept: &[u8]) -> Self {
        let wanted = b"application/openmetrics-text";
        let is_wanted = accept.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted));
        if is_wanted { Format::OpenMetrics } else { Format::Prometheus }
    }

    /// What it is called in a response.
    pub(super) fn content(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What is shown, all at one moment.
#[derive(Debug)]
struct Shown(Vec<Family>, Times);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Family { name, help, kind, samples } in &self.0 {
            let metric = match kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut family = encoder.encode_descriptor(name, help, None, metric)?;
            for (labels, value) in samples {
                let mut sample = family.encode_family(labels)?;
                match kind {
                    Kind::Counter => sample.encode_counter::<NoLabelSet, _, f64>(value, None)?,
                    Kind::Gauge => sample.encode_gauge(value)?,
                }
            }
        }
        self.1.encode(&mut encoder)
    }
}

/// The text of a page of metrics.
pub(super) fn exposition(figures: &Figures, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Shown(families(figures), figures.times.clone())));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut text, &registry);
    match format {
        Format::OpenMetrics => text,
        Format::Prometheus => older(&text),
    }
}

/// The older format calls a counter as its samples are called, and has no end.
fn older(text: &str) -> String {
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut older = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        let name = described.and_then(|rest| rest.split(' ').next());
        match name.filter(|name| counters.contains(name)) {
            Some(name) => older.push_str(&line.replacen(name, &format!("{name}_total"), 1)),
            None => older.push_str(line),
        }
        older.push('\n');
    }
    older
}
