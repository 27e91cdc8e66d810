//! How long a command takes, told before it runs from what it asks for and from how large the values at its keys are.
//!
//! What is short runs on the thread of its client; the rest runs where it delays no message. An estimate counts steps, of
//! which some thousands take less time than one message takes through the kernel; it costs a look-up of the keys, which
//! the command finds remembered.

use super::keys;
use super::spec::{BeginSearch, Command, FindKeys, Flags};
use crate::keyspace::entry::{Entry, Value};
use crate::keyspace::{DatabaseId, State};
use crate::message::Kind;
use crate::resp::decode::{Args, parse_integer};
use crate::server::Server;

/// Steps up to which a command is short: 256 KiB to copy, or so many elements to walk.
const SHORT: usize = 4096;
/// Arguments up to which it is.
const SHORT_ARGS: usize = 256;
/// Their length up to which it is, in bytes.
const SHORT_BYTES: usize = 64 * 1024;
/// Bytes that count for one step.
const STEP_BYTES: usize = 64;

/// What the time that a command takes depends on, beside its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Cost {
    /// On the values at its keys, unless its flags say that it is fast.
    Implied,
    /// On nothing else.
    Arguments,
    /// On the values at its keys.
    Values,
    /// On what this counts.
    Counted(fn(Args<'_>, &View<'_>) -> usize),
    /// On so much that it is never short.
    Long,
}

/// What an estimate may look at.
#[derive(Clone, Copy)]
pub struct View<'v> {
    pub(super) server: &'v Server,
    /// The keys, for commands on keys.
    pub(super) state: Option<&'v State>,
    /// The selected database.
    pub(super) db: DatabaseId,
}

/// Whether a command is short whatever the values at its keys are.
pub(super) fn is_steady(command: &Command) -> bool {
    match command.cost {
        Cost::Arguments => true,
        Cost::Implied => command.flags.has(Flags::FAST),
        Cost::Values | Cost::Counted(_) | Cost::Long => false,
    }
}

impl View<'_> {
    fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.state?.databases().get(usize::from(self.db))?.get(key)
    }

    fn extent(&self, key: &[u8]) -> usize {
        self.entry(key).map_or(0, |entry| entry.value.extent())
    }
}

/// Whether a request takes so little time that nobody notices.
pub(super) fn is_short(command: &Command, args: Args<'_>, view: &View<'_>) -> bool {
    if args.len() > SHORT_ARGS || args.span_bytes() > SHORT_BYTES {
        return false;
    }
    match command.cost {
        _ if is_steady(command) => true,
        Cost::Arguments | Cost::Implied | Cost::Values => values(command, args, view) <= SHORT,
        Cost::Counted(count) => count(args, view) <= SHORT,
        Cost::Long => false,
    }
}

/// The values at all keys of a request.
fn values(command: &Command, args: Args<'_>, view: &View<'_>) -> usize {
    if view.state.is_none() {
        return 0;
    }
    // Most commands have one key, which is found without a list of keys.
    if let [spec] = command.keys
        && let (BeginSearch::Index(index), FindKeys::Range { last: 0, .. }) = (spec.begin, spec.find)
    {
        return usize::try_from(index).ok().and_then(|index| args.get(index)).map_or(0, |key| view.extent(key));
    }
    let found = keys::find(command, args).unwrap_or_default();
    found.iter().map(|key| view.extent(&args[key.index])).sum()
}

fn number(args: Args<'_>, index: usize) -> Option<i64> {
    args.get(index).and_then(parse_integer)
}

/// The number behind a word among the arguments from `from` on.
fn number_behind(args: Args<'_>, from: usize, word: &str) -> Option<i64> {
    let index = (from..args.len()).find(|index| args[*index].eq_ignore_ascii_case(word.as_bytes()))?;
    // XADD and XTRIM may have a sign in between.
    number(args, index + 1).or_else(|| number(args, index + 2))
}

/// How many elements lie between two positions of which negative ones count from the end.
fn between(len: usize, start: Option<i64>, end: Option<i64>) -> usize {
    let (Some(start), Some(end)) = (start, end) else { return 0 };
    let place = |index: i64| if index < 0 { (len as i64).saturating_add(index).max(0) } else { index.min(len as i64) };
    usize::try_from(place(end).saturating_sub(place(start)).saturating_add(1)).unwrap_or(0)
}

/// LRANGE: what is answered, and the way there.
pub(super) fn range_of_list(args: Args<'_>, view: &View<'_>) -> usize {
    let Some(Value::List(list)) = view.entry(&args[1]).map(|entry| &entry.value) else { return 0 };
    let asked = between(list.len(), number(args, 2), number(args, 3));
    let each = view.extent(&args[1]) / list.len().max(1) + 1;
    asked * each + list.len() / STEP_BYTES
}

