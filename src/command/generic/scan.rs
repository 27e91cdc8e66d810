//! KEYS, RANDOMKEY, SCAN.

use crate::command::Call;
use crate::pattern;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

/// Keys whose time is over that RANDOMKEY takes out at most before it is content with the first one that is left.
const MOST_EXPIRED: usize = 100;

pub(super) fn keys(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let entries = keys.database().iter().filter(|entry| !entry.is_due(now_ms));
    let found = entries.map(|entry| entry.key()).filter(|key| pattern::matches(&args[1], key));
    reply.array_of(|reply| found.map(|key| reply.bulk(key)).count());
    Ok(())
}

pub(super) fn randomkey(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let (mut keys, reply) = call.keys();
    for _ in 0..MOST_EXPIRED {
        let random = keys.state.random.u64(..);
        let Some(key) = keys.database().sample(random).map(|entry| entry.key().to_vec()) else { break };
        if keys.contains(&key) {
            reply.bulk(key);
            return Ok(());
        }
    }
    let now_ms = keys.now_ms;
    match keys.database().iter().find(|entry| !entry.is_due(now_ms)) {
        Some(entry) => reply.bulk(entry.key()),
        None => reply.null(),
    }
    Ok(())
}

/// The options of SCAN, and of other listings that go on from a cursor.
pub(in crate::command) struct Options<'a> {
    pub(in crate::command) count: usize,
    pub(in crate::command) pattern: Option<&'a [u8]>,
    pub(in crate::command) kind: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Those from this argument on.
    pub(in crate::command) fn read(args: Args<'a>, from: usize) -> Result<Self, ReplyError> {
        let mut options = Options { count: 10, pattern: None, kind: None };
        let mut rest = args.from(from);
        while let Some(option) = rest.next() {
            let value = rest.next().ok_or(ReplyError::SYNTAX)?;
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            if is("count") {
                let count = parse_integer(value).ok_or(ReplyError::NOT_AN_INTEGER)?;
                options.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(ReplyError::SYNTAX)?;
            } else if is("match") {
                options.pattern = Some(value);
            } else if is("type") {
                options.kind = Some(value);
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(options)
    }
}

/// What a client says where a listing is to go on.
///
/// # Errors
///
/// [`ReplyError::INVALID_CURSOR`] if it is no number.
pub(in crate::command) fn cursor(text: &[u8]) -> Result<u64, ReplyError> {
    let cursor = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    cursor.ok_or(ReplyError::INVALID_CURSOR)
}

/// Looks at whole buckets of the table until it has seen so many keys, whether they are wanted or not.
pub(super) fn scan(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let mut cursor = cursor(&args[1])?;
    let Options { count, pattern, kind } = Options::read(args, 2)?;
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let mut seen = 0;
    let mut found = Vec::new();
    loop {
        cursor = keys.database().scan(cursor, |entry| {
            seen += 1;
            let wanted = !entry.is_due(now_ms)
                && pattern.is_none_or(|pattern| pattern::matches(pattern, entry.key()))
                && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(entry.value.kind().name().as_bytes()));
            if wanted {
                found.push(entry.key().to_vec());
            }
        });
        if cursor == 0 || seen >= count {
            break;
        }
    }
    reply.array(2);
    reply.bulk(cursor.to_string());
    reply.bulks(&found);
    Ok(())
}
