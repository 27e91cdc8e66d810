//! What becomes of an error that a script has not caught.

use mlua::{Lua, Result, Table, Value};

use super::cache::Script;
use super::{api, raised};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// Makes a table of an error, with its text and the line of the script in which it happened.
pub(super) fn placed(lua: &Lua, error: Value) -> Result<Value> {
    let table = match error {
        Value::Error(error) if raised::is_end(&error) => raised::table(lua, raised::KILLED.as_bytes())?,
        error => table_of(lua, raised::seen(lua, error)?)?,
    };
    if let Some(place) = raised::place(lua) {
        table.raw_set("source", place.source)?;
        table.raw_set("line", place.line)?;
    }
    Ok(Value::Table(table))
}

/// The table of an error, or one with its text.
pub(super) fn table_of(lua: &Lua, error: Value) -> Result<Table> {
    if let Value::Table(table) = error {
        return Ok(table);
    }
    let text = match api::bytes(lua, &error) {
        Some(text) => text.as_bytes().to_vec(),
        None => error.to_string()?.into_bytes(),
    };
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string([b"ERR ", text.as_slice()].concat())?)?;
    Ok(table)
}

/// Whether statistics know an error.
fn is_counted(error: &Table) -> bool {
    error.raw_get::<bool>(raised::COUNTED).unwrap_or(false)
}

/// The error that a script answers, unless statistics know it.
pub(super) fn own_error(value: &Value) -> Option<ReplyError> {
    let Value::Table(table) = value else { return None };
    match table.raw_get("err") {
        Ok(Value::String(text)) if !is_counted(table) => Some(ReplyError::raw(&text.as_bytes())),
        _ => None,
    }
}

/// What a client is told of an error.
fn told(lua: &Lua, error: &Table, script: &Script) -> ReplyError {
    let field = |name: &str| error.raw_get::<Value>(name).ok();
    let text = field("err").and_then(|text| api::bytes(lua, &text));
    let mut text = text.map_or(b"ERR unknown error".to_vec(), |text| text.as_bytes().to_vec());
    if let (Some(Value::String(source)), Some(line)) = (field("source"), field("line").and_then(|line| line.as_i64())) {
        let place = format!(", on {}:{line}.", source.to_string_lossy());
        text.extend_from_slice(&[b" script: ", &script.sha[..], place.as_bytes()].concat());
    }
    ReplyError::raw(&text)
}

pub(super) fn killed() -> ReplyError {
    ReplyError::err(raised::KILLED)
}

pub(super) fn out_of_memory(text: &str) -> ReplyError {
    if text.contains("not enough memory") {
        return ReplyError::err("the script needs more memory than 'lua-memory-limit' allows");
    }
    ReplyError::err(text)
}

/// Answers an error that has become a table; it is an error here if statistics do not know it.
pub(super) fn answer(
    reply: &mut Reply,
    lua: &Lua,
    error: &Table,
    script: &Script,
) -> std::result::Result<(), ReplyError> {
    let text = told(lua, error, script);
    if is_counted(error) {
        reply.error(&text);
        return Ok(());
    }
    Err(text)
}
