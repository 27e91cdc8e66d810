//! Answers of commands as values of scripts, and values of scripts as answers.
//!
//! Source: `redisProtocolToLuaType` and `luaReplyToRedisReply` in Redis 7.2 (script_lua.c).

use mlua::{Lua, Result, Table, Value};

use crate::resp::Proto;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// Tables within each other that are answered at most.
const DEEPEST: usize = 1000;

/// The value of the answer at the front of `bytes`, which are whole, and what is behind it.
pub(super) fn to_lua<'b>(lua: &Lua, bytes: &'b [u8]) -> Result<(Value, &'b [u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(bytes.len());
    let line = bytes.get(1..end).unwrap_or_default();
    let rest = bytes.get(end + 2..).unwrap_or_default();
    let text = || std::str::from_utf8(line).unwrap_or_default();
    let count = || text().parse::<i64>().unwrap_or(-1);
    let boxed = |name: &str, value: Value| {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        mlua::Result::Ok(Value::Table(table))
    };
    let value = match bytes.first() {
        Some(b':') => Value::Number(count() as f64),
        Some(b'+') => boxed("ok", Value::String(lua.create_string(line)?))?,
        Some(b'-') => boxed("err", Value::String(lua.create_string(line)?))?,
        Some(b'#') => Value::Boolean(line == b"t"),
        Some(b',') => boxed("double", Value::Number(text().parse().unwrap_or(f64::NAN)))?,
        Some(b'(') => boxed("big_number", Value::String(lua.create_string(line)?))?,
        Some(b'$') => match usize::try_from(count()) {
            Ok(len) => return Ok((Value::String(lua.create_string(&rest[..len])?), &rest[len + 2..])),
            Err(_) => Value::Boolean(false),
        },
        Some(b'=') => {
            let len = usize::try_from(count()).unwrap_or_default();
            let table = lua.create_table_with_capacity(0, 2)?;
            table.raw_set("format", lua.create_string(&rest[..3])?)?;
            table.raw_set("string", lua.create_string(&rest[4..len])?)?;
            return Ok((boxed("verbatim_string", Value::Table(table))?, &rest[len + 2..]));
        }
        Some(b'*' | b'>') => return array(lua, count(), rest),
        Some(b'%') => {
            let (map, rest) = pairs(lua, count(), rest)?;
            return Ok((boxed("map", Value::Table(map))?, rest));
        }
        Some(b'~') => return set(lua, count(), rest).and_then(|(set, rest)| Ok((boxed("set", set)?, rest))),
        _ => Value::Nil,
    };
    Ok((value, rest))
}

fn array<'b>(lua: &Lua, count: i64, mut rest: &'b [u8]) -> Result<(Value, &'b [u8])> {
    let Ok(count) = usize::try_from(count) else { return Ok((Value::Boolean(false), rest)) };
    let table = lua.create_table_with_capacity(count, 0)?;
    for index in 1..=count {
        let (value, behind) = to_lua(lua, rest)?;
        table.raw_set(index, value)?;
        rest = behind;
    }
    Ok((Value::Table(table), rest))
}

fn pairs<'b>(lua: &Lua, count: i64, mut rest: &'b [u8]) -> Result<(Table, &'b [u8])> {
    let table = lua.create_table()?;
    for _ in 0..count {
        let (key, behind) = to_lua(lua, rest)?;
        let (value, behind) = to_lua(lua, behind)?;
        table.raw_set(key, value)?;
        rest = behind;
    }
    Ok((table, rest))
}

fn set<'b>(lua: &Lua, count: i64, mut rest: &'b [u8]) -> Result<(Value, &'b [u8])> {
    let table = lua.create_table()?;
    for _ in 0..count {
        let (member, behind) = to_lua(lua, rest)?;
        table.raw_set(member, true)?;
        rest = behind;
    }
    Ok((Value::Table(table), rest))
}

