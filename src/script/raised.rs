//! Errors on their way through a script.

use std::fmt;

use mlua::{Error, Lua, Result, Table, Value};

/// What a function of the server raises in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raised {
    /// A table with this text, which begins with its code.
    Reply(Vec<u8>),
    /// The end of the script, which it cannot keep from happening.
    Killed,
}

/// What a script that was killed is answered.
pub(crate) const KILLED: &str = "ERR Script killed by user with SCRIPT KILL.";

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
    pub(crate) fn of(text: &[u8]) -> Raised {
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
    let Value::Error(error) = &value else { return Ok(value) };
    match find(error) {
        Some(Raised::Killed) => Err(Raised::Killed.carried()),
        Some(Raised::Reply(text)) => {
            let table = lua.create_table_with_capacity(0, 2)?;
            table.raw_set("err", lua.create_string(text)?)?;
            table.raw_set("ignore_error_stats_update", true)?;
            Ok(Value::Table(table))
        }
        None => Ok(Value::String(lua.create_string(text(error))?)),
    }
}
