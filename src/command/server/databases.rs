//! Whole databases: DBSIZE, FLUSHALL, FLUSHDB, SWAPDB.

use super::DEFAULT;
use crate::command::Call;
use crate::command::cost::Cost;
use crate::command::redirect;
use crate::command::spec::{Arg, Command, Flags};
use crate::keyspace::DatabaseId;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

pub(super) const DBSIZE: Command = Command {
    name: "dbsize",
    summary: "Returns how many keys the selected database holds",
    flags: Flags::READONLY.and(Flags::FAST),
    categories: &["keyspace"],
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    run: Some(dbsize),
    ..DEFAULT
};

pub(super) const FLUSHALL: Command = Command {
    name: "flushall",
    summary: "Empties all databases",
    complexity: "O(N) where N is the number of keys in all databases",
    cost: Cost::Long,
    run: Some(flushall),
    ..FLUSH
};

pub(super) const FLUSHDB: Command = Command {
    name: "flushdb",
    summary: "Empties the selected database",
    complexity: "O(N) where N is the number of keys in the selected database",
    cost: Cost::Long,
    run: Some(flushdb),
    ..FLUSH
};

const FLUSH: Command = Command {
    arity: -1,
    flags: Flags::WRITE,
    categories: &["keyspace", "dangerous"],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    args: &[Arg::one_of(
        "flush-type",
        &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
    )
    .optional()],
    history: &[("4.0.0", "ASYNC may be given."), ("6.2.0", "SYNC may be given.")],
    ..DEFAULT
};

pub(super) const SWAPDB: Command = Command {
    name: "swapdb",
    summary: "Exchanges two databases under their clients",
    since: "4.0.0",
    complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST),
    categories: &["keyspace", "dangerous"],
    args: &[Arg::integer("index1"), Arg::integer("index2")],
    cost: Cost::Long,
    run: Some(swapdb),
    ..DEFAULT
};

/// Counts also keys whose time is over, until somebody asks for them or they are removed, as Redis does.
fn dbsize(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let (mut keys, reply) = call.keys();
    reply.count(keys.database().len());
    Ok(())
}

fn flushall(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    check_options(call)?;
    let (keys, reply) = call.keys();
    for db in 0..keys.state.databases().len() {
        keys.state.empty(db as DatabaseId);
    }
    keys.state.tell_of_flush();
    reply.ok();
    Ok(())
}

fn flushdb(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    check_options(call)?;
    let (keys, reply) = call.keys();
    keys.state.empty(keys.db);
    keys.state.tell_of_flush();
    reply.ok();
    Ok(())
}

/// ASYNC or SYNC. Both free the memory elsewhere and meanwhile: nobody is to be delayed by it.
fn check_options(call: &Call<'_, '_>) -> Result<(), ReplyError> {
    match call.args.len() {
        1 => Ok(()),
        2 if call.is_word(1, "sync") || call.is_word(1, "async") => Ok(()),
        _ => Err(ReplyError::SYNTAX),
    }
}

fn swapdb(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_SWAPDB);
    }
    let number = |index: usize, error| {
        let number = parse_integer(&call.args[index]).filter(|number| i32::try_from(*number).is_ok());
        number.ok_or(error)
    };
    let numbers = [number(1, ReplyError::FIRST_DB_INVALID)?, number(2, ReplyError::SECOND_DB_INVALID)?];
    let known = |number: i64| {
        let known = u32::try_from(number).ok().filter(|number| *number < call.settings.databases);
        known.and_then(|number| number.try_into().ok()).ok_or(ReplyError::DB_OUT_OF_RANGE)
    };
    let [one, two]: [DatabaseId; 2] = [known(numbers[0])?, known(numbers[1])?];
    let (keys, reply) = call.keys();
    keys.state.swap_databases(one, two);
    reply.ok();
    Ok(())
}
