//! `cmsgpack`: values to MessagePack and back.

mod pack;
mod unpack;

use mlua::{Lua, Result, Table};

/// Makes the library's table.
pub(super) fn install(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", lua.create_function(pack::pack)?)?;
    table.raw_set("unpack", lua.create_function(unpack::all)?)?;
    table.raw_set("unpack_one", lua.create_function(unpack::one)?)?;
    table.raw_set("unpack_limit", lua.create_function(unpack::limited)?)?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}
