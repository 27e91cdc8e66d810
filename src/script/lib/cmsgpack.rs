//! `cmsgpack`: values to MessagePack and back.

mod pack;
mod unpack;

use mlua::{Lua, Result, Table};

use crate::script::quiet;

/// Makes the library's table.
pub(super) fn install(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("pack", quiet::function(lua, pack::pack)?)?;
    table.raw_set("unpack", quiet::function(lua, unpack::all)?)?;
    table.raw_set("unpack_one", quiet::function(lua, unpack::one)?)?;
    table.raw_set("unpack_limit", quiet::function(lua, unpack::limited)?)?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(table)
}
