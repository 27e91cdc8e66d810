//! `struct`: numbers and strings to bytes and back, by a format.
//!
//! What a format says: `>` and `<` the order of bytes, `!n` the alignment, `x` a byte of padding, `b B h H l L T i I`
//! integers with and without a sign, `cn` n bytes, `s` bytes up to a zero, `f d` numbers with fractions, a space nothing.

use mlua::{Error, Lua, MultiValue, Result, Table, Value};

use super::arguments::Arguments;
use super::numbers::{to_integer, to_unsigned};
use super::output::Output;
use crate::script::quiet;

/// The longest integer, in bytes.
const LONGEST_INTEGER: i32 = 32;
/// The alignment of `!` without a number, in bytes.
const ALIGNMENT: i32 = 8;
/// How many values a function of the reference implementation may have at hand.
const MOST_VALUES: usize = 8000;

/// Makes the library's table.
pub(super) fn install(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", quiet::function(lua, pack)?)?;
    table.raw_set("unpack", quiet::function(lua, unpack)?)?;
    table.raw_set("size", quiet::function(lua, size)?)?;
    Ok(table)
}

/// A format that is read letter by letter, and what it has said so far.
struct Format<'a> {
    letters: &'a [u8],
    big: bool,
    /// In bytes.
    alignment: u64,
}

