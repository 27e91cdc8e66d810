//! XPENDING.

use super::{answer_id, end, start};
use crate::command::Call;
use crate::keyspace::stream::{Group, Pending, StreamId};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// The longer form: which entries are asked for.
struct Selection<'a> {
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
    idle_ms: i64,
}

impl<'a> Selection<'a> {
    /// None for the shorter form.
    fn read(args: Args<'a>) -> Result<Option<Self>, ReplyError> {
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(ReplyError::SYNTAX),
        }
        let integer = |index: usize| parse_integer(&args[index]).ok_or(ReplyError::NOT_AN_INTEGER);
        let (mut first, mut idle_ms) = (3, 0);
        if args[3].eq_ignore_ascii_case(b"idle") {
            idle_ms = integer(4)?;
            if args.len() < 8 {
                return Err(ReplyError::SYNTAX);
            }
            first = 5;
        }
        let count = usize::try_from(integer(first + 2)?).unwrap_or(0);
        let (start, end) = (start(&args[first])?, end(&args[first + 1])?);
        Ok(Some(Selection { start, end, count, consumer: args.get(first + 3), idle_ms }))
    }
}

pub(super) fn xpending(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let selection = Selection::read(args)?;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let group = keys.stream(&args[1])?.and_then(|stream| stream.groups.get(&args[2]));
    let group = group.ok_or_else(|| ReplyError::no_group(&args[1], &args[2]))?;
    match selection {
        Some(selection) => answer_selection(reply, group, &selection, now_ms),
        None => answer_summary(reply, group),
    }
    Ok(())
}

fn answer_summary(reply: &mut Reply, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.count(pending.len());
    let (Some((first, _)), Some((last, _))) = (pending.first_key_value(), pending.last_key_value()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    answer_id(reply, *first);
    answer_id(reply, *last);
    let busy: Vec<_> = group.consumers().filter(|consumer| !consumer.pending().is_empty()).collect();
    reply.array(busy.len());
    for consumer in busy {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk(consumer.pending().len().to_string());
    }
}

fn answer_selection(reply: &mut Reply, group: &Group, selection: &Selection<'_>, now_ms: i64) {
    let Selection { start, end, count, consumer, idle_ms } = *selection;
    let idles = |pending: &Pending| idle_ms == 0 || now_ms - pending.delivered_ms >= idle_ms;
    let answer = |reply: &mut Reply, id: StreamId, pending: &Pending| {
        reply.array(4);
        answer_id(reply, id);
        reply.bulk(&group.consumer(pending.consumer).name);
        reply.integer((now_ms - pending.delivered_ms).max(0));
        reply.integer(pending.deliveries);
    };
    reply.array_of(|reply| match consumer.map(|name| group.find(name)) {
        _ if start > end => 0,
        Some(None) => 0,
        Some(Some(consumer)) => {
            let ids = group.consumer(consumer).pending().range(start..=end);
            let found = ids.map(|id| (id, &group.pending()[id])).filter(|(_, pending)| idles(pending));
            found.take(count).map(|(id, pending)| answer(reply, *id, pending)).count()
        }
        None => {
            let found = group.pending().range(start..=end).filter(|(_, pending)| idles(pending));
            found.take(count).map(|(id, pending)| answer(reply, *id, pending)).count()
        }
    });
}
