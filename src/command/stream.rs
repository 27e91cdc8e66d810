//! Streams.
//!
//! | module | what it holds |
//! |---|---|
//! | [`adding`] | XADD, XDEL, XLEN, XSETID, XTRIM |
//! | [`range`] | XRANGE, XREVRANGE |
//! | [`reading`] | XREAD, XREADGROUP |
//! | [`group`] | XGROUP, XACK |
//! | [`pending`] | XPENDING |
//! | [`claiming`] | XCLAIM, XAUTOCLAIM |
//! | [`info`] | XINFO |

mod adding;
mod claiming;
mod group;
mod info;
mod pending;
mod range;
mod reading;
#[cfg(test)]
mod tests;

use super::cost::{self, Cost};
use super::spec::{Arg, ArgKind, BeginSearch, Command, FindKeys, Flags, Group, KeySpec};
use crate::keyspace::stream::{Entry, StreamId};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command { group: Group::Stream, since: "5.0.0", ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xack",
        summary: "Says that entries were processed, so that a group forgets them",
        complexity: "O(1) for each message ID processed",
        arity: -4,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::string("group"), Arg::string("id").multiple()],
        run: Some(group::xack),
        ..DEFAULT
    },
    Command {
        name: "xadd",
        summary: "Appends an entry to a stream",
        complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted",
        arity: -5,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[
            Arg::key("key"),
            Arg::word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            Arg::block(
                "trim",
                &[
                    Arg::one_of(
                        "strategy",
                        &[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")],
                    ),
                    Arg::one_of("operator", &[Arg::word("equal", "="), Arg::word("approximately", "~")]).optional(),
                    Arg::string("threshold"),
                    Arg::integer("count").token("LIMIT").since("6.2.0").optional(),
                ],
            )
            .optional(),
            Arg::one_of("id-selector", &[Arg::word("auto-id", "*"), Arg::string("id")]),
            Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ],
        history: &[("6.2.0", "`NOMKSTREAM`, `MINID` and `LIMIT` may be given."), ("7.0.0", "An id may be `<ms>-*`.")],
        cost: Cost::Counted(cost::trimmed),
        run: Some(adding::xadd),
        ..DEFAULT
    },
    Command {
        name: "xautoclaim",
        summary: "Takes over entries of a group that others have left for too long",
        since: "6.2.0",
        complexity: "O(1) if COUNT is small",
        arity: -6,
        flags: Flags::WRITE.and(Flags::FAST),
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::string("consumer"),
            Arg::string("min-idle-time"),
            Arg::string("start"),
            Arg::integer("count").token("COUNT").optional(),
            Arg::word("justid", "JUSTID").optional(),
        ],
        history: &[("7.0.0", "Answers which entries had been deleted.")],
        run: Some(claiming::xautoclaim),
        ..DEFAULT
    },
    Command {
        name: "xclaim",
        summary: "Takes over entries of a group",
        complexity: "O(log N) with N being the number of messages in the PEL of the consumer group",
        arity: -6,
        flags: Flags::WRITE.and(Flags::FAST),
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::string("consumer"),
            Arg::string("min-idle-time"),
            Arg::string("id").multiple(),
            Arg::integer("ms").token("IDLE").optional(),
            Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("TIME").optional(),
            Arg::integer("count").token("RETRYCOUNT").optional(),
            Arg::word("force", "FORCE").optional(),
            Arg::word("justid", "JUSTID").optional(),
            Arg::string("lastid").token("LASTID").optional(),
        ],
        run: Some(claiming::xclaim),
        ..DEFAULT
    },
    Command {
        name: "xdel",
        summary: "Deletes entries",
        complexity: "O(1) for each single item to delete in the stream, regardless of the stream size",
        arity: -3,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        args: &[Arg::key("key"), Arg::string("id").multiple()],
        run: Some(adding::xdel),
        ..DEFAULT
    },
    Command {
        name: "xgroup",
        summary: "Groups the commands about consumer groups",
        complexity: "Depends on subcommand",
        arity: -2,
        subcommands: group::SUBCOMMANDS,
        ..DEFAULT
    },
    Command {
        name: "xinfo",
        summary: "Groups the commands that describe streams",
        complexity: "Depends on subcommand",
        arity: -2,
        subcommands: info::SUBCOMMANDS,
        ..DEFAULT
    },
    Command {
        name: "xlen",
        summary: "Returns how many entries a stream has",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(adding::xlen),
        ..DEFAULT
    },
    Command {
        name: "xpending",
        summary: "Describes the entries that a group was delivered and that were not acknowledged",
        complexity: "O(N) with N being the number of elements returned, so asking for a small fixed number of entries per call is O(1). O(M), where M is the total number of entries scanned when used with the IDLE filter. When the command returns just the summary and the list of consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer",
        arity: -3,
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::block(
                "filters",
                &[
                    Arg::integer("min-idle-time").token("IDLE").since("6.2.0").optional(),
                    Arg::string("start"),
                    Arg::string("end"),
                    Arg::integer("count"),
                    Arg::string("consumer").optional(),
                ],
            )
            .optional(),
        ],
        history: &[("6.2.0", "`IDLE` may be given, and intervals without their ends.")],
        run: Some(pending::xpending),
        ..DEFAULT
    },
    Command {
        name: "xrange",
        summary: "Returns entries between two ids",
        complexity: "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1)",
        arity: -4,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[
            Arg::key("key"),
            Arg::string("start"),
            Arg::string("end"),
            Arg::integer("count").token("COUNT").optional(),
        ],
        history: &[("6.2.0", "Intervals may be given without their ends.")],
        cost: Cost::Counted(cost::range_of_stream),
        run: Some(|call| range::xrange(call, false)),
        ..DEFAULT
    },
    Command {
        name: "xread",
        summary: "Returns entries of streams behind given ids; may wait for one",
        arity: -4,
        flags: Flags::BLOCKING.and(Flags::READONLY).and(Flags::MOVABLE_KEYS),
        keys: &[KeySpec {
            flags: &["RO", "access"],
            begin: BeginSearch::Keyword("STREAMS", 1),
            find: FindKeys::Range { last: -1, step: 1, limit: 2 },
        }],
        args: &[
            Arg::integer("count").token("COUNT").optional(),
            Arg::integer("milliseconds").token("BLOCK").optional(),
            Arg::block("streams", &[Arg::key("key").multiple(), Arg::string("id").multiple()]).token("STREAMS"),
        ],
        cost: Cost::Counted(cost::read_of_streams),
        run: Some(reading::xread),
        ..DEFAULT
    },
    Command {
        name: "xreadgroup",
        summary: "Returns entries to a consumer of a group; may wait for one",
        complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream getting new data",
        arity: -7,
        flags: Flags::BLOCKING.and(Flags::WRITE).and(Flags::MOVABLE_KEYS),
        keys: &[KeySpec {
            flags: &["RO", "access"],
            begin: BeginSearch::Keyword("STREAMS", 4),
            find: FindKeys::Range { last: -1, step: 1, limit: 2 },
        }],
        args: &[
            Arg::block("group-block", &[Arg::string("group"), Arg::string("consumer")]).token("GROUP"),
            Arg::integer("count").token("COUNT").optional(),
            Arg::integer("milliseconds").token("BLOCK").optional(),
            Arg::word("noack", "NOACK").optional(),
            Arg::block("streams", &[Arg::key("key").multiple(), Arg::string("id").multiple()]).token("STREAMS"),
        ],
        cost: Cost::Counted(cost::read_of_streams),
        run: Some(reading::xreadgroup),
        ..DEFAULT
    },
    Command {
        name: "xrevrange",
        summary: "Returns entries between two ids, the last first",
        complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1)",
        arity: -4,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[
            Arg::key("key"),
            Arg::string("end"),
            Arg::string("start"),
            Arg::integer("count").token("COUNT").optional(),
        ],
        history: &[("6.2.0", "Intervals may be given without their ends.")],
        cost: Cost::Counted(cost::range_of_stream),
        run: Some(|call| range::xrange(call, true)),
        ..DEFAULT
    },
    Command {
        name: "xsetid",
        summary: "Sets the last id of a stream",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[
            Arg::key("key"),
            Arg::string("last-id"),
            Arg::integer("entries-added").token("ENTRIESADDED").since("7.0.0").optional(),
            Arg::string("max-deleted-id").token("MAXDELETEDID").since("7.0.0").optional(),
        ],
        history: &[("7.0.0", "`entries_added` and `max_deleted_entry_id` may be given.")],
        run: Some(adding::xsetid),
        ..DEFAULT
    },
    Command {
        name: "xtrim",
        summary: "Removes the oldest entries of a stream",
        complexity: "O(N), with N being the number of evicted entries. Constant times are very small however, since entries are organized in macro nodes containing multiple entries that can be released with a single deallocation",
        arity: -4,
        flags: Flags::WRITE,
        tips: &["nondeterministic_output"],
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        args: &[
            Arg::key("key"),
            Arg::block(
                "trim",
                &[
                    Arg::one_of(
                        "strategy",
                        &[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")],
                    ),
                    Arg::one_of("operator", &[Arg::word("equal", "="), Arg::word("approximately", "~")]).optional(),
                    Arg::string("threshold"),
                    Arg::integer("count").token("LIMIT").since("6.2.0").optional(),
                ],
            ),
        ],
        history: &[("6.2.0", "`MINID` and `LIMIT` may be given.")],
        cost: Cost::Counted(cost::trimmed),
        run: Some(adding::xtrim),
        ..DEFAULT
    },
];

