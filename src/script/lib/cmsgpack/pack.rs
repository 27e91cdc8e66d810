//! Values to MessagePack.

use mlua::{Lua, MultiValue, Result, Table, Value};

use super::super::arguments::Arguments;
use super::super::numbers::to_integer;
use super::super::output::Output;

/// How deep tables may lie in each other; what lies deeper is written as nil.
const DEEPEST: usize = 16;

/// `cmsgpack.pack(...)`: the values behind each other.
pub(super) fn pack(lua: &Lua, values: MultiValue) -> Result<mlua::LuaString> {
    if values.is_empty() {
        return Err(Arguments::new(lua, values).refuse(0, "MessagePack pack needs input."));
    }
    let mut output = Output::new(lua);
    for value in &values {
        write_value(&mut output, value, 0)?;
    }
    lua.create_string(output.bytes())
}

/// Writes a value that lies in so many tables.
fn write_value(output: &mut Output, value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::String(text) => write_string(output, &text.as_bytes()),
        Value::Boolean(value) => output.write(&[if *value { 0xc3 } else { 0xc2 }]),
        Value::Integer(number) => write_number(output, *number as f64),
        Value::Number(number) => write_number(output, *number),
        Value::Table(table) if depth < DEEPEST => write_table(output, table, depth),
        _ => output.write(&[0xc0]),
    }
}

/// Writes a string in the shortest form that has a byte, two or four for its length.
fn write_string(output: &mut Output, bytes: &[u8]) -> Result<()> {
    let length = bytes.len();
    match length {
        0..32 => output.write(&[0xa0 | length as u8])?,
        32..=0xff => output.write(&[0xd9, length as u8])?,
        _ => write_length(output, length, 0xda, 0xdb)?,
    }
    output.write(bytes)
}

/// Writes a length of two bytes or four, each behind its mark.
fn write_length(output: &mut Output, length: usize, short: u8, long: u8) -> Result<()> {
    if length <= 0xffff {
        output.write(&[short])?;
        output.write(&(length as u16).to_be_bytes())
    } else {
        output.write(&[long])?;
        output.write(&(length as u32).to_be_bytes())
    }
}

/// Writes a number as an integer if it is one of 64 bits, otherwise with four bytes if these hold it.
fn write_number(output: &mut Output, number: f64) -> Result<()> {
    let integer = to_integer(number);
    if number.is_finite() && integer as f64 == number {
        return write_integer(output, integer);
    }
    let short = number as f32;
    if f64::from(short) == number {
        output.write(&[0xca])?;
        output.write(&short.to_be_bytes())
    } else {
        output.write(&[0xcb])?;
        output.write(&number.to_be_bytes())
    }
}

/// Writes an integer in its shortest form.
fn write_integer(output: &mut Output, number: i64) -> Result<()> {
    let (mark, length) = match number {
        -32..=127 => return output.write(&[number as u8]),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -128..-32 => (0xd0, 1),
        -32_768..-128 => (0xd1, 2),
        -2_147_483_648..-32_768 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    output.write(&[mark])?;
    output.write(&number.to_be_bytes()[8 - length..])
}

/// Writes a table as an array if its keys are the numbers from 1 to their count, otherwise as a map.
fn write_table(output: &mut Output, table: &Table, depth: usize) -> Result<()> {
    let (count, is_array) = survey(table)?;
    if is_array {
        if count <= 15 {
            output.write(&[0x90 | count as u8])?;
        } else {
            write_length(output, count, 0xdc, 0xdd)?;
        }
        return (1..=count).try_for_each(|index| write_value(output, &table.raw_get(index)?, depth + 1));
    }
    if count <= 15 {
        output.write(&[0x80 | count as u8])?;
    } else {
        write_length(output, count, 0xde, 0xdf)?;
    }
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        write_value(output, &key, depth + 1)?;
        write_value(output, &value, depth + 1)?;
    }
    Ok(())
}

/// How many entries a table has, and whether they are an array.
fn survey(table: &Table) -> Result<(usize, bool)> {
    let (mut count, mut largest, mut numbers) = (0usize, 0usize, true);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair?;
        count += 1;
        match key {
            Value::Integer(key) if (1..=i64::from(i32::MAX)).contains(&key) => largest = largest.max(key as usize),
            _ => numbers = false,
        }
    }
    Ok((count, numbers && largest == count))
}