impl<'a> Format<'a> {
    /// A format up to its first zero.
    fn new(letters: &'a [u8]) -> Format<'a> {
        let end = memchr::memchr(0, letters).unwrap_or(letters.len());
        Format { letters: &letters[..end], big: cfg!(target_endian = "big"), alignment: 1 }
    }

    /// The next letter and the size of what it stands for, in bytes; 0 where that is not said by the format.
    fn next(&mut self, arguments: &Arguments<'_>) -> Result<Option<(u8, u64)>> {
        let Some((letter, rest)) = self.letters.split_first() else { return Ok(None) };
        self.letters = rest;
        let size = match letter {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.count(1, arguments)? as u64,
            b'i' | b'I' => {
                let size = self.count(4, arguments)?;
                if size > LONGEST_INTEGER {
                    let text = format!("integral size {size} is larger than limit of {LONGEST_INTEGER}");
                    return Err(arguments.fault(&text));
                }
                size as u64
            }
            _ => 0,
        };
        Ok(Some((*letter, size)))
    }

    /// The number that follows, or what stands for it if none does.
    fn count(&mut self, missing: i32, arguments: &Arguments<'_>) -> Result<i32> {
        let digits = self.letters.iter().take_while(|letter| letter.is_ascii_digit()).count();
        let (digits, rest) = self.letters.split_at(digits);
        self.letters = rest;
        if digits.is_empty() {
            return Ok(missing);
        }
        let sum = digits.iter().try_fold(0i32, |sum, digit| sum.checked_mul(10)?.checked_add(i32::from(digit - b'0')));
        sum.ok_or_else(|| arguments.fault("integral size overflow"))
    }

    /// How many bytes are needed before something of a size begins at a position.
    fn padding(&self, position: u64, letter: u8, size: u64) -> u64 {
        if size == 0 || letter == b'c' {
            return 0;
        }
        let size = size.min(self.alignment);
        (size - (position & (size - 1))) & (size - 1)
    }

    /// Does what a letter says that stands for no value.
    fn obey(&mut self, letter: u8, arguments: &Arguments<'_>) -> Result<()> {
        match letter {
            b' ' => {}
            b'>' => self.big = true,
            b'<' => self.big = false,
            b'!' => {
                let alignment = self.count(ALIGNMENT, arguments)?;
                if alignment <= 0 || alignment & (alignment - 1) != 0 {
                    return Err(arguments.fault(&format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment as u64;
            }
            other => {
                let letter = String::from_utf8_lossy(&[other]).into_owned();
                return Err(arguments.refuse(1, &format!("invalid format option '{letter}'")));
            }
        }
        Ok(())
    }

    /// Writes bytes that are in the processor's order in that of the format.
    fn write(&self, output: &mut Output, bytes: &mut [u8]) -> Result<()> {
        if self.big != cfg!(target_endian = "big") {
            bytes.reverse();
        }
        output.write(bytes)
    }

    /// Bytes in the order of the format, the least first.
    fn least_first(&self, bytes: &[u8]) -> impl Iterator<Item = u8> {
        let big = self.big;
        let last = bytes.len().saturating_sub(1);
        (0..bytes.len()).map(move |index| bytes[if big { last - index } else { index }])
    }
}

/// `struct.pack(format, ...)`.
fn pack(lua: &Lua, mut values: MultiValue) -> Result<mlua::LuaString> {
    let text = Arguments::new(lua, values.clone()).text(1)?;
    // the reference implementation finds a nil behind the last argument
    values.push_back(Value::Nil);
    let arguments = Arguments::new(lua, values);
    let text = text.as_bytes();
    let mut format = Format::new(&text);
    let mut output = Output::new(lua);
    let mut position = 2;
    while let Some((letter, size)) = format.next(&arguments)? {
        let padding = format.padding(output.len() as u64, letter, size);
        (0..padding).try_for_each(|_| output.write(&[0]))?;
        match letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                pack_integer(arguments.number(position)?, size as usize, &format, &mut output)?;
            }
            b'x' => output.write(&[0])?,
            b'f' => format.write(&mut output, &mut (arguments.number(position)? as f32).to_ne_bytes())?,
            b'd' => format.write(&mut output, &mut arguments.number(position)?.to_ne_bytes())?,
            b'c' | b's' => {
                let string = arguments.text(position)?;
                let bytes = string.as_bytes();
                let size = if size == 0 { bytes.len() } else { size as usize };
                let part = bytes.get(..size).ok_or_else(|| arguments.refuse(position + 1, "string too short"))?;
                output.write(part)?;
                if letter == b's' {
                    output.write(&[0])?;
                }
            }
            other => format.obey(other, &arguments)?,
        }
        position += usize::from(takes_value(letter));
    }
    lua.create_string(output.bytes())
}

/// Whether a letter stands for a value.
fn takes_value(letter: u8) -> bool {
    b"bBhHlLTiIfdcs".contains(&letter)
}

/// Writes a number without its fraction, of which eight bytes may be other than zero.
fn pack_integer(number: f64, size: usize, format: &Format<'_>, output: &mut Output) -> Result<()> {
    let value = if number < 0.0 { to_integer(number) as u64 } else { to_unsigned(number) };
    let mut bytes = [0; LONGEST_INTEGER as usize];
    bytes[..8].copy_from_slice(&value.to_le_bytes());
    if format.big {
        bytes[..size].reverse();
    }
    output.write(&bytes[..size])
}

/// `struct.unpack(format, data, position)`: the values, and the position behind them.
fn unpack(lua: &Lua, values: MultiValue) -> Result<MultiValue> {
    let arguments = Arguments::new(lua, values);
    let (text, data) = (arguments.text(1)?, arguments.text(2)?);
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let mut position = arguments.integer_or(3, 1)? as u64;
    if position == 0 {
        return Err(arguments.refuse(3, "offset must be 1 or greater"));
    }
    position -= 1;
    let mut format = Format::new(&text);
    let mut results = MultiValue::new();
    while let Some((letter, size)) = format.next(&arguments)? {
        position = position.wrapping_add(format.padding(position, letter, size));
        let mut part = part_of(&data, position, size).ok_or_else(|| too_short(&arguments))?;
        if arguments.count() + results.len() + 2 > MOST_VALUES {
            return Err(arguments.fault("stack overflow (too many results)"));
        }
        let value = match letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => Some(unpack_integer(letter, part, &format)),
            b'x' => None,
            b'f' => Some(Value::Number(f64::from(f32::from_bits(unsigned(part, &format) as u32)))),
            b'd' => Some(Value::Number(f64::from_bits(unsigned(part, &format)))),
            b'c' => {
                if size == 0 {
                    let size = counted(lua, results.pop_back(), &arguments)?;
                    part = part_of(&data, position, size).ok_or_else(|| too_short(&arguments))?;
                }
                Some(Value::String(lua.create_string(part)?))
            }
            b's' => {
                let rest = &data[position as usize..];
                let end = memchr::memchr(0, rest).ok_or_else(|| arguments.fault("unfinished string in data"))?;
                part = &rest[..=end];
                Some(Value::String(lua.create_string(&rest[..end])?))
            }
            other => {
                format.obey(other, &arguments)?;
                None
            }
        };
        results.extend(value);
        position = position.wrapping_add(part.len() as u64);
    }
    results.push_back(Value::Integer(position.wrapping_add(1) as i64));
    Ok(results)
}

/// So many bytes at a position, if data has them.
fn part_of(data: &[u8], position: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(position).ok()?;
    data.get(start..start.checked_add(usize::try_from(size).ok()?)?)
}

/// The error of data that end too early.
fn too_short(arguments: &Arguments<'_>) -> Error {
    arguments.refuse(2, "data string too short")
}

/// The size that `c0` takes from the value before it.
fn counted(lua: &Lua, before: Option<Value>, arguments: &Arguments<'_>) -> Result<u64> {
    let number = before.map_or(Ok(None), |value| lua.coerce_number(value))?;
    number.map(to_unsigned).ok_or_else(|| arguments.fault("format 'c0' needs a previous size"))
}

/// An integer of any size, with a sign if its letter is small.
fn unpack_integer(letter: u8, part: &[u8], format: &Format<'_>) -> Value {
    let value = unsigned(part, format);
    if letter.is_ascii_uppercase() {
        return Value::Number(value as f64);
    }
    // as shifts of the processor, which look at six bits of the count
    let sign = u64::MAX.wrapping_shl((part.len() as u32).wrapping_mul(8).wrapping_sub(1));
    Value::Number((if value & sign != 0 { value | sign } else { value }) as i64 as f64)
}

/// The value of bytes, as far as 64 bits hold it: what was read first is lost.
fn unsigned(part: &[u8], format: &Format<'_>) -> u64 {
    let bytes: Vec<u8> = format.least_first(part).collect();
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// `struct.size(format)`: how many bytes values take.
fn size(lua: &Lua, values: MultiValue) -> Result<i64> {
    let arguments = Arguments::new(lua, values);
    let text = arguments.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text);
    let mut position = 0u64;
    while let Some((letter, size)) = format.next(&arguments)? {
        position += format.padding(position, letter, size);
        if letter == b's' {
            return Err(arguments.refuse(1, "option 's' has no fixed size"));
        }
        if letter == b'c' && size == 0 {
            return Err(arguments.refuse(1, "option 'c0' has no fixed size"));
        }
        if !letter.is_ascii_alphanumeric() {
            format.obey(letter, &arguments)?;
        }
        position += size;
    }
    Ok(position as i64)
}
