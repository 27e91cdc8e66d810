//! Sections that are counted: what came, what went, how long it took, what failed.

use std::sync::atomic::Ordering::Relaxed;

use super::Report;
use crate::command::table::Entry;
use crate::process::log;

pub(super) fn stats(report: &mut Report<'_, '_>) {
    connections(report);
    channels_and_keys(report);
    work_and_limits(report);
}

/// What came and went, and how much of it lately.
fn connections(report: &mut Report<'_, '_>) {
    let server = report.server;
    let counts = &server.stats;
    let [operations, input, output] = counts.rates.lock().per_second();
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    report.fields(&[
        ("total_connections_received", counts.connections.load(Relaxed)),
        ("total_commands_processed", server.total(|worker| &worker.commands)),
        ("instantaneous_ops_per_sec", operations),
        ("total_net_input_bytes", server.total(|worker| &worker.net_input_bytes)),
        ("total_net_output_bytes", server.total(|worker| &worker.net_output_bytes)),
        ("total_net_repl_input_bytes", 0),
        ("total_net_repl_output_bytes", 0),
    ]);
    report.field("instantaneous_input_kbps", kilobytes(input));
    report.field("instantaneous_output_kbps", kilobytes(output));
    report.field("instantaneous_input_repl_kbps", "0.00");
    report.field("instantaneous_output_repl_kbps", "0.00");
    report.field("rejected_connections", counts.rejected_connections.load(Relaxed));
}

/// What is listened to and what happened to keys, and what would be counted of replicas if there were any.
fn channels_and_keys(report: &mut Report<'_, '_>) {
    let server = report.server;
    let keys = report.keys();
    let (counts, tracking) = (keys.counts, keys.tracking);
    report.fields(&[
        ("sync_full", 0),
        ("sync_partial_ok", 0),
        ("sync_partial_err", 0),
        ("expired_keys", counts.expired),
    ]);
    report.field("expired_stale_perc", "0.00");
    report.fields(&[
        ("expired_time_cap_reached_count", 0),
        ("expire_cycle_cpu_milliseconds", 0),
        ("evicted_keys", counts.evicted),
        ("evicted_clients", server.total(|worker| &worker.evicted_clients)),
        ("total_eviction_exceeded_time", 0),
        ("current_eviction_exceeded_time", 0),
        ("keyspace_hits", counts.hits),
        ("keyspace_misses", counts.misses),
        ("pubsub_channels", report.hub.channels as u64),
        ("pubsub_patterns", report.hub.patterns as u64),
        ("pubsubshard_channels", report.hub.shard_channels as u64),
        ("latest_fork_usec", 0),
        ("total_forks", 0),
        ("migrate_cached_sockets", 0),
        ("slave_expires_tracked_keys", 0),
        ("active_defrag_hits", 0),
        ("active_defrag_misses", 0),
        ("active_defrag_key_hits", 0),
        ("active_defrag_key_misses", 0),
        ("total_active_defrag_time", 0),
        ("current_active_defrag_time", 0),
        ("tracking_total_keys", tracking.keys as u64),
        ("tracking_total_items", tracking.items as u64),
        ("tracking_total_prefixes", tracking.prefixes as u64),
        ("unexpected_error_replies", 0),
        ("total_error_replies", server.total(|worker| &worker.errors)),
        ("dump_payload_sanitizations", 0),
    ]);
}

/// What the io-threads did, and who was turned away.
fn work_and_limits(report: &mut Report<'_, '_>) {
    let server = report.server;
    let (reads, writes) = (server.total(|worker| &worker.reads), server.total(|worker| &worker.writes));
    let threaded = u64::from(server.workers.len() > 1);
    report.fields(&[
        ("total_reads_processed", reads),
        ("total_writes_processed", writes),
        ("io_threaded_reads_processed", reads * threaded),
        ("io_threaded_writes_processed", writes * threaded),
        ("client_query_buffer_limit_disconnections", server.total(|worker| &worker.query_buffer_disconnections)),
        ("client_output_buffer_limit_disconnections", server.total(|worker| &worker.output_limit_disconnections)),
        ("log_lines_dropped", log::dropped_lines()),
        ("acl_access_denied_auth", server.stats.denied_auth.load(Relaxed)),
        ("acl_access_denied_cmd", 0),
        ("acl_access_denied_key", 0),
        ("acl_access_denied_channel", 0),
    ]);
}

/// A line for each command that was called or refused.
pub(super) fn commandstats(report: &mut Report<'_, '_>) {
    let server = report.server;
    for Entry { index, full_name, .. } in server.commands.entries() {
        let place = usize::from(*index);
        let calls = server.total(|worker| &worker.by_command[place].calls);
        let rejected = server.total(|worker| &worker.by_command[place].rejected);
        let failed = server.total(|worker| &worker.by_command[place].failed);
        if calls + rejected + failed > 0 {
            let us = server.total(|worker| &worker.by_command[place].us);
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
    for Entry { index, full_name, .. } in server.commands.entries() {
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
