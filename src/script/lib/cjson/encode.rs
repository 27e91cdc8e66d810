//! Values to JSON.

use mlua::{Error, Function, Lua, LuaString, Result, Table, Value};

use super::super::arguments::{fault, type_name};
use super::super::numbers::general;
use super::super::output::Output;
use super::settings::{Invalid, Settings};
use super::{ARRAYS, MOST_VALUES};

/// Writes a value as JSON. `next` is Lua's own.
pub(super) fn encode(lua: &Lua, next: &Function, settings: &Settings, value: Value) -> Result<LuaString> {
    let mut writer = Writer { lua, next, settings, output: Output::new(lua), open: Vec::new(), held: 1 };
    if let Err(error) = writer.write(value) {
        // the interpreter is short of room for what is held here a little earlier than for what the limit counts
        return Err(if matches!(error, Error::StackError) { writer.too_deep(writer.open.len() as i64) } else { error });
    }
    lua.create_string(writer.output.bytes())
}

/// A table of which entries are still to be written.
enum Open {
    /// An array, how many entries of it have been written, and its length.
    Array(Table, i64, i64),
    /// An object, and the key of what was written last, nil at first.
    Object(Table, Value),
}

/// What is written, and where.
struct Writer<'a> {
    lua: &'a Lua,
    next: &'a Function,
    settings: &'a Settings,
    output: Output,
    open: Vec<Open>,
    /// How many values the reference implementation would have at hand.
    held: usize,
}

