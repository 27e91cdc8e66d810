//! XINFO.

use super::{DEFAULT, answer_entries, answer_entry, answer_id, answer_number};
use crate::command::spec::{Arg, Command, Flags, Group as Family, KeySpec};
use crate::command::{Call, introspect};
use crate::keyspace::stream::{Group, Log, Stream, StreamId};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "consumers",
        summary: "Describes the consumers of a group",
        arity: 4,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(2, &["RO", "access"])],
        args: &[Arg::key("key"), Arg::string("group")],
        history: &[("7.2.0", "Shows `inactive`.")],
        run: Some(consumers),
        ..DEFAULT
    },
    Command {
        name: "groups",
        summary: "Describes the consumer groups of a stream",
        arity: 3,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, &["RO", "access"])],
        args: &[Arg::key("key")],
        history: &[("7.0.0", "Shows `entries-read` and `lag`.")],
        run: Some(groups),
        ..DEFAULT
    },
    Command {
        name: "stream",
        summary: "Describes a stream",
        arity: -3,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, &["RO", "access"])],
        args: &[
            Arg::key("key"),
            Arg::block("full-block", &[Arg::word("full", "FULL"), Arg::integer("count").token("COUNT").optional()])
                .optional(),
        ],
        history: &[
            ("6.0.0", "`FULL` may be given."),
            (
                "7.0.0",
                "Shows `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
            ),
            ("7.2.0", "Shows `active-time`; `seen-time` means something else."),
        ],
        run: Some(stream),
        ..DEFAULT
    },
    Command { categories: &["stream"], ..introspect::help_of(Family::Stream) },
];

/// Of each list FULL shows so many, unless it says otherwise.
const FULL: usize = 10;

fn consumers(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let stream = keys.stream(&args[2])?.ok_or(ReplyError::NO_SUCH_KEY)?;
    let group = stream.groups.get(&args[3]).ok_or_else(|| ReplyError::no_group_of(&args[3], &args[2]))?;
    let consumers = group.consumers();
    reply.array(consumers.len());
    for consumer in consumers {
        reply.map(4);
        reply.bulk("name");
        reply.bulk(&consumer.name);
        reply.bulk("pending");
        reply.count(consumer.pending().len());
        reply.bulk("idle");
        reply.integer((now_ms - consumer.seen_ms).max(0));
        reply.bulk("inactive");
        reply.integer(consumer.active_ms.map_or(-1, |active_ms| now_ms - active_ms));
    }
    Ok(())
}

fn groups(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let stream = keys.stream(&args[2])?.ok_or(ReplyError::NO_SUCH_KEY)?;
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(6);
        reply.bulk("name");
        reply.bulk(name);
        reply.bulk("consumers");
        reply.count(group.consumers().len());
        reply.bulk("pending");
        reply.count(group.pending().len());
        answer_progress(reply, &stream.log, group);
    }
    Ok(())
}

/// The three fields that say how far a group is.
fn answer_progress(reply: &mut Reply, log: &Log, group: &Group) {
    reply.bulk("last-delivered-id");
    answer_id(reply, group.last_id);
    reply.bulk("entries-read");
    answer_number(reply, group.entries_read);
    reply.bulk("lag");
    answer_number(reply, log.lag(group));
}

/// How much of each list FULL shows, if that is what is asked for.
fn full(call: &Call<'_, '_>) -> Result<Option<usize>, ReplyError> {
    match call.args.len() {
        3 => Ok(None),
        4 if call.is_word(3, "full") => Ok(Some(FULL)),
        6 if call.is_word(3, "full") && call.is_word(4, "count") => {
            let count = call.integer(5)?;
            // 0 is for all, and below stands for what is the default.
            Ok(Some(if count == 0 { usize::MAX } else { usize::try_from(count).unwrap_or(FULL) }))
        }
        _ => Err(introspect::wrong_subcommand(call)),
    }
}

fn stream(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let full = full(call);
    let (mut keys, reply) = call.keys();
    let stream = keys.stream(&args[2])?.ok_or(ReplyError::NO_SUCH_KEY)?;
    let full = full?;
    reply.map(if full.is_some() { 9 } else { 10 });
    answer_log(reply, &stream.log);
    match full {
        Some(count) => answer_in_full(reply, stream, count),
        None => {
            reply.bulk("groups");
            reply.count(stream.groups.len());
            let (first, last) = (StreamId::MIN, StreamId::MAX);
            for (name, entry) in [
                ("first-entry", stream.log.range(first, last).next()),
                ("last-entry", stream.log.range_back(first, last).next()),
            ] {
                reply.bulk(name);
                match entry {
                    Some(entry) => answer_entry(reply, &entry),
                    None => reply.null(),
                }
            }
        }
    }
    Ok(())
}

/// Entries are packed in blocks, not in a radix tree: its keys and nodes are the blocks.
fn answer_log(reply: &mut Reply, log: &Log) {
    reply.bulk("length");
    reply.integer(log.len() as i64);
    for name in ["radix-tree-keys", "radix-tree-nodes"] {
        reply.bulk(name);
        reply.count(log.blocks());
    }
    reply.bulk("last-generated-id");
    answer_id(reply, log.last_id);
    reply.bulk("max-deleted-entry-id");
    answer_id(reply, log.max_deleted_id);
    reply.bulk("entries-added");
    reply.integer(log.entries_added as i64);
    reply.bulk("recorded-first-entry-id");
    answer_id(reply, log.first_id());
}

/// Entries and groups, of each list the first `count`.
fn answer_in_full(reply: &mut Reply, stream: &Stream, count: usize) {
    reply.bulk("entries");
    answer_entries(reply, stream.log.range(StreamId::MIN, StreamId::MAX).take(count));
    reply.bulk("groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(7);
        reply.bulk("name");
        reply.bulk(name);
        answer_progress(reply, &stream.log, group);
        reply.bulk("pel-count");
        reply.count(group.pending().len());
        reply.bulk("pending");
        reply.array(group.pending().len().min(count));
        for (id, pending) in group.pending().iter().take(count) {
            reply.array(4);
            answer_id(reply, *id);
            reply.bulk(&group.consumer(pending.consumer).name);
            reply.integer(pending.delivered_ms);
            reply.integer(pending.deliveries);
        }
        answer_consumers(reply, group, count);
    }
}

fn answer_consumers(reply: &mut Reply, group: &Group, count: usize) {
    let consumers = group.consumers();
    reply.bulk("consumers");
    reply.array(consumers.len());
    for consumer in consumers {
        reply.map(5);
        reply.bulk("name");
        reply.bulk(&consumer.name);
        reply.bulk("seen-time");
        reply.integer(consumer.seen_ms);
        reply.bulk("active-time");
        reply.integer(consumer.active_ms.unwrap_or(-1));
        reply.bulk("pel-count");
        reply.count(consumer.pending().len());
        reply.bulk("pending");
        reply.array(consumer.pending().len().min(count));
        for id in consumer.pending().iter().take(count) {
            reply.array(3);
            answer_id(reply, *id);
            let pending = &group.pending()[id];
            reply.integer(pending.delivered_ms);
            reply.integer(pending.deliveries);
        }
    }
}
