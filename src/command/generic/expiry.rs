//! EXPIRE, TTL and their relatives, PERSIST.

use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

/// In what a command counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// From when a command counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Now,
    /// 1970-01-01
    Epoch,
}

/// Which deadlines EXPIRE changes.
#[derive(Debug, Default)]
struct Conditions {
    absent: bool,
    present: bool,
    greater: bool,
    less: bool,
}

impl Conditions {
    fn read(args: Args<'_>) -> Result<Self, ReplyError> {
        let mut conditions = Conditions::default();
        for option in args.from(3) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let condition = if is("nx") {
                &mut conditions.absent
            } else if is("xx") {
                &mut conditions.present
            } else if is("gt") {
                &mut conditions.greater
            } else if is("lt") {
                &mut conditions.less
            } else {
                return Err(ReplyError::unsupported_option(option));
            };
            *condition = true;
        }
        let Conditions { absent, present, greater, less } = conditions;
        if absent && (present || greater || less) {
            Err(ReplyError::NX_WITH_OTHERS)
        } else if greater && less {
            Err(ReplyError::GT_WITH_LT)
        } else {
            Ok(conditions)
        }
    }

    /// Whether they allow this change; a key without a deadline counts as one that expires last.
    fn allow(&self, old_ms: Option<i64>, new_ms: i64) -> bool {
        let forbidden = self.absent && old_ms.is_some()
            || self.present && old_ms.is_none()
            || self.greater && old_ms.is_none_or(|old_ms| new_ms <= old_ms)
            || self.less && old_ms.is_some_and(|old_ms| new_ms >= old_ms);
        !forbidden
    }
}

pub(super) fn expire(call: &mut Call<'_, '_>, unit: Unit, from: From) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let entry = call.entry;
    let conditions = Conditions::read(args)?;
    let number = parse_integer(&args[2]).ok_or(ReplyError::NOT_AN_INTEGER)?;
    let (mut keys, reply) = call.keys();
    let ms = if unit == Unit::Seconds { number.checked_mul(1000) } else { Some(number) };
    let begin_ms = if from == From::Now { keys.now_ms } else { 0 };
    let new_ms = ms.and_then(|ms| ms.checked_add(begin_ms));
    let new_ms = new_ms.ok_or_else(|| ReplyError::invalid_expire_time(&entry.full_name))?;
    let old_ms = keys.get_mut(key).map(|entry| entry.deadline_ms());
    let changes = old_ms.is_some_and(|old_ms| conditions.allow(old_ms, new_ms));
    if changes && new_ms <= keys.now_ms {
        keys.remove(key);
        keys.changed(KeyspaceEvents::GENERIC, "del", key);
    } else if changes {
        keys.set_deadline(key, Some(new_ms));
        keys.changed(KeyspaceEvents::GENERIC, "expire", key);
    }
    reply.integer(changes.into());
    Ok(())
}

/// Answers when a key expires: -1 if it does not, -2 if there is none.
pub(super) fn left(call: &mut Call<'_, '_>, unit: Unit, from: From) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let answer = match keys.look(&args[1]).map(|entry| entry.deadline_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline_ms)) => {
            let ms = if from == From::Now { (deadline_ms - now_ms).max(0) } else { deadline_ms };
            if unit == Unit::Seconds { ms / 1000 + i64::from(ms % 1000 >= 500) } else { ms }
        }
    };
    reply.integer(answer);
    Ok(())
}

pub(super) fn persist(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    let expires = keys.get_mut(key).is_some_and(|entry| entry.deadline_ms().is_some());
    if expires {
        keys.set_deadline(key, None);
        keys.changed(KeyspaceEvents::GENERIC, "persist", key);
    }
    reply.integer(expires.into());
    Ok(())
}
