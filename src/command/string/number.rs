//! INCR and its relatives.

use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode};

use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::text::Text;
use crate::resp::errors::ReplyError;

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

/// Digits behind the point that a sum keeps, as many as Redis shows.
const DIGITS: i64 = 17;
/// The largest power of ten that a number may have, as many as Redis' numbers.
const MOST_POWERS: i64 = 4932;
/// The longest number, in bytes.
const LONGEST: usize = 5 * 1024;

/// Adds decimal numbers exactly and rounds the sum to 17 digits behind the point. Redis computes with binary numbers of
/// 64 digits, so its sums have the same digits as long as both numbers have no more than about 18 together.
pub(super) fn incrbyfloat(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    let old =
        keys.text_mut(key)?.map_or(Ok(Number::zero()), |text| Number::read(text.bytes(&mut itoa::Buffer::new())))?;
    let digits = old.plus(Number::read(&args[2])?)?;
    match keys.text_mut(key)? {
        // Redis keeps the digits of a sum as bytes, whatever they look like.
        Some(text) => *text = Text::Plain(digits.clone().into_bytes()),
        None => drop(keys.add(key, Value::Text(Text::Plain(digits.clone().into_bytes())))),
    }
    keys.changed(KeyspaceEvents::STRING, "incrbyfloat", key);
    reply.bulk(digits);
    Ok(())
}

enum Number {
    Finite(BigDecimal),
    Infinite,
}

impl Number {
    fn zero() -> Self {
        Number::Finite(BigDecimal::default())
    }

    fn read(text: &[u8]) -> Result<Self, ReplyError> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() < LONGEST && !text.contains('_'));
        let text = text.ok_or(ReplyError::NOT_A_FLOAT)?;
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if ["inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
            return Ok(Number::Infinite);
        }
        let number = BigDecimal::from_str(text).map_err(|_| ReplyError::NOT_A_FLOAT)?;
        let power = number.digits() as i64 - number.as_bigint_and_scale().1;
        let fits = number == BigDecimal::default() || (-MOST_POWERS..=MOST_POWERS).contains(&power);
        if fits { Ok(Number::Finite(number)) } else { Err(ReplyError::NOT_A_FLOAT) }
    }

    /// The digits of the sum, without zeros at the end.
    fn plus(self, other: Number) -> Result<String, ReplyError> {
        let (Number::Finite(one), Number::Finite(two)) = (self, other) else {
            return Err(ReplyError::INCREMENT_INFINITE);
        };
        let sum = (one + two).with_scale_round(DIGITS, RoundingMode::HalfEven);
        let digits = sum.to_plain_string();
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        Ok(if digits == "-0" { "0".into() } else { digits.to_owned() })
    }
}
