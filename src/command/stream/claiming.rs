//! XCLAIM, XAUTOCLAIM.

use super::{answer_entry, answer_id, id, start};
use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::keys::Keys;
use crate::keyspace::stream::{ConsumerIndex, Pending, Stream, StreamId};
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

fn answer_claimed(reply: &mut Reply, stream: &Stream, ids: &[StreamId], only_ids: bool) {
    reply.array(ids.len());
    for id in ids {
        match stream.log.get(*id).filter(|_| !only_ids) {
            Some(entry) => answer_entry(reply, &entry),
            None => answer_id(reply, *id),
        }
    }
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

/// Whether the group that both commands name is there.
fn check_group(keys: &mut Keys<'_>, args: Args<'_>) -> Result<(), ReplyError> {
    let stream = keys.stream_mut(&args[1])?;
    let known = stream.is_some_and(|stream| stream.groups.contains_key(&args[2]));
    if known { Ok(()) } else { Err(ReplyError::no_group(&args[1], &args[2])) }
}

/// The consumer that claims, made if there is none.
fn see(keys: &mut Keys<'_>, args: Args<'_>) -> Result<ConsumerIndex, ReplyError> {
    let now_ms = keys.now_ms;
    let group = keys.stream_mut(&args[1])?.and_then(|stream| stream.groups.get_mut(&args[2]));
    let (consumer, created) = group.map_or((0, false), |group| group.see(&args[3], now_ms));
    if created {
        keys.notify(KeyspaceEvents::STREAM, "xgroup-createconsumer", &args[1]);
    }
    Ok(consumer)
}

pub(super) fn xclaim(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    check_group(&mut keys, args)?;
    let idle_ms = parse_integer(&args[4]).ok_or(ReplyError::XCLAIM_IDLE)?.max(0);
    let ids: Vec<StreamId> = args.from(5).map_while(|text| id(text, 0).ok()).collect();
    let options = Options::read(args.from(5 + ids.len()), now_ms)?;
    let consumer = see(&mut keys, args)?;
    let Some(stream) = keys.stream_mut(&args[1])? else { return Ok(()) };
    let Some(group) = stream.groups.get_mut(&args[2]) else { return Ok(()) };
    group.last_id = group.last_id.max(options.last_id);
    let claim = Claim {
        consumer,
        delivered_ms: options.delivered_ms.unwrap_or(now_ms),
        deliveries: options.deliveries,
        only_ids: options.only_ids,
    };
    let mut claimed = Vec::new();
    for id in ids {
        if stream.log.get(id).is_none() {
            group.acknowledge(id);
            continue;
        }
        let before = match group.pending().get(&id) {
            Some(pending) if idle_ms > 0 && now_ms - pending.delivered_ms < idle_ms => continue,
            Some(pending) => pending.deliveries,
            // As if it had been delivered to nobody once.
            None if options.force => 1,
            None => continue,
        };
        group.assign(id, claim.pending(before));
        group.mark_active(consumer, now_ms);
        claimed.push(id);
    }
    answer_claimed(reply, stream, &claimed, claim.only_ids);
    Ok(())
}

pub(super) fn xautoclaim(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let idle_ms = parse_integer(&args[4]).ok_or(ReplyError::XAUTOCLAIM_IDLE)?.max(0);
    let start = start(&args[5])?;
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
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    check_group(&mut keys, args)?;
    let consumer = see(&mut keys, args)?;
    let Some(stream) = keys.stream_mut(&args[1])? else { return Ok(()) };
    let Some(group) = stream.groups.get_mut(&args[2]) else { return Ok(()) };
    let claim = Claim { consumer, delivered_ms: now_ms, deliveries: None, only_ids };
    let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
    let (mut at, mut looks) = (Some(start), count.saturating_mul(LOOKS));
    let next = loop {
        let next = at.and_then(|at| group.pending().range(at..).next()).map(|(id, pending)| (*id, *pending));
        let Some((id, pending)) = next else { break StreamId::MIN };
        if looks == 0 || claimed.len() + deleted.len() == count {
            break id;
        }
        looks -= 1;
        at = id.next();
        if stream.log.get(id).is_none() {
            group.acknowledge(id);
            deleted.push(id);
        } else if now_ms - pending.delivered_ms >= idle_ms {
            group.assign(id, claim.pending(pending.deliveries));
            group.mark_active(consumer, now_ms);
            claimed.push(id);
        }
    };
    reply.array(3);
    answer_id(reply, next);
    answer_claimed(reply, stream, &claimed, only_ids);
    reply.array(deleted.len());
    deleted.into_iter().for_each(|id| answer_id(reply, id));
    Ok(())
}
