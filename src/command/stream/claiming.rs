//! XCLAIM, XAUTOCLAIM.

use super::{answer_entry, answer_id, id, start};
use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::keys::Keys;
use crate::keyspace::stream::{ConsumerIndex, Entry, Group, Log, Pending, StreamId};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// Entries that XAUTOCLAIM looks at for each that it may claim.
const LOOKS: usize = 10;
/// More than this it may not claim at once.
const MOST: i64 = i64::MAX / size_of::<StreamId>() as i64;

/// What is done with an entry that is claimed.
struct Claim {
    consumer: ConsumerIndex,
    delivered_ms: i64,
    /// Instead of one more than before.
    deliveries: Option<i64>,
    only_ids: bool,
}

impl Claim {
    /// How the entry is pending from now on.
    fn pending(&self, before: i64) -> Pending {
        let deliveries = self.deliveries.unwrap_or(before + i64::from(!self.only_ids));
        Pending { consumer: self.consumer, delivered_ms: self.delivered_ms, deliveries }
    }
}

fn answer_claimed(reply: &mut Reply, entry: &Entry<'_>, only_id: bool) {
    if only_id { answer_id(reply, entry.id) } else { answer_entry(reply, entry) }
}

/// The options of XCLAIM.
#[derive(Debug, Default)]
struct Options {
    force: bool,
    only_ids: bool,
    delivered_ms: Option<i64>,
    deliveries: Option<i64>,
    last_id: StreamId,
}

impl Options {
    fn read<'a>(mut rest: impl Iterator<Item = &'a [u8]>, now_ms: i64) -> Result<Self, ReplyError> {
        let mut options = Options::default();
        while let Some(option) = rest.next() {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let unrecognized = || ReplyError::unrecognized_xclaim_option(option);
            let integer = |value, name| parse_integer(value).ok_or_else(|| ReplyError::invalid_xclaim_option(name));
            if is("force") {
                options.force = true;
            } else if is("justid") {
                options.only_ids = true;
            } else if is("idle") {
                let idle_ms = integer(rest.next().ok_or_else(unrecognized)?, "IDLE")?;
                options.delivered_ms = Some(now_ms.saturating_sub(idle_ms));
            } else if is("time") {
                options.delivered_ms = Some(integer(rest.next().ok_or_else(unrecognized)?, "TIME")?);
            } else if is("retrycount") {
                let count = integer(rest.next().ok_or_else(unrecognized)?, "RETRYCOUNT")?;
                options.deliveries = Some(count).filter(|count| *count >= 0);
            } else if is("lastid") {
                options.last_id = id(rest.next().ok_or_else(unrecognized)?, 0)?;
            } else {
                return Err(unrecognized());
            }
        }
        // A time to come would make the entry idle for less than nothing.
        options.delivered_ms = options.delivered_ms.map(|ms| if (0..=now_ms).contains(&ms) { ms } else { now_ms });
        Ok(options)
    }
}

/// The group that both commands name, with its stream's entries.
fn group<'k>(keys: &'k mut Keys<'_>, args: Args<'_>) -> Result<(&'k Log, &'k mut Group), ReplyError> {
    let group = keys.stream_read(&args[1])?.and_then(|stream| Some((&stream.log, stream.groups.get_mut(&args[2])?)));
    group.ok_or_else(|| ReplyError::no_group(&args[1], &args[2]))
}

fn notify_of_consumer(keys: &mut Keys<'_>, args: Args<'_>) {
    keys.notify(KeyspaceEvents::STREAM, "xgroup-createconsumer", &args[1]);
}

pub(super) fn xclaim(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let (log, group) = group(&mut keys, args)?;
    let idle_ms = parse_integer(&args[4]).ok_or(ReplyError::XCLAIM_IDLE)?.max(0);
    let ids: Vec<StreamId> = args.from(5).map_while(|text| id(text, 0).ok()).collect();
    let Options { force, only_ids, delivered_ms, deliveries, last_id } =
        Options::read(args.from(5 + ids.len()), now_ms)?;
    group.last_id = group.last_id.max(last_id);
    let (consumer, created) = group.see(&args[3], now_ms);
    let claim = Claim { consumer, delivered_ms: delivered_ms.unwrap_or(now_ms), deliveries, only_ids };
    reply.array_of(|reply| {
        let mut claimed = 0;
        for id in ids {
            let Some(entry) = log.get(id) else {
                group.acknowledge(id);
                continue;
            };
            let before = match group.pending().get(&id) {
                Some(pending) if idle_ms > 0 && now_ms - pending.delivered_ms < idle_ms => continue,
                Some(pending) => pending.deliveries,
                // As if it had been delivered to nobody once.
                None if force => 1,
                None => continue,
            };
            group.assign(id, claim.pending(before));
            group.mark_active(consumer, now_ms);
            answer_claimed(reply, &entry, only_ids);
            claimed += 1;
        }
        claimed
    });
    if created {
        notify_of_consumer(&mut keys, args);
    }
    Ok(())
}

/// The options of XAUTOCLAIM: how many entries to claim at most, and whether only their ids are wanted.
fn count_and_form(args: Args<'_>) -> Result<(usize, bool), ReplyError> {
    let (mut count, mut only_ids) = (100, false);
    let mut rest = args.from(6);
    while let Some(option) = rest.next() {
        if option.eq_ignore_ascii_case(b"count") && rest.len() > 0 {
            let number = rest.next().and_then(parse_integer).filter(|number| (1..=MOST).contains(number));
            count = number.ok_or(ReplyError::XAUTOCLAIM_COUNT)? as usize;
        } else if option.eq_ignore_ascii_case(b"justid") {
            only_ids = true;
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    Ok((count, only_ids))
}

pub(super) fn xautoclaim(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let idle_ms = parse_integer(&args[4]).ok_or(ReplyError::XAUTOCLAIM_IDLE)?.max(0);
    let start = start(&args[5])?;
    let (count, only_ids) = count_and_form(args)?;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let (log, group) = group(&mut keys, args)?;
    let (consumer, created) = group.see(&args[3], now_ms);
    let claim = Claim { consumer, delivered_ms: now_ms, deliveries: None, only_ids };
    let (mut deleted, mut next) = (Vec::new(), StreamId::MIN);
    reply.array(3);
    let behind = reply.len();
    reply.array_of(|reply| {
        let (mut claimed, mut at, mut looks) = (0, Some(start), count.saturating_mul(LOOKS));
        while let Some((id, pending)) = at.and_then(|at| group.pending().range(at..).next()) {
            let (id, pending) = (*id, *pending);
            if looks == 0 || claimed + deleted.len() == count {
                next = id;
                break;
            }
            looks -= 1;
            at = id.next();
            match log.get(id) {
                None => {
                    group.acknowledge(id);
                    deleted.push(id);
                }
                Some(entry) if now_ms - pending.delivered_ms >= idle_ms => {
                    group.assign(id, claim.pending(pending.deliveries));
                    group.mark_active(consumer, now_ms);
                    answer_claimed(reply, &entry, only_ids);
                    claimed += 1;
                }
                Some(_) => {}
            }
        }
        claimed
    });
    reply.insert(behind, |reply| answer_id(reply, next));
    reply.array(deleted.len());
    deleted.into_iter().for_each(|id| answer_id(reply, id));
    if created {
        notify_of_consumer(&mut keys, args);
    }
    Ok(())
}
