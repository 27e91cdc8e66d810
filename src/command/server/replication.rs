//! REPLICAOF, ROLE, WAIT and WAITAOF on a server that has no replicas and is none.

use super::DEFAULT;
use crate::command::Call;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

pub(super) const REPLICAOF: Command = Command {
    name: "replicaof",
    summary: "Makes the server a replica of another, or its own master; only the latter is possible",
    since: "5.0.0",
    arity: 3,
    flags: Flags::NO_ASYNC_LOADING.and(Flags::ADMIN).and(Flags::NOSCRIPT).and(Flags::STALE),
    args: &[Arg::one_of(
        "args",
        &[
            Arg::block("host-port", &[Arg::string("host"), Arg::integer("port")]),
            Arg::block("no-one", &[Arg::word("no", "NO"), Arg::word("one", "ONE")]),
        ],
    )],
    run: Some(replicaof),
    ..DEFAULT
};

pub(super) const SLAVEOF: Command =
    Command { name: "slaveof", since: "1.0.0", deprecated: Some(("5.0.0", "`REPLICAOF`")), ..REPLICAOF };

pub(super) const ROLE: Command = Command {
    name: "role",
    summary: "Returns the role in replication",
    since: "2.8.12",
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST),
    categories: &["admin", "dangerous"],
    run: Some(role),
    ..DEFAULT
};

pub(super) const WAIT: Command = Command {
    name: "wait",
    summary: "Waits until replicas have what this connection has written; there are none, so it answers 0 at once",
    since: "3.0.0",
    arity: 3,
    args: &[Arg::integer("numreplicas"), Arg::integer("timeout")],
    run: Some(wait),
    ..WAITING
};

pub(super) const WAITAOF: Command = Command {
    name: "waitaof",
    summary: "Waits until append-only files have what this connection has written; there are none, so it answers at once",
    since: "7.2.0",
    arity: 4,
    flags: Flags::NOSCRIPT,
    args: &[Arg::integer("numlocal"), Arg::integer("numreplicas"), Arg::integer("timeout")],
    run: Some(waitaof),
    ..WAITING
};

const WAITING: Command = Command {
    group: Group::Generic,
    categories: &["connection"],
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    ..DEFAULT
};

fn replicaof(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.is_word(1, "no") && call.is_word(2, "one") {
        call.reply.ok();
        return Ok(());
    }
    match parse_integer(&call.args[2]) {
        Some(0..=65535) => Err(ReplyError::NO_REPLICATION),
        _ => Err(ReplyError::MASTER_PORT),
    }
}

fn role(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.array(3);
    call.reply.bulk("master");
    call.reply.integer(0);
    call.reply.array(0);
    Ok(())
}

/// To wait for replicas that cannot come would only hold the client up until its time-out.
fn wait(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.integer(1)?;
    call.timeout_ms(2)?;
    call.reply.integer(0);
    Ok(())
}

fn waitaof(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let local = call.integer(1)?;
    if !(0..=1).contains(&local) {
        return Err(ReplyError::out_of_bounds(0, 1));
    }
    if call.integer(2)? < 0 {
        return Err(ReplyError::NOT_POSITIVE);
    }
    call.timeout_ms(3)?;
    if local > 0 {
        return Err(ReplyError::WAITAOF_LOCAL);
    }
    call.reply.array(2);
    call.reply.integer(0);
    call.reply.integer(0);
    Ok(())
}
