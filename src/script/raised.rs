//! Errors on their way through a script.

use std::fmt;

use mlua::{Error, Lua, LuaString, Result, Table, Value};

/// What a function of the server raises in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raised {
    /// A table with this text, which begins with its code.
    Reply(Vec<u8>),
    /// The end of the script, which it cannot keep from happening.
    Killed,
}

/// What says in the table of an error that statistics know it: a command has failed with it.
///
/// Source: `luaExtractErrorInformation` in Redis 7.2 (script_lua.c).
pub(super) const COUNTED: &str = "ignore_error_stats_update";
/// Steps of the caller's chain at most that are looked at for the place of an error.
const DEEPEST_PLACE: usize = 8;

/// What a script that was killed is answered.
pub(crate) const KILLED: &str = "Script killed by user with SCRIPT KILL...";

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raised::Reply(text) => f.write_str(&String::from_utf8_lossy(text)),
            Raised::Killed => f.write_str(KILLED),
        }
    }
}

impl std::error::Error for Raised {}

impl Raised {
    /// As a text says it: `-CODE text`, or `text`, which then has the code ERR.
    pub fn of(text: &[u8]) -> Raised {
        Raised::Reply(with_code(text))
    }

    /// As the interpreter carries it.
    pub(crate) fn carried(self) -> Error {
        Error::external(self)
    }
}

/// The text of an error table: `-CODE text` without its sign, anything else behind ERR.
fn with_code(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    match text.strip_prefix(b"-") {
        Some(coded) if coded.contains(&b' ') => coded.to_vec(),
        Some(word) => [b"ERR ", word].concat(),
        None => [b"ERR ", text].concat(),
    }
}

/// An error table.
pub(crate) fn table(lua: &Lua, text: &[u8]) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set("err", lua.create_string(with_code(text))?)?;
    Ok(table)
}

/// Finds what was raised within what the interpreter has made of it.
pub(crate) fn find(error: &Error) -> Option<&Raised> {
    match error {
        Error::CallbackError { cause, .. } => find(cause),
        Error::ExternalError(error) => error.downcast_ref(),
        _ => None,
    }
}

/// Whether it is the end of the script.
pub(crate) fn is_end(error: &Error) -> bool {
    matches!(find(error), Some(Raised::Killed))
}

/// The text of an error that is no table.
pub(crate) fn text(error: &Error) -> String {
    match error {
        Error::CallbackError { cause, .. } => text(cause),
        Error::RuntimeError(text) | Error::MemoryError(text) => text.clone(),
        Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// What a script sees of an error that it has caught.
pub(crate) fn seen(lua: &Lua, value: Value) -> Result<Value> {
    let error = match &value {
        Value::Error(error) => error,
        Value::String(text) => return in_script(lua, text),
        _ => return Ok(value),
    };
    match find(error) {
        Some(Raised::Killed) => Err(Raised::Killed.carried()),
        Some(Raised::Reply(text)) => {
            let table = lua.create_table_with_capacity(0, 2)?;
            table.raw_set("err", lua.create_string(text)?)?;
            table.raw_set(COUNTED, true)?;
            Ok(Value::Table(table))
        }
        None => in_script(lua, &lua.create_string(text(error))?),
    }
}

/// The text of an error that names a line of the sandbox, with that of the script instead, if it is known.
fn in_script(lua: &Lua, text: &LuaString) -> Result<Value> {
    let bytes = text.as_bytes();
    let inner = bytes.strip_prefix(b"sandbox:").and_then(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest[digits..].strip_prefix(b": ")
    });
    let Some(inner) = inner else { return Ok(Value::String(text.clone())) };
    let at = place(lua).map(|place| format!("{}:{}: ", place.name, place.line)).unwrap_or_default();
    Ok(Value::String(lua.create_string([at.as_bytes(), inner].concat())?))
}

/// Where a script is.
pub(super) struct Place {
    /// Its chunk, as a script may have called it.
    pub(super) source: String,
    /// The same, as errors show it.
    pub(super) name: String,
    pub(super) line: usize,
}

/// The innermost function of a script that is running, as far as it can be told: one that has called the sandbox last,
/// instead of returning, cannot.
pub(super) fn place(lua: &Lua) -> Option<Place> {
    for level in 0..DEEPEST_PLACE {
        let place = lua.inspect_stack(level, |frame| {
            let (source, line) = (frame.source(), frame.current_line()?);
            let chunk = source.source?.into_owned();
            let name = source.short_src?.into_owned();
            (chunk != "=sandbox").then_some(Place { source: chunk, name, line })
        })?;
        if place.is_some() {
            return place;
        }
    }
    None
}
