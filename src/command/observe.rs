//! What was slow and what it takes: SLOWLOG, and in the files beside it LATENCY and MEMORY.

mod latency;
mod memory;

use super::cost::Cost;
use super::spec::{Arg, Command, Flags, Group};
use super::{Call, introspect};
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command { group: Group::Server, since: "2.2.12", flags: SLOWLOG_FLAGS, ..Command::DEFAULT };
const SLOWLOG_FLAGS: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "slowlog",
        summary: "Groups the commands about what was slow",
        complexity: "Depends on subcommand",
        arity: -2,
        flags: Flags::NONE,
        subcommands: SLOWLOG,
        ..DEFAULT
    },
    Command {
        name: "latency",
        summary: "Groups the commands about events that took long",
        since: "2.8.13",
        complexity: "Depends on subcommand",
        arity: -2,
        flags: Flags::NONE,
        subcommands: latency::SUBCOMMANDS,
        ..DEFAULT
    },
    Command {
        name: "memory",
        summary: "Groups the commands about the use of memory",
        since: "4.0.0",
        complexity: "Depends on subcommand",
        arity: -2,
        flags: Flags::NONE,
        subcommands: memory::SUBCOMMANDS,
        ..DEFAULT
    },
];

const SLOWLOG: &[Command] = &[
    Command {
        name: "get",
        summary: "Returns the slow log's entries, the newest first; 10 if no count is given, all for -1",
        complexity: "O(N) where N is the number of entries returned",
        arity: -2,
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        args: &[Arg::integer("count").optional()],
        history: &[("4.0.0", "Entries end with the client's address and name.")],
        cost: Cost::Long,
        run: Some(slowlog_get),
        ..DEFAULT
    },
    Command {
        name: "len",
        summary: "Counts the entries of the slow log",
        arity: 2,
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: Some(slowlog_len),
        ..DEFAULT
    },
    Command {
        name: "reset",
        summary: "Empties the slow log",
        complexity: "O(N) where N is the number of entries in the slowlog",
        arity: 2,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Some(slowlog_reset),
        ..DEFAULT
    },
    Command { since: "6.2.0", ..introspect::help_of(Group::Server) },
];

/// Entries that SLOWLOG GET answers when no count is given.
const SHOWN_ENTRIES: usize = 10;

fn slowlog_get(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let count = match (call.args.len(), call.args.get(2).map(parse_integer)) {
        (4.., _) => return Err(introspect::wrong_subcommand(call)),
        (_, None) => SHOWN_ENTRIES,
        (_, Some(Some(-1))) => usize::MAX,
        (_, Some(count)) => count.and_then(|count| usize::try_from(count).ok()).ok_or(ReplyError::SLOWLOG_COUNT)?,
    };
    let entries = call.server.slowlog.newest(count);
    let reply = &mut *call.reply;
    reply.array(entries.len());
    for entry in &entries {
        reply.array(6);
        reply.integer(entry.id);
        reply.integer(entry.unix_seconds);
        reply.integer(entry.us);
        reply.bulks(&entry.args);
        reply.bulk(&entry.peer);
        reply.bulk(&entry.name);
    }
    Ok(())
}

fn slowlog_len(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.count(call.server.slowlog.len());
    Ok(())
}

fn slowlog_reset(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    call.server.slowlog.clear();
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
