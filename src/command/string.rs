//! Strings.
//!
//! | module | what it holds |
//! |---|---|
//! | [`set`] | SET and its relatives, GETEX |
//! | [`number`], [`extended`] | INCR and its relatives; numbers of 80 bits |
//! | [`range`] | APPEND, GETRANGE, SETRANGE, STRLEN |
//! | [`lcs`] | LCS |

mod extended;
mod lcs;
mod number;
mod range;
mod set;
#[cfg(test)]
mod tests;

use super::Call;
use super::cost::{self, Cost};
use super::spec::{Arg, ArgKind, BeginSearch, Command, FindKeys, Flags, Group, KeySpec};
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::keys::Keys;
use crate::keyspace::text::Text;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command { group: Group::String, ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "append",
        summary: "Appends to a string, which is empty if it does not exist",
        since: "2.0.0",
        complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        args: &[Arg::key("key"), Arg::string("value")],
        cost: Cost::Values,
        run: Some(range::append),
        ..DEFAULT
    },
    Command {
        name: "decr",
        summary: "Subtracts one from an integer, which is 0 if it does not exist",
        arity: 2,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key")],
        run: Some(number::decr),
        ..DEFAULT
    },
    Command {
        name: "decrby",
        summary: "Subtracts from an integer, which is 0 if it does not exist",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key"), Arg::integer("decrement")],
        run: Some(number::decrby),
        ..DEFAULT
    },
    Command {
        name: "get",
        summary: "Returns a string",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key")],
        cost: Cost::Values,
        run: Some(get),
        ..DEFAULT
    },
    Command {
        name: "getdel",
        summary: "Returns a string and deletes its key",
        since: "6.2.0",
        arity: 2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"])],
        args: &[Arg::key("key")],
        cost: Cost::Values,
        run: Some(getdel),
        ..DEFAULT
    },
    Command {
        name: "getex",
        summary: "Returns a string and changes when its key expires",
        since: "6.2.0",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[
            Arg::key("key"),
            Arg::one_of(
                "expiration",
                &[
                    Arg::integer("seconds").token("EX"),
                    Arg::integer("milliseconds").token("PX"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT"),
                    Arg::word("persist", "PERSIST"),
                ],
            )
            .optional(),
        ],
        cost: Cost::Values,
        run: Some(set::getex),
        ..DEFAULT
    },
    Command {
        name: "getrange",
        summary: "Returns a part of a string",
        since: "2.4.0",
        complexity: "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings",
        arity: 4,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("end")],
        run: Some(range::getrange),
        ..DEFAULT
    },
    Command {
        name: "getset",
        summary: "Sets a string and returns the one before",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key"), Arg::string("value")],
        deprecated: Some(("6.2.0", "`SET` with the `GET` argument")),
        cost: Cost::Values,
        run: Some(set::getset),
        ..DEFAULT
    },
    Command {
        name: "incr",
        summary: "Adds one to an integer, which is 0 if it does not exist",
        arity: 2,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key")],
        run: Some(number::incr),
        ..DEFAULT
    },
    Command {
        name: "incrby",
        summary: "Adds to an integer, which is 0 if it does not exist",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key"), Arg::integer("increment")],
        run: Some(number::incrby),
        ..DEFAULT
    },
    Command {
        name: "incrbyfloat",
        summary: "Adds to a number, which is 0 if it does not exist",
        since: "2.6.0",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "update"])],
        args: &[Arg::key("key"), Arg::new("increment", ArgKind::Double)],
        run: Some(number::incrbyfloat),
        ..DEFAULT
    },
    Command {
        name: "lcs",
        summary: "Returns the longest subsequence that two strings have in common",
        since: "7.0.0",
        complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
        arity: -3,
        flags: Flags::READONLY,
        keys: &[KeySpec::many(1, 1, &["RO", "access"])],
        args: &[
            Arg::key("key1"),
            Arg::key("key2"),
            Arg::word("len", "LEN").optional(),
            Arg::word("idx", "IDX").optional(),
            Arg::integer("min-match-len").token("MINMATCHLEN").optional(),
            Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
        ],
        cost: Cost::Counted(cost::product_of_texts),
        run: Some(lcs::lcs),
        ..DEFAULT
    },
    Command {
        name: "mget",
        summary: "Returns several strings",
        complexity: "O(N) where N is the number of keys to retrieve",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        tips: &["request_policy:multi_shard"],
        keys: &[KeySpec::many(1, -1, &["RO", "access"])],
        args: &[Arg::key("key").multiple()],
        cost: Cost::Values,
        run: Some(mget),
        ..DEFAULT
    },
    Command {
        name: "mset",
        summary: "Sets several strings at once",
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        keys: &[KeySpec {
            flags: &["OW", "update"],
            begin: BeginSearch::Index(1),
            find: FindKeys::Range { last: -1, step: 2, limit: 0 },
        }],
        args: &[Arg::block("data", &[Arg::key("key"), Arg::string("value")]).multiple()],
        cost: Cost::Arguments,
        run: Some(set::mset),
        ..DEFAULT
    },
    Command {
        name: "msetnx",
        summary: "Sets several strings at once, if none of their keys exists",
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec {
            flags: &["OW", "insert"],
            begin: BeginSearch::Index(1),
            find: FindKeys::Range { last: -1, step: 2, limit: 0 },
        }],
        args: &[Arg::block("data", &[Arg::key("key"), Arg::string("value")]).multiple()],
        cost: Cost::Arguments,
        run: Some(set::msetnx),
        ..DEFAULT
    },
    Command {
        name: "psetex",
        summary: "Sets a string that expires after some milliseconds",
        since: "2.6.0",
        arity: 4,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["OW", "update"])],
        args: &[Arg::key("key"), Arg::integer("milliseconds"), Arg::string("value")],
        deprecated: Some(("2.6.12", "`SET` with the `PX` argument")),
        cost: Cost::Arguments,
        run: Some(set::psetex),
        ..DEFAULT
    },
    Command {
        name: "set",
        summary: "Sets a string",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RW", "access", "update", "variable_flags"])],
        args: &[
            Arg::key("key"),
            Arg::string("value"),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).since("2.6.12").optional(),
            Arg::word("get", "GET").since("6.2.0").optional(),
            Arg::one_of(
                "expiration",
                &[
                    Arg::integer("seconds").token("EX").since("2.6.12"),
                    Arg::integer("milliseconds").token("PX").since("2.6.12"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT").since("6.2.0"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT").since("6.2.0"),
                    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ],
        history: &[
            ("2.6.12", "`EX`, `PX`, `NX` and `XX` may be given."),
            ("6.0.0", "`KEEPTTL` may be given."),
            ("6.2.0", "`GET`, `EXAT` and `PXAT` may be given."),
            ("7.0.0", "`NX` and `GET` may be given together."),
        ],
        cost: Cost::Arguments,
        run: Some(set::set),
        ..DEFAULT
    },
    Command {
        name: "setex",
        summary: "Sets a string that expires after some seconds",
        since: "2.0.0",
        arity: 4,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["OW", "update"])],
        args: &[Arg::key("key"), Arg::integer("seconds"), Arg::string("value")],
        deprecated: Some(("2.6.12", "`SET` with the `EX` argument")),
        cost: Cost::Arguments,
        run: Some(set::setex),
        ..DEFAULT
    },
    Command {
        name: "setnx",
        summary: "Sets a string if its key does not exist",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["OW", "insert"])],
        args: &[Arg::key("key"), Arg::string("value")],
        deprecated: Some(("2.6.12", "`SET` with the `NX` argument")),
        run: Some(set::setnx),
        ..DEFAULT
    },
    Command {
        name: "setrange",
        summary: "Overwrites a part of a string",
        since: "2.2.0",
        complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument",
        arity: 4,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::integer("offset"), Arg::string("value")],
        cost: Cost::Counted(cost::reached),
        run: Some(range::setrange),
        ..DEFAULT
    },
    Command {
        name: "strlen",
        summary: "Returns the length of a string",
        since: "2.2.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(range::strlen),
        ..DEFAULT
    },
    Command {
        name: "substr",
        summary: "Returns a part of a string",
        complexity: "O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings",
        arity: 4,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("end")],
        deprecated: Some(("2.0.0", "`GETRANGE`")),
        run: Some(range::getrange),
        ..DEFAULT
    },
];

/// Answers a string, or that there is none.
fn answer(reply: &mut Reply, text: Option<&Text>) {
    match text {
        Some(Text::Shared(bytes)) => reply.shared_bulk(bytes),
        Some(text) => reply.bulk(text.bytes(&mut itoa::Buffer::new())),
        None => reply.null(),
    }
}

fn get(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    answer(reply, keys.text(&args[1])?);
    Ok(())
}

fn getdel(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let text = keys.text(&args[1])?;
    answer(reply, text);
    if text.is_some() {
        keys.remove(&args[1]);
        keys.changed(KeyspaceEvents::GENERIC, "del", &args[1]);
    }
    Ok(())
}

fn mget(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    reply.array(args.len() - 1);
    for key in args.from(1) {
        // Values of other types count as missing here.
        answer(reply, keys.text(key).unwrap_or(None));
    }
    Ok(())
}

/// Sets a string, and says so.
fn put(keys: &mut Keys<'_>, key: &[u8], value: &[u8]) {
    put_text(keys, key, Text::from(value));
}

fn put_text(keys: &mut Keys<'_>, key: &[u8], text: Text) {
    keys.put(key, Value::Text(text));
    keys.changed(KeyspaceEvents::STRING, "set", key);
}