/// LTRIM: what goes.
pub(super) fn rest_of_list(args: Args<'_>, view: &View<'_>) -> usize {
    let Some(Value::List(list)) = view.entry(&args[1]).map(|entry| &entry.value) else { return 0 };
    list.len().saturating_sub(between(list.len(), number(args, 2), number(args, 3)))
}

/// LINDEX, LSET: the way there.
pub(super) fn way_in_list(args: Args<'_>, view: &View<'_>) -> usize {
    view.extent(&args[1]) / STEP_BYTES
}

/// LPOP, RPOP: as many as are asked for, each of the mean length.
pub(super) fn popped(args: Args<'_>, view: &View<'_>) -> usize {
    let Some(Value::List(list)) = view.entry(&args[1]).map(|entry| &entry.value) else { return 0 };
    let each = view.extent(&args[1]) / list.len().max(1) + 1;
    let count = number(args, 2).map_or(1, |count| usize::try_from(count).unwrap_or(0));
    count.min(list.len()).saturating_mul(each)
}

/// XRANGE, XREVRANGE: as many entries as are asked for, or all.
pub(super) fn range_of_stream(args: Args<'_>, view: &View<'_>) -> usize {
    let count = number_behind(args, 4, "count").map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(0));
    let Some(Value::Stream(stream)) = view.entry(&args[1]).map(|entry| &entry.value) else { return 0 };
    let each = view.extent(&args[1]) / stream.items().max(1) + 1;
    count.min(stream.items()).saturating_mul(each)
}

/// XADD, XTRIM: what goes beyond the length that is asked for.
pub(super) fn trimmed(args: Args<'_>, view: &View<'_>) -> usize {
    let Some(Value::Stream(stream)) = view.entry(&args[1]).map(|entry| &entry.value) else { return 0 };
    match number_behind(args, 2, "maxlen") {
        Some(most) => usize::try_from(stream.log.len()).unwrap_or(usize::MAX).saturating_sub(most.max(0) as usize),
        None if args.from(2).take(4).any(|word| word.eq_ignore_ascii_case(b"minid")) => stream.items(),
        None => 0,
    }
}

/// XREAD, XREADGROUP: as many entries as are asked for of each stream, or what is new in it.
pub(super) fn read_of_streams(args: Args<'_>, view: &View<'_>) -> usize {
    let Some(word) = (1..args.len()).find(|index| args[*index].eq_ignore_ascii_case(b"streams")) else { return 0 };
    let streams = (args.len() - word - 1) / 2;
    let most = number_behind(args, 1, "count").and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let extent = |i: usize| {
        let (key, from) = (&args[word + 1 + i], &args[word + 1 + streams + i]);
        let Some(Value::Stream(stream)) = view.entry(key).map(|entry| &entry.value) else { return 0 };
        let new = if matches!(from, b"$") { 1 } else { stream.items() };
        most.min(new).saturating_mul(view.extent(key) / stream.items().max(1) + 1)
    };
    (0..streams).map(extent).fold(0, usize::saturating_add)
}

/// LCS: every byte of the one beside every byte of the other.
pub(super) fn product_of_texts(args: Args<'_>, view: &View<'_>) -> usize {
    let len = |index: usize| args.get(index).map_or(0, |key| view.extent(key) * STEP_BYTES);
    len(1).saturating_mul(len(2)) / 8
}

/// SETRANGE: up to where the string reaches.
pub(super) fn reached(args: Args<'_>, view: &View<'_>) -> usize {
    let offset = number(args, 2).and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0);
    view.extent(&args[1]).max(offset / STEP_BYTES)
}

/// KEYS: all of the database.
pub(super) fn whole_database(_: Args<'_>, view: &View<'_>) -> usize {
    view.state.and_then(|state| state.databases().get(usize::from(view.db))).map_or(0, |database| database.len())
}

/// SCAN: as many keys as are asked for, and those of the last bucket.
pub(super) fn scanned(args: Args<'_>, view: &View<'_>) -> usize {
    let count = number_behind(args, 2, "count").map_or(10, |count| usize::try_from(count).unwrap_or(0));
    count.min(whole_database(args, view))
}

/// PUBSUB CHANNELS: all channels.
pub(super) fn channels(_: Args<'_>, view: &View<'_>) -> usize {
    view.server.hub.lock().channel_count(Kind::Channel)
}

/// PUBSUB SHARDCHANNELS: all sharded channels.
pub(super) fn shard_channels(_: Args<'_>, view: &View<'_>) -> usize {
    view.server.hub.lock().channel_count(Kind::ShardChannel)
}

/// CLIENT LIST: all clients, each with some dozens of fields.
pub(super) fn clients(_: Args<'_>, view: &View<'_>) -> usize {
    view.server.clients.len() * 64
}