/// Answers a script's value. `speaks` is what the script has chosen by `setresp`.
pub(super) fn answer(reply: &mut Reply, value: &Value, speaks: Proto, depth: usize) -> Result<()> {
    if depth > DEEPEST {
        reply.error(&ReplyError::err("reached lua stack limit"));
        return Ok(());
    }
    match value {
        Value::String(text) => reply.bulk(text.as_bytes()),
        Value::Boolean(value) if speaks == Proto::Resp3 => reply.boolean(*value),
        Value::Boolean(true) => reply.integer(1),
        Value::Integer(number) => reply.integer(*number),
        Value::Number(number) => reply.integer(to_integer(*number)),
        Value::Table(table) => answer_table(reply, table, speaks, depth)?,
        _ => reply.null(),
    }
    Ok(())
}

/// A number, whichever way the interpreter hands it over.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// The text without line ends, which would end the answer.
fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if b"\r\n".contains(byte) { b' ' } else { *byte }).collect()
}

/// As the processor does it in C: what does not fit becomes the least of all.
pub(super) fn to_integer(number: f64) -> i64 {
    if (-9.3e18..9.223_372_036_854_776e18).contains(&number) { number as i64 } else { i64::MIN }
}

fn answer_table(reply: &mut Reply, table: &Table, speaks: Proto, depth: usize) -> Result<()> {
    if let Value::String(text) = table.raw_get::<Value>("err")? {
        reply.error(&ReplyError::raw(&text.as_bytes()));
        return Ok(());
    }
    if let Value::String(text) = table.raw_get::<Value>("ok")? {
        reply.raw(&[b"+", &*one_line(&text.as_bytes()), b"\r\n"].concat());
        return Ok(());
    }
    if let Some(number) = number(&table.raw_get::<Value>("double")?) {
        reply.double(number);
        return Ok(());
    }
    if let Value::String(digits) = table.raw_get::<Value>("big_number")? {
        reply.big_number(&one_line(&digits.as_bytes()));
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get::<Value>("verbatim_string")?
        && let (Value::String(kind), Value::String(text)) = (verbatim.raw_get("format")?, verbatim.raw_get("string")?)
    {
        let mut three = [b' '; 3];
        let kind = kind.as_bytes();
        three.iter_mut().zip(kind.iter().take_while(|byte| **byte != 0)).for_each(|(place, byte)| *place = *byte);
        reply.verbatim_of(three, &text.as_bytes());
        return Ok(());
    }
    if let Value::Table(map) = table.raw_get::<Value>("map")? {
        let written = pairs_of(reply, &map, |reply, key, value| {
            answer(reply, key, speaks, depth + 1)?;
            answer(reply, value, speaks, depth + 1)
        });
        return written.map(|(start, count)| reply.insert(start, |reply| reply.map(count)));
    }
    if let Value::Table(set) = table.raw_get::<Value>("set")? {
        let written = pairs_of(reply, &set, |reply, member, _| answer(reply, member, speaks, depth + 1));
        return written.map(|(start, count)| reply.insert(start, |reply| reply.set(count)));
    }
    let (start, mut count) = (reply.len(), 0);
    loop {
        match table.raw_get::<Value>(count + 1)? {
            Value::Nil => break,
            element => answer(reply, &element, speaks, depth + 1)?,
        }
        count += 1;
    }
    reply.insert(start, |reply| reply.array(count));
    Ok(())
}

/// Writes something for each pair of a table, and tells where that begins and how many they are. One pair at a time is
/// held on to: an interpreter has room for some thousands of them only.
fn pairs_of(
    reply: &mut Reply,
    table: &Table,
    mut write: impl FnMut(&mut Reply, &Value, &Value) -> Result<()>,
) -> Result<(usize, usize)> {
    let (start, mut count) = (reply.len(), 0);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        write(reply, &key, &value)?;
        count += 1;
    }
    Ok((start, count))
}
