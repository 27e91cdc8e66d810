//! XADD, XDEL, XLEN, XSETID, XTRIM.

use super::{answer_id, id};
use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Kind;
use crate::keyspace::stream::{ENTRY_BYTES, Keep, Log, StreamId, TRIMMED_AT_ONCE, Trim};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

/// The id that XADD asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewId {
    /// `*`
    Now,
    /// `ms-*`
    At(u64),
    Exactly(StreamId),
}

/// The options of XADD and XTRIM.
#[derive(Default)]
struct Options {
    keep: Option<Keep>,
    approximate: bool,
    limit: Option<u64>,
    needs_stream: bool,
}

impl Options {
    /// Reads the option at `index`, and answers where the next one is; none if it is no option.
    fn read(&mut self, args: Args<'_>, index: usize, adds: bool) -> Result<Option<usize>, ReplyError> {
        let is = |word: &str| args[index].eq_ignore_ascii_case(word.as_bytes());
        let left = args.len() - 1 - index;
        if (is("maxlen") || is("minid")) && left > 0 {
            if self.keep.is_some() {
                return Err(ReplyError::MAXLEN_WITH_MINID);
            }
            let marked = left >= 2 && [&b"~"[..], b"="].contains(&&args[index + 1]);
            self.approximate = marked && &args[index + 1] == b"~";
            let at = index + 1 + usize::from(marked);
            self.keep = Some(if is("maxlen") {
                let most = parse_integer(&args[at]).ok_or(ReplyError::NOT_AN_INTEGER)?;
                Keep::Entries(u64::try_from(most).map_err(|_| ReplyError::STREAM_MAXLEN_NEGATIVE)?)
            } else {
                Keep::From(id(&args[at], 0)?)
            });
            Ok(Some(at + 1))
        } else if is("limit") && left > 0 {
            let limit = parse_integer(&args[index + 1]).ok_or(ReplyError::NOT_AN_INTEGER)?;
            self.limit = Some(u64::try_from(limit).map_err(|_| ReplyError::LIMIT_NEGATIVE)?);
            Ok(Some(index + 2))
        } else if adds && is("nomkstream") {
            self.needs_stream = true;
            Ok(Some(index + 1))
        } else {
            Ok(None)
        }
    }

    /// How to trim, if at all.
    fn trim(&self, adds: bool) -> Result<Option<Trim>, ReplyError> {
        if self.keep.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(ReplyError::LIMIT_WITHOUT_TRIM);
        }
        if self.limit.is_some() && !self.approximate && (self.keep.is_some() || adds) {
            return Err(ReplyError::LIMIT_NEEDS_APPROXIMATION);
        }
        let Some(keep) = self.keep else { return Ok(None) };
        let limit = if self.approximate { self.limit.unwrap_or(TRIMMED_AT_ONCE) } else { 0 };
        Ok(Some(Trim { keep, approximate: self.approximate, limit }))
    }
}

fn new_id(text: &[u8]) -> Result<NewId, ReplyError> {
    match text {
        b"*" => Ok(NewId::Now),
        [ms @ .., b'-', b'*'] if !ms.contains(&b'-') => Ok(NewId::At(id(ms, 0)?.ms)),
        text => Ok(NewId::Exactly(id(text, 0)?)),
    }
}

impl NewId {
    /// The id of the next entry of a log.
    fn choose(self, log: &Log, now_ms: i64) -> Result<StreamId, ReplyError> {
        let last = log.last_id;
        if last == StreamId::MAX {
            return Err(ReplyError::STREAM_EXHAUSTED);
        }
        let chosen = match self {
            NewId::Now if now_ms as u64 > last.ms => Some(StreamId { ms: now_ms as u64, seq: 0 }),
            NewId::Now => last.next(),
            NewId::At(ms) if ms == last.ms => last.seq.checked_add(1).map(|seq| StreamId { ms, seq }),
            NewId::At(ms) => Some(StreamId { ms, seq: 0 }),
            NewId::Exactly(id) => Some(id),
        };
        chosen.filter(|id| *id > last).ok_or(ReplyError::STREAM_ID_TOO_LOW)
    }
}

