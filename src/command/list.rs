//! Lists.
//!
//! | module | what it holds |
//! |---|---|
//! | [`access`] | LINDEX, LLEN, LPOS, LRANGE |
//! | [`editing`] | LINSERT, LREM, LSET, LTRIM |
//! | [`moving`] | LMOVE, RPOPLPUSH and those that wait |
//! | [`popping`] | LPOP, RPOP, LMPOP and those that wait |

mod access;
mod editing;
mod moving;
mod popping;
#[cfg(test)]
mod tests;

use super::Call;
use super::cost::{self, Cost};
use super::spec::{Arg, ArgKind, BeginSearch, Command, FindKeys, Flags, Group, KeySpec};
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::keys::Keys;
use crate::keyspace::list::{End, List};
use crate::keyspace::waiters::{Class, Interest};
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command { group: Group::List, ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "blmove",
        summary: "Moves an element from one list to another; waits for one",
        since: "6.2.0",
        arity: 6,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::BLOCKING),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["RW", "insert"])],
        args: &[
            Arg::key("source"),
            Arg::new("destination", ArgKind::Key(1)),
            Arg::one_of("wherefrom", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
            Arg::one_of("whereto", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
            Arg::new("timeout", ArgKind::Double),
        ],
        cost: Cost::Arguments,
        run: Some(moving::blmove),
        ..DEFAULT
    },
    Command {
        name: "blmpop",
        summary: "Takes elements from the first list that has some; waits for one",
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned",
        arity: -5,
        flags: Flags::WRITE.and(Flags::BLOCKING).and(Flags::MOVABLE_KEYS),
        keys: &[KeySpec {
            flags: &["RW", "access", "delete"],
            begin: BeginSearch::Index(2),
            find: FindKeys::Count { count: 0, first: 1, step: 1 },
        }],
        args: &[
            Arg::new("timeout", ArgKind::Double),
            Arg::integer("numkeys"),
            Arg::key("key").multiple(),
            Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
            Arg::integer("count").token("COUNT").optional(),
        ],
        cost: Cost::Values,
        run: Some(popping::blmpop),
        ..DEFAULT
    },
    Command {
        name: "blpop",
        summary: "Takes the first element of the first list that has some; waits for one",
        since: "2.0.0",
        complexity: "O(N) where N is the number of provided keys",
        arity: -3,
        flags: Flags::WRITE.and(Flags::BLOCKING),
        keys: &[KeySpec::many(1, -2, &["RW", "access", "delete"])],
        args: &[Arg::key("key").multiple(), Arg::new("timeout", ArgKind::Double)],
        history: &[("6.0.0", "The time-out may have a fraction.")],
        cost: Cost::Arguments,
        run: Some(popping::blpop),
        ..DEFAULT
    },
    Command {
        name: "brpop",
        summary: "Takes the last element of the first list that has some; waits for one",
        since: "2.0.0",
        complexity: "O(N) where N is the number of provided keys",
        arity: -3,
        flags: Flags::WRITE.and(Flags::BLOCKING),
        keys: &[KeySpec::many(1, -2, &["RW", "access", "delete"])],
        args: &[Arg::key("key").multiple(), Arg::new("timeout", ArgKind::Double)],
        history: &[("6.0.0", "The time-out may have a fraction.")],
        cost: Cost::Arguments,
        run: Some(popping::brpop),
        ..DEFAULT
    },
    Command {
        name: "brpoplpush",
        summary: "Moves the last element of a list to the front of another; waits for one",
        since: "2.2.0",
        arity: 4,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::BLOCKING),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["RW", "insert"])],
        args: &[Arg::key("source"), Arg::new("destination", ArgKind::Key(1)), Arg::new("timeout", ArgKind::Double)],
        history: &[("6.0.0", "The time-out may have a fraction.")],
        deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
        cost: Cost::Arguments,
        run: Some(moving::brpoplpush),
        ..DEFAULT
    },
    Command {
        name: "lindex",
        summary: "Returns the element at an index",
        complexity: "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1)",
        arity: 3,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key"), Arg::integer("index")],
        cost: Cost::Counted(cost::way_in_list),
        run: Some(access::lindex),
        ..DEFAULT
    },
    Command {
        name: "linsert",
        summary: "Inserts an element before or after another",
        since: "2.2.0",
        complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N)",
        arity: 5,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        args: &[
            Arg::key("key"),
            Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
            Arg::string("pivot"),
            Arg::string("element"),
        ],
        run: Some(editing::linsert),
        ..DEFAULT
    },
    Command {
        name: "llen",
        summary: "Returns the length of a list",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RO"])],
        args: &[Arg::key("key")],
        run: Some(access::llen),
        ..DEFAULT
    },
    Command {
        name: "lmove",
        summary: "Moves an element from one list to another",
        since: "6.2.0",
        arity: 5,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["RW", "insert"])],
        args: &[
            Arg::key("source"),
            Arg::new("destination", ArgKind::Key(1)),
            Arg::one_of("wherefrom", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
            Arg::one_of("whereto", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        ],
        cost: Cost::Arguments,
        run: Some(moving::lmove),
        ..DEFAULT
    },
    Command {
        name: "lmpop",
        summary: "Takes elements from the first list that has some",
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned",
        arity: -4,
        flags: Flags::WRITE.and(Flags::MOVABLE_KEYS),
        keys: &[KeySpec {
            flags: &["RW", "access", "delete"],
            begin: BeginSearch::Index(1),
            find: FindKeys::Count { count: 0, first: 1, step: 1 },
        }],
        args: &[
            Arg::integer("numkeys"),
            Arg::key("key").multiple(),
            Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
            Arg::integer("count").token("COUNT").optional(),
        ],
        cost: Cost::Values,
        run: Some(popping::lmpop),
        ..DEFAULT
    },
    Command {
        name: "lpop",
        summary: "Takes elements from the front of a list",
        complexity: "O(N) where N is the number of elements returned",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"])],
        args: &[Arg::key("key"), Arg::integer("count").since("6.2.0").optional()],
        history: &[("6.2.0", "`count` may be given.")],
        cost: Cost::Counted(cost::popped),
        run: Some(popping::lpop),
        ..DEFAULT
    },
    Command {
        name: "lpos",
        summary: "Returns where elements stand in a list",
        since: "6.0.6",
        complexity: "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time",
        arity: -3,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[
            Arg::key("key"),
            Arg::string("element"),
            Arg::integer("rank").token("RANK").optional(),
            Arg::integer("num-matches").token("COUNT").optional(),
            Arg::integer("len").token("MAXLEN").optional(),
        ],
        run: Some(access::lpos),
        ..DEFAULT
    },
    Command {
        name: "lpush",
        summary: "Puts elements at the front of a list",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        args: &[Arg::key("key"), Arg::string("element").multiple()],
        history: &[("2.4.0", "Several elements may be given.")],
        run: Some(|call| push(call, End::Front)),
        ..DEFAULT
    },
    Command {
        name: "lpushx",
        summary: "Puts elements at the front of a list that exists",
        since: "2.2.0",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        args: &[Arg::key("key"), Arg::string("element").multiple()],
        history: &[("4.0.0", "Several elements may be given.")],
        run: Some(|call| push_if_present(call, End::Front)),
        ..DEFAULT
    },
    Command {
        name: "lrange",
        summary: "Returns a range of elements",
        complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range",
        arity: 4,
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, &["RO", "access"])],
        args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
        cost: Cost::Counted(cost::range_of_list),
        run: Some(access::lrange),
        ..DEFAULT
    },
    Command {
        name: "lrem",
        summary: "Removes elements that are equal to one",
        complexity: "O(N+M) where N is the length of the list and M is the number of elements removed",
        arity: 4,
        flags: Flags::WRITE,
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        args: &[Arg::key("key"), Arg::integer("count"), Arg::string("element")],
        run: Some(editing::lrem),
        ..DEFAULT
    },
    Command {
        name: "lset",
        summary: "Replaces the element at an index",
        complexity: "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1)",
        arity: 4,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RW", "update"])],
        args: &[Arg::key("key"), Arg::integer("index"), Arg::string("element")],
        cost: Cost::Counted(cost::way_in_list),
        run: Some(editing::lset),
        ..DEFAULT
    },
    Command {
        name: "ltrim",
        summary: "Removes all elements outside a range",
        complexity: "O(N) where N is the number of elements to be removed by the operation",
        arity: 4,
        flags: Flags::WRITE,
        keys: &[KeySpec::one(1, &["RW", "delete"])],
        args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
        cost: Cost::Counted(cost::rest_of_list),
        run: Some(editing::ltrim),
        ..DEFAULT
    },
    Command {
        name: "rpop",
        summary: "Takes elements from the end of a list",
        complexity: "O(N) where N is the number of elements returned",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"])],
        args: &[Arg::key("key"), Arg::integer("count").since("6.2.0").optional()],
        history: &[("6.2.0", "`count` may be given.")],
        cost: Cost::Counted(cost::popped),
        run: Some(popping::rpop),
        ..DEFAULT
    },
    Command {
        name: "rpoplpush",
        summary: "Moves the last element of a list to the front of another",
        since: "1.2.0",
        arity: 3,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: &[KeySpec::one(1, &["RW", "access", "delete"]), KeySpec::one(2, &["RW", "insert"])],
        args: &[Arg::key("source"), Arg::new("destination", ArgKind::Key(1))],
        deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
        cost: Cost::Arguments,
        run: Some(moving::rpoplpush),
        ..DEFAULT
    },
    Command {
        name: "rpush",
        summary: "Puts elements at the end of a list",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        args: &[Arg::key("key"), Arg::string("element").multiple()],
        history: &[("2.4.0", "Several elements may be given.")],
        run: Some(|call| push(call, End::Back)),
        ..DEFAULT
    },
    Command {
        name: "rpushx",
        summary: "Puts elements at the end of a list that exists",
        since: "2.2.0",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments",
        arity: -3,
        flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST),
        keys: &[KeySpec::one(1, &["RW", "insert"])],
        args: &[Arg::key("key"), Arg::string("element").multiple()],
        history: &[("4.0.0", "Several elements may be given.")],
        run: Some(|call| push_if_present(call, End::Back)),
        ..DEFAULT
    },
];

