//! Sections about what this server does not have. Clients and exporters read their fields, so each is given with the
//! value that is always true of it here.

use super::Report;
use crate::command::redirect;

/// Nothing is kept on disk; `loading:0` is what clients wait for before they call a server ready. All changes since the
/// start are unsaved.
pub(super) fn persistence(report: &mut Report<'_, '_>) {
    let changes = report.keys().counts.changes;
    report.fields(&[
        ("loading", 0),
        ("async_loading", 0),
        ("current_cow_peak", 0),
        ("current_cow_size", 0),
        ("current_cow_size_age", 0),
    ]);
    report.field("current_fork_perc", "0.00");
    report.fields(&[
        ("current_save_keys_processed", 0),
        ("current_save_keys_total", 0),
        ("rdb_changes_since_last_save", changes),
        ("rdb_bgsave_in_progress", 0),
        // The server's start, as in Redis before the first save.
        ("rdb_last_save_time", report.now.started_at().as_secs()),
    ]);
    report.field("rdb_last_bgsave_status", "ok");
    report.field("rdb_last_bgsave_time_sec", -1);
    report.field("rdb_current_bgsave_time_sec", -1);
    report.fields(&[
        ("rdb_saves", 0),
        ("rdb_last_cow_size", 0),
        ("rdb_last_load_keys_expired", 0),
        ("rdb_last_load_keys_loaded", 0),
        ("aof_enabled", 0),
        ("aof_rewrite_in_progress", 0),
        ("aof_rewrite_scheduled", 0),
    ]);
    report.field("aof_last_rewrite_time_sec", -1);
    report.field("aof_current_rewrite_time_sec", -1);
    report.field("aof_last_bgrewrite_status", "ok");
    report.fields(&[("aof_rewrites", 0), ("aof_rewrites_consecutive_failures", 0)]);
    report.field("aof_last_write_status", "ok");
    report.fields(&[("aof_last_cow_size", 0), ("module_fork_in_progress", 0), ("module_fork_last_cow_size", 0)]);
}

/// Every server is a master without replicas; its data has no history but that of this run.
pub(super) fn replication(report: &mut Report<'_, '_>) {
    report.field("role", "master");
    report.field("connected_slaves", 0);
    report.field("master_failover_state", "no-failover");
    report.field("master_replid", &report.server.run_id);
    report.field("master_replid2", "0".repeat(report.server.run_id.len()));
    report.field("master_repl_offset", 0);
    report.field("second_repl_offset", -1);
    report.field("repl_backlog_active", 0);
    let size = report.directive("repl-backlog-size");
    report.field("repl_backlog_size", size);
    report.fields(&[("repl_backlog_first_byte_offset", 0), ("repl_backlog_histlen", 0)]);
}

/// There are none.
pub(super) fn modules(_report: &mut Report<'_, '_>) {}

/// There is none, unless clients are to think so.
pub(super) fn cluster(report: &mut Report<'_, '_>) {
    report.field("cluster_enabled", u8::from(redirect::is_clustered(report.server)));
}
