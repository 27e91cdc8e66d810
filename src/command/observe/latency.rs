//! LATENCY: events that took long, and how long each command takes.

use std::collections::HashSet;
use std::fmt::Write as _;

use hdrhistogram::Histogram;

use crate::command::cost::Cost;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::command::table::{self, Entry};
use crate::command::{Call, introspect};
use crate::observe::latency::Event;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command {
    group: Group::Server,
    since: "2.8.13",
    flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..Command::DEFAULT
};

pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        summary: "Says what was slow lately and what to do about it",
        arity: 2,
        run: Some(doctor),
        ..DEFAULT
    },
    Command {
        name: "graph",
        summary: "Draws the latest times of an event as bars",
        arity: 3,
        args: &[Arg::string("event")],
        run: Some(graph),
        ..DEFAULT
    },
    Command {
        name: "histogram",
        summary: "Counts how many executions of commands took at most so many microseconds",
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands with latency information being retrieved",
        arity: -2,
        args: &[Arg::string("command").optional().multiple()],
        cost: Cost::Long,
        run: Some(histogram),
        ..DEFAULT
    },
    Command {
        name: "history",
        summary: "Returns when an event happened lately, and how long it took",
        arity: 3,
        args: &[Arg::string("event")],
        run: Some(history),
        ..DEFAULT
    },
    Command {
        name: "latest",
        summary: "Returns for each event the latest time and the longest",
        arity: 2,
        run: Some(latest),
        ..DEFAULT
    },
    Command {
        name: "reset",
        summary: "Forgets what is known of events, of all if none is named",
        arity: -2,
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        args: &[Arg::string("event").optional().multiple()],
        run: Some(reset),
        ..DEFAULT
    },
    Command { since: "2.8.13", ..introspect::help_of(Group::Server) },
];

fn history(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let samples = event(call).map(|(_, event)| event.samples).unwrap_or_default();
    call.reply.array(samples.len());
    for (unix_seconds, ms) in samples {
        call.reply.array(2);
        call.reply.integer(unix_seconds as i64);
        call.reply.integer(ms as i64);
    }
    Ok(())
}

fn latest(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let events = call.server.latency.all();
    call.reply.array(events.len());
    for (name, event) in events {
        let (unix_seconds, ms) = event.samples.last().copied().unwrap_or_default();
        call.reply.array(4);
        call.reply.bulk(name);
        [unix_seconds, ms, event.max_ms].into_iter().for_each(|number| call.reply.integer(number as i64));
    }
    Ok(())
}

fn reset(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let latency = &call.server.latency;
    let forget = |name: &&[u8]| std::str::from_utf8(name).is_ok_and(|name| latency.reset(name));
    let names = call.args.from(2);
    let count = if names.len() == 0 { latency.reset_all() } else { names.filter(forget).count() };
    call.reply.count(count);
    Ok(())
}

fn histogram(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let server = call.server;
    let mut entries: Vec<&Entry> = Vec::new();
    if call.args.len() == 2 {
        entries.extend(table::entries(&server.names));
    }
    for entry in call.args.from(2).filter_map(|name| table::by_full_name(&server.names, name)) {
        entries.push(entry);
        entries.extend(entry.subcommands().map(table::entry));
    }
    // Each once, however often it is named: what is answered is bounded by the number of commands.
    let mut named = HashSet::new();
    entries.retain(|entry| named.insert(entry.index));
    let reply = &mut *call.reply;
    let start = reply.len();
    let mut measured = 0;
    for entry in entries {
        // One at a time, because each takes some kilobytes.
        if let Some(latency) = server.latency_of(entry.index) {
            write_histogram(reply, &entry.full_name, &latency);
            measured += 1;
        }
    }
    reply.insert(start, |reply| reply.map(measured));
    Ok(())
}

