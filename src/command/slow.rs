//! PREGON SLOW: what a connection wants to become of it if it does not keep up.

use super::Call;
use super::spec::{Arg, Command, Flags, Group, OWN};
use crate::config::{SlowLimit, SlowPolicy};
use crate::resp::errors::ReplyError;

pub(super) const SLOW: Command = Command {
    name: "slow",
    summary: "Chooses what becomes of the connection if it does not keep up, or returns that",
    group: Group::Server,
    since: OWN,
    arity: -2,
    flags: Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE),
    categories: &["connection"],
    args: &[
        Arg::one_of(
            "policy",
            &[
                Arg::word("default", "DEFAULT"),
                Arg::word("disconnect", "DISCONNECT"),
                Arg::word("drop-oldest", "DROP-OLDEST"),
                Arg::word("drop-newest", "DROP-NEWEST"),
                Arg::word("conflate", "CONFLATE"),
            ],
        )
        .optional(),
        Arg::string("bytes").optional(),
        Arg::integer("messages").optional(),
    ],
    run: Some(slow),
    ..Command::DEFAULT
};

fn slow(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.args.len() == 2 {
        return show(call);
    }
    let choice = read(call)?;
    let user = call.info.user(&call.server.acl);
    if let (Some((policy, _)), Some(rule)) = (choice, user.slow())
        && !policy.is_no_laxer_than(rule)
    {
        return Err(ReplyError::laxer_policy(user.name(), rule.word()));
    }
    call.info.slow.choose(choice);
    call.reply.ok();
    Ok(())
}

/// What the connection chooses; none if what others have is to hold for it again.
fn read(call: &Call<'_, '_>) -> Result<Option<(SlowPolicy, SlowLimit)>, ReplyError> {
    let args = call.args;
    if call.is_word(2, "default") && args.len() == 3 {
        return Ok(None);
    }
    let policy = SlowPolicy::read(&args[2]).ok_or(ReplyError::SLOW_POLICY)?;
    if args.len() > 5 || (policy == SlowPolicy::Disconnect && args.len() > 3) {
        return Err(ReplyError::SYNTAX);
    }
    let limit = SlowLimit::read(args.get(3).unwrap_or(b"0"), args.get(4).unwrap_or(b"0"));
    Ok(Some((policy, limit.ok_or(ReplyError::SLOW_LIMIT)?)))
}

fn show(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let user = call.info.user(&call.server.acl);
    let (policy, limit) = call.info.slow_policy(&user, call.settings);
    let reply = &mut *call.reply;
    reply.map(4);
    reply.bulk("policy");
    reply.bulk(policy.word());
    for (name, number) in [("bytes", limit.bytes.0), ("messages", limit.messages), ("lost", call.info.slow.lost())] {
        reply.bulk(name);
        reply.integer(number as i64);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
