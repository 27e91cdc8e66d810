//! Sections that are counted: what came, what went, how long it took, what failed.

use std::time::Duration;

use super::Report;
use crate::command::table::{self, Entry};
use crate::observe::counters::{Figures, METRICS, Metric, Shape, Source};
use crate::observe::log;

/// The table of what is counted.
pub(super) fn stats(report: &mut Report<'_, '_>) {
    let figures = figures(report);
    for Metric { name, source, .. } in METRICS {
        match source {
            Source::Counted(counter) => report.field(name, report.server.total(counter)),
            Source::Figure(figure, Shape::Plain) => report.field(name, figure(&figures)),
            Source::Figure(figure, Shape::Kilobytes) => {
                report.field(name, format_args!("{:.2}", figure(&figures) as f64 / 1024.0));
            }
            Source::Figure(figure, Shape::Seconds) => {
                let time = Duration::from_micros(figure(&figures));
                report.field(name, format_args!("{}.{:06}", time.as_secs(), time.subsec_micros()));
            }
            Source::Absent(text) => report.field(name, text),
        }
    }
}

/// What is not counted in the table but known elsewhere.
fn figures(report: &mut Report<'_, '_>) -> Figures {
    let server = report.server;
    let keys = report.keys();
    let [commands, input, output] = server.stats.rates.lock().per_second();
    let threaded = u64::from(server.workers.len() > 1);
    Figures {
        commands_per_second: commands,
        input_bytes_per_second: input,
        output_bytes_per_second: output,
        expired_keys: keys.counts.expired,
        evicted_keys: keys.counts.evicted,
        evicted_scripts: server.scripts.cache.lock().evicted(),
        key_hits: keys.counts.hits,
        key_misses: keys.counts.misses,
        published: report.hub.totals.messages + server.unheard(),
        deliveries: report.hub.totals.deliveries,
        hub_lock_waits: server.hub.waits().count(),
        hub_lock_wait_us: server.hub.waits().us(),
        channels: report.hub.channels as u64,
        patterns: report.hub.patterns as u64,
        shard_channels: report.hub.shard_channels as u64,
        tracked_keys: keys.tracking.keys as u64,
        tracked_items: keys.tracking.items as u64,
        tracked_prefixes: keys.tracking.prefixes as u64,
        threaded_reads: server.total(|counters| &counters.reads) * threaded,
        threaded_writes: server.total(|counters| &counters.writes) * threaded,
        dropped_log_lines: log::dropped_lines(),
    }
}

/// A line for each command that was called or refused.
pub(super) fn commandstats(report: &mut Report<'_, '_>) {
    let server = report.server;
    for Entry { index, full_name, .. } in table::entries(&server.names) {
        let calls = server.total_of(*index, |command| &command.calls);
        let rejected = server.total_of(*index, |command| &command.rejected);
        let failed = server.total_of(*index, |command| &command.failed);
        if calls + rejected + failed > 0 {
            let us = server.total_of(*index, |command| &command.us);
            let mean = if calls == 0 { 0.0 } else { us as f64 / calls as f64 };
            let numbers = format_args!(
                "calls={calls},usec={us},usec_per_call={mean:.2},rejected_calls={rejected},failed_calls={failed}"
            );
            report.field(format_args!("cmdstat_{full_name}"), numbers);
        }
    }
}

/// A line for each code that errors began with.
pub(super) fn errorstats(report: &mut Report<'_, '_>) {
    let errors = report.server.stats.errors.lock().clone();
    for (code, count) in errors {
        // What would end the name or the line.
        let code = code.replace([':', '#', '\r', '\n'], "_");
        report.field(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

/// A line for each command that was called, with the percentiles that the directive names, in microseconds.
pub(super) fn latencystats(report: &mut Report<'_, '_>) {
    let server = report.server;
    let percentiles = &report.settings.latency_tracking_info_percentiles.0;
    for Entry { index, full_name, .. } in table::entries(&server.names) {
        if let Some(latency) = server.latency_of(*index) {
            let shown = percentiles.iter().map(|percentile| {
                let us = latency.value_at_percentile(*percentile) as f64 / 1000.0;
                // Six digits at most, as the directive shows them.
                format!("p{}={us:.3}", (percentile * 1e6).round() / 1e6)
            });
            let shown: Vec<String> = shown.collect();
            report.field(format_args!("latency_percentiles_usec_{full_name}"), shown.join(","));
        }
    }
}
