//! Runs any script, with a limit on its memory, until it ends or is killed.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use mlua::{Function, HookTriggers, IntoLua, Lua, MultiValue, Result, Value, VmState};

use super::asking::{Asking, Host, Scratch};
use super::cache::Script;
use super::interpreter::Interpreter;
use super::quiet::{self, Quiet};
use super::raised::{self, Raised};
use super::{Scripts, convert, failed, lib};
use crate::resp::Proto;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// After so many instructions a script looks whether it is to end.
const LOOKS_EVERY: u32 = 10_000;

/// An interpreter for any scripts.
pub struct Vm {
    interpreter: Interpreter,
    /// Calls a function, and makes a table of every error.
    guarded_call: Function,
    scratch: RefCell<Scratch>,
    /// What it may occupy, in bytes; 0 is no limit.
    limit_bytes: usize,
}

impl Deref for Vm {
    type Target = Interpreter;

    fn deref(&self) -> &Interpreter {
        &self.interpreter
    }
}

impl DerefMut for Vm {
    fn deref_mut(&mut self) -> &mut Interpreter {
        &mut self.interpreter
    }
}

impl Vm {
    /// An interpreter for scripts of this generation, which ends those that are killed, with so much memory in bytes; 0 is
    /// no limit.
    ///
    /// # Errors
    ///
    /// Those of the interpreter, where it has no memory.
    pub fn new(generation: u64, scripts: &Scripts, most_bytes: usize) -> Result<Self> {
        let interpreter = Interpreter::new(generation, scripts)?;
        let Interpreter { lua, redis, xpcall, .. } = &interpreter;
        let handler = quiet::function(lua, failed::placed)?;
        let maker = lua.load("local xpcall, handler = ... return function(f) return xpcall(f, handler) end");
        let guarded_call: Function = maker.set_name("=sandbox").call((xpcall, handler))?;
        for name in ["call", "pcall", "acl_check_cmd"] {
            // Until a script runs.
            redis.raw_set(name, lua.create_function(|_, _: MultiValue| Ok(()))?)?;
        }
        let mut vm = Vm { interpreter, guarded_call, scratch: RefCell::default(), limit_bytes: 0 };
        let running = scripts.running.clone();
        vm.ask(move || !running.is_killed())?;
        if most_bytes > 0 {
            lib::set_room(&vm.lua, most_bytes);
            vm.limit_bytes = vm.lua.used_memory() + most_bytes;
        }
        vm.lua.set_memory_limit(vm.limit_bytes)?;
        Ok(vm)
    }

    /// Asks this every ten thousand instructions, and nothing else from now on, whether the script that is running goes on.
    ///
    /// # Errors
    ///
    /// Those of the interpreter.
    pub fn ask(&self, goes_on: impl Fn() -> bool + 'static) -> Result<()> {
        let triggers = HookTriggers::new().every_nth_instruction(LOOKS_EVERY);
        self.lua.set_global_hook(triggers, move |_, _| match goes_on() {
            true => Ok(VmState::Continue),
            false => Err(Raised::Killed.carried()),
        })
    }

    /// Runs a script, which has been compiled, with these keys and arguments, and answers as it does, also what failed and
    /// is counted.
    ///
    /// # Errors
    ///
    /// Those of the script itself.
    pub fn run<'a>(
        &self,
        script: &Script,
        [keys, argv]: [impl Iterator<Item = &'a [u8]>; 2],
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> std::result::Result<(), ReplyError> {
        Quiet::reset(&self.lua);
        self.speaks.set(Proto::Resp2);
        let Some(function) = self.function(&script.sha) else { return Err(ReplyError::NO_SCRIPT) };
        let outcome = self
            .name("KEYS", keys)
            .and_then(|()| self.name("ARGV", argv))
            .and_then(|()| self.with_commands(host, || self.guarded_call.call::<(bool, Value)>(function)));
        match outcome {
            Ok((true, value)) => match failed::own_error(&value) {
                Some(error) => Err(error),
                None => self.answer(reply, &value).map_err(|error| ReplyError::err(raised::text(&error))),
            },
            Ok((false, Value::Table(error))) => failed::answer(reply, &self.lua, &error, script),
            Ok((false, Value::String(text))) => Err(failed::out_of_memory(&text.to_string_lossy())),
            Ok((false, _)) => Err(failed::killed()),
            Err(error) if raised::is_end(&error) => Err(failed::killed()),
            Err(error) => Err(failed::out_of_memory(&raised::text(&error))),
        }
    }

    /// Answers a value. An answer that has begun ends, also where the script has left no memory.
    fn answer(&self, reply: &mut Reply, value: &Value) -> Result<()> {
        let simple = !matches!(value, Value::Table(_));
        if simple || self.limit_bytes == 0 {
            return convert::answer(reply, value, self.speaks.get(), 0);
        }
        self.lua.set_memory_limit(0)?;
        let answered = convert::answer(reply, value, self.speaks.get(), 0);
        self.lua.set_memory_limit(self.limit_bytes)?;
        answered
    }

    fn name<'a>(&self, name: &str, values: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        self.real.raw_set(name, self.lua.create_sequence_from(values.map(Text))?)
    }

    /// Runs something with functions that ask `host`.
    fn with_commands<R>(&self, host: &mut dyn Host, run: impl FnOnce() -> Result<R>) -> Result<R> {
        let mut scratch = self.scratch.borrow_mut();
        let asking = RefCell::new(Asking { host, scratch: &mut scratch });
        let (asking, speaks) = (&asking, &self.speaks);
        self.lua.scope(|scope| {
            let commands = |raises: bool| {
                scope.create_function(move |lua: &Lua, args: MultiValue| {
                    let _quiet = Quiet::begin(lua);
                    asking.borrow_mut().command(lua, &args, speaks.get(), raises)
                })
            };
            self.redis.raw_set("call", commands(true)?)?;
            self.redis.raw_set("pcall", commands(false)?)?;
            let may = move |lua: &Lua, args: MultiValue| {
                let _quiet = Quiet::begin(lua);
                asking.borrow_mut().may_run(lua, &args)
            };
            self.redis.raw_set("acl_check_cmd", scope.create_function(may)?)?;
            run()
        })
    }
}

/// Bytes that become a string.
struct Text<'t>(&'t [u8]);

impl IntoLua for Text<'_> {
    fn into_lua(self, lua: &Lua) -> Result<Value> {
        lua.create_string(self.0).map(Value::String)
    }
}
