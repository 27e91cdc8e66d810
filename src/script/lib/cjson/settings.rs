//! What scripts may set of `cjson`. Settings last until the interpreter ends, as in the reference implementation.

use std::ops::RangeInclusive;

use mlua::{Result, Value};

use super::super::arguments::Arguments;

/// What becomes of numbers that JSON does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    Refuse,
    Write,
    Null,
}

/// The settings of one table of the library.
pub(super) struct Settings {
    /// Whether arrays with too many holes become objects, instead of an error.
    pub(super) sparse_convert: bool,
    /// How many times as long as its entries are many an array may be; 0 for no limit.
    pub(super) sparse_ratio: i32,
    /// Up to which length holes do not matter.
    pub(super) sparse_safe: i32,
    /// How deep tables may lie in each other.
    pub(super) encode_depth: i32,
    /// How deep arrays and objects may lie in each other.
    pub(super) decode_depth: i32,
    /// How many digits of a number are written.
    pub(super) digits: i32,
    /// Kept for those who ask: memory for what is written is new each time.
    pub(super) keep_buffer: bool,
    pub(super) encode_invalid: Invalid,
    /// Whether numbers are read that JSON does not have.
    pub(super) decode_invalid: bool,
    /// Whether arrays that are read are marked, so that empty ones are written as arrays.
    pub(super) mark_arrays: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            digits: 14,
            keep_buffer: true,
            encode_invalid: Invalid::Refuse,
            decode_invalid: true,
            mark_arrays: false,
        }
    }
}

/// Changes a number if there is an argument for it, and gives it.
pub(super) fn number(
    setting: &mut i32,
    position: usize,
    allowed: RangeInclusive<i32>,
    arguments: &Arguments<'_>,
) -> Result<i32> {
    if arguments.given(position).is_some() {
        let value = arguments.integer(position)? as i32;
        if !allowed.contains(&value) {
            // the reference implementation blames the first, whichever it was
            let text = format!("expected integer between {} and {}", allowed.start(), allowed.end());
            return Err(arguments.refuse(1, &text));
        }
        *setting = value;
    }
    Ok(*setting)
}

/// Changes what is on or off if the first argument says so, and gives it.
pub(super) fn switch(setting: &mut bool, arguments: &Arguments<'_>) -> Result<bool> {
    match arguments.given(1) {
        None => {}
        Some(Value::Boolean(on)) => *setting = *on,
        Some(_) => *setting = option(arguments, &["off", "on"])? == 1,
    }
    Ok(*setting)
}

/// Which of some words the first argument is.
pub(super) fn option(arguments: &Arguments<'_>, words: &[&str]) -> Result<usize> {
    let word = arguments.text(1)?;
    let found = words.iter().position(|known| word.as_bytes() == known.as_bytes());
    found.ok_or_else(|| arguments.refuse(1, &format!("invalid option '{}'", word.to_string_lossy())))
}
