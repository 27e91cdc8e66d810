//! PREGON: what concerns several servers that act as one, [slow subscribers](super::slow) and the way to the
//! [end](super::drain). Redis has nothing of the kind.
//!
//! Beside a [backplane](crate::backplane), PUBSUB CHANNELS and the like answer for all nodes; here are their local forms.

use std::sync::atomic::Ordering::Relaxed;

use super::cost::{self, Cost};
use super::pubsub;
use super::slow;
use super::spec::{Arg, Command, Flags, Group, OWN};
use super::{Call, introspect};
use crate::backplane::Backplane;
use crate::backplane::control::Question;
use crate::config::{BackplaneCounts, BackplaneOffline, Settings};
use crate::message::Kind;
use crate::resp::decode::Args;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::version::VERSION;

const INTROSPECTION: Flags = Flags::LOADING.and(Flags::STALE);
const DEFAULT: Command =
    Command { group: Group::Server, since: OWN, arity: -2, flags: INTROSPECTION, ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "pregon",
    summary: "Groups the commands that Redis has nothing of the kind of",
    complexity: "Depends on subcommand",
    flags: Flags::NONE,
    subcommands: SUBCOMMANDS,
    ..DEFAULT
}];

const SUBCOMMANDS: &[Command] = &[
    super::drain::DRAIN,
    Command {
        name: "nodes",
        summary: "Returns which nodes there are, this one first",
        complexity: "O(N) where N is the number of nodes",
        arity: 2,
        flags: INTROSPECTION.and(Flags::ADMIN),
        categories: &["dangerous"],
        run: Some(nodes),
        ..DEFAULT
    },
    Command {
        name: "channels",
        summary: "Returns the channels that have subscribers at this node",
        complexity: "O(N) where N is the number of channels that have subscribers",
        args: &[Arg::pattern("pattern").optional()],
        cost: Cost::Counted(cost::channels),
        run: Some(|call| pubsub::channels(call, Kind::Channel)),
        ..DEFAULT
    },
    Command {
        name: "numpat",
        summary: "Returns how many different patterns are subscribed to at this node",
        arity: 2,
        run: Some(pubsub::numpat),
        ..DEFAULT
    },
    Command {
        name: "numsub",
        summary: "Returns the number of subscribers of each given channel at this node",
        complexity: "O(N) where N is the number of given channels",
        args: &[Arg::string("channel").optional().multiple()],
        run: Some(|call| pubsub::numsub(call, Kind::Channel)),
        ..DEFAULT
    },
    Command {
        name: "shardchannels",
        summary: "Returns the sharded channels that have subscribers at this node",
        complexity: "O(N) where N is the number of shard channels that have subscribers",
        args: &[Arg::pattern("pattern").optional()],
        cost: Cost::Counted(cost::shard_channels),
        run: Some(|call| pubsub::channels(call, Kind::ShardChannel)),
        ..DEFAULT
    },
    Command {
        name: "shardnumsub",
        summary: "Returns the number of subscribers of each given sharded channel at this node",
        complexity: "O(N) where N is the number of given shard channels",
        args: &[Arg::string("shardchannel").optional().multiple()],
        run: Some(|call| pubsub::numsub(call, Kind::ShardChannel)),
        ..DEFAULT
    },
    slow::SLOW,
    Command {
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::HELP),
        since: OWN,
        ..introspect::help_of(Group::Server)
    },
];

/// What other nodes are asked for PUBSUB CHANNELS and SHARDCHANNELS.
pub(super) fn which(kind: Kind, args: Args<'_>) -> Option<Question> {
    Some(Question::Channels(kind, args.get(2).map(<[u8]>::to_vec)))
}

/// What they are asked for PUBSUB NUMSUB and SHARDNUMSUB.
pub(super) fn how_many(kind: Kind, args: Args<'_>) -> Option<Question> {
    Some(Question::Counts(kind, args.from(2).map(<[u8]>::to_vec).collect()))
}

/// What they are asked for PUBLISH and SPUBLISH, if these are to count the receivers at all nodes.
pub(super) fn who_hears(kind: Kind, args: Args<'_>, settings: &Settings) -> Option<Question> {
    let asks = settings.backplane_counts == BackplaneCounts::Cluster;
    asks.then(|| Question::Receivers(kind, args[1].to_vec()))
}

/// Refuses what would not be heard where that is asked for, and what only nodes may say.
pub(super) fn ensure_publishable(backplane: &Backplane, channel: &[u8], settings: &Settings) -> Result<(), ReplyError> {
    if backplane.is_reserved(channel) {
        return Err(ReplyError::RESERVED_CHANNEL);
    }
    if settings.backplane_offline == BackplaneOffline::Refuse && !backplane.status.is_connected.load(Relaxed) {
        return Err(ReplyError::OFFLINE);
    }
    Ok(())
}

/// What is said of one node.
struct Line<'l> {
    id: &'l str,
    address: &'l str,
    version: &'l str,
    clients: u64,
    names: u64,
    silent_ms: u64,
}

impl Line<'_> {
    fn write(&self, reply: &mut Reply) {
        reply.map(6);
        for (name, text) in [("id", self.id), ("address", self.address), ("version", self.version)] {
            reply.bulk(name);
            reply.bulk(text);
        }
        for (name, number) in [("clients", self.clients), ("names", self.names), ("silent-ms", self.silent_ms)] {
            reply.bulk(name);
            reply.count(number as usize);
        }
    }
}

fn nodes(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let Some(backplane) = &call.server.backplane else { return Err(ReplyError::NO_BACKPLANE) };
    let (others, now_ms) = (backplane.nodes.all(), call.now.ms());
    let names = call
        .hub
        .with(|hub| hub.channel_count(Kind::Channel) + hub.channel_count(Kind::ShardChannel) + hub.pattern_count());
    let clients = call.server.connections.load(Relaxed) as u64;
    call.reply.array(others.len() + 1);
    let address = backplane.status.condition().address;
    let (id, address) = (backplane.nodes.id.as_str(), address.as_str());
    Line { id, address, version: VERSION, clients, names: names as u64, silent_ms: 0 }.write(call.reply);
    for other in &others {
        let said = &other.presence;
        let (id, address, version) = (said.id.as_str(), said.address.as_str(), said.version.as_str());
        let silent_ms = now_ms.saturating_sub(other.heard_ms);
        Line { id, address, version, clients: said.clients, names: said.names, silent_ms }.write(call.reply);
    }
    Ok(())
}
