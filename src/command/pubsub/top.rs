//! PUBSUB TOP: the busiest channels of the last seconds, and those with the most subscribers. Redis has nothing of the kind.

use std::cmp::Reverse;

use crate::command::Call;
use crate::command::cost::{self, Cost};
use crate::command::spec::{Arg, Command, Flags, Group, OWN};
use crate::hub;
use crate::message::Kind;
use crate::observe::channels::{self, Measure, Row, Top};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

pub(super) const TOP: Command = Command {
    name: "top",
    summary: "Returns the busiest channels of the last seconds, also those without subscribers, or those with the most subscribers",
    complexity: "O(N) where N is channel-top-size, or the number of channels by subscribers",
    group: Group::PubSub,
    since: OWN,
    arity: -2,
    flags: Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE),
    args: &[
        Arg::one_of(
            "measure",
            &[
                Arg::word("messages", "MESSAGES"),
                Arg::word("bytes", "BYTES"),
                Arg::word("deliveries", "DELIVERIES"),
                Arg::word("drops", "DROPS"),
                Arg::word("subscribers", "SUBSCRIBERS"),
            ],
        )
        .token("BY")
        .optional(),
        Arg::integer("count").token("COUNT").optional(),
    ],
    cost: Cost::Counted(cost),
    run: Some(top),
    ..Command::DEFAULT
};

/// Channels that are answered if nothing else is asked for.
const USUAL: usize = 10;

/// What is asked for.
struct Options {
    /// None for subscribers.
    measure: Option<Measure>,
    count: usize,
}

impl Options {
    fn read(args: Args<'_>) -> Result<Self, ReplyError> {
        let mut options = Options { measure: Some(Measure::Messages), count: USUAL };
        let mut rest = args.from(2);
        while let Some(option) = rest.next() {
            let value = rest.next().ok_or(ReplyError::SYNTAX)?;
            let is = |word: &str| value.eq_ignore_ascii_case(word.as_bytes());
            if option.eq_ignore_ascii_case(b"count") {
                let count = parse_integer(value).ok_or(ReplyError::NOT_AN_INTEGER)?;
                options.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(ReplyError::SYNTAX)?;
            } else if !option.eq_ignore_ascii_case(b"by") {
                return Err(ReplyError::SYNTAX);
            } else if is("subscribers") {
                options.measure = None;
            } else {
                let measure = Measure::ALL.into_iter().find(|measure| is(measure.word()));
                options.measure = Some(measure.ok_or(ReplyError::SYNTAX)?);
            }
        }
        Ok(options)
    }
}

/// By subscribers all channels are looked at.
fn cost(args: Args<'_>, view: &cost::View<'_>) -> usize {
    let walks = Options::read(args).is_ok_and(|options| options.measure.is_none());
    if walks { cost::channels(args, view) + cost::shard_channels(args, view) } else { 0 }
}

fn top(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let Options { measure, count } = Options::read(call.args)?;
    let Some(measure) = measure else {
        by_subscribers(call, count);
        return Ok(());
    };
    let Top { window_ms, one_in, rows } =
        channels::top(call.server.samplers(), measure, count, call.settings, call.now.ms());
    let subscribers = subscribers(call, &rows);
    let reply = &mut *call.reply;
    reply.map(4);
    reply.bulk("by");
    reply.bulk(measure.word());
    for (field, number) in [("window-ms", window_ms), ("looked-at-one-in", one_in.into())] {
        reply.bulk(field);
        reply.integer(number as i64);
    }
    reply.bulk("channels");
    reply.array(rows.len());
    for (row, subscribers) in rows.iter().zip(subscribers) {
        write_row(reply, measure.word(), row, window_ms, subscribers);
    }
    Ok(())
}

/// How many subscribers each of the channels has of its own, as far as its name is known.
fn subscribers(call: &mut Call<'_, '_>, rows: &[Row]) -> Vec<Option<usize>> {
    let mut counts = Vec::with_capacity(rows.len());
    for rows in rows.chunks(hub::NAMES_AT_ONCE) {
        call.hub.with(|hub| counts.extend(rows.iter().map(|row| row.label.subscribers(hub))));
    }
    counts
}

fn write_row(reply: &mut Reply, measure: &str, row: &Row, window_ms: u64, subscribers: Option<usize>) {
    let Row { label, count, error } = row;
    let per_second = u128::from(*count) * 1000 / u128::from(window_ms.max(1));
    reply.map(7);
    write_label(reply, label.kind, &label.name);
    for (field, number) in [
        ("length", label.len as u64),
        (measure, *count),
        ("at-most-too-many", *error),
        ("per-second", per_second as u64),
    ] {
        reply.bulk(field);
        reply.integer(i64::try_from(number).unwrap_or(i64::MAX));
    }
    reply.bulk("subscribers");
    match subscribers {
        Some(count) => reply.count(count),
        None => reply.null(),
    }
}

fn write_label(reply: &mut Reply, kind: Kind, name: &[u8]) {
    reply.bulk("channel");
    reply.bulk(name);
    reply.bulk("kind");
    reply.bulk(if kind == Kind::Channel { "channel" } else { "shardchannel" });
}

fn by_subscribers(call: &mut Call<'_, '_>, count: usize) {
    let mut best = Vec::new();
    for kind in [Kind::Channel, Kind::ShardChannel] {
        for part in 0..hub::PARTS {
            let listed = call.hub.with(|hub| hub.subscribers(kind, part));
            best.extend(listed.into_iter().map(|(name, count)| (Reverse(count), kind, name)));
            if best.len() > 2 * count.max(4096) {
                keep(&mut best, count);
            }
        }
    }
    keep(&mut best, count);
    let reply = &mut *call.reply;
    reply.map(2);
    reply.bulk("by");
    reply.bulk("subscribers");
    reply.bulk("channels");
    reply.array(best.len());
    for (Reverse(subscribers), kind, name) in &best {
        reply.map(3);
        write_label(reply, *kind, name);
        reply.bulk("subscribers");
        reply.count(*subscribers);
    }
}

/// The first so many by their number of subscribers.
fn keep<N: AsRef<[u8]>>(best: &mut Vec<(Reverse<usize>, Kind, N)>, count: usize) {
    best.sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| one.2.as_ref().cmp(other.2.as_ref())));
    best.truncate(count);
}
