//! LPOP, RPOP, LMPOP and those that wait.

use super::access::answer;
use super::{end, interest, popped, shortened};
use crate::command::Call;
use crate::keyspace::keys::Keys;
use crate::keyspace::list::End;
use crate::keyspace::waiters::{Absent, Outcome};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

pub(super) fn lpop(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    pop(call, End::Front)
}

pub(super) fn rpop(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    pop(call, End::Back)
}

fn pop(call: &mut Call<'_, '_>, end: End) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let count = match args.len() {
        2 => None,
        3 => Some(
            parse_integer(&args[2]).and_then(|count| usize::try_from(count).ok()).ok_or(ReplyError::NOT_POSITIVE)?,
        ),
        _ => return Err(ReplyError::arity(&call.entry.full_name)),
    };
    let (mut keys, reply) = call.keys();
    let Some(list) = keys.list_mut(key)? else {
        match count {
            Some(_) => reply.null_array(),
            None => reply.null(),
        }
        return Ok(());
    };
    let taken = count.unwrap_or(1).min(list.len());
    if count.is_some() {
        reply.array(taken);
    }
    take(&mut keys, key, end, taken, reply)
}

/// Takes elements out of a list that has so many, and answers each.
fn take(keys: &mut Keys<'_>, key: &[u8], end: End, count: usize, reply: &mut Reply) -> Result<(), ReplyError> {
    let Some(list) = keys.list_mut(key)?.filter(|_| count > 0) else { return Ok(()) };
    for _ in 0..count {
        if let Some(item) = list.first(end) {
            answer(reply, item);
        }
        list.drop_first(end);
    }
    shortened(keys, key, popped(end))
}

pub(super) fn blpop(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let attempt = |keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply| pop_first(keys, args, End::Front, reply);
    let last = call.args.len() - 1;
    let timeout_ms = call.timeout_seconds(last)?;
    call.attempt(attempt, Absent::Array, timeout_ms, |_, args| interest(args, args.from(1).take(last - 1)))
}

pub(super) fn brpop(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let attempt = |keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply| pop_first(keys, args, End::Back, reply);
    let last = call.args.len() - 1;
    let timeout_ms = call.timeout_seconds(last)?;
    call.attempt(attempt, Absent::Array, timeout_ms, |_, args| interest(args, args.from(1).take(last - 1)))
}

/// Takes an element out of the first list among the keys, which stand before the time-out.
fn pop_first(keys: &mut Keys<'_>, args: Args<'_>, end: End, reply: &mut Reply) -> Result<Outcome, ReplyError> {
    for key in args.from(1).take(args.len() - 2) {
        if keys.list_mut(key)?.is_some() {
            reply.array(2);
            reply.bulk(key);
            take(keys, key, end, 1, reply)?;
            return Ok(Outcome::Done);
        }
    }
    Ok(Outcome::Wait)
}

pub(super) fn lmpop(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let several = Several::read(args, 1)?;
    let (mut keys, reply) = call.keys();
    if several.take(&mut keys, reply)? == Outcome::Wait {
        reply.null_array();
    }
    Ok(())
}

pub(super) fn blmpop(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let several = Several::read(call.args, 2)?;
    let timeout_ms = call.timeout_seconds(1)?;
    let attempt = |keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply| Several::read(args, 2)?.take(keys, reply);
    call.attempt(attempt, Absent::Array, timeout_ms, |_, args| interest(args, several.keys()))
}

/// What LMPOP asks for.
struct Several<'a> {
    args: Args<'a>,
    first_key: usize,
    keys: usize,
    end: End,
    count: usize,
}

impl<'a> Several<'a> {
    /// Reads the arguments from the number of keys on.
    fn read(args: Args<'a>, at: usize) -> Result<Self, ReplyError> {
        let positive =
            |text| parse_integer(text).and_then(|number| usize::try_from(number).ok()).filter(|count| *count > 0);
        let keys = positive(&args[at]).ok_or(ReplyError::NUMKEYS_POSITIVE)?;
        let first_key = at + 1;
        let mut rest = args.from(first_key.saturating_add(keys));
        let end = end(rest.next().ok_or(ReplyError::SYNTAX)?)?;
        let mut count = None;
        while let Some(option) = rest.next() {
            if count.is_some() || !option.eq_ignore_ascii_case(b"count") || rest.len() == 0 {
                return Err(ReplyError::SYNTAX);
            }
            count = Some(rest.next().and_then(positive).ok_or(ReplyError::COUNT_POSITIVE)?);
        }
        Ok(Several { args, first_key, keys, end, count: count.unwrap_or(1) })
    }

    fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.args.from(self.first_key).take(self.keys)
    }

    /// Takes elements out of the first list among the keys.
    fn take(&self, keys: &mut Keys<'_>, reply: &mut Reply) -> Result<Outcome, ReplyError> {
        for key in self.keys() {
            let Some(list) = keys.list_mut(key)? else { continue };
            let taken = self.count.min(list.len());
            reply.array(2);
            reply.bulk(key);
            reply.array(taken);
            take(keys, key, self.end, taken, reply)?;
            return Ok(Outcome::Done);
        }
        Ok(Outcome::Wait)
    }
}
