//! APPEND, GETRANGE, SETRANGE, STRLEN.

use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::text::Text;
use crate::resp::errors::ReplyError;

pub(super) fn append(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (key, added) = (&args[1], &args[2]);
    let longest = call.settings.proto_max_bulk_len.0;
    let (mut keys, reply) = call.keys();
    let len = match keys.text_mut(key)? {
        Some(text) => {
            check_len(text.len() as u64, added, longest)?;
            let bytes = text.grow();
            bytes.extend_from_slice(added);
            bytes.len()
        }
        None => {
            keys.add(key, Value::Text(Text::from(added)));
            added.len()
        }
    };
    keys.changed(KeyspaceEvents::STRING, "append", key);
    reply.count(len);
    Ok(())
}

pub(super) fn setrange(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (key, part) = (&args[1], &args[3]);
    let offset = u64::try_from(call.integer(2)?).map_err(|_| ReplyError::OFFSET_OUT_OF_RANGE)?;
    let longest = call.settings.proto_max_bulk_len.0;
    let (mut keys, reply) = call.keys();
    let len = keys.text_mut(key)?.map(|text| text.len());
    if part.is_empty() {
        reply.count(len.unwrap_or(0));
        return Ok(());
    }
    check_len(offset, part, longest)?;
    if len.is_none() {
        keys.add(key, Value::Text(Text::Grown(Box::default())));
    }
    // Both fit into memory, because the limit does.
    let (start, end) = (offset as usize, offset as usize + part.len());
    if let Some(text) = keys.text_mut(key)? {
        let bytes = text.grow();
        bytes.resize(bytes.len().max(end), 0);
        bytes[start..end].copy_from_slice(part);
        reply.count(bytes.len());
    }
    keys.changed(KeyspaceEvents::STRING, "setrange", key);
    Ok(())
}

/// Whether a string of `len` bytes with `added` behind it is not too long.
fn check_len(len: u64, added: &[u8], longest: u64) -> Result<(), ReplyError> {
    let total = len.checked_add(added.len() as u64);
    if total.is_some_and(|total| total <= longest) { Ok(()) } else { Err(ReplyError::STRING_TOO_LONG) }
}

pub(super) fn strlen(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    reply.count(keys.text(&args[1])?.map_or(0, Text::len));
    Ok(())
}

pub(super) fn getrange(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    let (mut keys, reply) = call.keys();
    let mut digits = itoa::Buffer::new();
    let bytes = keys.text(&args[1])?.map_or(&[][..], |text| text.bytes(&mut digits));
    reply.bulk(slice(bytes, start, end));
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative positions count from the end.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let len = bytes.len() as i64;
    let place = |index: i64| if index < 0 { (len.saturating_add(index)).max(0) } else { index };
    let (first, last) = (place(start), place(end).min(len - 1));
    if first > last || len == 0 { &[] } else { &bytes[first as usize..=last as usize] }
}
