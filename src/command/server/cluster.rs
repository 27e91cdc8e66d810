//! CLUSTER and its companions. A server on its own refuses them, and clients that probe for a cluster look for this error.
//! Beside a backplane a server may look like a node of a cluster (`cluster-enabled`): then they show the nodes that are there.

use std::fmt::Write as _;

use super::DEFAULT;
use crate::backplane::slots::{Owner, SLOTS, slot_of};
use crate::client::registry::Flag;
use crate::command::spec::{Command, Flags, Group};
use crate::command::{Call, introspect, redirect};
use crate::resp::errors::ReplyError;

pub(super) const CLUSTER: Command = Command {
    name: "cluster",
    summary: "Groups the commands about a cluster",
    complexity: "Depends on subcommand",
    arity: -2,
    run: None,
    subcommands: SUBCOMMANDS,
    ..REFUSED
};

pub(super) const ASKING: Command = Command {
    name: "asking",
    summary: "Announces that the next command follows an -ASK redirection",
    flags: Flags::FAST,
    categories: &["connection"],
    run: Some(accept),
    ..REFUSED
};

pub(super) const READONLY: Command = Command {
    name: "readonly",
    summary: "Allows reading from a replica of a cluster",
    flags: Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
    categories: &["connection"],
    run: Some(accept),
    ..REFUSED
};

pub(super) const READWRITE: Command = Command { name: "readwrite", summary: "Ends what READONLY began", ..READONLY };

const REFUSED: Command = Command { group: Group::Cluster, since: "3.0.0", run: Some(refuse), ..DEFAULT };
const READING: Flags = Flags::STALE;
const CHANGING: Flags = Flags::NO_ASYNC_LOADING.and(Flags::ADMIN).and(Flags::STALE);
const UNSTEADY: &[&str] = &["nondeterministic_output"];

const fn sub(
    name: &'static str,
    arity: i32,
    since: &'static str,
    complexity: &'static str,
    flags: Flags,
    summary: &'static str,
) -> Command {
    Command { name, arity, since, complexity, flags, summary, ..REFUSED }
}

