//! The libraries that scripts have beside Lua's own: `cjson`, `cmsgpack`, `bit` and `struct`.
//!
//! Same results, error texts and limits as the libraries of the reference implementation, down to what these do by
//! accident where a script can see it. None of them calls back into a script, none recurses deeper than sixteen levels,
//! and what they write has the room that the interpreter's memory has ([`set_room`]).
//!
//! Their errors are [`mlua::Error::RuntimeError`]s whose text begins with the place in the script, as far as Lua's own
//! library would name it.
//!
//! Source: deps/lua/src/lua_cjson.c, lua_cmsgpack.c, lua_bit.c and lua_struct.c of the reference implementation.

mod arguments;
mod bit;
mod cjson;
mod cmsgpack;
mod numbers;
mod output;
mod structs;

use mlua::{Lua, Result};

/// Makes the libraries' global names.
///
/// # Errors
/// Those of the interpreter, where it has no memory.
pub(crate) fn install(lua: &Lua) -> Result<()> {
    let globals = lua.globals();
    globals.raw_set("bit", bit::install(lua)?)?;
    globals.raw_set("cjson", cjson::install(lua)?)?;
    globals.raw_set("cmsgpack", cmsgpack::install(lua)?)?;
    globals.raw_set("struct", structs::install(lua)?)
}

/// Says how much all that scripts have may take, in bytes: as much as the interpreter itself was allowed. What libraries
/// write is not part of its memory until it is complete. Without this it may be as long as one string may be elsewhere.
pub(crate) fn set_room(lua: &Lua, bytes: usize) {
    lua.set_app_data(output::Room(bytes));
}

#[cfg(test)]
mod tests;