impl Writer<'_> {
    /// Writes a value with all that lies in it.
    fn write(&mut self, mut value: Value) -> Result<()> {
        loop {
            self.begin(value)?;
            value = loop {
                match self.following()? {
                    Some(value) => break value,
                    None if self.open.is_empty() => return Ok(()),
                    None => {}
                }
            };
        }
    }

    /// Writes a value, or the beginning of a table.
    fn begin(&mut self, value: Value) -> Result<()> {
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(number) => self.number(number as f64),
            Value::Number(number) => self.number(number),
            Value::Boolean(value) => self.output.write(if value { b"true" } else { b"false" }),
            Value::Nil => self.output.write(b"null"),
            Value::Table(table) => self.table(table),
            other if other.is_null() => self.output.write(b"null"),
            other => Err(self.refuse(&other, "type not supported")),
        }
    }

    /// The next value of the innermost table, with what stands before it, or the end of that table.
    fn following(&mut self) -> Result<Option<Value>> {
        let (pair, first) = match self.open.last_mut() {
            None => return Ok(None),
            Some(Open::Array(table, written, length)) if *written < *length => {
                *written += 1;
                if *written > 1 {
                    self.output.write(b",")?;
                }
                return table.raw_get(*written).map(Some);
            }
            Some(Open::Array(..)) => {
                self.open.pop();
                self.held -= 1;
                self.output.write(b"]")?;
                return Ok(None);
            }
            Some(Open::Object(table, last)) => {
                let first = last.is_nil();
                let pair: (Value, Value) = self.next.call((&*table, &*last))?;
                last.clone_from(&pair.0);
                (pair, first)
            }
        };
        if pair.0.is_nil() {
            self.open.pop();
            self.held -= 2;
            self.output.write(b"}")?;
            return Ok(None);
        }
        if !first {
            self.output.write(b",")?;
        }
        self.key(&pair.0)?;
        Ok(Some(pair.1))
    }

    /// Writes the key of an object's entry.
    fn key(&mut self, key: &Value) -> Result<()> {
        match key {
            Value::String(text) => {
                self.string(&text.as_bytes())?;
                self.output.write(b":")
            }
            Value::Integer(number) => self.number_as_key(*number as f64),
            Value::Number(number) => self.number_as_key(*number),
            other => Err(self.refuse(other, "table key must be a number or string")),
        }
    }

    /// Writes a number as the key of an entry.
    fn number_as_key(&mut self, number: f64) -> Result<()> {
        self.output.write(b"\"")?;
        self.number(number)?;
        self.output.write(b"\":")
    }

    /// Writes the beginning of a table.
    fn table(&mut self, table: Table) -> Result<()> {
        let depth = self.open.len() as i64 + 1;
        if depth > i64::from(self.settings.encode_depth) || self.held + 3 > MOST_VALUES {
            return Err(self.too_deep(depth));
        }
        let marked = is_marked(self.lua, &table)?;
        let length = if marked { table.raw_len() as i64 } else { self.array_length(&table)? };
        if marked || length > 0 {
            self.open.push(Open::Array(table, 0, length));
            self.held += 1;
            self.output.write(b"[")
        } else {
            self.open.push(Open::Object(table, Value::Nil));
            self.held += 2;
            self.output.write(b"{")
        }
    }

    /// How long a table is as an array, not above 0 if it is none.
    fn array_length(&self, table: &Table) -> Result<i64> {
        let (mut largest, mut count) = (0i32, 0i64);
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            let key = match key {
                Value::Integer(key) if key >= 1 => key as f64,
                Value::Number(key) if key >= 1.0 && key.fract() == 0.0 || key == f64::INFINITY => key,
                _ => return Ok(-1),
            };
            if key > f64::from(largest) {
                // what does not fit becomes the least, as on the processors of servers
                largest = if key <= f64::from(i32::MAX) { key as i32 } else { i32::MIN };
            }
            count += 1;
        }
        let ratio = i64::from(self.settings.sparse_ratio);
        let sparse = ratio > 0 && i64::from(largest) > count * ratio && largest > self.settings.sparse_safe;
        match (sparse, self.settings.sparse_convert) {
            (false, _) => Ok(i64::from(largest)),
            (true, true) => Ok(-1),
            (true, false) => Err(self.refuse(&Value::Table(table.clone()), "excessively sparse array")),
        }
    }

    /// Writes a number, if JSON has it or settings allow it.
    fn number(&mut self, number: f64) -> Result<()> {
        if number.is_finite() {
            return self.output.write(&general(number, self.settings.digits as usize));
        }
        match self.settings.encode_invalid {
            Invalid::Refuse => Err(self.refuse(&Value::Number(number), "must not be NaN or Inf")),
            Invalid::Null => self.output.write(b"null"),
            Invalid::Write if number.is_nan() => self.output.write(b"nan"),
            Invalid::Write => self.output.write(&general(number, 1)),
        }
    }

    /// Writes a string in quotes.
    fn string(&mut self, text: &[u8]) -> Result<()> {
        self.output.write(b"\"")?;
        let mut plain = text;
        while let Some(at) = plain.iter().position(|byte| must_be_escaped(*byte)) {
            self.output.write(&plain[..at])?;
            match plain[at] {
                b'\x08' => self.output.write(b"\\b")?,
                b'\t' => self.output.write(b"\\t")?,
                b'\n' => self.output.write(b"\\n")?,
                b'\x0c' => self.output.write(b"\\f")?,
                b'\r' => self.output.write(b"\\r")?,
                byte @ (b'"' | b'\\' | b'/') => self.output.write(&[b'\\', byte])?,
                byte => self.output.write(format!("\\u{byte:04x}").as_bytes())?,
            }
            plain = &plain[at + 1..];
        }
        self.output.write(plain)?;
        self.output.write(b"\"")
    }

    /// The error of tables that lie too deep in each other.
    fn too_deep(&self, depth: i64) -> Error {
        fault(self.lua, &format!("Cannot serialise, excessive nesting ({depth})"))
    }

    /// The error of a value that cannot be written.
    fn refuse(&self, value: &Value, why: &str) -> Error {
        fault(self.lua, &format!("Cannot serialise {}: {why}", type_name(value)))
    }
}

/// Whether a byte is not written as it is.
fn must_be_escaped(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'/' | b'\\' | 0x7f)
}

/// Whether a table was read as an array while such were marked.
fn is_marked(lua: &Lua, table: &Table) -> Result<bool> {
    match table.metatable() {
        None => Ok(false),
        Some(own) => Ok(own == lua.named_registry_value::<Table>(ARRAYS)?),
    }
}
