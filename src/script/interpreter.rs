//! What every interpreter has: the sandbox, and functions made of scripts.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mlua::{Function, Lua, LuaString, Result, Table};

use super::cache::{Script, Sha};
use super::sandbox::{self, Sandbox};
use super::{Scripts, api, header, raised};
use crate::resp::errors::ReplyError;

/// Functions that are kept at most; they can be made again.
const MOST_FUNCTIONS: usize = 1000;

/// An interpreter. It belongs to one thread.
pub struct Interpreter {
    pub(super) lua: Lua,
    /// Where scripts find their names.
    pub(super) real: Table,
    pub(super) redis: Table,
    /// The interpreter's own, which catches everything.
    pub(super) xpcall: Function,
    loadstring: Function,
    pub(super) speaks: api::Speaks,
    functions: HashMap<Sha, Function>,
    /// What the functions were made for.
    generation: u64,
    /// Where its size counts, and as what.
    total_bytes: Arc<AtomicU64>,
    counted_bytes: Cell<u64>,
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.total_bytes.fetch_sub(self.counted_bytes.get(), Relaxed);
    }
}

impl Interpreter {
    /// One for scripts of this generation.
    ///
    /// # Errors
    ///
    /// Those of the interpreter, where it has no memory.
    pub(super) fn new(generation: u64, scripts: &Scripts) -> Result<Self> {
        let speaks = api::Speaks::default();
        let Sandbox { lua, real, redis, xpcall, loadstring } = sandbox::make(&speaks)?;
        Ok(Interpreter {
            lua,
            real,
            redis,
            xpcall,
            loadstring,
            speaks,
            functions: HashMap::new(),
            generation,
            total_bytes: scripts.vm_bytes.clone(),
            counted_bytes: Cell::new(0),
        })
    }

    /// Whether its functions were made for scripts of this generation.
    pub(crate) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Whether it was made for this server.
    pub(super) fn belongs_to(&self, scripts: &Scripts) -> bool {
        Arc::ptr_eq(&self.total_bytes, &scripts.vm_bytes)
    }

    /// Forgets all functions, and is for scripts of this generation from now on.
    pub(super) fn forget(&mut self, generation: u64) {
        self.functions.clear();
        self.generation = generation;
    }

    /// What it occupies, in bytes, which is counted among what all occupy.
    pub fn measure(&self) -> usize {
        let bytes = self.lua.used_memory();
        let before = self.counted_bytes.replace(bytes as u64);
        self.total_bytes.fetch_add((bytes as u64).wrapping_sub(before), Relaxed);
        bytes
    }

    /// Makes a function of a script; none if there is one already.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn compile(&mut self, script: &Script) -> std::result::Result<Option<Function>, ReplyError> {
        if self.functions.contains_key(&script.sha) {
            return Ok(None);
        }
        let (_, body) = header::parse(&script.body)?;
        let refused = |text: &[u8]| ReplyError::err([b"Error compiling script (new function): ", text].concat());
        let function = match self.load(body) {
            Ok((Some(function), _)) => function,
            Ok((None, why)) => {
                return Err(refused(why.map(|why| why.as_bytes().to_vec()).as_deref().unwrap_or_default()));
            }
            Err(error) => return Err(refused(raised::text(&error).as_bytes())),
        };
        if self.functions.len() >= MOST_FUNCTIONS {
            self.functions.clear();
        }
        self.functions.insert(script.sha, function.clone());
        Ok(Some(function))
    }

    /// The function of a source, or what is wrong with it. Behind a blank, bytecode is a mistake in a source.
    fn load(&self, body: &[u8]) -> Result<(Option<Function>, Option<LuaString>)> {
        let blank = if body.starts_with(b"\x1b") { " " } else { "" };
        let source = self.lua.create_string([blank.as_bytes(), body].concat())?;
        self.loadstring.call((source, "@user_script"))
    }

    /// The function that was made of the script with this digest.
    pub(super) fn function(&self, sha: &Sha) -> Option<&Function> {
        self.functions.get(sha)
    }
}
