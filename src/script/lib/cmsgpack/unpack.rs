//! MessagePack to values.

use mlua::{Error, Lua, LuaString, MultiValue, Result, Table, Value};

use super::super::arguments::Arguments;

/// How many values a function of the reference implementation may have at hand: results, and for each table that is
/// not complete itself and what is to be put into it.
const MOST_VALUES: usize = 8000;

/// What is said where there are more.
const TOO_MANY: &str = "too many return values at once; use unpack_one or unpack_limit instead.";

/// `cmsgpack.unpack(data)`: all values.
pub(super) fn all(lua: &Lua, values: MultiValue) -> Result<MultiValue> {
    let arguments = Arguments::new(lua, values);
    let held = arguments.count();
    unpack(lua, &arguments, held, 0, 0)
}

/// `cmsgpack.unpack_one(data, offset)`: where the next value begins, -1 if none does, and a value.
pub(super) fn one(lua: &Lua, values: MultiValue) -> Result<MultiValue> {
    let arguments = Arguments::new(lua, values);
    let offset = arguments.integer_or(2, 0)?;
    unpack(lua, &arguments, 1, 1, offset)
}

/// `cmsgpack.unpack_limit(data, limit, offset)`: where the next value begins, -1 if none does, and at most so many.
pub(super) fn limited(lua: &Lua, values: MultiValue) -> Result<MultiValue> {
    let arguments = Arguments::new(lua, values);
    let limit = arguments.integer(2)?;
    let offset = arguments.integer_or(3, 0)?;
    unpack(lua, &arguments, 1, limit, offset)
}

/// Takes values from the first argument, beginning at an offset: at most so many, all if limit and offset are 0.
/// `held` is how many arguments the function keeps meanwhile.
fn unpack(lua: &Lua, arguments: &Arguments<'_>, held: usize, limit: i64, offset: i64) -> Result<MultiValue> {
    let text = arguments.text(1)?;
    let data = text.as_bytes();
    if offset < 0 || limit < 0 {
        let (offset, length) = (offset as i32, data.len() as i32);
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {length}.");
        return Err(arguments.fault(&text));
    }
    let Some(rest) = usize::try_from(offset).ok().and_then(|offset| data.get(offset..)) else {
        let (offset, length) = (offset as i32, data.len() as i32);
        return Err(arguments.fault(&format!("Start offset {offset} greater than input length {length}.")));
    };
    let everything = limit == 0 && offset == 0;
    let mut reader = Reader { lua, arguments, rest, held };
    let mut results = MultiValue::new();
    while !reader.rest.is_empty() && (everything || (results.len() as i64) < limit) {
        let value = reader.value().map_err(|error| match error {
            // the interpreter is short of room for what is held here a little earlier than for what the limit counts
            Error::StackError => reader.no_room(TOO_MANY),
            other => other,
        })?;
        results.push_back(value);
        reader.held += 1;
    }
    if !everything {
        reader.room("in function mp_unpack_full")?;
        let taken = data.len() - reader.rest.len();
        results.push_front(Value::Integer(if reader.rest.is_empty() { -1 } else { taken as i64 }));
    }
    Ok(results)
}

/// A table of which entries are still to come.
enum Open {
    /// An array, how many it has and how many it lacks.
    Array(Table, i64, usize),
    /// A map, a key whose value is to come, and how many it lacks.
    Map(Table, Option<Value>, usize),
}

/// What a value begins with.
enum Begin {
    Value(Value),
    Array(usize),
    Map(usize),
}

/// The bytes that have not been read yet.
struct Reader<'a> {
    lua: &'a Lua,
    arguments: &'a Arguments<'a>,
    rest: &'a [u8],
    /// How many values are at hand.
    held: usize,
}