const SUBCOMMANDS: &[Command] = &[
    sub(
        "addslots",
        -3,
        "3.0.0",
        "O(N) where N is the total number of hash slot arguments",
        CHANGING,
        "Assigns hash slots to this node",
    ),
    sub(
        "addslotsrange",
        -4,
        "7.0.0",
        "O(N) where N is the total number of the slots between the start slot and end slot arguments",
        CHANGING,
        "Assigns ranges of hash slots to this node",
    ),
    Command { tips: UNSTEADY, ..sub("bumpepoch", 2, "3.0.0", "O(1)", CHANGING, "Advances the configuration epoch") },
    Command {
        run: Some(nothing),
        tips: UNSTEADY,
        ..sub(
            "count-failure-reports",
            3,
            "3.0.0",
            "O(N) where N is the number of failure reports",
            READING.and(Flags::ADMIN),
            "Returns how many reports call a node failing",
        )
    },
    sub("countkeysinslot", 3, "3.0.0", "O(1)", READING, "Returns how many keys a hash slot holds"),
    sub(
        "delslots",
        -3,
        "3.0.0",
        "O(N) where N is the total number of hash slot arguments",
        CHANGING,
        "Takes hash slots away from this node",
    ),
    sub(
        "delslotsrange",
        -4,
        "7.0.0",
        "O(N) where N is the total number of the slots between the start slot and end slot arguments",
        CHANGING,
        "Takes ranges of hash slots away from this node",
    ),
    sub("failover", -2, "3.0.0", "O(1)", CHANGING, "Makes a replica take over from its master"),
    sub("flushslots", 2, "3.0.0", "O(1)", CHANGING, "Takes all hash slots away from this node"),
    sub("forget", 3, "3.0.0", "O(1)", CHANGING, "Removes a node from the table of nodes"),
    Command {
        tips: UNSTEADY,
        ..sub(
            "getkeysinslot",
            4,
            "3.0.0",
            "O(N) where N is the number of requested keys",
            READING,
            "Returns names of keys in a hash slot",
        )
    },
    Command {
        run: Some(help),
        flags: READING.and(Flags::LOADING).and(Flags::HELP),
        ..introspect::help_of(Group::Cluster)
    },
    Command {
        run: Some(info),
        tips: UNSTEADY,
        ..sub("info", 2, "3.0.0", "O(1)", READING, "Returns the state of this node")
    },
    Command {
        run: Some(keyslot),
        ..sub(
            "keyslot",
            3,
            "3.0.0",
            "O(N) where N is the number of bytes in the key",
            READING,
            "Returns the hash slot of a key",
        )
    },
    Command {
        run: Some(nobody),
        tips: UNSTEADY,
        ..sub(
            "links",
            2,
            "7.0.0",
            "O(N) where N is the total number of Cluster nodes",
            READING,
            "Returns the connections to other nodes",
        )
    },
    Command {
        history: &[("4.0.0", "The port of the cluster bus may be given.")],
        ..sub("meet", -4, "3.0.0", "O(1)", CHANGING, "Makes this node greet another")
    },
    Command { run: Some(my_id), ..sub("myid", 2, "3.0.0", "O(1)", READING, "Returns the ID of this node") },
    Command {
        run: Some(my_id),
        tips: UNSTEADY,
        ..sub("myshardid", 2, "7.2.0", "O(1)", READING, "Returns the ID of the shard of this node")
    },
    Command {
        run: Some(nodes),
        tips: UNSTEADY,
        ..sub(
            "nodes",
            2,
            "3.0.0",
            "O(N) where N is the total number of Cluster nodes",
            READING,
            "Returns the nodes as this node sees them",
        )
    },
    Command {
        run: Some(nobody),
        tips: UNSTEADY,
        ..sub(
            "replicas",
            3,
            "5.0.0",
            "O(N) where N is the number of replicas",
            READING.and(Flags::ADMIN),
            "Returns the replicas of a master",
        )
    },
    sub("replicate", 3, "3.0.0", "O(1)", CHANGING, "Makes this node a replica of a master"),
    sub(
        "reset",
        -2,
        "3.0.0",
        "O(N) where N is the number of known nodes, and perhaps of keys",
        READING.and(Flags::ADMIN).and(Flags::NOSCRIPT),
        "Resets this node",
    ),
    sub("saveconfig", 2, "3.0.0", "O(1)", CHANGING, "Makes this node save its configuration to disk"),
    sub("set-config-epoch", 3, "3.0.0", "O(1)", CHANGING, "Sets the configuration epoch of a new node"),
    sub("setslot", -4, "3.0.0", "O(1)", CHANGING, "Binds a hash slot to a node"),
    Command {
        run: Some(shards),
        tips: UNSTEADY,
        ..sub(
            "shards",
            2,
            "7.0.0",
            "O(N) where N is the total number of cluster nodes",
            READING.and(Flags::LOADING),
            "Returns which shards hold which hash slots",
        )
    },
    Command {
        run: Some(nobody),
        tips: UNSTEADY,
        deprecated: Some(("5.0.0", "`CLUSTER REPLICAS`")),
        ..sub(
            "slaves",
            3,
            "3.0.0",
            "O(N) where N is the number of replicas",
            READING.and(Flags::ADMIN),
            "Returns the replicas of a master",
        )
    },
    Command {
        run: Some(slots),
        tips: UNSTEADY,
        deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
        history: &[("4.0.0", "Answers IDs of nodes."), ("7.0.0", "Answers further addresses of nodes.")],
        ..sub(
            "slots",
            2,
            "3.0.0",
            "O(N) where N is the total number of Cluster nodes",
            READING.and(Flags::LOADING),
            "Returns which nodes hold which hash slots",
        )
    },
];

/// What nobody has to do, or can, because nodes deal out slots by themselves.
fn refuse(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    Err(if redirect::is_clustered(call.server) { ReplyError::CLUSTER_BY_ITSELF } else { ReplyError::NO_CLUSTER })
}

/// ASKING, READONLY and READWRITE: no slot is on its way to another node, and there are no replicas.
fn accept(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if !redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_CLUSTER);
    }
    call.reply.ok();
    Ok(())
}

fn keyslot(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if !redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_CLUSTER);
    }
    call.reply.integer(slot_of(&call.args[2]).into());
    Ok(())
}

fn help(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if !redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_CLUSTER);
    }
    introspect::help(call)
}

/// There are no connections between nodes, and no replicas.
fn nobody(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    redirect::map(call.server)?;
    call.reply.array(0);
    Ok(())
}

