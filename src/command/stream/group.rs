//! XGROUP, XACK.

use std::collections::btree_map::Entry as Slot;

use super::{DEFAULT, id};
use crate::command::spec::{Arg, Command, Flags, Group as Family, KeySpec};
use crate::command::{Call, introspect};
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Kind;
use crate::keyspace::keys::Keys;
use crate::keyspace::stream::{Group, Log, Stream, StreamId};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "create",
        summary: "Creates a consumer group",
        arity: -5,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(2, &["RW", "insert"])],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::one_of("id-selector", &[Arg::string("id"), Arg::word("new-id", "$")]),
            Arg::word("mkstream", "MKSTREAM").optional(),
            Arg::integer("entries-read").token("ENTRIESREAD").optional(),
        ],
        history: &[("7.0.0", "`entries_read` may be given.")],
        run: Some(create),
        ..DEFAULT
    },
    Command {
        name: "createconsumer",
        summary: "Creates a consumer in a group",
        since: "6.2.0",
        arity: 5,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(2, &["RW", "insert"])],
        args: &[Arg::key("key"), Arg::string("group"), Arg::string("consumer")],
        run: Some(createconsumer),
        ..DEFAULT
    },
    Command {
        name: "delconsumer",
        summary: "Deletes a consumer from a group",
        arity: 5,
        flags: Flags::WRITE,
        keys: &[KeySpec::one(2, &["RW", "delete"])],
        args: &[Arg::key("key"), Arg::string("group"), Arg::string("consumer")],
        run: Some(delconsumer),
        ..DEFAULT
    },
    Command {
        name: "destroy",
        summary: "Deletes a consumer group",
        complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL)",
        arity: 4,
        flags: Flags::WRITE,
        keys: &[KeySpec::one(2, &["RW", "delete"])],
        args: &[Arg::key("key"), Arg::string("group")],
        run: Some(destroy),
        ..DEFAULT
    },
    Command {
        name: "setid",
        summary: "Sets the last entry that a group was delivered",
        arity: -5,
        flags: Flags::WRITE,
        keys: &[KeySpec::one(2, &["RW", "update"])],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::one_of("id-selector", &[Arg::string("id"), Arg::word("new-id", "$")]),
            Arg::integer("entriesread").token("ENTRIESREAD").display("entries-read").optional(),
        ],
        history: &[("7.0.0", "`entries_read` may be given.")],
        run: Some(setid),
        ..DEFAULT
    },
    Command { categories: &["stream"], ..introspect::help_of(Family::Stream) },
];

/// The options of CREATE and SETID.
#[derive(Default)]
struct Options {
    makes_stream: bool,
    entries_read: Option<i64>,
}

fn options(call: &Call<'_, '_>, may_make_stream: bool) -> Result<Options, ReplyError> {
    let mut options = Options::default();
    // As in Redis an option may be repeated as long as there are no more arguments than all options have together.
    let most = if may_make_stream { 8 } else { 7 };
    let mut rest = call.args.from(5);
    while let Some(option) = rest.next() {
        if may_make_stream && option.eq_ignore_ascii_case(b"mkstream") {
            options.makes_stream = true;
        } else if option.eq_ignore_ascii_case(b"entriesread") && rest.len() > 0 {
            let number = rest.next().and_then(parse_integer).ok_or(ReplyError::NOT_AN_INTEGER)?;
            if number < -1 {
                return Err(ReplyError::ENTRIES_READ_NEGATIVE);
            }
            options.entries_read = Some(number).filter(|number| *number >= 0);
        } else {
            return Err(introspect::wrong_subcommand(call));
        }
    }
    if call.args.len() > most { Err(introspect::wrong_subcommand(call)) } else { Ok(options) }
}

/// The group that the arguments name, of a stream that must exist.
fn group<'k>(keys: &'k mut Keys<'_>, args: Args<'_>) -> Result<(&'k Log, &'k mut Group), ReplyError> {
    let Stream { log, groups } = keys.stream_mut(&args[2])?.ok_or(ReplyError::XGROUP_NEEDS_KEY)?;
    let group = groups.get_mut(&args[3]).ok_or_else(|| ReplyError::no_group_of(&args[3], &args[2]))?;
    Ok((log, group))
}

fn create(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[2];
    let Options { makes_stream, entries_read } = options(call, true)?;
    let (mut keys, reply) = call.keys();
    let last_id = keys.stream_mut(key)?.map(|stream| stream.log.last_id);
    if last_id.is_none() && !makes_stream {
        return Err(ReplyError::XGROUP_NEEDS_KEY);
    }
    let begin = if &args[4] == b"$" { last_id.unwrap_or(StreamId::MIN) } else { id(&args[4], 0)? };
    if last_id.is_none() {
        keys.add_stream(key);
        keys.touch(key);
    }
    let Some(stream) = keys.stream_mut(key)? else { return Ok(()) };
    match stream.groups.entry(args[3].into()) {
        Slot::Occupied(_) => return Err(ReplyError::BUSY_GROUP),
        Slot::Vacant(slot) => slot.insert(Group::new(begin, entries_read)),
    };
    keys.notify(KeyspaceEvents::STREAM, "xgroup-create", key);
    reply.ok();
    Ok(())
}

fn setid(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let Options { entries_read, .. } = options(call, false)?;
    let (mut keys, reply) = call.keys();
    let (log, group) = group(&mut keys, args)?;
    group.last_id = if &args[4] == b"$" { log.last_id } else { super::bound(&args[4], 0)? };
    group.entries_read = entries_read;
    keys.notify(KeyspaceEvents::STREAM, "xgroup-setid", &args[2]);
    reply.ok();
    Ok(())
}

/// Who waits for the group is told that it is gone.
fn destroy(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[2];
    let (mut keys, reply) = call.keys();
    let stream = keys.stream_mut(key)?.ok_or(ReplyError::XGROUP_NEEDS_KEY)?;
    let destroyed = stream.groups.remove(&args[3]);
    reply.integer(destroyed.is_some().into());
    if let Some(group) = destroyed {
        keys.state.discard_group(group);
        keys.notify(KeyspaceEvents::STREAM, "xgroup-destroy", key);
        keys.feed(key, Kind::Stream);
    }
    Ok(())
}

fn createconsumer(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let (_, group) = group(&mut keys, args)?;
    let created = group.find(&args[4]).is_none();
    if created {
        group.see(&args[4], now_ms);
        keys.notify(KeyspaceEvents::STREAM, "xgroup-createconsumer", &args[2]);
    }
    reply.integer(created.into());
    Ok(())
}

fn delconsumer(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let pending = group(&mut keys, args)?.1.remove(&args[4]);
    if pending.is_some() {
        keys.notify(KeyspaceEvents::STREAM, "xgroup-delconsumer", &args[2]);
    }
    reply.count(pending.unwrap_or(0));
    Ok(())
}

pub(super) fn xack(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let group = keys.stream_read(&args[1])?.and_then(|stream| stream.groups.get_mut(&args[2]));
    let Some(group) = group else {
        reply.integer(0);
        return Ok(());
    };
    let ids: Vec<StreamId> = args.from(3).map(|text| id(text, 0)).collect::<Result<_, _>>()?;
    reply.count(ids.into_iter().filter(|id| group.acknowledge(*id)).count());
    Ok(())
}