/// An id that is written out, with `seq` where only its time is given.
fn id(text: &[u8], seq: u64) -> Result<StreamId, ReplyError> {
    StreamId::read(text, seq).ok_or(ReplyError::INVALID_STREAM_ID)
}

/// An end of an interval: an id, `-` for the lowest, `+` for the highest.
fn bound(text: &[u8], seq: u64) -> Result<StreamId, ReplyError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => id(text, seq),
    }
}

/// The first id of an interval; `(` before it leaves that one out.
fn start(text: &[u8]) -> Result<StreamId, ReplyError> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => id(rest, 0)?.next().ok_or(ReplyError::INVALID_START_ID),
        text => bound(text, 0),
    }
}

/// The last id of an interval; `(` before it leaves that one out.
fn end(text: &[u8]) -> Result<StreamId, ReplyError> {
    match text {
        [b'(', rest @ ..] if !rest.is_empty() => id(rest, u64::MAX)?.previous().ok_or(ReplyError::INVALID_END_ID),
        text => bound(text, u64::MAX),
    }
}

fn answer_id(reply: &mut Reply, id: StreamId) {
    // Two numbers of at most twenty digits.
    let mut text = [0; 41];
    let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (ms, seq) = (ms.format(id.ms).as_bytes(), seq.format(id.seq).as_bytes());
    let len = ms.len() + 1 + seq.len();
    text[..ms.len()].copy_from_slice(ms);
    text[ms.len()] = b'-';
    text[ms.len() + 1..len].copy_from_slice(seq);
    reply.bulk(&text[..len]);
}

fn answer_entry(reply: &mut Reply, entry: &Entry<'_>) {
    reply.array(2);
    answer_id(reply, entry.id);
    let fields = entry.fields();
    reply.array(2 * fields.len());
    for (name, value) in fields {
        reply.bulk(name);
        reply.bulk(value);
    }
}

fn answer_entries<'e>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'e>>) {
    reply.array_of(|reply| entries.map(|entry| answer_entry(reply, &entry)).count());
}

/// A number, or its absence.
fn answer_number(reply: &mut Reply, number: Option<i64>) {
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}
