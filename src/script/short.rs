//! Runs scripts that are [short](super::brevity), fast: nothing is made for one that the next one cannot use.
//!
//! All of them run in one coroutine, which yields when a script asks for a command and when it has ended. That cannot be
//! done where a script may catch errors, which short ones do not.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::str;

use mlua::{Error, Function, HookTriggers, Lua, MultiValue, Result, Table, Thread, Value, VmState};

use super::asking::{Asking, Host, Scratch};
use super::cache::Script;
use super::interpreter::Interpreter;
use super::raised::{self, Raised};
use super::{Scripts, convert, failed};
use crate::resp::Proto;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// Runs one function after the other; `true` and a value say that one has ended.
const SERVES: &str = "
    local yield = coroutine.yield
    return function(f) while true do f = yield(true, (f())) end end
";

/// An interpreter for short scripts.
pub(crate) struct ShortVm {
    interpreter: Interpreter,
    keys: Given,
    argv: Given,
    /// What the coroutine runs.
    serves: Function,
    coroutine: Thread,
    scratch: Scratch,
}

impl Deref for ShortVm {
    type Target = Interpreter;

    fn deref(&self) -> &Interpreter {
        &self.interpreter
    }
}

impl DerefMut for ShortVm {
    fn deref_mut(&mut self) -> &mut Interpreter {
        &mut self.interpreter
    }
}

impl ShortVm {
    /// An interpreter for scripts of this generation.
    ///
    /// # Errors
    ///
    /// Those of the interpreter, where it has no memory.
    pub(crate) fn new(generation: u64, scripts: &Scripts) -> Result<Self> {
        let interpreter = Interpreter::new(generation, scripts)?;
        let Interpreter { lua, real, redis, .. } = &interpreter;
        redis.raw_set("call", real.raw_get::<Table>("coroutine")?.get::<Function>("yield")?)?;
        for unused in ["pcall", "acl_check_cmd"] {
            redis.raw_set(unused, lua.create_function(|_, _: MultiValue| Ok(()))?)?;
        }
        let serves: Function = lua.load(SERVES).set_name("=sandbox").eval()?;
        let coroutine = lua.create_thread(serves.clone())?;
        let (keys, argv) = (Given::new(lua, real, "KEYS")?, Given::new(lua, real, "ARGV")?);
        Ok(ShortVm { interpreter, keys, argv, serves, coroutine, scratch: Scratch::default() })
    }

    /// Whether it can be used for scripts of this server and generation: others leave nothing behind but their functions, which
    /// it forgets.
    pub(crate) fn renew(&mut self, generation: u64, scripts: &Scripts) -> bool {
        if !self.is_of(generation) && self.belongs_to(scripts) {
            self.forget(generation);
        }
        self.is_of(generation)
    }

    /// Runs a script, which has been compiled, with these keys and arguments, and answers as it does.
    ///
    /// # Errors
    ///
    /// What its client is told of an error in it, or of its end.
    pub(crate) fn run<'a>(
        &mut self,
        script: &Script,
        [keys, argv]: [impl Iterator<Item = &'a [u8]>; 2],
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> std::result::Result<(), ReplyError> {
        let lua = &self.interpreter.lua;
        let Some(function) = self.interpreter.function(&script.sha) else { return Err(ReplyError::NO_SCRIPT) };
        let mut asking = Asking { host, scratch: &mut self.scratch };
        let named = self.keys.set(lua, keys).and_then(|()| self.argv.set(lua, argv));
        let mut answered = named.and_then(|()| self.coroutine.resume::<MultiValue>(function));
        let error = loop {
            let said = match answered {
                Ok(said) => said,
                Err(error) => break error,
            };
            if let Some(Value::Boolean(true)) = said.front() {
                let value = said.get(1).unwrap_or(&Value::Nil);
                return match failed::own_error(value) {
                    Some(error) => Err(error),
                    None => convert::answer(reply, value, Proto::Resp2, 0)
                        .map_err(|error| ReplyError::err(raised::text(&error))),
                };
            }
            answered = match asking.ask(lua, &said, Proto::Resp2) {
                Ok(value) => value.and_then(|value| self.coroutine.resume(value)),
                Err(Raised::Killed) => Err(Raised::Killed.carried()),
                Err(raised) => raise(&self.coroutine, raised),
            };
        };
        let renewed = lua.create_thread(self.serves.clone());
        let (coroutine, error) = renewed
            .and_then(|coroutine| Ok((coroutine, table_of(lua, &error)?)))
            .map_err(|error| failed::out_of_memory(&raised::text(&error)))?;
        self.coroutine = coroutine;
        match error {
            Some(error) => failed::answer(reply, lua, &error, script),
            None => Err(failed::killed()),
        }
    }
}

/// Raises an error in a script where it has asked for a command.
fn raise(coroutine: &Thread, raised: Raised) -> Result<MultiValue> {
    // What the script has called returns first of all, which is where the error is to happen.
    coroutine.set_hook(HookTriggers::ON_RETURNS, move |lua, _| -> Result<VmState> {
        let error = failed::placed(lua, Value::Error(Box::new(raised.clone().carried())))?;
        Err(Error::external(Placed(error)))
    })?;
    coroutine.resume(())
}

/// The table of an error that knows its place.
#[derive(Debug)]
struct Placed(Value);

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error in a script")
    }
}

impl std::error::Error for Placed {}

/// The table of an error that its script has not caught; none if that was killed.
fn table_of(lua: &Lua, error: &Error) -> Result<Option<Table>> {
    if raised::is_end(error) {
        return Ok(None);
    }
    if let Some(Placed(Value::Table(table))) = placed(error) {
        return Ok(Some(table.clone()));
    }
    let text = raised::text(error);
    let text = text.split("\nstack traceback:").next().unwrap_or_default();
    let table = failed::table_of(lua, Value::String(lua.create_string(text)?))?;
    if let Some((source, line)) = place_in(text) {
        table.raw_set("source", format!("@{source}"))?;
        table.raw_set("line", line)?;
    }
    Ok(Some(table))
}

fn placed(error: &Error) -> Option<&Placed> {
    match error {
        Error::CallbackError { cause, .. } => placed(cause),
        Error::ExternalError(error) => error.downcast_ref(),
        _ => None,
    }
}

/// The place that an error of the interpreter begins with.
fn place_in(text: &str) -> Option<(&str, usize)> {
    let (source, rest) = text.split_once(':')?;
    Some((source, rest.split(':').next()?.parse().ok()?))
}

/// What scripts find under a name. None of them changes the table that it is in.
struct Given {
    table: Table,
    /// How many values are in it.
    count: Cell<usize>,
}

impl Given {
    fn new(lua: &Lua, real: &Table, name: &str) -> Result<Self> {
        let table = lua.create_table()?;
        real.raw_set(name, &table)?;
        Ok(Given { table, count: Cell::new(0) })
    }

    fn set<'a>(&self, lua: &Lua, values: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let mut count = 0;
        for value in values {
            count += 1;
            match str::from_utf8(value) {
                // Goes there directly.
                Ok(text) => self.table.raw_set(count, text)?,
                Err(_) => self.table.raw_set(count, lua.create_string(value)?)?,
            }
        }
        for index in count + 1..=self.count.replace(count) {
            self.table.raw_set(index, Value::Nil)?;
        }
        Ok(())
    }
}
