//! PUBSUB SCAN: the channels or patterns that are listened to, some at a time. Redis has nothing of the kind.

use crate::command::Call;
use crate::command::cost::{self, Cost};
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::hub::Cursor;
use crate::hub::name::Name;
use crate::ids::Topic;
use crate::message::Kind;
use crate::pattern;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

pub(super) const SCAN: Command = Command {
    name: "scan",
    summary: "Returns some of the channels that have subscribers, or of the patterns, and a cursor for the next ones",
    complexity: "O(N) where N is the number asked for, at least one part in 256 of all",
    group: Group::PubSub,
    since: "0.1.0",
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

struct Options<'a> {
    topic: Topic,
    pattern: Option<&'a [u8]>,
    count: usize,
}

impl<'a> Options<'a> {
    fn read(args: Args<'a>) -> Result<Self, ReplyError> {
        let mut options = Options { topic: Topic::Channel, pattern: None, count: 10 };
        let mut rest = args.from(3);
        while let Some(option) = rest.next() {
            let value = rest.next().ok_or(ReplyError::SYNTAX)?;
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            if is("count") {
                let count = parse_integer(value).ok_or(ReplyError::NOT_AN_INTEGER)?;
                options.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(ReplyError::SYNTAX)?;
            } else if is("match") {
                options.pattern = Some(value);
            } else if is("type") {
                let known =
                    [("channel", Topic::Channel), ("shardchannel", Topic::ShardChannel), ("pattern", Topic::Pattern)];
                let named = known.into_iter().find(|(word, _)| value.eq_ignore_ascii_case(word.as_bytes()));
                options.topic = named.ok_or(ReplyError::SYNTAX)?.1;
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn cost(args: Args<'_>, view: &cost::View<'_>) -> usize {
    let Ok(Options { topic, count, .. }) = Options::read(args) else { return 0 };
    let hub = view.server.hub.lock();
    let all = if topic == Topic::Pattern { hub.pattern_count() } else { hub.channel_count(Kind::of(topic)) };
    count.min(all)
}

fn scan(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let cursor = std::str::from_utf8(&call.args[2]).ok().and_then(|text| text.parse().ok());
    let mut cursor = Some(Cursor::of(cursor.ok_or(ReplyError::INVALID_CURSOR)?));
    let Options { topic, pattern, count } = Options::read(call.args)?;
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