pub(super) fn xadd(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut options, mut index) = (Options::default(), 2);
    while let Some(next) = args.get(index).map_or(Ok(None), |_| options.read(args, index, true))? {
        index = next;
    }
    let new_id = args.get(index).map(new_id).transpose()?;
    let trim = options.trim(true)?;
    let count = args.len().saturating_sub(index + 1);
    let (Some(new_id), true) = (new_id, count >= 2 && count.is_multiple_of(2)) else {
        return Err(ReplyError::arity(&call.entry.full_name));
    };
    if new_id == NewId::Exactly(StreamId::MIN) {
        return Err(ReplyError::STREAM_ID_ZERO);
    }
    let too_large = args.from(index + 1).map(<[u8]>::len).sum::<usize>() > ENTRY_BYTES;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let log = match keys.stream_mut(key)? {
        Some(stream) => &mut stream.log,
        None if options.needs_stream => {
            reply.null();
            return Ok(());
        }
        // What is refused makes no stream.
        None if too_large => return Err(ReplyError::ENTRY_TOO_LARGE),
        None => &mut keys.add_stream(key).log,
    };
    let id = new_id.choose(log, now_ms)?;
    if too_large {
        return Err(ReplyError::ENTRY_TOO_LARGE);
    }
    log.append(id, args.from(index + 1).step_by(2).zip(args.from(index + 2).step_by(2)));
    let trimmed = trim.map(|trim| log.trim(trim)).unwrap_or_default();
    answer_id(reply, id);
    keys.changed(KeyspaceEvents::STREAM, "xadd", key);
    if trimmed.entries > 0 {
        keys.state.discard_entries(trimmed);
        keys.notify(KeyspaceEvents::STREAM, "xtrim", key);
    }
    keys.feed(key, Kind::Stream);
    Ok(())
}

pub(super) fn xtrim(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut options, mut index) = (Options::default(), 2);
    while index < args.len() {
        index = options.read(args, index, false)?.ok_or(ReplyError::SYNTAX)?;
    }
    let trim = options.trim(false)?.ok_or(ReplyError::TRIM_WITHOUT_STRATEGY)?;
    let (mut keys, reply) = call.keys();
    let trimmed = keys.stream_mut(key)?.map(|stream| stream.log.trim(trim)).unwrap_or_default();
    reply.integer(trimmed.entries as i64);
    if trimmed.entries > 0 {
        keys.state.discard_entries(trimmed);
        keys.notify(KeyspaceEvents::STREAM, "xtrim", key);
        keys.touch(key);
    }
    Ok(())
}

pub(super) fn xlen(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    reply.integer(keys.stream(&args[1])?.map_or(0, |stream| stream.log.len()) as i64);
    Ok(())
}

pub(super) fn xdel(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    let Some(stream) = keys.stream_mut(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let ids: Vec<StreamId> = args.from(2).map(|text| id(text, 0)).collect::<Result<_, _>>()?;
    let deleted = ids.into_iter().filter(|id| stream.log.delete(*id)).count();
    if deleted > 0 {
        keys.changed(KeyspaceEvents::STREAM, "xdel", key);
    }
    reply.count(deleted);
    Ok(())
}

pub(super) fn xsetid(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let last_id = id(&args[2], 0)?;
    let (mut entries_added, mut max_deleted_id) = (None, StreamId::MIN);
    let mut rest = args.from(3);
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or(ReplyError::SYNTAX)?;
        if option.eq_ignore_ascii_case(b"entriesadded") {
            let number = parse_integer(value).ok_or(ReplyError::NOT_AN_INTEGER)?;
            entries_added = Some(u64::try_from(number).map_err(|_| ReplyError::ENTRIES_ADDED_NEGATIVE)?);
        } else if option.eq_ignore_ascii_case(b"maxdeletedid") {
            max_deleted_id = id(value, 0)?;
            if last_id < max_deleted_id {
                return Err(ReplyError::XSETID_BELOW_GIVEN_DELETED);
            }
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    let (mut keys, reply) = call.keys();
    let log = &mut keys.stream_mut(key)?.ok_or(ReplyError::NO_SUCH_KEY)?.log;
    if last_id < log.max_deleted_id {
        return Err(ReplyError::XSETID_BELOW_DELETED);
    }
    if !log.is_empty() && last_id < log.last_valid_id() {
        return Err(ReplyError::XSETID_BELOW_TOP);
    }
    if !log.is_empty() && entries_added.is_some_and(|added| added < log.len()) {
        return Err(ReplyError::XSETID_ADDED_TOO_LOW);
    }
    log.last_id = last_id;
    log.entries_added = entries_added.unwrap_or(log.entries_added);
    if max_deleted_id != StreamId::MIN {
        log.max_deleted_id = max_deleted_id;
    }
    keys.notify(KeyspaceEvents::STREAM, "xsetid", key);
    reply.ok();
    Ok(())
}
