//! SET and its relatives, GETEX.

use crate::command::Call;
use crate::command::table::Entry;
use crate::config::KeyspaceEvents;
use crate::keyspace::keys::Keys;
use crate::keyspace::text::Text;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

use super::{answer, put, put_text};

/// When a key expires, as an option says.
#[derive(Clone, Copy, Debug)]
enum Expiry<'a> {
    /// EX, PX: after this time.
    After(Unit, &'a [u8]),
    /// EXAT, PXAT: at this moment since 1970-01-01.
    At(Unit, &'a [u8]),
    /// KEEPTTL: as before.
    Keep,
    /// PERSIST: never.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl Expiry<'_> {
    /// The deadline in milliseconds since 1970-01-01, if one is given.
    fn deadline_ms(self, command: &Entry, now_ms: i64) -> Result<Option<i64>, ReplyError> {
        let (unit, text, from_ms) = match self {
            Expiry::After(unit, text) => (unit, text, now_ms),
            Expiry::At(unit, text) => (unit, text, 0),
            Expiry::Keep | Expiry::Never => return Ok(None),
        };
        let number = parse_integer(text).ok_or(ReplyError::NOT_AN_INTEGER)?;
        let ms = if unit == Unit::Seconds { number.checked_mul(1000) } else { Some(number) };
        let deadline_ms = ms.filter(|ms| *ms > 0).and_then(|ms| ms.checked_add(from_ms));
        deadline_ms.map(Some).ok_or_else(|| ReplyError::invalid_expire_time(&command.full_name))
    }
}

/// The options of SET and GETEX.
#[derive(Debug, Default)]
struct Options<'a> {
    if_absent: bool,
    if_present: bool,
    get: bool,
    expiry: Option<Expiry<'a>>,
}

/// Reads the options from the argument at `first` on.
fn options<'a>(args: Args<'a>, first: usize, sets: bool) -> Result<Options<'a>, ReplyError> {
    let mut options = Options::default();
    let mut rest = args.from(first);
    while let Some(option) = rest.next() {
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        let mut timed = |kind: fn(Unit, &'a [u8]) -> Expiry<'a>, unit| rest.next().map(|text| kind(unit, text));
        let expiry = if is("ex") {
            timed(Expiry::After, Unit::Seconds)
        } else if is("px") {
            timed(Expiry::After, Unit::Milliseconds)
        } else if is("exat") {
            timed(Expiry::At, Unit::Seconds)
        } else if is("pxat") {
            timed(Expiry::At, Unit::Milliseconds)
        } else if sets && is("keepttl") {
            Some(Expiry::Keep)
        } else if !sets && is("persist") {
            Some(Expiry::Never)
        } else if sets && is("nx") && !options.if_present {
            options.if_absent = true;
            continue;
        } else if sets && is("xx") && !options.if_absent {
            options.if_present = true;
            continue;
        } else if sets && is("get") {
            options.get = true;
            continue;
        } else {
            None
        };
        let expiry = expiry.ok_or(ReplyError::SYNTAX)?;
        if options.expiry.is_some_and(|given| !given.is_repeated_by(expiry)) {
            return Err(ReplyError::SYNTAX);
        }
        options.expiry = Some(expiry);
    }
    Ok(options)
}

impl Expiry<'_> {
    /// Whether `other` is the same option, which may be given again and counts then.
    fn is_repeated_by(self, other: Expiry<'_>) -> bool {
        match (self, other) {
            (Expiry::After(one, _), Expiry::After(two, _)) | (Expiry::At(one, _), Expiry::At(two, _)) => one == two,
            (Expiry::Keep, Expiry::Keep) | (Expiry::Never, Expiry::Never) => true,
            _ => false,
        }
    }
}

