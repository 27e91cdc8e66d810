//! PUBSUB STATS, SHARDSTATS: what has become of what was published to channels. Redis has nothing of the kind.

use crate::command::Call;
use crate::command::cost::Cost;
use crate::command::spec::{Arg, Command, Flags, Group, OWN};
use crate::hub::{self, Traffic};
use crate::message::Kind;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command {
    complexity: "O(N) where N is the number of given channels",
    group: Group::PubSub,
    since: OWN,
    arity: -3,
    flags: Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE),
    cost: Cost::Arguments,
    ..Command::DEFAULT
};

pub(super) const STATS: Command = Command {
    name: "stats",
    summary: "Returns what has been counted of channels since somebody has subscribed to them",
    args: &[Arg::string("channel").multiple()],
    run: Some(|call| stats(call, Kind::Channel)),
    ..DEFAULT
};

pub(super) const SHARDSTATS: Command = Command {
    name: "shardstats",
    summary: "Returns what has been counted of sharded channels since somebody has subscribed to them",
    args: &[Arg::string("shardchannel").multiple()],
    run: Some(|call| stats(call, Kind::ShardChannel)),
    ..DEFAULT
};

fn stats(call: &mut Call<'_, '_>, kind: Kind) -> Result<(), ReplyError> {
    let names: Vec<&[u8]> = call.args.from(2).collect();
    let started_at_ms = call.now.started_at().as_millis() as u64;
    call.reply.array(names.len());
    for names in names.chunks(hub::NAMES_AT_ONCE) {
        let traffics: Vec<_> = call.hub.with(|hub| names.iter().map(|name| hub.traffic(kind, name)).collect());
        for (name, traffic) in names.iter().zip(traffics) {
            write(call.reply, name, traffic.unwrap_or_default(), started_at_ms);
        }
    }
    Ok(())
}

fn write(reply: &mut Reply, name: &[u8], traffic: Traffic, started_at_ms: u64) {
    reply.map(8);
    reply.bulk("channel");
    reply.bulk(name);
    let Traffic { subscribers, messages, bytes, deliveries, drops, cuts, last_ms } = traffic;
    for (field, number) in [
        ("subscribers", subscribers as u64),
        ("messages", messages),
        ("bytes", bytes),
        ("deliveries", deliveries),
        ("drops", drops),
        ("cuts", cuts),
        ("last-publish-ms", last_ms.map_or(0, |last_ms| started_at_ms + last_ms)),
    ] {
        reply.bulk(field);
        reply.integer(i64::try_from(number).unwrap_or(i64::MAX));
    }
}
