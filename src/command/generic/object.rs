//! OBJECT.

use super::DEFAULT;
use crate::command::spec::{Arg, Command, Flags, Group, KeySpec};
use crate::command::{Call, introspect};
use crate::keyspace::entry::Entry;
use crate::keyspace::usage::Usage;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

pub(super) const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "encoding",
        summary: "Returns how a value is laid out",
        since: "2.2.3",
        arity: 3,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(2, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(encoding),
        ..DEFAULT
    },
    Command {
        name: "freq",
        summary: "Returns how often a key is used, as a counter that eviction goes by",
        since: "4.0.0",
        arity: 3,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(2, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(freq),
        ..DEFAULT
    },
    Command {
        name: "idletime",
        summary: "Returns for how many seconds a key was not used",
        since: "2.2.3",
        arity: 3,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(2, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(idletime),
        ..DEFAULT
    },
    Command {
        name: "refcount",
        summary: "Returns how many references to a value there are",
        since: "2.2.3",
        arity: 3,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(2, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(refcount),
        ..DEFAULT
    },
    Command { since: "6.2.0", categories: &["keyspace"], ..introspect::help_of(Group::Generic) },
];

/// Answers something about a key, which is not used by that.
fn describe(
    call: &mut Call<'_, '_>,
    answer: impl FnOnce(&Entry, i64, &mut Reply) -> Result<(), ReplyError>,
) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    match keys.glance(&args[2]) {
        Some(entry) => answer(entry, now_ms, reply),
        None => {
            reply.null();
            Ok(())
        }
    }
}

fn encoding(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    describe(call, |entry, _, reply| {
        reply.bulk(entry.value.encoding());
        Ok(())
    })
}

/// Nothing is shared between keys.
fn refcount(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    describe(call, |_, _, reply| {
        reply.integer(1);
        Ok(())
    })
}

fn idletime(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let usage = Usage::of(call.settings);
    describe(call, |entry, now_ms, reply| match usage {
        Usage::Recency => {
            reply.integer(Usage::idle_seconds(entry.usage(), now_ms).into());
            Ok(())
        }
        Usage::Frequency { .. } => Err(ReplyError::NO_IDLE_TIME),
    })
}

fn freq(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let usage = Usage::of(call.settings);
    describe(call, |entry, now_ms, reply| match usage {
        Usage::Recency => Err(ReplyError::NO_FREQUENCY),
        Usage::Frequency { .. } => {
            reply.integer(usage.frequency(entry.usage(), now_ms).into());
            Ok(())
        }
    })
}
