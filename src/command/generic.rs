//! Keys of any type.
//!
//! | module | what it holds |
//! |---|---|
//! | [`expiry`] | EXPIRE, TTL and their relatives, PERSIST |
//! | [`moving`] | COPY, MOVE, RENAME, RENAMENX |
//! | [`object`] | OBJECT |
//! | [`scan`] | KEYS, RANDOMKEY, SCAN |
//! | [`sort`] | SORT, SORT_RO |

mod expiry;
mod moving;
mod object;
pub(super) mod scan;
mod sort;
#[cfg(test)]
mod tests;

use super::Call;
use super::cost::{self, Cost};
use super::spec::{Arg, ArgKind, Command, Flags, Group, KeySpec};
use crate::config::KeyspaceEvents;
use crate::resp::errors::ReplyError;
use expiry::{From, Unit};

const DEFAULT: Command = Command { group: Group::Generic, ..Command::DEFAULT };

/// Which deadlines EXPIRE and its relatives change.
const CONDITION: Arg = Arg::one_of(
    "condition",
    &[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")],
)
.since("7.0.0")
.optional();
const CONDITIONS: &[(&str, &str)] = &[("7.0.0", "`NX`, `XX`, `GT` and `LT` may be given.")];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "copy",
        summary: "Copies a value to another key",
        since: "6.2.0",
        complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RO", "access"]), KeySpec::one(2, &["OW", "update"])],
        args: &[
            Arg::key("source"),
            Arg::new("destination", ArgKind::Key(1)),
            Arg::integer("destination-db").token("DB").optional(),
            Arg::word("replace", "REPLACE").optional(),
        ],
        run: Some(moving::copy),
        ..DEFAULT
    },
    Command {
        name: "del",
        summary: "Deletes keys",
        complexity: "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1)",
        arity: -2,
        flags: Flags::WRITE,
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::many(1, -1, &["RM", "delete"])],
        args: &[Arg::key("key").multiple()],
        cost: Cost::Arguments,
        run: Some(delete),
        ..DEFAULT
    },
    Command {
        name: "dump",
        summary: "Returns a value in serialized form; refused, because there is no format for it",
        since: "2.6.0",
        complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1)",
        arity: 2,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key")],
        run: Some(refuse_dump),
        ..DEFAULT
    },
    Command {
        name: "exists",
        summary: "Counts how many of these keys exist",
        complexity: "O(N) where N is the number of keys to check",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::many(1, -1, &["RO"])],
        args: &[Arg::key("key").multiple()],
        history: &[("3.0.3", "Several keys may be given.")],
        run: Some(exists),
        ..DEFAULT
    },
    Command {
        name: "expire",
        summary: "Lets a key expire after some seconds",
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::integer("seconds"), CONDITION],
        history: CONDITIONS,
        run: Some(|call| expiry::expire(call, Unit::Seconds, From::Now)),
        ..DEFAULT
    },
    Command {
        name: "expireat",
        summary: "Lets a key expire at a moment, in seconds",
        since: "1.2.0",
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::new("unix-time-seconds", ArgKind::UnixTime), CONDITION],
        history: CONDITIONS,
        run: Some(|call| expiry::expire(call, Unit::Seconds, From::Epoch)),
        ..DEFAULT
    },
    Command {
        name: "expiretime",
        summary: "Returns when a key expires, in seconds",
        since: "7.0.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key")],
        run: Some(|call| expiry::left(call, Unit::Seconds, From::Epoch)),
        ..DEFAULT
    },
    Command {
        name: "keys",
        summary: "Returns all keys that a pattern matches",
        complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length",
        arity: 2,
        flags: Flags::READONLY,
        categories: &["dangerous"],
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        args: &[Arg::pattern("pattern")],
        cost: Cost::Counted(cost::whole_database),
        run: Some(scan::keys),
        ..DEFAULT
    },
    Command {
        name: "move",
        summary: "Moves a key to another database",
        arity: 3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key"), Arg::integer("db")],
        run: Some(moving::move_key),
        ..DEFAULT
    },
    Command {
        name: "object",
        summary: "Groups the commands about how values are kept",
        since: "2.2.3",
        complexity: "Depends on subcommand",
        arity: -2,
        subcommands: object::SUBCOMMANDS,
        ..DEFAULT
    },
    Command {
        name: "persist",
        summary: "Lets a key not expire any more",
        since: "2.2.0",
        arity: 2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key")],
        run: Some(expiry::persist),
        ..DEFAULT
    },
    Command {
        name: "pexpire",
        summary: "Lets a key expire after some milliseconds",
        since: "2.6.0",
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::integer("milliseconds"), CONDITION],
        history: CONDITIONS,
        run: Some(|call| expiry::expire(call, Unit::Milliseconds, From::Now)),
        ..DEFAULT
    },
    Command {
        name: "pexpireat",
        summary: "Lets a key expire at a moment, in milliseconds",
        since: "2.6.0",
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::new("unix-time-milliseconds", ArgKind::UnixTime), CONDITION],
        history: CONDITIONS,
        run: Some(|call| expiry::expire(call, Unit::Milliseconds, From::Epoch)),
        ..DEFAULT
    },
    Command {
        name: "pexpiretime",
        summary: "Returns when a key expires, in milliseconds",
        since: "7.0.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key")],
        run: Some(|call| expiry::left(call, Unit::Milliseconds, From::Epoch)),
        ..DEFAULT
    },
    Command {
        name: "pttl",
        summary: "Returns in how many milliseconds a key expires",
        since: "2.6.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key")],
        history: &[("2.8.0", "A key that does not exist is answered with -2.")],
        run: Some(|call| expiry::left(call, Unit::Milliseconds, From::Now)),
        ..DEFAULT
    },
    Command {
        name: "randomkey",
        summary: "Returns some key",
        flags: Flags::READONLY,
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        cost: Cost::Counted(cost::whole_database),
        run: Some(scan::randomkey),
        ..DEFAULT
    },
    Command {
        name: "rename",
        summary: "Gives a key another name, and replaces the key that has it",
        arity: 3,
        flags: Flags::WRITE,
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["OW", "update"])],
        args: &[Arg::key("key"), Arg::new("newkey", ArgKind::Key(1))],
        cost: Cost::Arguments,
        run: Some(moving::rename),
        ..DEFAULT
    },
    Command {
        name: "renamenx",
        summary: "Gives a key another name that no key has",
        arity: 3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["OW", "insert"])],
        args: &[Arg::key("key"), Arg::new("newkey", ArgKind::Key(1))],
        history: &[("3.2.0", "Both names may be the same.")],
        run: Some(moving::renamenx),
        ..DEFAULT
    },
    Command {
        name: "restore",
        summary: "Creates a key from a serialized value; refused, because there is no format for it",
        since: "2.6.0",
        complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N))",
        arity: -4,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        categories: &["dangerous"],
        keys: &[KeySpec::one(1, &["OW", "update"])],
        args: &[
            Arg::key("key"),
            Arg::integer("ttl"),
            Arg::string("serialized-value"),
            Arg::word("replace", "REPLACE").since("3.0.0").optional(),
            Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
            Arg::integer("seconds").token("IDLETIME").since("5.0.0").optional(),
            Arg::integer("frequency").token("FREQ").since("5.0.0").optional(),
        ],
        history: &[
            ("3.0.0", "`REPLACE` may be given."),
            ("5.0.0", "`ABSTTL` may be given."),
            ("5.0.0", "`IDLETIME` and `FREQ` may be given."),
        ],
        run: Some(refuse_restore),
        ..DEFAULT
    },
    Command {
        name: "scan",
        summary: "Returns some keys, and where to go on",
        since: "2.8.0",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection",
        arity: -2,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        args: &[
            Arg::integer("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::integer("count").token("COUNT").optional(),
            Arg::string("type").token("TYPE").since("6.0.0").optional(),
        ],
        history: &[("6.0.0", "`TYPE` may be given.")],
        cost: Cost::Counted(cost::scanned),
        run: Some(scan::scan),
        ..DEFAULT
    },
    Command {
        name: "sort",
        summary: "Sorts the elements of a list, and stores them if asked to",
        complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N)",
        arity: -2,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MOVABLE_KEYS),
        categories: &["set", "sortedset", "list", "dangerous"],
        keys: &[KeySpec::one(1, &["RO", "access"]), sort::READ, sort::STORED],
        args: &[
            Arg::key("key"),
            Arg::new("by-pattern", ArgKind::KeyPattern(1)).token("BY").display("pattern").optional(),
            Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")]).token("LIMIT").optional(),
            Arg::new("get-pattern", ArgKind::KeyPattern(1)).token("GET").display("pattern").optional().multiple_token(),
            Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional(),
            Arg::word("sorting", "ALPHA").optional(),
            Arg::new("destination", ArgKind::Key(2)).token("STORE").optional(),
        ],
        run: Some(sort::sort),
        ..DEFAULT
    },
    Command {
        name: "sort_ro",
        summary: "Sorts the elements of a list",
        since: "7.0.0",
        complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N)",
        arity: -2,
        flags: Flags::READONLY.and(Flags::MOVABLE_KEYS),
        categories: &["set", "sortedset", "list", "dangerous"],
        keys: &[KeySpec::one(1, &["RO", "access"]), sort::READ],
        args: &[
            Arg::key("key"),
            Arg::new("by-pattern", ArgKind::KeyPattern(1)).token("BY").display("pattern").optional(),
            Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")]).token("LIMIT").optional(),
            Arg::new("get-pattern", ArgKind::KeyPattern(1)).token("GET").display("pattern").optional().multiple_token(),
            Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional(),
            Arg::word("sorting", "ALPHA").optional(),
        ],
        run: Some(sort::sort_ro),
        ..DEFAULT
    },
    Command {
        name: "touch",
        summary: "Counts how many of these keys exist, and notes that they are used",
        since: "3.2.1",
        complexity: "O(N) where N is the number of keys that will be touched",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::many(1, -1, &["RO"])],
        args: &[Arg::key("key").multiple()],
        run: Some(touch),
        ..DEFAULT
    },
    Command {
        name: "ttl",
        summary: "Returns in how many seconds a key expires",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key")],
        history: &[("2.8.0", "A key that does not exist is answered with -2.")],
        run: Some(|call| expiry::left(call, Unit::Seconds, From::Now)),
        ..DEFAULT
    },
    Command {
        name: "type",
        summary: "Returns the type of a value",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(kind),
        ..DEFAULT
    },
    Command {
        name: "unlink",
        summary: "Deletes keys",
        since: "4.0.0",
        complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        keys: &[KeySpec::many(1, -1, &["RM", "delete"])],
        args: &[Arg::key("key").multiple()],
        cost: Cost::Arguments,
        run: Some(delete),
        ..DEFAULT
    },
];

/// Deletes keys. Values that are large are freed elsewhere, so DEL is as fast as UNLINK.
fn delete(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let mut deleted = 0;
    for key in args.from(1) {
        if keys.remove(key) {
            keys.changed(KeyspaceEvents::GENERIC, "del", key);
            deleted += 1;
        }
    }
    reply.integer(deleted);
    Ok(())
}

/// Counts a key as often as it is named.
fn exists(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    reply.count(args.from(1).filter(|key| keys.look(key).is_some()).count());
    Ok(())
}

/// The one command that counts as use also where CLIENT NO-TOUCH is on.
fn touch(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    keys.counts_use = true;
    reply.count(args.from(1).filter(|key| keys.get(key).is_some()).count());
    Ok(())
}

fn kind(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    reply.simple(keys.look(&args[1]).map_or("none", |entry| entry.value.kind().name()));
    Ok(())
}

fn refuse_dump(_: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    Err(ReplyError::NO_DUMP)
}

fn refuse_restore(_: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    Err(ReplyError::NO_RESTORE)
}