/// Nodes report nothing about each other.
fn nothing(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    redirect::map(call.server)?;
    call.reply.integer(0);
    Ok(())
}

fn my_id(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let map = redirect::map(call.server)?;
    call.reply.bulk(&map.owners[0].id);
    Ok(())
}

fn slots(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let map = redirect::map(call.server)?;
    let mut ranges: Vec<((u16, u16), &Owner)> = Vec::new();
    for (owner, of_owner) in map.owners.iter().zip(map.ranges()) {
        ranges.extend(of_owner.into_iter().map(|range| (range, owner)));
    }
    ranges.sort_by_key(|(range, _)| *range);
    let encrypts = call.info.has_flag(Flag::Encrypted);
    call.reply.array(ranges.len());
    for ((begin, end), owner) in ranges {
        call.reply.array(3);
        call.reply.integer(begin.into());
        call.reply.integer(end.into());
        call.reply.array(4);
        call.reply.bulk(&owner.host);
        call.reply.integer(owner.port(encrypts).into());
        call.reply.bulk(&owner.id);
        call.reply.array(0);
    }
    Ok(())
}

fn shards(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let map = redirect::map(call.server)?;
    call.reply.array(map.owners.len());
    for (owner, ranges) in map.owners.iter().zip(map.ranges()) {
        call.reply.map(2);
        call.reply.bulk("slots");
        call.reply.array(2 * ranges.len());
        for slot in ranges.into_iter().flat_map(|(begin, end)| [begin, end]) {
            call.reply.integer(slot.into());
        }
        call.reply.bulk("nodes");
        call.reply.array(1);
        write_node(call, owner);
    }
    Ok(())
}

fn write_node(call: &mut Call<'_, '_>, owner: &Owner) {
    let reply = &mut *call.reply;
    let ports = [("port", owner.port), ("tls-port", owner.tls_port)].into_iter().filter(|(_, port)| *port > 0);
    reply.map(6 + ports.clone().count());
    reply.bulk("id");
    reply.bulk(&owner.id);
    for (name, port) in ports {
        reply.bulk(name);
        reply.integer(port.into());
    }
    for (name, text) in [("ip", owner.host.as_str()), ("endpoint", &owner.host), ("role", "master")] {
        reply.bulk(name);
        reply.bulk(text);
    }
    reply.bulk("replication-offset");
    reply.integer(0);
    reply.bulk("health");
    reply.bulk("online");
}

fn nodes(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let map = redirect::map(call.server)?;
    let (mut text, encrypts) = (String::new(), call.info.has_flag(Flag::Encrypted));
    for (index, (owner, ranges)) in map.owners.iter().zip(map.ranges()).enumerate() {
        let flags = if index == 0 { "myself,master" } else { "master" };
        // There is no bus between nodes; its port is that of the clients.
        let (id, port, address) = (&owner.id, owner.port(encrypts), owner.address(encrypts));
        let _ = write!(text, "{id} {address}@{port} {flags} - 0 0 0 connected");
        for (begin, end) in ranges {
            let _ = if begin == end { write!(text, " {begin}") } else { write!(text, " {begin}-{end}") };
        }
        text.push('\n');
    }
    call.reply.verbatim(&text);
    Ok(())
}

fn info(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if !redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_CLUSTER);
    }
    // None while it is not known which there are.
    let known = redirect::map(call.server).map_or(0, |map| map.owners.len());
    let (state, slots) = if known > 0 { ("ok", SLOTS) } else { ("fail", 0) };
    let fields = [
        ("cluster_slots_assigned", u64::from(slots)),
        ("cluster_slots_ok", slots.into()),
        ("cluster_slots_pfail", 0),
        ("cluster_slots_fail", 0),
        ("cluster_known_nodes", known.max(1) as u64),
        ("cluster_size", known as u64),
        ("cluster_current_epoch", 0),
        ("cluster_my_epoch", 0),
        ("cluster_stats_messages_sent", 0),
        ("cluster_stats_messages_received", 0),
        ("total_cluster_links_buffer_limit_exceeded", 0),
    ];
    let mut text = format!("cluster_state:{state}\r\n");
    fields.iter().for_each(|(name, value)| _ = write!(text, "{name}:{value}\r\n"));
    call.reply.verbatim(&text);
    Ok(())
}
