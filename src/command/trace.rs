//! What MONITOR, SLOWLOG and LATENCY are shown of an execution.

use std::sync::atomic::Ordering::Relaxed;

use super::Call;
use super::spec::Flags;
use crate::client::order::Order;
use crate::client::registry::Flag;
use crate::ids::Address;
use crate::message::Frame;
use crate::observe::slowlog;
use crate::quoting;

/// Shows the command to MONITOR, SLOWLOG and LATENCY.
pub(super) fn show(call: &mut Call<'_, '_>, us: u64) {
    let flags = call.entry.command.flags;
    if call.server.monitors.load(Relaxed) > 0 && !flags.has_any(Flags::SKIP_MONITOR.and(Flags::ADMIN)) {
        let line = Frame::whole(monitor_line(call));
        for worker in 0..call.server.workers.len() {
            if call.server.workers[worker].monitors.load(Relaxed) == 0 {
                continue;
            }
            call.order(worker, Order::Monitor(line.clone()));
        }
        call.outcome.published |= call.info.has_flag(Flag::Monitor);
    }
    let unix = call.now.unix().as_secs();
    let slow = call.settings.slowlog_log_slower_than.0;
    if slow >= 0 && us as i64 >= slow && !flags.has(Flags::SKIP_SLOWLOG) {
        let max_len = usize::try_from(call.settings.slowlog_max_len).unwrap_or(usize::MAX);
        let peer = call.info.address.peer();
        let name = slowlog::cut(call.info.labels().name.as_bytes());
        call.server.slowlog.add(unix as i64, us as i64, redacted(call), peer, name, max_len);
    }
    let threshold_ms = call.settings.latency_monitor_threshold.0;
    if threshold_ms > 0 && us / 1000 >= threshold_ms {
        let event = if flags.has(Flags::FAST) { "fast-command" } else { "command" };
        call.server.latency.add(event, unix, us / 1000);
    }
}

/// The arguments, without those that logs must not show.
fn redacted<'c>(call: &'c Call<'_, '_>) -> impl ExactSizeIterator<Item = &'c [u8]> {
    let secret = &call.secret_args;
    call.args.iter().enumerate().map(|(i, arg)| if secret.contains(&i) { &b"(redacted)"[..] } else { arg })
}

/// The line that MONITOR shows of this execution.
fn monitor_line(call: &Call<'_, '_>) -> Vec<u8> {
    let unix = call.now.unix();
    let db = call.scope.db;
    let peer = match &call.info.address {
        Address::Unix(path) => format!("unix:{}", path.display()),
        address => address.peer(),
    };
    let mut line = format!("+{}.{:06} [{db} {peer}]", unix.as_secs(), unix.subsec_micros()).into_bytes();
    for arg in redacted(call) {
        line.push(b' ');
        quoting::quote(arg, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}
