//! What scripts find in their interpreter, and what they do not: no files, no processes, no bytecode, and nothing that they
//! could change for those after them.

use mlua::{Function, Lua, LuaOptions, Result, StdLib, Table, Value};

use super::{api, lib, raised};

/// An interpreter, and what scripts cannot lay their hands on.
pub(super) struct Sandbox {
    pub(super) lua: Lua,
    /// Where scripts find their names, which they are shown only.
    pub(super) real: Table,
    /// What is behind the name `redis`.
    pub(super) redis: Table,
    /// The interpreter's own, which catches everything.
    pub(super) xpcall: Function,
}

/// An interpreter with nothing in it that reaches out of it.
pub(super) fn make(speaks: &api::Speaks) -> Result<Sandbox> {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
    let real = lua.globals();
    let redis = api::table(&lua, speaks)?;
    real.raw_set("redis", &redis)?;
    lib::install(&lua)?;
    let xpcall: Function = real.raw_get("xpcall")?;
    let seen = lua.create_function(|lua, value: Value| raised::seen(lua, value))?;
    let shut: Function = lua.load(include_str!("sandbox.lua")).set_name("=sandbox").into_function()?;
    let shown: Table = shut.call((seen, &real))?;
    lua.set_globals(shown)?;
    Ok(Sandbox { lua, real, redis, xpcall })
}
