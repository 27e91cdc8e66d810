//! SUBSCRIBE, PUBLISH and their families, PUBSUB.

pub(crate) mod batch;
mod following;
mod scan;
mod stats;
pub(crate) mod subscribers;
pub(crate) mod subscribing;
#[cfg(test)]
mod tests;
mod top;
mod trace;

use super::cost::{self, Cost};
use super::spec::{Arg, BeginSearch, Channels, Command, FindKeys, Flags, Group, KeySpec};
use super::{Call, LocalCall, introspect, limits, nodes};
use crate::backplane::control::Question;
use crate::client::order::HubAccess;
use crate::client::outbox::gap;
use crate::config::Settings;
use crate::hub;
use crate::hub::name::Name;
use crate::ids::Topic;
use crate::message::{Kind, Message};
use crate::observe::stats::WorkerStats;
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::worker::following::TRACE_CHANNEL;
use subscribing::Change;

const SUBSCRIPTION: Flags =
    Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::SUBSCRIBED_MODE);
const PUBLICATION: Flags =
    Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::MAY_REPLICATE);
const INTROSPECTION: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);
/// What shows other clients, and waits for their workers or sends something behind its answer.
const OPERATION: Flags = INTROSPECTION.and(Flags::ADMIN).and(Flags::NOSCRIPT).and(Flags::NO_MULTI);
const DEFAULT: Command = Command { group: Group::PubSub, since: "2.0.0", ..Command::DEFAULT };

/// Shard channels are routed like keys, though they are none.
const fn shard_channels(last: i32) -> KeySpec {
    KeySpec { flags: &["not_key"], begin: BeginSearch::Index(1), find: FindKeys::Range { last, step: 1, limit: 0 } }
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "subscribe",
        summary: "Subscribes to channels",
        complexity: "O(N) where N is the number of channels to subscribe to",
        arity: -2,
        flags: SUBSCRIPTION.and(Flags::SUBSCRIBES),
        channels: Some(Channels::Subscribe(1)),
        args: &[Arg::string("channel").multiple()],
        run_here: Some(|call| subscribe(call, Topic::Channel)),
        ..DEFAULT
    },
    Command {
        name: "unsubscribe",
        summary: "Ends subscriptions to channels, all if none is named",
        complexity: "O(N) where N is the number of channels to unsubscribe",
        arity: -1,
        flags: SUBSCRIPTION,
        args: &[Arg::string("channel").optional().multiple()],
        run_here: Some(|call| unsubscribe(call, Topic::Channel)),
        ..DEFAULT
    },
    Command {
        name: "psubscribe",
        summary: "Subscribes to all channels that patterns match",
        complexity: "O(N) where N is the total length of the patterns",
        arity: -2,
        flags: SUBSCRIPTION.and(Flags::SUBSCRIBES),
        channels: Some(Channels::PatternSubscribe(1)),
        args: &[Arg::pattern("pattern").multiple()],
        run_here: Some(|call| subscribe(call, Topic::Pattern)),
        ..DEFAULT
    },
    Command {
        name: "punsubscribe",
        summary: "Ends subscriptions to patterns, all if none is named",
        complexity: "O(N) where N is the total length of the patterns",
        arity: -1,
        flags: SUBSCRIPTION,
        args: &[Arg::pattern("pattern").optional().multiple()],
        run_here: Some(|call| unsubscribe(call, Topic::Pattern)),
        ..DEFAULT
    },
    Command {
        name: "ssubscribe",
        summary: "Subscribes to sharded channels",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels to subscribe to",
        arity: -2,
        flags: SUBSCRIPTION.and(Flags::SUBSCRIBES),
        channels: Some(Channels::Subscribe(1)),
        keys: &[shard_channels(-1)],
        args: &[Arg::string("shardchannel").multiple()],
        run_here: Some(|call| subscribe(call, Topic::ShardChannel)),
        ..DEFAULT
    },
    Command {
        name: "sunsubscribe",
        summary: "Ends subscriptions to sharded channels, all if none is named",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels to unsubscribe",
        arity: -1,
        flags: SUBSCRIPTION,
        keys: &[shard_channels(-1)],
        args: &[Arg::string("shardchannel").optional().multiple()],
        run_here: Some(|call| unsubscribe(call, Topic::ShardChannel)),
        ..DEFAULT
    },
    Command {
        name: "publish",
        summary: "Sends a message to everybody who listens to a channel",
        complexity: "O(N+M) where N is the number of clients that receive the message and M is the length of the channel's name",
        arity: 3,
        flags: PUBLICATION,
        channels: Some(Channels::Publish(1)),
        publishes: Some(Kind::Channel),
        args: &[Arg::string("channel"), Arg::string("message")],
        gathers: Some(|args, settings| nodes::who_hears(Kind::Channel, args, settings)),
        run: Some(|call| publish(call, Kind::Channel)),
        ..DEFAULT
    },
    Command {
        name: "spublish",
        summary: "Sends a message to everybody who listens to a sharded channel",
        since: "7.0.0",
        complexity: "O(N) where N is the number of clients subscribed to the shard channel",
        arity: 3,
        flags: PUBLICATION,
        channels: Some(Channels::Publish(1)),
        publishes: Some(Kind::ShardChannel),
        keys: &[shard_channels(0)],
        args: &[Arg::string("shardchannel"), Arg::string("message")],
        gathers: Some(|args, settings| nodes::who_hears(Kind::ShardChannel, args, settings)),
        run: Some(|call| publish(call, Kind::ShardChannel)),
        ..DEFAULT
    },
    Command {
        name: "pubsub",
        summary: "Groups the commands about channels and who listens to them",
        since: "2.8.0",
        complexity: "Depends on subcommand",
        arity: -2,
        subcommands: PUBSUB,
        ..DEFAULT
    },
];

