//! The table `redis` of scripts, but for what runs commands.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Result, Table, Value};

use super::raised::{self, Raised};
use super::{cache, convert, quiet};
use crate::resp::{Proto, double};
use crate::version::REDIS_VERSION;

/// Which protocol the script has chosen.
pub(super) type Speaks = Rc<Cell<Proto>>;

/// Makes the table.
pub(super) fn table(lua: &Lua, speaks: &Speaks) -> Result<Table> {
    let redis = lua.create_table()?;
    for (level, name) in ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"].into_iter().enumerate() {
        redis.raw_set(name, level)?;
    }
    let replication = [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)];
    for (name, value) in replication {
        redis.raw_set(name, value)?;
    }
    redis.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", version_number())?;
    redis.raw_set("sha1hex", quiet::function(lua, sha1hex)?)?;
    redis.raw_set("error_reply", quiet::function(lua, error_reply)?)?;
    redis.raw_set("status_reply", quiet::function(lua, status_reply)?)?;
    redis.raw_set("log", quiet::function(lua, log)?)?;
    let speaks = speaks.clone();
    redis.raw_set("setresp", quiet::function(lua, move |lua, args: MultiValue| setresp(lua, &speaks, &args))?)?;
    redis.raw_set("set_repl", quiet::function(lua, set_repl)?)?;
    redis.raw_set("replicate_commands", quiet::function(lua, |_, _: MultiValue| Ok(true))?)?;
    redis.raw_set("breakpoint", quiet::function(lua, |_, _: MultiValue| Ok(false))?)?;
    redis.raw_set("debug", quiet::function(lua, |_, _: MultiValue| Ok(()))?)?;
    Ok(redis)
}

/// The version as one number, a byte for each part.
fn version_number() -> u32 {
    REDIS_VERSION.split('.').filter_map(|part| part.parse::<u32>().ok()).fold(0, |number, part| (number << 8) | part)
}

/// The bytes of an argument of a command: a number is written so that it reads as the same number.
///
/// Source: `luaArgsToRedisArgv` in Redis 7.4 (script_lua.c).
pub(super) fn argument(lua: &Lua, value: &Value) -> Option<mlua::LuaString> {
    let number = match value {
        Value::String(text) => return Some(text.clone()),
        Value::Integer(number) => return lua.create_string(number.to_string()).ok(),
        Value::Number(number) => *number,
        _ => return None,
    };
    let text = match double::whole(number) {
        Some(whole) => whole.to_string(),
        // As the reference implementation writes what 0/0 is.
        None if number.is_nan() && number.is_sign_negative() => "-nan".to_owned(),
        None => double::text(number),
    };
    lua.create_string(text).ok()
}

/// A number, or a string that reads as one.
fn number(lua: &Lua, value: &Value) -> Option<f64> {
    lua.coerce_number(value.clone()).ok().flatten()
}

/// The bytes of a string or number, as Lua would write it.
pub(super) fn bytes(lua: &Lua, value: &Value) -> Option<mlua::LuaString> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(_) | Value::Number(_) => lua.coerce_string(value.clone()).ok().flatten(),
        _ => None,
    }
}

fn sha1hex(lua: &Lua, args: MultiValue) -> Result<Value> {
    if args.len() != 1 {
        return Err(Raised::of(b"wrong number of arguments").carried());
    }
    let text = args.front().and_then(|value| bytes(lua, value));
    let sha = match text {
        Some(text) => cache::digest(&text.as_bytes()),
        None => cache::digest(b""),
    };
    Ok(Value::String(lua.create_string(sha)?))
}

/// The one string that a function takes.
fn only_text(args: &MultiValue) -> Option<mlua::LuaString> {
    match (args.len(), args.front()) {
        (1, Some(Value::String(text))) => Some(text.clone()),
        _ => None,
    }
}

fn error_reply(lua: &Lua, args: MultiValue) -> Result<Table> {
    let Some(text) = only_text(&args) else { return raised::table(lua, b"wrong number or type of arguments") };
    let text = text.as_bytes();
    let signed = if text.starts_with(b"-") { text.to_vec() } else { [b"-", &*text].concat() };
    raised::table(lua, &signed)
}

fn status_reply(lua: &Lua, args: MultiValue) -> Result<Table> {
    let Some(text) = only_text(&args) else { return raised::table(lua, b"wrong number or type of arguments") };
    let table = lua.create_table()?;
    table.raw_set("ok", text)?;
    Ok(table)
}

fn log(lua: &Lua, args: MultiValue) -> Result<()> {
    if args.len() < 2 {
        return Err(Raised::of(b"redis.log() requires two arguments or more.").carried());
    }
    let level = match args.front().and_then(|level| number(lua, level)) {
        Some(level) => level as i64,
        None => return Err(Raised::of(b"First argument must be a number (log level).").carried()),
    };
    let words = args.iter().skip(1).filter_map(|value| bytes(lua, value));
    let text = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    match level {
        0 => tracing::trace!("script: {text}"),
        1 => tracing::debug!("script: {text}"),
        2 => tracing::info!("script: {text}"),
        3 => tracing::warn!("script: {text}"),
        _ => return Err(Raised::of(b"Invalid log level.").carried()),
    }
    Ok(())
}

fn setresp(lua: &Lua, speaks: &Speaks, args: &MultiValue) -> Result<()> {
    if args.len() != 1 {
        return Err(Raised::of(b"redis.setresp() requires one argument.").carried());
    }
    match args.front().and_then(|value| number(lua, value)).map(convert::to_integer) {
        Some(2) => speaks.set(Proto::Resp2),
        Some(3) => speaks.set(Proto::Resp3),
        _ => return Err(Raised::of(b"RESP version must be 2 or 3.").carried()),
    }
    Ok(())
}

fn set_repl(lua: &Lua, args: MultiValue) -> Result<()> {
    if args.len() != 1 {
        return Err(Raised::of(b"redis.set_repl() requires one argument.").carried());
    }
    match args.front().and_then(|value| number(lua, value)).map(convert::to_integer) {
        Some(0..=3) => Ok(()),
        _ => {
            let text = b"Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
            Err(Raised::of(text).carried())
        }
    }
}
