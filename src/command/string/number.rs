//! INCR and its relatives.

use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::text::Text;
use crate::resp::errors::ReplyError;

use super::extended::Extended;

pub(super) fn incr(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    add(call, 1)
}

pub(super) fn decr(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    add(call, -1)
}

pub(super) fn incrby(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    add(call, call.integer(2)?)
}

pub(super) fn decrby(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let number = call.integer(2)?.checked_neg();
    add(call, number.ok_or(ReplyError::DECREMENT_OVERFLOWS)?)
}

fn add(call: &mut Call<'_, '_>, increment: i64) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    let sum = |number: i64| number.checked_add(increment).ok_or(ReplyError::INCREMENT_OVERFLOWS);
    let new = match keys.text_mut(key)? {
        Some(text) => {
            let new = sum(text.integer().ok_or(ReplyError::NOT_AN_INTEGER)?)?;
            *text = Text::Integer(new);
            new
        }
        None => {
            keys.add(key, Value::Text(Text::Integer(increment)));
            increment
        }
    };
    keys.changed(KeyspaceEvents::STRING, "incrby", key);
    reply.integer(new);
    Ok(())
}

/// Adds as Redis does, in numbers of 80 bits.
pub(super) fn incrbyfloat(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    let read = |text: &[u8]| Extended::read(text).ok_or(ReplyError::NOT_A_FLOAT);
    let sum = |old: Extended| old.plus(read(&args[2])?).digits().ok_or(ReplyError::INCREMENT_INFINITE);
    // Redis keeps the digits of a sum as bytes, whatever they look like.
    let plain = |digits: &str| Text::Plain(digits.as_bytes().into());
    let digits = match keys.text_mut(key)? {
        Some(text) => {
            let digits = sum(read(text.bytes(&mut itoa::Buffer::new()))?)?;
            *text = plain(&digits);
            digits
        }
        None => {
            let digits = sum(Extended::from(0))?;
            keys.add(key, Value::Text(plain(&digits)));
            digits
        }
    };
    keys.changed(KeyspaceEvents::STRING, "incrbyfloat", key);
    reply.bulk(digits);
    Ok(())
}