const PUBSUB: &[Command] = &[
    Command {
        name: "channels",
        summary: "Returns the channels that have subscribers",
        since: "2.8.0",
        complexity: "O(N) where N is the number of channels that have subscribers",
        arity: -2,
        flags: INTROSPECTION,
        args: &[Arg::pattern("pattern").optional()],
        cost: Cost::Counted(cost::channels),
        gathers: Some(|args, _| nodes::which(Kind::Channel, args)),
        run: Some(|call| channels(call, Kind::Channel)),
        ..DEFAULT
    },
    Command {
        name: "numpat",
        summary: "Returns how many different patterns are subscribed to",
        since: "2.8.0",
        arity: 2,
        flags: INTROSPECTION,
        gathers: Some(|_, _| Some(Question::Patterns)),
        run: Some(numpat),
        ..DEFAULT
    },
    Command {
        name: "numsub",
        summary: "Returns the number of subscribers of each given channel, patterns not counted",
        since: "2.8.0",
        complexity: "O(N) where N is the number of given channels",
        arity: -2,
        flags: INTROSPECTION,
        args: &[Arg::string("channel").optional().multiple()],
        gathers: Some(|args, _| nodes::how_many(Kind::Channel, args)),
        run: Some(|call| numsub(call, Kind::Channel)),
        ..DEFAULT
    },
    Command {
        name: "shardchannels",
        summary: "Returns the sharded channels that have subscribers",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels that have subscribers",
        arity: -2,
        flags: INTROSPECTION,
        args: &[Arg::pattern("pattern").optional()],
        cost: Cost::Counted(cost::shard_channels),
        gathers: Some(|args, _| nodes::which(Kind::ShardChannel, args)),
        run: Some(|call| channels(call, Kind::ShardChannel)),
        ..DEFAULT
    },
    Command {
        name: "shardnumsub",
        summary: "Returns the number of subscribers of each given sharded channel",
        since: "7.0.0",
        complexity: "O(N) where N is the number of given shard channels",
        arity: -2,
        flags: INTROSPECTION,
        args: &[Arg::string("shardchannel").optional().multiple()],
        gathers: Some(|args, _| nodes::how_many(Kind::ShardChannel, args)),
        run: Some(|call| numsub(call, Kind::ShardChannel)),
        ..DEFAULT
    },
    stats::STATS,
    stats::SHARDSTATS,
    top::TOP,
    scan::SCAN,
    subscribers::SUBSCRIBERS,
    trace::TRACE,
    Command {
        since: "6.2.0",
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::HELP),
        ..introspect::help_of(Group::PubSub)
    },
];

fn subscribe(call: &mut LocalCall<'_, '_>, topic: Topic) -> Result<(), ReplyError> {
    for name in call.args.from(1) {
        ensure_length(call.settings, topic, name)?;
    }
    limits::ensure_subscribable(call, topic)?;
    subscribing::begin(call, Change::Begin(topic));
    Ok(())
}

fn unsubscribe(call: &mut LocalCall<'_, '_>, topic: Topic) -> Result<(), ReplyError> {
    let change = if call.args.len() > 1 { Change::End(topic) } else { Change::EndAll(topic) };
    subscribing::begin(call, change);
    Ok(())
}

