//! CLIENT and its subcommands.
//!
//! | module | what it holds |
//! |---|---|
//! | [`list`] | ID, INFO, LIST: what is shown of a client |
//! | [`kill`] | KILL |
//! | [`pause`] | PAUSE, UNPAUSE, UNBLOCK |
//! | [`settings`] | what a client says of itself and how it wants to be treated |
//! | [`tracking`] | TRACKING and what belongs to it |

mod filters;
pub(super) mod kill;
pub(super) mod list;
mod pause;
mod settings;
#[cfg(test)]
mod tests;
mod tracking;

use super::cost::{self, Cost};
use super::introspect;
use super::spec::{Arg, Command, Flags, Group};

pub(super) use settings::valid_label;
pub(super) use tracking::{remember_reads, stop as stop_tracking};

const FLAGS: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::KEEPS_CACHING);
const DEFAULT: Command = Command { group: Group::Connection, flags: FLAGS, arity: 2, ..Command::DEFAULT };
/// What a client says of itself is to be said to every node.
const TO_ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];
const EVERY_CLIENT: &str = "O(N) where N is the number of client connections";

const ON_OFF: &[Arg] = &[Arg::word("on", "ON"), Arg::word("off", "OFF")];

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "client",
    summary: "Groups the commands about the connections of clients",
    since: "2.4.0",
    complexity: "Depends on subcommand",
    arity: -2,
    flags: Flags::NONE,
    subcommands: SUBCOMMANDS,
    ..DEFAULT
}];

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "caching",
        summary: "Tells whether the keys of the next request are tracked",
        since: "6.0.0",
        arity: 3,
        flags: FLAGS.and(Flags::KEYSPACE).and(Flags::FORWARDED),
        args: &[Arg::one_of("mode", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])],
        run: Some(tracking::caching),
        ..DEFAULT
    },
    Command {
        name: "getname",
        summary: "Returns the name that this connection was given",
        since: "2.6.9",
        run: Some(settings::getname),
        ..DEFAULT
    },
    Command {
        name: "getredir",
        summary: "Returns the id of the client that is told in this one's place what to forget",
        since: "6.0.0",
        flags: FLAGS.and(Flags::FORWARDED),
        run: Some(tracking::getredir),
        ..DEFAULT
    },
    introspect::help_of(Group::Connection),
    Command {
        name: "id",
        summary: "Returns the unique id of the connection",
        since: "5.0.0",
        run: Some(list::id),
        ..DEFAULT
    },
    Command {
        name: "info",
        summary: "Describes this connection",
        since: "6.2.0",
        tips: NONDETERMINISTIC,
        run: Some(list::info),
        ..DEFAULT
    },
    KILL,
    LIST,
    Command {
        name: "no-evict",
        summary: "Exempts the connection from eviction, or not",
        since: "7.0.0",
        arity: 3,
        flags: FLAGS.and(Flags::ADMIN),
        args: &[Arg::one_of("enabled", ON_OFF)],
        run: Some(settings::no_evict),
        ..DEFAULT
    },
    Command {
        name: "no-touch",
        summary: "Controls whether the connection's commands count as uses of their keys",
        since: "7.2.0",
        arity: 3,
        flags: FLAGS.and(Flags::FORWARDED),
        args: &[Arg::one_of("enabled", ON_OFF)],
        run: Some(settings::no_touch),
        ..DEFAULT
    },
    Command {
        name: "pause",
        summary: "Makes the commands of all clients wait for so many milliseconds",
        since: "3.0.0",
        arity: -3,
        flags: FLAGS.and(Flags::ADMIN),
        args: &[
            Arg::integer("timeout"),
            Arg::one_of("mode", &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")]).optional().since("6.2.0"),
        ],
        history: &[("6.2.0", "A mode may be given, and `WRITE` is one.")],
        run: Some(pause::pause),
        ..DEFAULT
    },
    Command {
        name: "reply",
        summary: "Tells the server whether to reply to commands",
        since: "3.2.0",
        arity: 3,
        args: &[Arg::one_of("action", &[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")])],
        run: Some(settings::reply),
        ..DEFAULT
    },
    Command {
        name: "setinfo",
        summary: "Tells the name or the version of the client's library",
        since: "7.2.0",
        arity: 4,
        tips: TO_ALL_NODES,
        args: &[Arg::one_of(
            "attr",
            &[Arg::string("libname").token("LIB-NAME"), Arg::string("libver").token("LIB-VER")],
        )],
        run: Some(settings::setinfo),
        ..DEFAULT
    },
    Command {
        name: "setname",
        summary: "Names the connection",
        since: "2.6.9",
        arity: 3,
        tips: TO_ALL_NODES,
        args: &[Arg::string("connection-name")],
        run: Some(settings::setname),
        ..DEFAULT
    },
    TRACKING,
    Command {
        name: "trackinginfo",
        summary: "Returns what is tracked for the connection",
        since: "6.2.0",
        flags: FLAGS.and(Flags::KEYSPACE).and(Flags::FORWARDED),
        run: Some(tracking::trackinginfo),
        ..DEFAULT
    },
    Command {
        name: "unblock",
        summary: "Ends the wait of a client that is blocked by a command",
        since: "5.0.0",
        complexity: "O(log N) where N is the number of client connections",
        arity: -3,
        flags: FLAGS.and(Flags::ADMIN).and(Flags::KEYSPACE),
        args: &[
            Arg::integer("client-id"),
            Arg::one_of("unblock-type", &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")]).optional(),
        ],
        run: Some(pause::unblock),
        ..DEFAULT
    },
    Command {
        name: "unpause",
        summary: "Lets the commands of paused clients go on",
        since: "6.2.0",
        complexity: "O(N) where N is the number of paused clients",
        flags: FLAGS.and(Flags::ADMIN),
        run: Some(pause::unpause),
        ..DEFAULT
    },
];

const KILL: Command = Command {
    name: "kill",
    summary: "Closes connections",
    since: "2.4.0",
    complexity: EVERY_CLIENT,
    arity: -3,
    flags: FLAGS.and(Flags::ADMIN),
    args: &[Arg::one_of(
        "filter",
        &[
            Arg::string("old-format").display("ip:port").deprecated_since("2.8.12"),
            Arg::one_of("new-format", KILL_FILTERS).multiple(),
        ],
    )],
    history: &[
        ("2.8.12", "Filters may be given."),
        ("2.8.12", "`ID` is a filter."),
        ("3.2.0", "`master` is a `TYPE`."),
        ("5.0.0", "`replica` is a `TYPE`; `slave` still says the same."),
        ("6.2.0", "`LADDR` is a filter."),
        ("7.4.0", "`MAXAGE` is a filter."),
    ],
    run_here: Some(kill::kill),
    ..DEFAULT
};

const KILL_FILTERS: &[Arg] = &[
    Arg::integer("client-id").token("ID").optional().since("2.8.12"),
    Arg::one_of(
        "client-type",
        &[
            Arg::word("normal", "NORMAL"),
            Arg::word("master", "MASTER").since("3.2.0"),
            Arg::word("slave", "SLAVE"),
            Arg::word("replica", "REPLICA").since("5.0.0"),
            Arg::word("pubsub", "PUBSUB"),
        ],
    )
    .token("TYPE")
    .optional()
    .since("2.8.12"),
    Arg::string("username").token("USER").optional(),
    Arg::string("addr").display("ip:port").token("ADDR").optional(),
    Arg::string("laddr").display("ip:port").token("LADDR").optional().since("6.2.0"),
    Arg::one_of("skipme", &[Arg::word("yes", "YES"), Arg::word("no", "NO")]).token("SKIPME").optional(),
    Arg::integer("maxage").token("MAXAGE").optional().since("7.4.0"),
    Arg::one_of("more", MORE_FILTERS),
];

/// Filters that Redis does not have.
const MORE_FILTERS: &[Arg] = &[
    Arg::string("name").token("NAME"),
    Arg::string("lib-name").token("LIB-NAME"),
    Arg::string("lib-ver").token("LIB-VER"),
    Arg::integer("idle").token("IDLE"),
    Arg::string("flags").token("FLAGS"),
    Arg::string("ip").token("IP"),
    Arg::integer("db").token("DB"),
];

const LIST: Command = Command {
    name: "list",
    summary: "Describes the connections that are open, a line for each",
    since: "2.4.0",
    complexity: EVERY_CLIENT,
    arity: -2,
    flags: FLAGS.and(Flags::ADMIN),
    tips: NONDETERMINISTIC,
    args: &[
        Arg::one_of(
            "client-type",
            &[
                Arg::word("normal", "NORMAL"),
                Arg::word("master", "MASTER"),
                Arg::word("replica", "REPLICA"),
                Arg::word("pubsub", "PUBSUB"),
            ],
        )
        .token("TYPE")
        .optional()
        .since("5.0.0"),
        Arg::integer("client-id").token("ID").optional().multiple().since("6.2.0"),
        Arg::one_of("more", MORE_FILTERS).optional().multiple(),
    ],
    history: &[
        ("2.8.12", "Shows `id`."),
        ("5.0.0", "`TYPE` is a filter."),
        ("6.0.0", "Shows `user`."),
        ("6.2.0", "Shows `argv-mem`, `tot-mem`, `laddr` and `redir`, and `ID` is a filter."),
        ("7.0.0", "Shows `resp`, `multi-mem`, `rbs` and `rbp`."),
        ("7.0.3", "Shows `ssub`."),
    ],
    cost: Cost::Counted(cost::clients),
    run: Some(list::list),
    ..DEFAULT
};

const TRACKING: Command = Command {
    name: "tracking",
    summary: "Controls whether the connection is told which keys to forget",
    since: "6.0.0",
    complexity: "O(1). Some options may introduce additional complexity",
    arity: -3,
    flags: FLAGS.and(Flags::KEYSPACE).and(Flags::FORWARDED),
    args: &[
        Arg::one_of("status", ON_OFF),
        Arg::integer("client-id").token("REDIRECT").optional(),
        Arg::string("prefix").token("PREFIX").optional().multiple_token(),
        Arg::word("bcast", "BCAST").optional(),
        Arg::word("optin", "OPTIN").optional(),
        Arg::word("optout", "OPTOUT").optional(),
        Arg::word("noloop", "NOLOOP").optional(),
    ],
    run: Some(tracking::tracking),
    ..DEFAULT
};
