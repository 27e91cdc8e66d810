//! `cjson`: values to JSON and back.

mod decode;
mod encode;
mod settings;

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Result, Table, Value};

use super::arguments::Arguments;
use crate::script::quiet;
use settings::{Invalid, Settings};

/// How many values a function of the reference implementation may have at hand. It holds one for each array that it is
/// in, and two for each object.
const MOST_VALUES: usize = 8000;

/// The name of the metatable of arrays among the interpreter's own values.
const ARRAYS: &str = "cjson.arrays";

/// Makes the library's table, with settings of its own.
pub(super) fn install(lua: &Lua) -> Result<Table> {
    let arrays = lua.create_table()?;
    arrays.raw_set("__metatable", false)?;
    lua.set_named_registry_value(ARRAYS, arrays)?;
    let next = lua.globals().raw_get("next")?;
    make(lua, next)
}

/// Makes a table of the library. `next` is Lua's own.
fn make(lua: &Lua, next: Function) -> Result<Table> {
    let table = lua.create_table()?;
    let settings = Rc::new(RefCell::new(Settings::default()));
    let (own, following) = (settings.clone(), next.clone());
    let encode = move |lua: &Lua, values: MultiValue| {
        let value = only(&Arguments::new(lua, values))?;
        encode::encode(lua, &following, &own.borrow(), value)
    };
    table.raw_set("encode", quiet::function(lua, encode)?)?;
    let own = settings.clone();
    let decode = move |lua: &Lua, values: MultiValue| {
        let arguments = Arguments::new(lua, values);
        only(&arguments)?;
        decode::decode(lua, &arguments, &own.borrow())
    };
    table.raw_set("decode", quiet::function(lua, decode)?)?;
    install_settings(lua, &table, &settings)?;
    table.raw_set("new", quiet::function(lua, move |lua, _: MultiValue| make(lua, next.clone()))?)?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

/// The only argument.
fn only(arguments: &Arguments<'_>) -> Result<Value> {
    match arguments.get(1) {
        Some(value) if arguments.count() == 1 => Ok(value.clone()),
        _ => Err(arguments.refuse(1, "expected 1 argument")),
    }
}

/// Makes the functions that tell and change settings.
fn install_settings(lua: &Lua, table: &Table, settings: &Rc<RefCell<Settings>>) -> Result<()> {
    let add = |name: &str, most: usize, change: Change| {
        let settings = settings.clone();
        let function = quiet::function(lua, move |lua, values: MultiValue| {
            let arguments = Arguments::new(lua, values);
            if arguments.count() > most {
                return Err(arguments.refuse(most + 1, "found too many arguments"));
            }
            change(lua, &mut settings.borrow_mut(), &arguments)
        })?;
        table.raw_set(name, function)
    };
    add("encode_sparse_array", 3, |lua, settings, arguments| {
        let convert = settings::switch(&mut settings.sparse_convert, arguments)?;
        let ratio = settings::number(&mut settings.sparse_ratio, 2, 0..=i32::MAX, arguments)?;
        let safe = settings::number(&mut settings.sparse_safe, 3, 0..=i32::MAX, arguments)?;
        lua.pack_multi((convert, ratio, safe))
    })?;
    add("encode_max_depth", 1, |lua, settings, arguments| {
        lua.pack_multi(settings::number(&mut settings.encode_depth, 1, 1..=i32::MAX, arguments)?)
    })?;
    add("decode_max_depth", 1, |lua, settings, arguments| {
        lua.pack_multi(settings::number(&mut settings.decode_depth, 1, 1..=i32::MAX, arguments)?)
    })?;
    add("encode_number_precision", 1, |lua, settings, arguments| {
        lua.pack_multi(settings::number(&mut settings.digits, 1, 1..=14, arguments)?)
    })?;
    add("encode_keep_buffer", 1, |lua, settings, arguments| {
        lua.pack_multi(settings::switch(&mut settings.keep_buffer, arguments)?)
    })?;
    add("encode_invalid_numbers", 1, |lua, settings, arguments| {
        settings.encode_invalid = match arguments.given(1) {
            None => settings.encode_invalid,
            Some(Value::Boolean(on)) => {
                if *on {
                    Invalid::Write
                } else {
                    Invalid::Refuse
                }
            }
            Some(_) => {
                [Invalid::Refuse, Invalid::Write, Invalid::Null][settings::option(arguments, &["off", "on", "null"])?]
            }
        };
        match settings.encode_invalid {
            Invalid::Refuse => lua.pack_multi(false),
            Invalid::Write => lua.pack_multi(true),
            Invalid::Null => lua.pack_multi("null"),
        }
    })?;
    add("decode_invalid_numbers", 1, |lua, settings, arguments| {
        lua.pack_multi(settings::switch(&mut settings.decode_invalid, arguments)?)
    })?;
    add("decode_array_with_array_mt", 1, |lua, settings, arguments| {
        lua.pack_multi(settings::switch(&mut settings.mark_arrays, arguments)?)
    })
}

/// What changes settings as arguments say, and tells them.
type Change = fn(&Lua, &mut Settings, &Arguments<'_>) -> Result<MultiValue>;
