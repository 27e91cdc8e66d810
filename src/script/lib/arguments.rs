//! Arguments of a library's function, taken and refused as Lua's own library takes and refuses them.
//!
//! Source: lauxlib.c of Lua 5.1.

use mlua::{Error, Lua, LuaString, MultiValue, Result, Value};

use super::numbers::to_integer;

/// What a function was called with. Arguments are counted from 1.
pub(super) struct Arguments<'a> {
    lua: &'a Lua,
    values: MultiValue,
}

impl<'a> Arguments<'a> {
    /// The arguments of the function that runs now.
    pub(super) fn new(lua: &'a Lua, values: MultiValue) -> Arguments<'a> {
        Arguments { lua, values }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// One of them, if it was given.
    pub(super) fn get(&self, position: usize) -> Option<&Value> {
        self.values.get(position - 1)
    }

    /// One of them, unless it was not given or is nil.
    pub(super) fn given(&self, position: usize) -> Option<&Value> {
        self.get(position).filter(|value| !value.is_nil())
    }

    /// A number, or a string that reads as one.
    pub(super) fn number(&self, position: usize) -> Result<f64> {
        let number = match self.get(position) {
            Some(Value::Integer(number)) => return Ok(*number as f64),
            Some(Value::Number(number)) => return Ok(*number),
            Some(value @ Value::String(_)) => self.lua.coerce_number(value.clone())?,
            _ => None,
        };
        number.ok_or_else(|| self.expected(position, "number"))
    }

    /// A number without what is behind its point.
    pub(super) fn integer(&self, position: usize) -> Result<i64> {
        self.number(position).map(to_integer)
    }

    /// The same, or what stands for it if it is missing.
    pub(super) fn integer_or(&self, position: usize, missing: i64) -> Result<i64> {
        if self.given(position).is_none() { Ok(missing) } else { self.integer(position) }
    }

    /// A string, or a number written as one.
    pub(super) fn text(&self, position: usize) -> Result<LuaString> {
        let text = match self.get(position) {
            Some(Value::String(text)) => return Ok(text.clone()),
            Some(value @ (Value::Integer(_) | Value::Number(_))) => self.lua.coerce_string(value.clone())?,
            _ => None,
        };
        text.ok_or_else(|| self.expected(position, "string"))
    }

    /// The error of an argument of another type.
    pub(super) fn expected(&self, position: usize, wanted: &str) -> Error {
        let got = self.get(position).map_or("no value", type_name);
        self.refuse(position, &format!("{wanted} expected, got {got}"))
    }

    /// The error of an argument that will not do.
    pub(super) fn refuse(&self, position: usize, why: &str) -> Error {
        let called = self.lua.inspect_stack(0, |frame| {
            let names = frame.names();
            (names.name.map_or_else(|| "?".to_owned(), |name| name.into_owned()), names.name_what == Some("method"))
        });
        let text = match called {
            None => format!("bad argument #{position} ({why})"),
            Some((name, true)) if position == 1 => format!("calling '{name}' on bad self ({why})"),
            Some((name, true)) => format!("bad argument #{} to '{name}' ({why})", position.saturating_sub(1)),
            Some((name, false)) => format!("bad argument #{position} to '{name}' ({why})"),
        };
        fault(self.lua, &text)
    }

    /// An error of the function itself.
    pub(super) fn fault(&self, text: &str) -> Error {
        fault(self.lua, text)
    }
}

/// An error of the function that runs now, behind the place in the script that called it, if a script did.
pub(super) fn fault(lua: &Lua, text: &str) -> Error {
    let place = lua.inspect_stack(1, |frame| {
        let line = frame.current_line()?;
        Some(format!("{}:{line}: ", frame.source().short_src.unwrap_or_default()))
    });
    Error::RuntimeError(format!("{}{text}", place.flatten().unwrap_or_default()))
}

/// What Lua calls the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        Value::LightUserData(_) | Value::UserData(_) | Value::Error(_) | Value::Other(_) => "userdata",
    }
}
