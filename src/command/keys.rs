//! Where the keys of a request stand, found by its command's key specifications.
//!
//! Source: `getKeysUsingKeySpecs` in Redis 7.2 (db.c).

use super::spec::{BeginSearch, Command, FindKeys, KeySpec};
use crate::resp::decode::{Args, parse_integer};

/// What is like a key and is none has this among its words.
const NOT_KEY: &str = "not_key";

/// What is done to keys that depends on the arguments has this among its words.
const VARIABLE: &str = "variable_flags";

/// A key of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Which argument it is.
    pub(super) index: usize,
    /// What is done to it.
    pub(super) flags: &'static [&'static str],
}

/// Whether requests for `command` may have keys.
pub(super) fn takes_keys(command: &Command) -> bool {
    command.keys.iter().any(is_real)
}

/// The keys among `args`, a request for `command`; none if the arguments make no sense.
pub(super) fn find(command: &Command, args: Args<'_>) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    for spec in command.keys.iter().filter(|spec| is_real(spec)) {
        if let FindKeys::Unknown(find) = spec.find {
            keys.extend(find(args).map(|index| Key { index, flags: spec.flags }));
            continue;
        }
        let Some(first) = begin(spec, args) else { continue };
        let (first, last, step) = range(spec, first, args)?;
        let within = 0 < first && first <= last && last < args.len() as i64;
        if !within {
            return None;
        }
        // Both ends lie within the arguments.
        let indices = (first as usize..=last as usize).step_by(step);
        keys.extend(indices.map(|index| Key { index, flags: flags(spec, args) }));
    }
    Some(keys)
}

/// What this request does to the keys: SET, alone, reads its key only where it is asked what was there.
fn flags(spec: &KeySpec, args: Args<'_>) -> &'static [&'static str] {
    let asks = || args.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"get"));
    match spec.flags.contains(&VARIABLE) {
        false => spec.flags,
        true if asks() => &["RW", "access", "update"],
        true => &["OW", "update"],
    }
}

fn is_real(spec: &KeySpec) -> bool {
    !spec.flags.contains(&NOT_KEY)
}

/// Where the search begins; none if its keyword is not there.
fn begin(spec: &KeySpec, args: Args<'_>) -> Option<i64> {
    match spec.begin {
        BeginSearch::Index(index) => Some(i64::from(index)),
        BeginSearch::Keyword(keyword, from) => {
            let is_keyword = |index: &usize| args[*index].eq_ignore_ascii_case(keyword.as_bytes());
            // As in the reference the last word is not looked at from the front, nor the first from the end: nothing
            // could follow the one, and the other is the command's name.
            let found = match usize::try_from(from) {
                Ok(from) => (from.max(1)..args.len().saturating_sub(1)).find(is_keyword),
                Err(_) => {
                    let start = args.len().checked_sub(from.unsigned_abs() as usize)?;
                    (2..=start).rev().find(is_keyword)
                }
            };
            found.map(|index| index as i64 + 1)
        }
        BeginSearch::Unknown(_) => None,
    }
}

/// The first key, the last and the distance.
fn range(spec: &KeySpec, first: i64, args: Args<'_>) -> Option<(i64, i64, usize)> {
    let count_of_args = args.len() as i64;
    match spec.find {
        FindKeys::Range { last, step, limit } => {
            let last = match (i64::from(last), i64::from(limit)) {
                (last, _) if last >= 0 => first + last,
                (last, 0) => count_of_args + last,
                (last, limit) => first + (count_of_args - first) / limit + last,
            };
            Some((first, last, usize::try_from(step).ok()?))
        }
        FindKeys::Count { count, first: offset, step } => {
            let stated = usize::try_from(first + i64::from(count)).ok().and_then(|index| args.get(index))?;
            let number = parse_integer(stated).filter(|number| (0..=count_of_args).contains(number))?;
            let first = first + i64::from(offset);
            Some((first, first + number - 1, usize::try_from(step).ok()?))
        }
        FindKeys::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode::OwnedArgs;

    fn found(spec: KeySpec, request: &str) -> Option<Vec<usize>> {
        let keys = Box::leak(Box::new([spec]));
        let command = Command { keys, ..Command::DEFAULT };
        let args = OwnedArgs::new(request.split(' ').map(str::as_bytes));
        find(&command, args.args()).map(|keys| keys.iter().map(|key| key.index).collect())
    }

    const fn range(first: i32, last: i32, step: i32, limit: i32) -> KeySpec {
        KeySpec { flags: &["RO"], begin: BeginSearch::Index(first), find: FindKeys::Range { last, step, limit } }
    }

    #[test]
    fn a_range_ends_relative_to_its_beginning_or_to_the_end() {
        assert_eq!(found(range(1, 0, 1, 0), "get k"), Some(vec![1]));
        assert_eq!(found(range(1, -1, 1, 0), "del a b c"), Some(vec![1, 2, 3]));
        assert_eq!(found(range(1, -1, 2, 0), "mset a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(found(range(1, -2, 1, 0), "blpop a b 0"), Some(vec![1, 2]));
    }

    #[test]
    fn keys_behind_a_keyword_are_half_of_what_follows() {
        let streams = KeySpec { begin: BeginSearch::Keyword("STREAMS", 1), ..range(1, -1, 1, 2) };
        assert_eq!(found(streams, "xread COUNT 2 streams a b 0 0"), Some(vec![4, 5]));
        assert_eq!(found(streams, "xread COUNT 2"), Some(vec![]));
        assert_eq!(found(streams, "xread COUNT streams"), Some(vec![]));
        let from_the_end = KeySpec { begin: BeginSearch::Keyword("KEYS", -2), ..range(1, -1, 1, 0) };
        assert_eq!(found(from_the_end, "migrate h KEYS a"), Some(vec![3]));
        assert_eq!(found(from_the_end, "KEYS h x"), Some(vec![]));
    }

    #[test]
    fn keys_that_are_counted_must_all_be_there() {
        let find = FindKeys::Count { count: 0, first: 1, step: 1 };
        let counted = KeySpec { find, ..range(2, 0, 1, 0) };
        assert_eq!(found(counted, "eval s 2 a b c"), Some(vec![3, 4]));
        for nonsense in ["eval s x a", "eval s 3 a b", "eval s -1", "eval s 0 a", "eval s", "eval s 99999999999 a"] {
            assert_eq!(found(counted, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_is_no_key_is_not_found() {
        let spec = KeySpec { flags: &["RW", "not_key"], ..range(1, 0, 1, 0) };
        assert_eq!(found(spec, "spublish channel message"), Some(vec![]));
        assert!(!takes_keys(&Command { keys: &[], ..Command::DEFAULT }));
    }
}
