//! LMOVE, RPOPLPUSH and those that wait.

use super::{end, interest, popped, pushed, shortened};
use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::keys::Keys;
use crate::keyspace::list::{End, Item};
use crate::keyspace::waiters::{Absent, Outcome};
use crate::resp::decode::Args;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// From which end of one list to which end of another.
type Ends = (End, End);

const RPOPLPUSH: Ends = (End::Back, End::Front);

pub(super) fn lmove(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let ends = ends(call.args)?;
    move_now(call, ends)
}

pub(super) fn rpoplpush(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    move_now(call, RPOPLPUSH)
}

pub(super) fn blmove(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    ends(call.args)?;
    let timeout_ms = call.timeout_seconds(5)?;
    let attempt = |keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply| move_element(keys, args, ends(args)?, reply);
    call.attempt(attempt, Absent::String, timeout_ms, |_, args| interest(args, args.from(1).take(1)))
}

pub(super) fn brpoplpush(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let timeout_ms = call.timeout_seconds(3)?;
    let attempt = |keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply| move_element(keys, args, RPOPLPUSH, reply);
    call.attempt(attempt, Absent::String, timeout_ms, |_, args| interest(args, args.from(1).take(1)))
}

fn ends(args: Args<'_>) -> Result<Ends, ReplyError> {
    Ok((end(&args[3])?, end(&args[4])?))
}

fn move_now(call: &mut Call<'_, '_>, ends: Ends) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    if move_element(&mut keys, args, ends, reply)? == Outcome::Wait {
        reply.null();
    }
    Ok(())
}

/// Moves an element between the lists at the first two keys, which may be the same, and answers it.
fn move_element(keys: &mut Keys<'_>, args: Args<'_>, ends: Ends, reply: &mut Reply) -> Result<Outcome, ReplyError> {
    let (from, to) = (&args[1], &args[2]);
    let Some(element) = keys.list_mut(from)?.and_then(|list| list.first(ends.0)).map(Item::to_vec) else {
        return Ok(Outcome::Wait);
    };
    let to_exists = keys.list_mut(to)?.is_some();
    if let Some(list) = keys.list_mut(from)? {
        list.drop_first(ends.0);
    }
    if !to_exists {
        keys.add(to, Value::List(Box::default()));
    }
    if let Some(list) = keys.list_mut(to)? {
        list.push(ends.1, &element);
    }
    keys.changed(KeyspaceEvents::LIST, pushed(ends.1), to);
    shortened(keys, from, popped(ends.0))?;
    reply.bulk(element);
    Ok(Outcome::Done)
}