pub(super) fn set(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (key, value) = (&args[1], &args[2]);
    let Options { if_absent, if_present, get, expiry } = options(args, 3, true)?;
    let command = call.entry;
    let (mut keys, reply) = call.keys();
    let deadline_ms = expiry.map_or(Ok(None), |expiry| expiry.deadline_ms(command, keys.now_ms))?;
    if get {
        answer(reply, keys.text(key)?);
    }
    if if_absent || if_present {
        let wanted = if_present;
        if keys.contains(key) != wanted {
            if !get {
                reply.null();
            }
            return Ok(());
        }
    }
    let kept_ms = matches!(expiry, Some(Expiry::Keep)).then(|| keys.peek(key)?.deadline_ms()).flatten();
    put_text(&mut keys, key, args.shared(2).map_or_else(|| Text::from(value), Text::from));
    if let Some(kept_ms) = kept_ms {
        keys.set_deadline(key, Some(kept_ms));
    }
    if let Some(deadline_ms) = deadline_ms {
        expire(&mut keys, key, deadline_ms);
    }
    if !get {
        reply.ok();
    }
    Ok(())
}

fn expire(keys: &mut Keys<'_>, key: &[u8], deadline_ms: i64) {
    keys.set_deadline(key, Some(deadline_ms));
    keys.notify(KeyspaceEvents::GENERIC, "expire", key);
}

pub(super) fn setex(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    set_expiring(call, Unit::Seconds)
}

pub(super) fn psetex(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    set_expiring(call, Unit::Milliseconds)
}

fn set_expiring(call: &mut Call<'_, '_>, unit: Unit) -> Result<(), ReplyError> {
    let args = call.args;
    let command = call.entry;
    let (mut keys, reply) = call.keys();
    let deadline_ms = Expiry::After(unit, &args[2]).deadline_ms(command, keys.now_ms)?;
    put(&mut keys, &args[1], &args[3]);
    if let Some(deadline_ms) = deadline_ms {
        expire(&mut keys, &args[1], deadline_ms);
    }
    reply.ok();
    Ok(())
}

pub(super) fn setnx(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let absent = !keys.contains(&args[1]);
    if absent {
        put(&mut keys, &args[1], &args[2]);
    }
    reply.integer(absent.into());
    Ok(())
}

pub(super) fn getset(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    answer(reply, keys.text(&args[1])?);
    put(&mut keys, &args[1], &args[2]);
    Ok(())
}

pub(super) fn getex(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let Options { expiry, .. } = options(args, 2, false)?;
    let command = call.entry;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let text = keys.text(key)?;
    if text.is_none() {
        reply.null();
        return Ok(());
    }
    let deadline_ms = expiry.map_or(Ok(None), |expiry| expiry.deadline_ms(command, now_ms))?;
    answer(reply, text);
    match (expiry, deadline_ms) {
        (Some(Expiry::At(..)), Some(deadline_ms)) if deadline_ms <= now_ms => {
            keys.remove(key);
            keys.changed(KeyspaceEvents::GENERIC, "del", key);
        }
        (_, Some(deadline_ms)) => {
            keys.touch(key);
            expire(&mut keys, key, deadline_ms);
        }
        (Some(Expiry::Never), _) if keys.peek(key).is_some_and(|entry| entry.deadline_ms().is_some()) => {
            keys.set_deadline(key, None);
            keys.changed(KeyspaceEvents::GENERIC, "persist", key);
        }
        _ => {}
    }
    Ok(())
}

/// Keys and values in turn, behind the command's name.
fn pairs<'a>(call: &Call<'a, '_>) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a>, ReplyError> {
    if call.args.len().is_multiple_of(2) {
        return Err(ReplyError::arity(&call.entry.full_name));
    }
    let keys = call.args.from(1).step_by(2);
    Ok(keys.zip(call.args.from(2).step_by(2)))
}

pub(super) fn mset(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let pairs = pairs(call)?;
    let (mut keys, reply) = call.keys();
    for (key, value) in pairs {
        put(&mut keys, key, value);
    }
    reply.ok();
    Ok(())
}

pub(super) fn msetnx(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let pairs = pairs(call)?;
    let (mut keys, reply) = call.keys();
    let absent = pairs.clone().all(|(key, _)| !keys.contains(key));
    if absent {
        for (key, value) in pairs {
            put(&mut keys, key, value);
        }
    }
    reply.integer(absent.into());
    Ok(())
}
