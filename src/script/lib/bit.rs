//! `bit`: operations on the lower 32 bits of numbers.

use mlua::{Lua, MultiValue, Result, Table};

use super::arguments::Arguments;
use crate::script::quiet;

/// An operation on the bits of one number.
type OfOne = fn(u32) -> u32;
/// An operation on the bits of two numbers.
type OfTwo = fn(u32, u32) -> u32;

/// Makes the library's table.
pub(super) fn install(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let one: [(&str, OfOne); 3] = [("tobit", |bits| bits), ("bnot", |bits| !bits), ("bswap", u32::swap_bytes)];
    for (name, operation) in one {
        let function = quiet::function(lua, move |lua, values: MultiValue| {
            Ok(signed(operation(bits(&Arguments::new(lua, values), 1)?)))
        })?;
        table.raw_set(name, function)?;
    }
    let many: [(&str, OfTwo); 3] =
        [("band", |one, other| one & other), ("bor", |one, other| one | other), ("bxor", |one, other| one ^ other)];
    for (name, operation) in many {
        let function = quiet::function(lua, move |lua, values: MultiValue| {
            let arguments = Arguments::new(lua, values);
            let mut result = bits(&arguments, 1)?;
            for position in (2..=arguments.count()).rev() {
                result = operation(result, bits(&arguments, position)?);
            }
            Ok(signed(result))
        })?;
        table.raw_set(name, function)?;
    }
    let shifts: [(&str, OfTwo); 5] = [
        ("lshift", |bits, by| bits << by),
        ("rshift", |bits, by| bits >> by),
        ("arshift", |bits, by| (bits as i32 >> by) as u32),
        ("rol", u32::rotate_left),
        ("ror", u32::rotate_right),
    ];
    for (name, operation) in shifts {
        let function = quiet::function(lua, move |lua, values: MultiValue| {
            let arguments = Arguments::new(lua, values);
            Ok(signed(operation(bits(&arguments, 1)?, bits(&arguments, 2)? & 31)))
        })?;
        table.raw_set(name, function)?;
    }
    table.raw_set("tohex", quiet::function(lua, to_hex)?)?;
    Ok(table)
}

/// The lower 32 bits of a number, rounded to the nearest integer.
fn bits(arguments: &Arguments<'_>, position: usize) -> Result<u32> {
    // a number of this size has no room for a fraction, and its lowest bits are those of the integer
    const SHIFTED: f64 = 6_755_399_441_055_744.0;
    Ok((arguments.number(position)? + SHIFTED).to_bits() as u32)
}

/// How results come back: with a sign.
fn signed(bits: u32) -> i64 {
    i64::from(bits as i32)
}

/// `bit.tohex`: so many hexadecimal digits of a number, in capitals if their count is negative, at most eight.
fn to_hex(lua: &Lua, values: MultiValue) -> Result<mlua::LuaString> {
    let arguments = Arguments::new(lua, values);
    let bits_shown = bits(&arguments, 1)?;
    let count = if arguments.count() < 2 { 8 } else { bits(&arguments, 2)? as i32 };
    let digits = if count < 0 { format!("{bits_shown:08X}") } else { format!("{bits_shown:08x}") };
    lua.create_string(&digits.as_bytes()[8 - count.unsigned_abs().min(8) as usize..])
}
