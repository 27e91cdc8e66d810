//! MEMORY: what the process uses, as the allocator, the kernel and the clients tell, and what a key takes.

use std::fmt::Write as _;

use crate::command::info::{MemoryUse, percent};
use crate::command::spec::{Arg, BeginSearch, Command, FindKeys, Flags, Group, KeySpec};
use crate::command::{Call, introspect};
use crate::keyspace::database::Database;
use crate::observe::memory::AllocatorUse;
use crate::observe::resources::{self, Memory};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command {
    group: Group::Server,
    since: "4.0.0",
    arity: 2,
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ..Command::DEFAULT
};

pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        summary: "Says what looks wrong about the use of memory and what to do about it",
        run: Some(doctor),
        ..DEFAULT
    },
    Command {
        name: "malloc-stats",
        summary: "Shows what the kernel counts of the memory of the process",
        complexity: "Depends on how much memory is allocated, could be slow",
        run: Some(malloc_stats),
        ..DEFAULT
    },
    Command {
        name: "purge",
        summary: "Accepted without effect: the allocator gives memory back by itself",
        complexity: "Depends on how much memory is allocated, could be slow",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Some(purge),
        ..DEFAULT
    },
    Command {
        name: "stats",
        summary: "Shows what memory is used for",
        flags: Flags::KEYSPACE,
        run: Some(stats),
        ..DEFAULT
    },
    Command {
        name: "usage",
        summary: "Tells how much memory a key takes",
        complexity: "O(N) where N is the number of samples",
        arity: -3,
        flags: Flags::READONLY,
        tips: &[],
        keys: &[KeySpec {
            flags: &["RO"],
            begin: BeginSearch::Index(2),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        }],
        args: &[Arg::key("key"), Arg::integer("count").token("SAMPLES").optional()],
        run: Some(usage),
        ..DEFAULT
    },
    Command { since: "4.0.0", ..introspect::help_of(Group::Server) },
];

/// What a key takes, counted in whole whatever SAMPLES says. It is not used by that.
fn usage(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let mut index = 3;
    while index < call.args.len() {
        if !call.is_word(index, "SAMPLES") || index + 1 == call.args.len() || call.integer(index + 1)? < 0 {
            return Err(ReplyError::SYNTAX);
        }
        index += 2;
    }
    let args = call.args;
    let (mut keys, reply) = call.keys();
    match keys.peek(&args[2]) {
        Some(entry) => reply.count(entry.bytes()),
        None => reply.null(),
    }
    Ok(())
}

/// The fields of Redis whose numbers are known here.
fn stats(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let usage = MemoryUse::of(call.server);
    let keys = call.keys.look(call.now, |state, _| state.databases().iter().map(Database::len).sum::<usize>()) as u64;
    let numbers = [
        ("peak.allocated", usage.peak),
        ("total.allocated", usage.allocator.allocated),
        ("startup.allocated", usage.startup),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", usage.clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", call.server.scripts.cache.lock().size_bytes() as u64),
        ("functions.caches", 0),
        ("overhead.total", usage.overhead),
        ("keys.count", keys),
        ("keys.bytes-per-key", (usage.allocator.allocated - usage.startup).checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", usage.dataset),
    ];
    let shares = [
        ("dataset.percentage", percent(usage.dataset, usage.allocator.allocated - usage.startup)),
        ("peak.percentage", percent(usage.allocator.allocated, usage.peak)),
    ];
    let allocator = [
        ("allocator.allocated", usage.allocator.allocated),
        ("allocator.active", usage.allocator.active),
        ("allocator.resident", usage.allocator.resident),
    ];
    let reply = &mut *call.reply;
    reply.map(numbers.len() + shares.len() + allocator.len() + 2 * GAPS.len());
    sizes(reply, &numbers);
    for (name, share) in shares {
        reply.bulk(name);
        reply.double(share);
    }
    sizes(reply, &allocator);
    for (gap, [ratio, bytes]) in usage.gaps().into_iter().zip(GAPS) {
        reply.bulk(ratio);
        reply.double(gap.ratio);
        reply.bulk(bytes);
        reply.integer(gap.bytes);
    }
    Ok(())
}

/// What MEMORY STATS calls the ratio and the bytes of [`MemoryUse::gaps`].
const GAPS: [[&str; 2]; 4] = [
    ["allocator-fragmentation.ratio", "allocator-fragmentation.bytes"],
    ["allocator-rss.ratio", "allocator-rss.bytes"],
    ["rss-overhead.ratio", "rss-overhead.bytes"],
    ["fragmentation", "fragmentation.bytes"],
];

fn sizes(reply: &mut Reply, sizes: &[(&str, u64)]) {
    for (name, bytes) in sizes {
        reply.bulk(name);
        reply.integer(i64::try_from(*bytes).unwrap_or(i64::MAX));
    }
}

fn doctor(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let usage = MemoryUse::of(call.server);
    call.reply.verbatim(&diagnosis(&usage));
    Ok(())
}

/// What looks wrong, and what to do about it.
fn diagnosis(usage: &MemoryUse) -> String {
    let Memory { resident, peak, .. } = usage.memory;
    let mut text = String::new();
    // Writing to a string cannot fail, here and below.
    if usage.clients > resident / 2 {
        let _ = writeln!(
            text,
            "Clients hold {} of {resident} bytes. CLIENT LIST shows in tot-mem which; \
             client-output-buffer-limit and maxmemory-clients bound them.",
            usage.clients
        );
    }
    if peak > resident + resident / 2 {
        let _ = writeln!(
            text,
            "The process once used {peak} bytes and uses {resident} now. Mostly a burst of messages to clients that \
             did not read; the log names those that were closed for it."
        );
    }
    if text.is_empty() {
        let _ = writeln!(text, "Nothing looks wrong: the process uses {resident} bytes.");
    }
    text
}

/// The totals of the allocator, and what the kernel counts.
fn malloc_stats(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let Memory { resident, peak, data } = resources::memory();
    let AllocatorUse { allocated, active, resident: paged } = AllocatorUse::now();
    call.reply.verbatim(&format!(
        "As the allocator counts, in bytes:\nallocated {allocated}\nactive {active}\nresident {paged}\n\
         As the kernel counts, in bytes:\nresident {resident}\nresident at most {peak}\nprivate data {data}\n"
    ));
    Ok(())
}

/// The allocator gives memory back by itself.
fn purge(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_names_what_looks_wrong() {
        let usage = |resident, peak, clients| MemoryUse {
            memory: Memory { resident, peak, data: 0 },
            allocator: AllocatorUse::default(),
            peak,
            startup: 0,
            clients,
            overhead: clients,
            dataset: 0,
        };
        assert!(diagnosis(&usage(100, 120, 10)).starts_with("Nothing looks wrong"));
        assert!(diagnosis(&usage(100, 120, 60)).starts_with("Clients hold 60 of 100 bytes."));
        assert!(diagnosis(&usage(100, 200, 10)).starts_with("The process once used 200 bytes"));
        assert_eq!(diagnosis(&usage(100, 200, 60)).lines().count(), 2);
    }
}
