//! What DEBUG tells of keys, and how their time ends.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::Ordering::Relaxed;

use foldhash::quality::FixedState;

use crate::command::LocalCall;
use crate::keyspace::entry::{Entry, Value};
use crate::keyspace::stream::{Stream, StreamId};
use crate::keyspace::usage::Usage;
use crate::resp::errors::ReplyError;

/// The fields of Redis. The address is that of the place in the table, the length that of the value on the heap.
pub(super) fn object(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let usage = Usage::of(call.settings);
    let (mut keys, reply) = call.keys();
    let now_ms = keys.now_ms;
    let entry = keys.peek(&args[2]).ok_or(ReplyError::NO_SUCH_KEY)?;
    let idle_seconds = match usage {
        Usage::Recency => Usage::idle_seconds(entry.usage(), now_ms),
        Usage::Frequency { .. } => 0,
    };
    reply.simple(&format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle_seconds}",
        &entry.value,
        entry.value.encoding(),
        entry.value.heap_bytes(),
        entry.usage() & 0xff_ffff,
    ));
    Ok(())
}

/// What would show Redis' own layout of a value.
pub(super) fn no_layout(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, _) = call.keys();
    if keys.contains(&args[2]) { Err(ReplyError::NO_LAYOUT) } else { Err(ReplyError::NO_SUCH_KEY) }
}

pub(super) fn set_active_expire(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    call.server.keyspace.expires_actively.store(call.integer(2).is_ok_and(|number| number != 0), Relaxed);
    call.reply.ok();
    Ok(())
}

/// A signature: the same for the same data in every server, whatever the order in which it came. It is not meant to
/// withstand those who want two to be equal.
#[derive(Clone, Copy, Debug, Default)]
struct Digest([u64; 3]);

impl Digest {
    fn of(data: impl Hash) -> Self {
        Digest([0, 1, 2].map(|seed| FixedState::with_seed(seed).hash_one(&data)))
    }

    /// That of a set, together with one more.
    fn and(self, other: Digest) -> Self {
        let Digest(parts) = self;
        Digest([0, 1, 2].map(|part| parts[part].wrapping_add(other.0[part])))
    }

    /// Forty hexadecimal digits.
    fn shown(self) -> String {
        let Digest([first, second, third]) = self;
        format!("{first:016x}{second:016x}{:08x}", third >> 32)
    }
}

/// What counts of a key: its type, its content, and whether it expires.
struct Content<'e>(&'e Entry);

impl Hash for Content<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Content(entry) = self;
        entry.value.kind().name().hash(hasher);
        entry.deadline_ms().is_some().hash(hasher);
        match &entry.value {
            Value::Text(text) => text.bytes(&mut itoa::Buffer::new()).hash(hasher),
            Value::List(list) => list.iter().for_each(|item| item.to_vec().hash(hasher)),
            Value::Stream(stream) => hash_stream(stream, hasher),
        }
    }
}

fn hash_stream<H: Hasher>(stream: &Stream, hasher: &mut H) {
    let hash_id = |id: StreamId, hasher: &mut H| (id.ms, id.seq).hash(hasher);
    for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
        hash_id(entry.id, hasher);
        entry.fields().for_each(|field| field.hash(hasher));
    }
    hash_id(stream.log.last_id, hasher);
    for (name, group) in &stream.groups {
        name.hash(hasher);
        hash_id(group.last_id, hasher);
        group.pending().keys().for_each(|id| hash_id(*id, hasher));
    }
}

pub(super) fn digest(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let (keys, reply) = call.keys();
    let mut all = Digest::default();
    for (db, database) in keys.state.databases().iter().enumerate() {
        let entries = database.iter().filter(|entry| !entry.is_due(keys.now_ms));
        all = entries.fold(all, |all, entry| all.and(Digest::of((db, entry.key(), Content(entry)))));
    }
    reply.simple(&all.shown());
    Ok(())
}

/// Of a key that is not there it is zero.
pub(super) fn digest_value(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let names = args.from(2);
    reply.array(names.len());
    for key in names {
        let digest = keys.peek(key).map_or(Digest::default(), |entry| Digest::of(Content(entry)));
        reply.simple(&digest.shown());
    }
    Ok(())
}