fn publish(call: &mut Call<'_, '_>, kind: Kind) -> Result<(), ReplyError> {
    let channel = &call.args[1];
    ensure_publishable(call.settings, kind, channel)?;
    if let Some(backplane) = &call.server.backplane {
        nodes::ensure_publishable(backplane, channel, call.settings)?;
    }
    if let Some(user) = call.metered.take() {
        limits::ensure_publishable(call, &user)?;
    }
    // Copying the payload needs no lock, but a message that nobody receives need not be copied: the last message is
    // the best guess.
    if !call.scope.expects_receivers && goes_unheard(call.hub, call.stats, (kind, channel)) {
        following::note(call, kind, 0);
        call.reply.integer(0);
        return Ok(());
    }
    let message = message_of(kind, call.args);
    let published = call.hub.with(|hub| hub.publish(kind, channel, message));
    call.scope.expects_receivers = published.receivers > 0;
    call.outcome.published |= published.receivers > 0;
    call.outcome.sent.extend(published.sent);
    following::note(call, kind, published.receivers);
    let elsewhere = call.scope.gathered.take().and_then(|gathered| gathered.numbers.first().copied());
    call.reply.count(published.receivers + elsewhere.unwrap_or_default() as usize);
    Ok(())
}

/// The message of this PUBLISH or SPUBLISH.
fn message_of(kind: Kind, args: Args<'_>) -> Message {
    match (args.shared_line(2), args.bulks(1)) {
        (Some(line), _) => Message::sharing(kind, &args[1], line),
        (None, Some(bulks)) => Message::of_bulks(kind, bulks),
        (None, None) => Message::new(kind, &args[1], &args[2]),
    }
}

/// Refuses a channel to which nobody may publish.
fn ensure_publishable(settings: &Settings, kind: Kind, channel: &[u8]) -> Result<(), ReplyError> {
    ensure_length(settings, kind.into(), channel)?;
    if *channel == *gap::CHANNEL || *channel == *TRACE_CHANNEL {
        return Err(ReplyError::RESERVED_CHANNEL);
    }
    Ok(())
}

/// Whether nobody would hear a message to this channel, which is counted then.
fn goes_unheard(hub: &mut HubAccess<'_>, stats: &WorkerStats, (kind, channel): (Kind, &[u8])) -> bool {
    if !hub.may_hear(channel) {
        stats.unheard.add(1);
        return true;
    }
    hub.with(|hub| hub.goes_unheard(kind, channel))
}

/// Refuses a name that is longer than its directive allows. A command with several names is refused as a whole.
fn ensure_length(settings: &Settings, topic: Topic, name: &[u8]) -> Result<(), ReplyError> {
    let (what, limit, directive) = match topic {
        Topic::Pattern => ("pattern", settings.pattern_max_len, "pattern-max-len"),
        Topic::Channel | Topic::ShardChannel => ("channel name", settings.channel_name_max_len, "channel-name-max-len"),
    };
    match limit.limit() {
        Some(limit) if name.len() as u64 > limit => Err(ReplyError::too_long(what, limit, directive)),
        _ => Ok(()),
    }
}

pub(super) fn channels(call: &mut Call<'_, '_>, kind: Kind) -> Result<(), ReplyError> {
    if call.args.len() > 3 {
        return Err(introspect::wrong_subcommand(call));
    }
    let pattern = call.args.get(2);
    let wanted = |name: &[u8]| pattern.is_none_or(|pattern| crate::pattern::matches(pattern, name));
    // Part by part, so that publishers on other threads are not held up for long within EXEC either.
    let mut names = Vec::new();
    for part in 0..hub::PARTS {
        let listed = call.hub.with(|hub| hub.channels(kind, part));
        names.extend(listed.into_iter().filter(|name| wanted(name)));
    }
    if let Some(gathered) = call.scope.gathered.take() {
        let mut elsewhere = gathered.names;
        names.iter().for_each(|name| _ = elsewhere.remove(&**name));
        names.extend(elsewhere.iter().map(|name| Name::from(&name[..])));
    }
    call.reply.bulks(&names);
    Ok(())
}

pub(super) fn numsub(call: &mut Call<'_, '_>, kind: Kind) -> Result<(), ReplyError> {
    let names: Vec<&[u8]> = call.args.from(2).collect();
    let elsewhere = call.scope.gathered.take().map_or_else(Vec::new, |gathered| gathered.numbers);
    let mut elsewhere = elsewhere.into_iter().map(|count| count as usize).chain(std::iter::repeat(0));
    call.reply.array(names.len() * 2);
    for names in names.chunks(hub::NAMES_AT_ONCE) {
        let counts: Vec<usize> =
            call.hub.with(|hub| names.iter().map(|name| hub.subscriber_count(kind, name)).collect());
        for (name, (count, others)) in names.iter().zip(counts.into_iter().zip(elsewhere.by_ref())) {
            call.reply.bulk(name);
            call.reply.count(count + others);
        }
    }
    Ok(())
}

pub(super) fn numpat(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let elsewhere = call.scope.gathered.take().map_or(0, |gathered| gathered.numbers.iter().sum::<u64>());
    let count = call.hub.with(|hub| hub.pattern_count());
    call.reply.count(count + elsewhere as usize);
    Ok(())
}
