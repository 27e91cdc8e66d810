//! What scripts find in their interpreter, and what they do not: no files, no processes, no bytecode, and nothing that they
//! could change for those after them.

use mlua::{Function, Lua, LuaOptions, MultiValue, Result, StdLib, Table, Value};

use super::{api, lib, quiet, raised};
use crate::observe::resources;

/// An interpreter, and what scripts cannot lay their hands on.
pub(super) struct Sandbox {
    pub(super) lua: Lua,
    /// Where scripts find their names, which they are shown only.
    pub(super) real: Table,
    /// What is behind the name `redis`.
    pub(super) redis: Table,
    /// The interpreter's own, which catches everything.
    pub(super) xpcall: Function,
    /// The interpreter's own, which loads bytecode, too.
    pub(super) loadstring: Function,
}

/// An interpreter with nothing in it that reaches out of it.
pub(super) fn make(speaks: &api::Speaks) -> Result<Sandbox> {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
    let real = lua.globals();
    let redis = api::table(&lua, speaks)?;
    real.raw_set("redis", &redis)?;
    lib::install(&lua)?;
    let os = lua.create_table()?;
    os.raw_set("clock", quiet::function(&lua, |_, _: MultiValue| Ok(resources::thread_time().as_secs_f64()))?)?;
    real.raw_set("os", os)?;
    let (xpcall, loadstring) = (real.raw_get("xpcall")?, real.raw_get("loadstring")?);
    let seen = quiet::function(&lua, |lua, value: Value| raised::seen(lua, value))?;
    let shut: Function = lua.load(include_str!("sandbox.lua")).set_name("=sandbox").into_function()?;
    let is_end =
        quiet::function(&lua, |_, value: Value| Ok(matches!(&value, Value::Error(error) if raised::is_end(error))))?;
    let shown: Table = shut.call((seen, is_end, &real))?;
    lua.set_globals(shown)?;
    Ok(Sandbox { lua, real, redis, xpcall, loadstring })
}
