//! XREAD, XREADGROUP.

use super::{answer_entries, answer_entry, answer_id, id};
use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::keys::Keys;
use crate::keyspace::stream::{ConsumerIndex, Entry, Group, Log, Pending, Stream, StreamId};
use crate::keyspace::waiters::{Absent, Class, Interest, Outcome};
use crate::resp::Proto;
use crate::resp::decode::{Args, OwnedArgs, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

pub(super) fn xread(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    read(call, false)
}

pub(super) fn xreadgroup(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    read(call, true)
}

fn read(call: &mut Call<'_, '_>, grouped: bool) -> Result<(), ReplyError> {
    let request = Request::read(call.args, grouped)?;
    let attempt = if grouped { attempt_grouped } else { attempt_alone };
    let Some(index) = request.block else {
        let args = call.args;
        let (mut keys, reply) = call.keys();
        if attempt(&mut keys, args, reply)? == Outcome::Wait {
            reply.null_array();
        }
        return Ok(());
    };
    let timeout_ms = Some(call.timeout_ms(index)?).filter(|timeout_ms| *timeout_ms > 0);
    call.attempt(attempt, Absent::Array, timeout_ms, |keys, args| {
        let args = request.anchored(keys, args);
        let class = request.group.map_or(Class::Entries, |(name, _)| Class::Group(name.into()));
        let behind = if grouped { Vec::new() } else { request.ids(args.args()) };
        Interest { class, args, keys: request.keys().map(Box::from).collect(), behind }
    })
}

fn attempt_alone(keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Outcome, ReplyError> {
    Request::read(args, false)?.attempt(keys, reply)
}

fn attempt_grouped(keys: &mut Keys<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Outcome, ReplyError> {
    Request::read(args, true)?.attempt(keys, reply)
}

/// What is asked for.
struct Request<'a> {
    args: Args<'a>,
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    acknowledged: bool,
    count: usize,
    /// Where the time-out stands.
    block: Option<usize>,
    /// Where the first key stands.
    first: usize,
    streams: usize,
}

/// Which entries of one stream are asked for.
#[derive(Clone, Copy, Debug)]
enum From {
    /// Those behind this id; with a group, those that the consumer has pending.
    Id(StreamId),
    /// `>`: those that the group was not delivered.
    New,
}

/// The id behind which only the last entry is; without any, the one behind which what is added will be.
fn before_last(log: &Log) -> StreamId {
    let last = log.last_valid_id();
    if last == StreamId::MIN { log.last_id } else { last.previous().unwrap_or(StreamId::MIN) }
}

impl<'a> Request<'a> {
    fn read(args: Args<'a>, grouped: bool) -> Result<Self, ReplyError> {
        let mut request =
            Request { args, group: None, acknowledged: false, count: usize::MAX, block: None, first: 0, streams: 0 };
        let mut index = 1;
        while index < args.len() {
            let is = |word: &str| args[index].eq_ignore_ascii_case(word.as_bytes());
            let left = args.len() - 1 - index;
            if is("block") && left > 0 {
                // Read again where its end is computed; what is no number is refused before what follows it.
                let timeout_ms = parse_integer(&args[index + 1]).ok_or(ReplyError::TIMEOUT_NOT_AN_INTEGER)?;
                if timeout_ms < 0 {
                    return Err(ReplyError::TIMEOUT_NEGATIVE);
                }
                request.block = Some(index + 1);
                index += 1;
            } else if is("count") && left > 0 {
                let count = parse_integer(&args[index + 1]).ok_or(ReplyError::NOT_AN_INTEGER)?;
                request.count = usize::try_from(count).ok().filter(|count| *count > 0).unwrap_or(usize::MAX);
                index += 1;
            } else if is("streams") && left > 0 {
                if !left.is_multiple_of(2) {
                    return Err(ReplyError::unbalanced_streams(grouped));
                }
                (request.first, request.streams) = (index + 1, left / 2);
                break;
            } else if is("group") && left >= 2 {
                if !grouped {
                    return Err(ReplyError::GROUP_IN_XREAD);
                }
                request.group = args.get(index + 1).zip(args.get(index + 2));
                index += 2;
            } else if is("noack") {
                if !grouped {
                    return Err(ReplyError::NOACK_IN_XREAD);
                }
                request.acknowledged = true;
            } else {
                return Err(ReplyError::SYNTAX);
            }
            index += 1;
        }
        if request.streams == 0 {
            Err(ReplyError::SYNTAX)
        } else if grouped && request.group.is_none() {
            Err(ReplyError::XREADGROUP_WITHOUT_GROUP)
        } else {
            Ok(request)
        }
    }

    fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.args.from(self.first).take(self.streams)
    }

    /// The request with the ids that `$` means at this moment, and `+`, too, because there is no last entry yet.
    fn anchored(&self, keys: &mut Keys<'_>, args: Args<'_>) -> OwnedArgs {
        let ids = self.first + self.streams;
        let resolved: Vec<Vec<u8>> = args
            .iter()
            .enumerate()
            .map(|(i, arg)| match arg {
                b"$" | b"+" if i >= ids => {
                    let stream = keys.stream_mut(&args[i - self.streams]).ok().flatten();
                    stream.map_or(StreamId::MIN, |stream| stream.log.last_id).to_string().into_bytes()
                }
                arg => arg.to_vec(),
            })
            .collect();
        OwnedArgs::new(resolved.iter().map(Vec::as_slice))
    }

    /// The ids of the request, which its anchored form names, and which could be read.
    fn ids(&self, anchored: Args<'_>) -> Vec<StreamId> {
        let ids = anchored.from(self.first + self.streams);
        ids.map(|text| id(text, 0).unwrap_or(StreamId::MIN)).collect()
    }

    /// Where to begin in each stream.
    fn starts(&self, keys: &mut Keys<'_>) -> Result<Vec<From>, ReplyError> {
        let ids = self.args.from(self.first + self.streams);
        let start = |(key, text): (&[u8], &[u8])| {
            let stream = keys.stream(key)?;
            if let Some((group, _)) = self.group
                && !stream.is_some_and(|stream| stream.groups.contains_key(group))
            {
                return Err(ReplyError::no_group_to_read(key, group));
            }
            match text {
                b"$" if self.group.is_some() => Err(ReplyError::XREADGROUP_FROM_NOW),
                b"$" => Ok(From::Id(stream.map_or(StreamId::MIN, |stream| stream.log.last_id))),
                b"+" if self.group.is_some() => Err(ReplyError::XREADGROUP_LAST),
                b"+" => Ok(From::Id(stream.map_or(StreamId::MIN, |stream| before_last(&stream.log)))),
                b">" if self.group.is_none() => Err(ReplyError::XREAD_NEW),
                b">" => Ok(From::New),
                text => Ok(From::Id(id(text, 0)?)),
            }
        };
        self.keys().zip(ids).map(start).collect()
    }

    /// Answers what there is in those streams that have something.
    fn attempt(&self, keys: &mut Keys<'_>, reply: &mut Reply) -> Result<Outcome, ReplyError> {
        let starts = self.starts(keys)?;
        let (begin, mut served) = (reply.len(), 0);
        for (key, from) in self.keys().zip(starts) {
            if self.answer_stream(keys, key, from, reply)? {
                served += 1;
            }
        }
        if served == 0 {
            return Ok(Outcome::Wait);
        }
        reply.insert(begin, |reply| match reply.proto() {
            Proto::Resp2 => reply.array(served),
            Proto::Resp3 => reply.map(served),
        });
        Ok(Outcome::Done)
    }

    /// Answers what there is in a stream, behind its name; false if there is nothing.
    fn answer_stream(
        &self,
        keys: &mut Keys<'_>,
        key: &[u8],
        from: From,
        reply: &mut Reply,
    ) -> Result<bool, ReplyError> {
        let now_ms = keys.now_ms;
        let Some(Stream { log, groups }) = keys.stream_read(key)? else { return Ok(false) };
        let announce = |reply: &mut Reply| {
            if reply.proto() == Proto::Resp2 {
                reply.array(2);
            }
            reply.bulk(key);
        };
        let Some((group, consumer)) = self.group.and_then(|(name, consumer)| Some((groups.get_mut(name)?, consumer)))
        else {
            let From::Id(id) = from else { return Ok(false) };
            let is_behind = log.last_valid_id() > id;
            if is_behind {
                announce(reply);
                answer_entries(reply, log.range(behind(id), StreamId::MAX).take(self.count));
            }
            return Ok(is_behind);
        };
        let (consumer, created) = group.see(consumer, now_ms);
        let served = match from {
            // What a consumer has pending is always an answer, even if that is nothing.
            From::Id(id) => {
                announce(reply);
                self.answer_pending(log, group, consumer, id, now_ms, reply);
                true
            }
            From::New if log.last_valid_id() > group.last_id => {
                announce(reply);
                self.answer_new(log, group, consumer, now_ms, reply);
                true
            }
            From::New => false,
        };
        if created {
            keys.notify(KeyspaceEvents::STREAM, "xgroup-createconsumer", key);
        }
        Ok(served)
    }

    /// Delivers what the group was not delivered.
    fn answer_new(&self, log: &Log, group: &mut Group, consumer: ConsumerIndex, now_ms: i64, reply: &mut Reply) {
        let entries = log.range(behind(group.last_id), StreamId::MAX).take(self.count);
        reply.array_of(|reply| {
            let deliver = |entry: Entry<'_>| {
                log.advance(group, entry.id);
                answer_entry(reply, &entry);
                if !self.acknowledged {
                    group.assign(entry.id, Pending { consumer, delivered_ms: now_ms, deliveries: 1 });
                    group.mark_active(consumer, now_ms);
                }
            };
            entries.map(deliver).count()
        });
    }

    /// Delivers what the consumer has pending behind `id` once more; of entries that were deleted only their ids are left.
    fn answer_pending(
        &self,
        log: &Log,
        group: &mut Group,
        consumer: ConsumerIndex,
        id: StreamId,
        now_ms: i64,
        reply: &mut Reply,
    ) {
        let ids: Vec<StreamId> =
            group.consumer(consumer).pending().range(behind(id)..).take(self.count).copied().collect();
        reply.array(ids.len());
        for id in ids {
            match log.get(id) {
                Some(entry) => {
                    answer_entry(reply, &entry);
                    group.deliver_again(id, now_ms);
                }
                None => {
                    reply.array(2);
                    answer_id(reply, id);
                    reply.null_array();
                }
            }
        }
    }
}

/// The first id behind `id`; what is behind the last one, nothing, begins with it.
fn behind(id: StreamId) -> StreamId {
    id.next().unwrap_or(StreamId::MAX)
}
