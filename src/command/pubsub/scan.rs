//! PUBSUB SCAN: the channels or patterns that are listened to, some at a time. Redis has nothing of the kind.

use crate::command::Call;
use crate::command::cost::{self, Cost};
use crate::command::generic::scan::{Options, cursor};
use crate::command::spec::{Arg, Command, Flags, Group, OWN};
use crate::hub::Cursor;
use crate::hub::name::Name;
use crate::ids::Topic;
use crate::message::Kind;
use crate::pattern;
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;

pub(super) const SCAN: Command = Command {
    name: "scan",
    summary: "Returns some of the channels that have subscribers, or of the patterns, and a cursor for the next ones",
    complexity: "O(N) where N is the number asked for, at least one part in 256 of all",
    group: Group::PubSub,
    since: OWN,
    arity: -3,
    flags: Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE),
    args: &[
        Arg::integer("cursor"),
        Arg::pattern("pattern").token("MATCH").optional(),
        Arg::integer("count").token("COUNT").optional(),
        Arg::one_of(
            "type",
            &[
                Arg::word("channel", "CHANNEL"),
                Arg::word("shardchannel", "SHARDCHANNEL"),
                Arg::word("pattern", "PATTERN"),
            ],
        )
        .token("TYPE")
        .optional(),
    ],
    cost: Cost::Counted(cost),
    run: Some(scan),
    ..Command::DEFAULT
};

/// What the option TYPE asks for.
///
/// # Errors
///
/// [`ReplyError::SYNTAX`] if there is nothing of the kind.
fn topic(kind: Option<&[u8]>) -> Result<Topic, ReplyError> {
    let known = [("channel", Topic::Channel), ("shardchannel", Topic::ShardChannel), ("pattern", Topic::Pattern)];
    let Some(kind) = kind else { return Ok(Topic::Channel) };
    let named = known.into_iter().find(|(word, _)| kind.eq_ignore_ascii_case(word.as_bytes()));
    named.map(|(_, topic)| topic).ok_or(ReplyError::SYNTAX)
}

fn cost(args: Args<'_>, view: &cost::View<'_>) -> usize {
    let Ok(Options { count, kind, .. }) = Options::read(args, 3) else { return 0 };
    let Ok(topic) = topic(kind) else { return 0 };
    let hub = view.server.hub.lock();
    let all = if topic == Topic::Pattern { hub.pattern_count() } else { hub.channel_count(Kind::of(topic)) };
    count.min(all)
}

fn scan(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let mut cursor = Some(Cursor::of(cursor(&call.args[2])?));
    let Options { count, pattern, kind } = Options::read(call.args, 3)?;
    let topic = topic(kind)?;
    let (mut seen, mut names) = (0, Vec::<Name>::new());
    while let Some(from) = cursor
        && seen < count
    {
        let found;
        (found, cursor) = call.hub.with(|hub| hub.scan(topic, from, count - seen));
        seen += found.len();
        names.extend(found.into_iter().filter(|name| pattern.is_none_or(|pattern| pattern::matches(pattern, name))));
    }
    call.reply.array(2);
    call.reply.bulk(cursor.map_or(0, Cursor::number).to_string());
    call.reply.bulks(&names);
    Ok(())
}
