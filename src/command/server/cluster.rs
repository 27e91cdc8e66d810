//! CLUSTER and its companions, which a server without cluster support knows and refuses: clients that probe for a cluster
//! look for this error.

use super::DEFAULT;
use crate::command::Call;
use crate::command::spec::{Command, Flags, Group};
use crate::resp::errors::ReplyError;

pub(super) const CLUSTER: Command = Command {
    name: "cluster",
    summary: "Groups the commands about a cluster, all refused: this server is no part of one",
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
    ..REFUSED
};

pub(super) const READONLY: Command = Command {
    name: "readonly",
    summary: "Allows reading from a replica of a cluster",
    flags: Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
    categories: &["connection"],
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
    sub(
        "help",
        2,
        "5.0.0",
        "O(1)",
        READING.and(Flags::LOADING),
        "Returns helpful text about the different subcommands",
    ),
    Command { tips: UNSTEADY, ..sub("info", 2, "3.0.0", "O(1)", READING, "Returns the state of this node") },
    sub(
        "keyslot",
        3,
        "3.0.0",
        "O(N) where N is the number of bytes in the key",
        READING,
        "Returns the hash slot of a key",
    ),
    Command {
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
    sub("myid", 2, "3.0.0", "O(1)", READING, "Returns the ID of this node"),
    Command {
        tips: UNSTEADY,
        ..sub("myshardid", 2, "7.2.0", "O(1)", READING, "Returns the ID of the shard of this node")
    },
    Command {
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

fn refuse(_: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    Err(ReplyError::NO_CLUSTER)
}