/// The event of a push at this end.
fn pushed(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// The event of a pop at this end.
fn popped(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// LEFT or RIGHT.
fn end(word: &[u8]) -> Result<End, ReplyError> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Front)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Back)
    } else {
        Err(ReplyError::SYNTAX)
    }
}

fn push(call: &mut Call<'_, '_>, end: End) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    if keys.list_mut(key)?.is_none() {
        keys.add(key, Value::List(Box::default()));
    }
    reply.count(push_all(&mut keys, args, end)?);
    Ok(())
}

fn push_if_present(call: &mut Call<'_, '_>, end: End) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let present = keys.list_mut(&args[1])?.is_some();
    reply.count(if present { push_all(&mut keys, args, end)? } else { 0 });
    Ok(())
}

/// Pushes all elements behind the key, and answers how long the list is then.
fn push_all(keys: &mut Keys<'_>, args: Args<'_>, end: End) -> Result<usize, ReplyError> {
    let Some(list) = keys.list_mut(&args[1])? else { return Ok(0) };
    args.from(2).for_each(|element| list.push(end, element));
    let len = list.len();
    keys.changed(KeyspaceEvents::LIST, pushed(end), &args[1]);
    Ok(len)
}

/// Says that elements were taken out of a list by `event`; the list goes with its last element.
fn shortened(keys: &mut Keys<'_>, key: &[u8], event: &'static str) -> Result<(), ReplyError> {
    keys.changed(KeyspaceEvents::LIST, event, key);
    if keys.list_mut(key)?.is_some_and(|list| list.is_empty()) {
        keys.remove_emptied(key);
    }
    Ok(())
}

/// Waiting for a list at one of these keys.
fn interest<'a>(args: Args<'_>, keys: impl Iterator<Item = &'a [u8]>) -> Interest {
    Interest { class: Class::Element, args: args.to_owned(), keys: keys.map(Box::from).collect(), behind: Vec::new() }
}

/// The elements that a range means: the first, and how many. Both ends are included, negative ones count from the end.
fn range(list: &List, start: i64, end: i64) -> (usize, usize) {
    let len = list.len() as i64;
    let place = |index: i64| if index < 0 { len.saturating_add(index) } else { index };
    let (first, last) = (place(start).max(0), place(end).min(len - 1));
    if first > last { (0, 0) } else { (first as usize, (last - first + 1) as usize) }
}