fn write_histogram(reply: &mut Reply, name: &str, latency: &Histogram<u64>) {
    reply.bulk(name);
    reply.map(2);
    reply.bulk("calls");
    reply.integer(latency.len() as i64);
    reply.bulk("histogram_usec");
    let buckets = cumulative(latency);
    reply.map(buckets.len());
    for (us, count) in buckets {
        reply.integer(us as i64);
        reply.integer(count as i64);
    }
}

/// How many executions took at most so many microseconds, for bounds that double from 1024 ns; bounds at which the
/// count does not rise are left out. The bounds shown are what the histogram's precision makes of them, as in Redis: 33
/// for 32768 ns, 66 for 65536.
fn cumulative(latency: &Histogram<u64>) -> Vec<(u64, u64)> {
    /// The first power of two beyond the longest time that a histogram holds.
    const LAST: u32 = 30;
    let mut buckets = Vec::new();
    let mut total = 0;
    let mut from = 0;
    for top in (10..=LAST).map(|power| latency.highest_equivalent(1 << power)) {
        let count = latency.count_between(from, top);
        from = top + 1;
        if count > 0 {
            total += count;
            buckets.push((top / 1000, total));
        }
    }
    buckets
}

/// The event that the first argument names.
fn event(call: &Call<'_, '_>) -> Option<(&'static str, Event)> {
    call.server.latency.all().into_iter().find(|(name, _)| name.as_bytes() == &call.args[2])
}

/// The newest samples as bars, a line for each.
fn graph(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    /// Lines at most.
    const LINES: usize = 40;
    /// The length of the longest bar.
    const WIDTH: u64 = 50;
    let (name, event) = event(call).ok_or_else(|| ReplyError::no_samples(&call.args[2]))?;
    let shown = &event.samples[event.samples.len().saturating_sub(LINES)..];
    let longest = shown.iter().map(|(_, ms)| *ms).max().unwrap_or(0).max(1);
    let now = call.now.unix().as_secs();
    let mut text =
        format!("{name}: the last {} of up to {longest} ms; longest ever {} ms\n", shown.len(), event.max_ms);
    for (unix_seconds, ms) in shown {
        let bar = "#".repeat((ms * WIDTH).div_ceil(longest) as usize);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:>4} ago |{bar} {ms} ms", age(now.saturating_sub(*unix_seconds)));
    }
    call.reply.verbatim(&text);
    Ok(())
}

/// Seconds in the largest unit that fits.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn doctor(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let threshold_ms = call.settings.latency_monitor_threshold.0;
    let events = call.server.latency.all();
    let now = call.now.unix().as_secs();
    let text = if threshold_ms == 0 && events.is_empty() {
        "Latency is not monitored. To keep events that take 100 ms or longer: CONFIG SET latency-monitor-threshold 100\n"
            .to_owned()
    } else if events.is_empty() {
        format!("Nothing took {threshold_ms} ms or longer. To look closer, lower latency-monitor-threshold.\n")
    } else {
        events.iter().map(|(name, event)| diagnosis(name, event, now)).collect()
    };
    call.reply.verbatim(&text);
    Ok(())
}

/// What an event's samples say, and what to do about it.
fn diagnosis(name: &str, event: &Event, now: u64) -> String {
    let count = event.samples.len() as u64;
    let sum: u64 = event.samples.iter().map(|(_, ms)| ms).sum();
    let last = event.samples.last().map_or(0, |(unix_seconds, _)| now.saturating_sub(*unix_seconds));
    let advice = match name {
        "command" => "SLOWLOG GET shows which commands were slow, and with which arguments.",
        "fast-command" => {
            "Commands that are always quick took long: look for other programs on the same cores, a busy host of this \
             virtual machine, and swapping."
        }
        _ => "LATENCY HISTORY shows when.",
    };
    format!(
        "{name}: {count} kept, the last {} ago; mean {} ms, longest ever {} ms.\n  {advice}\n",
        age(last),
        sum.checked_div(count).unwrap_or(0),
        event.max_ms
    )
}