impl<'a> Reader<'a> {
    /// Takes a value with all that lies in it.
    fn value(&mut self) -> Result<Value> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.begin()? {
                Begin::Value(value) => value,
                Begin::Array(0) | Begin::Map(0) => Value::Table(self.lua.create_table()?),
                Begin::Array(count) => {
                    self.held += 1;
                    self.room("in function mp_decode_to_lua_array")?;
                    self.held += 1;
                    open.push(Open::Array(self.lua.create_table()?, 0, count));
                    continue;
                }
                Begin::Map(count) => {
                    self.held += 1;
                    open.push(Open::Map(self.lua.create_table()?, None, count));
                    continue;
                }
            };
            loop {
                let Some(innermost) = open.last_mut() else { return Ok(value) };
                let Some(complete) = self.put(innermost, value)? else { break };
                value = Value::Table(complete);
                open.pop();
            }
        }
    }

    /// Puts a value into a table that lacks it. Gives the table if it is complete.
    fn put(&mut self, open: &mut Open, value: Value) -> Result<Option<Table>> {
        let (table, missing) = match open {
            Open::Array(table, filled, missing) => {
                *filled += 1;
                table.raw_set(*filled, value)?;
                (table, missing)
            }
            Open::Map(table, key, missing) => {
                let Some(key) = key.take() else {
                    *key = Some(value);
                    self.held += 1;
                    return Ok(None);
                };
                self.held -= 1;
                match &key {
                    Value::Nil => return Err(Error::RuntimeError("table index is nil".to_owned())),
                    Value::Number(key) if key.is_nan() => {
                        return Err(Error::RuntimeError("table index is NaN".to_owned()));
                    }
                    _ => table.raw_set(key, value)?,
                }
                (table, missing)
            }
        };
        *missing -= 1;
        if *missing > 0 {
            return Ok(None);
        }
        let table = table.clone();
        self.held -= if matches!(open, Open::Array(..)) { 2 } else { 1 };
        Ok(Some(table))
    }

    /// Takes what a value begins with: all of it, unless it is a table.
    fn begin(&mut self) -> Result<Begin> {
        let mark = self.number(1)? as u8;
        self.room(TOO_MANY)?;
        let number = |number: f64| Value::Number(number);
        Ok(Begin::Value(match mark {
            0x00..=0x7f => Value::Integer(i64::from(mark)),
            0x80..=0x8f => return Ok(Begin::Map(usize::from(mark & 0x0f))),
            0x90..=0x9f => return Ok(Begin::Array(usize::from(mark & 0x0f))),
            0xa0..=0xbf => self.string(usize::from(mark & 0x1f))?,
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Boolean(mark == 0xc3),
            0xca => number(f64::from(f32::from_bits(self.number(4)? as u32))),
            0xcb => number(f64::from_bits(self.number(8)?)),
            0xcc => Value::Integer(self.number(1)? as i64),
            0xcd => Value::Integer(self.number(2)? as i64),
            0xce => Value::Integer(self.number(4)? as i64),
            0xcf | 0xd3 => Value::Integer(self.number(8)? as i64),
            0xd0 => Value::Integer(i64::from(self.number(1)? as i8)),
            0xd1 => Value::Integer(i64::from(self.number(2)? as i16)),
            0xd2 => Value::Integer(i64::from(self.number(4)? as i32)),
            0xd9 => self.counted_string(1)?,
            0xda => self.counted_string(2)?,
            0xdb => self.counted_string(4)?,
            0xdc => return Ok(Begin::Array(self.number(2)? as usize)),
            0xdd => return Ok(Begin::Array(self.number(4)? as usize)),
            0xde => return Ok(Begin::Map(self.number(2)? as usize)),
            0xdf => return Ok(Begin::Map(self.number(4)? as usize)),
            0xe0..=0xff => Value::Integer(i64::from(mark as i8)),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(self.arguments.fault("Bad data format in input.")),
        }))
    }

    /// Takes a string behind a length of so many bytes.
    fn counted_string(&mut self, size: usize) -> Result<Value> {
        let length = self.number(size)? as usize;
        self.string(length)
    }

    /// Takes a string.
    fn string(&mut self, length: usize) -> Result<Value> {
        let bytes = self.take(length)?;
        self.lua.create_string(bytes).map(|string: LuaString| Value::String(string))
    }

    /// Takes a number of so many bytes, the highest first.
    fn number(&mut self, size: usize) -> Result<u64> {
        Ok(self.take(size)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Takes so many bytes.
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.arguments.fault("Missing bytes in input."))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Whether one more value may be at hand.
    fn room(&self, what: &str) -> Result<()> {
        if self.held + 1 > MOST_VALUES {
            return Err(self.no_room(what));
        }
        Ok(())
    }

    /// The error where no more values may be at hand.
    fn no_room(&self, what: &str) -> Error {
        self.arguments.fault(&format!("stack overflow ({what})"))
    }
}
