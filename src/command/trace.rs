//! What an execution counts for, and what MONITOR, SLOWLOG and LATENCY are shown of it.

use std::sync::atomic::Ordering::Relaxed;

use super::spec::Flags;
use super::table::Entry;
use super::{Call, run};
use crate::client::order::Order;
use crate::client::registry::Flag;
use crate::clock::Now;
use crate::config::Settings;
use crate::ids::Address;
use crate::message::Frame;
use crate::observe::counters::Counter;
use crate::observe::slowlog;
use crate::observe::stats::WorkerStats;
use crate::quoting;
use crate::resp::decode::{Args, OwnedArgs};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{Conversation, Scope, Turn};

/// Counts and shows a command that has run, and answers when it ended.
pub(super) fn count(call: &mut Call<'_, '_>, failed: bool) -> Now {
    let end = call.server.clock.now_soon_after(call.now);
    let us = end.us().saturating_sub(call.now.us()).saturating_add(call.slept_us);
    call.stats.counters.commands.add(1);
    Counter::add_to(&call.info.total_commands, 1);
    let command = &call.stats.by_command[usize::from(call.entry.index)];
    command.calls.add(1);
    command.us.add(us);
    if failed {
        command.failed.add(1);
    }
    if call.settings.latency_tracking {
        let ns = end.ns().saturating_sub(call.now.ns());
        command.record_latencies(ns.saturating_add(call.slept_us.saturating_mul(1000)), 1);
    }
    if !call.entry.command.flags.has_any(Flags::SKIP_MONITOR.and(Flags::ADMIN)) {
        show_to_monitors(call);
    }
    if is_slow(call.settings, us) {
        show_slow(call, us);
    }
    end
}

/// Counts so many executions of a command that have run together since this moment, each with its share of the time, and answers
/// when they ended. Which of them took long is not known: SLOWLOG and LATENCY are shown all as one.
pub(super) fn count_together(
    turn: &mut Turn<'_>,
    conversation: &mut Conversation,
    entry: &'static Entry,
    began: Now,
    count: usize,
) -> Now {
    let (worker, calls) = (turn.worker, count as u64);
    let end = worker.server.clock.now_soon_after(began);
    let us = end.us().saturating_sub(began.us());
    worker.stats().counters.commands.add(calls);
    Counter::add_to(&turn.client.info.total_commands, calls);
    let command = &worker.stats().by_command[usize::from(entry.index)];
    command.calls.add(calls);
    command.us.add(us);
    if turn.settings.latency_tracking {
        command.record_latencies(end.ns().saturating_sub(began.ns()) / calls.max(1), calls);
    }
    if is_slow(&turn.settings, us) {
        let note = format!("... ({count} in one go)");
        let args = OwnedArgs::new([entry.full_name.as_bytes(), note.as_bytes()].into_iter());
        turn.now = began;
        run::run_part(turn, conversation, (entry.index, &args), |call| show_slow(call, us));
    }
    end
}

pub(super) fn count_error(stats: &WorkerStats, server: &Server, error: &ReplyError) {
    stats.counters.errors.add(1);
    server.stats.count_error(error.code());
}

/// Whether SLOWLOG or LATENCY are to be shown what took so many microseconds.
fn is_slow(settings: &Settings, us: u64) -> bool {
    let (slow, threshold_ms) = (settings.slowlog_log_slower_than.0, settings.latency_monitor_threshold.0);
    (slow >= 0 && us as i64 >= slow) || (threshold_ms > 0 && us / 1000 >= threshold_ms)
}

#[cold]
fn show_slow(call: &mut Call<'_, '_>, us: u64) {
    let flags = call.entry.command.flags;
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

/// Shows the command to MONITOR; one that runs a script is shown before those that the script runs.
pub(super) fn show_to_monitors(call: &mut Call<'_, '_>) {
    if call.server.monitors.load(Relaxed) > 0 {
        let line = Frame::whole(monitor_line(call));
        for worker in 0..call.server.workers.len() {
            if call.server.workers[worker].monitors.load(Relaxed) == 0 {
                continue;
            }
            call.order(worker, Order::Monitor(line.clone()));
        }
        call.outcome.published |= call.info.has_flag(Flag::Monitor);
    }
}

/// Counts a request that is sent on to an upstream, and shows it to MONITOR. How long it takes is not known here.
pub(super) fn count_forwarded(turn: &mut Turn<'_>, scope: &Scope, entry: Option<&Entry>, args: Args<'_>) {
    let (server, info) = (&turn.worker.server, &turn.client.info);
    turn.worker.stats().counters.commands.add(1);
    Counter::add_to(&info.total_commands, 1);
    if let Some(entry) = entry {
        turn.worker.stats().by_command[usize::from(entry.index)].calls.add(1);
    }
    if let Some(backplane) = &server.backplane {
        backplane.status.figures.forwarded_commands.add_shared(1);
    }
    if server.monitors.load(Relaxed) == 0 {
        return;
    }
    let line = Frame::whole(line(turn.now, scope, &info.address, args.iter()));
    for worker in 0..server.workers.len() {
        if server.workers[worker].monitors.load(Relaxed) > 0 {
            let order = Order::Monitor(line.clone());
            turn.hub.with(|hub| hub.send(worker, order, &mut turn.outcome.sent));
        }
    }
}

/// The arguments, without those that logs must not show.
fn redacted<'c>(call: &'c Call<'_, '_>) -> impl ExactSizeIterator<Item = &'c [u8]> {
    let secret = &call.secret_args;
    call.args.iter().enumerate().map(|(i, arg)| if secret.contains(&i) { &b"(redacted)"[..] } else { arg })
}

/// The line that MONITOR shows of this execution.
fn monitor_line(call: &Call<'_, '_>) -> Vec<u8> {
    line(call.now, call.scope, &call.info.address, redacted(call))
}

fn line<'w>(now: Now, scope: &Scope, address: &Address, words: impl Iterator<Item = &'w [u8]>) -> Vec<u8> {
    let (unix, db) = (now.unix(), scope.db);
    let peer = match address {
        _ if scope.scripted => "lua".to_owned(),
        Address::Unix(path) => format!("unix:{}", path.display()),
        address => address.peer(),
    };
    let mut line = format!("+{}.{:06} [{db} {peer}]", unix.as_secs(), unix.subsec_micros()).into_bytes();
    for word in words {
        line.push(b' ');
        quoting::quote(word, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}
