//! What COMMAND INFO says of a command.
//!
//! Source: `addReplyCommandInfo` and `populateCommandLegacyRangeSpec` in Redis 7.2 (server.c).

use super::words;
use crate::command::spec::{BeginSearch, FindKeys, Flags, KeySpec};
use crate::command::table::{self, Entry, categories};
use crate::resp::encode::Reply;

/// Writes the ten elements of a command, its subcommands within the last.
pub(super) fn write(reply: &mut Reply, entry: &Entry) {
    let command = entry.command;
    reply.array(10);
    reply.bulk(&entry.full_name);
    reply.integer(command.arity.into());
    words(reply, &flag_names(command.flags));
    for position in legacy_range(command.keys) {
        reply.integer(position.into());
    }
    let categories: Vec<String> = categories(command).iter().map(|name| format!("@{name}")).collect();
    words(reply, &categories.iter().map(String::as_str).collect::<Vec<_>>());
    reply.set(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| write_key_spec(reply, spec));
    if command.subcommands.is_empty() {
        return reply.set(0);
    }
    reply.array(command.subcommands.len());
    entry.subcommands().for_each(|index| write(reply, table::entry(index)));
}

/// The names of all flags that are shown.
fn flag_names(flags: Flags) -> Vec<&'static str> {
    let shown = Flags::NAMED.iter().filter(|(flag, name)| flags.has(*flag) && !name.is_empty());
    shown.map(|(_, name)| *name).collect()
}

/// The first key, the last and the distance, as far as keys stand at fixed places without gaps: what clients knew of
/// keys before there were key specifications.
fn legacy_range(specs: &[KeySpec]) -> [i32; 3] {
    if let [KeySpec { begin: BeginSearch::Index(first), find: FindKeys::Range { last, step, .. }, .. }] = *specs {
        return [first, absolute(first, last), step];
    }
    let mut range: Option<(i32, i32)> = None;
    for spec in specs {
        let KeySpec { begin: BeginSearch::Index(first), find: FindKeys::Range { last, step: 1, .. }, .. } = *spec
        else {
            continue;
        };
        let last = absolute(first, last);
        range = match range {
            None => Some((first, last)),
            Some((start, end)) if end == first - 1 => Some((start, last)),
            unchanged => unchanged,
        };
    }
    range.map_or([0; 3], |(first, last)| [first, last, 1])
}

/// The last key's place, which is relative to the first unless it is counted from the end.
fn absolute(first: i32, last: i32) -> i32 {
    if last < 0 { last } else { first + last }
}

fn write_key_spec(reply: &mut Reply, spec: &KeySpec) {
    match spec.begin {
        BeginSearch::Unknown(reason) => {
            reply.map(4);
            reply.bulk("notes");
            reply.bulk(reason);
        }
        BeginSearch::Index(_) | BeginSearch::Keyword(..) => reply.map(3),
    }
    reply.bulk("flags");
    words(reply, spec.flags);
    reply.bulk("begin_search");
    match spec.begin {
        BeginSearch::Index(index) => search(reply, "index", &[("index", index)]),
        BeginSearch::Keyword(keyword, from) => {
            search_header(reply, "keyword", 2);
            reply.bulk("keyword");
            reply.bulk(keyword);
            number(reply, "startfrom", from);
        }
        BeginSearch::Unknown(_) => search(reply, "unknown", &[]),
    }
    reply.bulk("find_keys");
    match spec.find {
        FindKeys::Range { last, step, limit } => {
            search(reply, "range", &[("lastkey", last), ("keystep", step), ("limit", limit)]);
        }
        FindKeys::Count { count, first, step } => {
            search(reply, "keynum", &[("keynumidx", count), ("firstkey", first), ("keystep", step)]);
        }
        FindKeys::Unknown(_) => search(reply, "unknown", &[]),
    }
}

fn search(reply: &mut Reply, kind: &str, numbers: &[(&str, i32)]) {
    search_header(reply, kind, numbers.len());
    numbers.iter().for_each(|(name, value)| number(reply, name, *value));
}

fn search_header(reply: &mut Reply, kind: &str, fields: usize) {
    reply.map(2);
    reply.bulk("type");
    reply.bulk(kind);
    reply.bulk("spec");
    reply.map(fields);
}

fn number(reply: &mut Reply, name: &str, value: i32) {
    reply.bulk(name);
    reply.integer(value.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn spec(first: i32, last: i32, step: i32) -> KeySpec {
        KeySpec { flags: &["RW"], begin: BeginSearch::Index(first), find: FindKeys::Range { last, step, limit: 0 } }
    }

    const COUNTED: KeySpec =
        KeySpec { flags: &["RO"], begin: BeginSearch::Index(1), find: FindKeys::Count { count: 0, first: 1, step: 1 } };

    #[test]
    fn one_range_is_told_as_it_is() {
        assert_eq!(legacy_range(&[spec(1, 0, 1)]), [1, 1, 1]);
        assert_eq!(legacy_range(&[spec(1, -1, 2)]), [1, -1, 2]);
        assert_eq!(legacy_range(&[spec(2, -2, 1)]), [2, -2, 1]);
    }

    #[test]
    fn ranges_without_a_gap_become_one() {
        assert_eq!(legacy_range(&[spec(1, 0, 1), spec(2, 0, 1)]), [1, 2, 1]);
        assert_eq!(legacy_range(&[spec(1, 0, 1), spec(2, -1, 1)]), [1, -1, 1]);
        assert_eq!(legacy_range(&[spec(1, 0, 1), spec(3, 0, 1)]), [1, 1, 1]);
    }

    #[test]
    fn keys_that_are_counted_have_no_range() {
        assert_eq!(legacy_range(&[]), [0, 0, 0]);
        assert_eq!(legacy_range(&[COUNTED]), [0, 0, 0]);
        assert_eq!(legacy_range(&[COUNTED, spec(3, 0, 1)]), [3, 3, 1]);
    }
}
