//! Functions of the server for scripts. While one runs, nothing is collected.
//!
//! Collecting calls what objects of the server leave to be done, one call deeper in the interpreter's own stack. Where a
//! script has filled that up to its limit, that call fails, and the failure jumps over whatever function of the server has
//! just made something, with all that this is to do at its end.

use std::cell::Cell;

use mlua::{FromLuaMulti, Function, IntoLuaMulti, Lua, Result};

thread_local! {
    /// How many such functions run within each other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A function that scripts can call. What it answers has been made by then.
///
/// # Errors
///
/// Those of the interpreter, where it has no memory.
pub(super) fn function<A: FromLuaMulti, R: IntoLuaMulti>(
    lua: &Lua,
    function: impl Fn(&Lua, A) -> Result<R> + 'static,
) -> Result<Function> {
    lua.create_function(move |lua, args| {
        let _quiet = Quiet::begin(lua);
        function(lua, args)
    })
}

/// Nothing is collected as long as there is one.
pub(super) struct Quiet<'l>(&'l Lua);

impl<'l> Quiet<'l> {
    /// From now on.
    pub(super) fn begin(lua: &'l Lua) -> Self {
        if DEPTH.replace(DEPTH.get() + 1) == 0 {
            lua.gc_stop();
        }
        Quiet(lua)
    }

    /// Says that no script is running: whatever has become of the last one, the next one is collected.
    pub(super) fn reset(lua: &Lua) {
        DEPTH.set(0);
        lua.gc_restart();
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
        if DEPTH.get() == 0 {
            self.0.gc_restart();
        }
    }
}
