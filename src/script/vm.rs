//! One interpreter: makes functions of scripts, and runs them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mlua::{Function, HookTriggers, IntoLua, Lua, LuaString, MultiValue, Result, Table, Value, VmState};

use super::cache::{Script, Sha};
use super::raised::{self, Raised};
use super::sandbox::{self, Sandbox};
use super::{Scripts, api, convert, header, lib};
use crate::resp::Proto;
use crate::resp::args::{Args, ArgsBuilder};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// After so many instructions a script looks whether it is to end.
const LOOKS_EVERY: u32 = 10_000;
/// Functions that are kept at most; they can be made again.
const MOST_FUNCTIONS: usize = 1000;

/// Who runs a script, and answers what it asks. Errors are raised in the script.
pub trait Host {
    /// Runs a command, and appends its answer in this protocol to this memory, which is empty.
    fn run(&mut self, args: Args<'_>, proto: Proto, memory: Vec<u8>) -> std::result::Result<Vec<u8>, Raised>;

    /// Whether it may run this command.
    fn may_run(&mut self, args: Args<'_>) -> std::result::Result<(), Raised>;
}

/// What one command takes, used again for the next one.
#[derive(Default)]
struct Scratch {
    request: ArgsBuilder,
    answer: Vec<u8>,
}

/// So much of that is kept, in bytes.
const MOST_KEPT: usize = 16 * 1024;

/// What an interpreter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Any scripts, which may be killed.
    AnyScripts {
        /// With so much memory; 0 is no limit.
        most_bytes: usize,
    },
    /// Scripts that are over before anybody could kill them, need no memory worth limiting and only call commands.
    ShortScripts,
}

/// What a script finds under a name.
struct Named {
    name: &'static str,
    table: Table,
    /// How many values are in it.
    count: Cell<usize>,
}

impl Named {
    fn new(lua: &Lua, real: &Table, name: &'static str) -> Result<Self> {
        let table = lua.create_table()?;
        real.raw_set(name, &table)?;
        Ok(Named { name, table, count: Cell::new(0) })
    }
}

/// An interpreter. It belongs to one thread.
pub struct Vm {
    lua: Lua,
    /// Where scripts find their names.
    real: Table,
    redis: Table,
    keys: Named,
    argv: Named,
    /// Calls a function, and makes a table of every error.
    guarded_call: Function,
    loadstring: Function,
    functions: HashMap<Sha, Function>,
    speaks: api::Speaks,
    scratch: RefCell<Scratch>,
    purpose: Purpose,
    /// What it may occupy, in bytes; 0 is no limit.
    limit_bytes: usize,
    /// What its functions were made for.
    generation: u64,
    /// Where its size counts, and as what.
    total_bytes: Arc<AtomicU64>,
    counted_bytes: Cell<u64>,
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.total_bytes.fetch_sub(self.counted_bytes.get(), Relaxed);
    }
}

impl Vm {
    /// An interpreter for scripts of this generation.
    ///
    /// # Errors
    ///
    /// Those of the interpreter, where it has no memory.
    pub fn new(generation: u64, scripts: &Scripts, purpose: Purpose) -> Result<Self> {
        let speaks = api::Speaks::default();
        let Sandbox { lua, real, redis, xpcall, loadstring } = sandbox::make(&speaks)?;
        let handler = lua.create_function(placed)?;
        let maker = lua.load("local xpcall, handler = ... return function(f) return xpcall(f, handler) end");
        let guarded_call: Function = maker.set_name("=sandbox").call((xpcall, handler))?;
        for name in COMMANDS {
            // Until a script runs.
            redis.raw_set(name, lua.create_function(|_, _: MultiValue| Ok(()))?)?;
        }
        let vm = Vm {
            keys: Named::new(&lua, &real, "KEYS")?,
            argv: Named::new(&lua, &real, "ARGV")?,
            lua,
            real,
            redis,
            guarded_call,
            loadstring,
            functions: HashMap::new(),
            speaks,
            scratch: RefCell::default(),
            purpose,
            limit_bytes: 0,
            generation,
            total_bytes: scripts.vm_bytes.clone(),
            counted_bytes: Cell::new(0),
        };
        match purpose {
            Purpose::AnyScripts { most_bytes } => {
                let running = scripts.running.clone();
                vm.ask(move || !running.is_killed())?;
                vm.limited(most_bytes)
            }
            Purpose::ShortScripts => Ok(vm),
        }
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

    fn limited(mut self, most_bytes: usize) -> Result<Self> {
        if most_bytes > 0 {
            lib::set_room(&self.lua, most_bytes);
            self.limit_bytes = self.lua.used_memory() + most_bytes;
        }
        self.lua.set_memory_limit(self.limit_bytes)?;
        Ok(self)
    }

    /// Whether it can be used for scripts of this server and generation. Short scripts leave nothing behind but their
    /// functions, so that an interpreter for them need not be made anew when they are flushed.
    pub(crate) fn is_still_for(&mut self, generation: u64, scripts: &Scripts, purpose: Purpose) -> bool {
        if self.generation != generation
            && purpose == Purpose::ShortScripts
            && Arc::ptr_eq(&self.total_bytes, &scripts.vm_bytes)
        {
            self.functions.clear();
            self.generation = generation;
        }
        self.generation == generation && (self.purpose == Purpose::ShortScripts) == (purpose == Purpose::ShortScripts)
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

    /// Runs a script, which has been compiled, with these keys and arguments, and answers as it does, also what failed and
    /// is counted. False if the interpreter should not be used any more.
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
    ) -> std::result::Result<bool, ReplyError> {
        self.speaks.set(Proto::Resp2);
        let Some(function) = self.functions.get(&script.sha) else { return Ok(false) };
        let outcome = self
            .name(&self.keys, keys)
            .and_then(|()| self.name(&self.argv, argv))
            .and_then(|()| self.with_commands(host, || self.guarded_call.call::<(bool, Value)>(function)));
        match outcome {
            Ok((true, value)) => {
                if let Some(error) = own_error(&value) {
                    return Err(error);
                }
                self.answer(reply, &value).map(|()| true).map_err(|error| ReplyError::err(raised::text(&error)))
            }
            Ok((false, Value::Table(error))) if is_counted(&error) => {
                reply.error(&told(&self.lua, &error, script));
                Ok(true)
            }
            Ok((false, Value::Table(error))) => Err(told(&self.lua, &error, script)),
            Ok((false, Value::String(text))) => Err(out_of_memory(&text.to_string_lossy())),
            Ok((false, _)) => Err(killed()),
            Err(error) if raised::is_end(&error) => Err(killed()),
            Err(error) => Err(out_of_memory(&raised::text(&error))),
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

    /// Gives a script these values under a name. Short scripts do not change the table that they are in, so that it is used
    /// again for the next one.
    fn name<'a>(&self, named: &Named, values: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        if self.purpose != Purpose::ShortScripts {
            return self.real.raw_set(named.name, self.lua.create_sequence_from(values.map(Text))?);
        }
        let mut count = 0;
        for value in values {
            count += 1;
            named.table.raw_set(count, self.lua.create_string(value)?)?;
        }
        for index in count + 1..=named.count.replace(count) {
            named.table.raw_set(index, Value::Nil)?;
        }
        Ok(())
    }

    /// Runs something with functions that ask `host`.
    fn with_commands<R>(&self, host: &mut dyn Host, run: impl FnOnce() -> Result<R>) -> Result<R> {
        let mut scratch = self.scratch.borrow_mut();
        let asking = RefCell::new(Asking { host, scratch: &mut scratch });
        let (asking, speaks) = (&asking, &self.speaks);
        self.lua.scope(|scope| {
            let commands = |raises: bool| {
                scope.create_function(move |lua: &Lua, args: MultiValue| {
                    asking.borrow_mut().command(lua, &args, speaks.get(), raises)
                })
            };
            self.redis.raw_set(CALL, commands(true)?)?;
            // Short scripts do not use the others.
            if self.purpose != Purpose::ShortScripts {
                self.redis.raw_set(PCALL, commands(false)?)?;
                let may = move |lua: &Lua, args: MultiValue| asking.borrow_mut().may_run(lua, &args);
                self.redis.raw_set(MAY, scope.create_function(may)?)?;
            }
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

/// The functions that ask whoever runs the script.
const COMMANDS: [&str; 3] = [CALL, PCALL, MAY];
const CALL: &str = "call";
const PCALL: &str = "pcall";
const MAY: &str = "acl_check_cmd";
/// What the functions that ask have at hand.
struct Asking<'a> {
    host: &'a mut dyn Host,
    scratch: &'a mut Scratch,
}

impl Asking<'_> {
    /// `redis.call` and, where nothing is raised, `redis.pcall`.
    fn command(&mut self, lua: &Lua, args: &MultiValue, speaks: Proto, raises: bool) -> Result<Value> {
        let raised = match self.ask(lua, args, speaks) {
            Ok(answer) if answer.starts_with(b"-") => Raised::of(&answer),
            Ok(answer) => {
                let value = convert::to_lua(lua, &answer).map(|(value, _)| value);
                self.scratch.answer = answer;
                return value;
            }
            Err(raised) => raised,
        };
        if raises || raised == Raised::Killed {
            return Err(raised.carried());
        }
        raised::seen(lua, Value::Error(Box::new(raised.carried())))
    }

    fn ask(&mut self, lua: &Lua, args: &MultiValue, speaks: Proto) -> std::result::Result<Vec<u8>, Raised> {
        self.gather(lua, args)?;
        let Some(args) = self.scratch.request.args() else {
            return Err(Raised::of(b"Please specify at least one argument for this redis lib call"));
        };
        let mut memory = std::mem::take(&mut self.scratch.answer);
        memory.clear();
        memory.shrink_to(MOST_KEPT);
        self.host.run(args, speaks, memory)
    }

    /// `redis.acl_check_cmd`.
    fn may_run(&mut self, lua: &Lua, args: &MultiValue) -> Result<bool> {
        let answered = self.gather(lua, args).and_then(|()| match self.scratch.request.args() {
            Some(args) => self.host.may_run(args),
            None => Err(Raised::of(b"Please specify at least one argument for this redis lib call")),
        });
        answered.map(|()| true).map_err(Raised::carried)
    }

    /// Makes a request of what a script has given.
    fn gather(&mut self, lua: &Lua, args: &MultiValue) -> std::result::Result<(), Raised> {
        let request = &mut self.scratch.request;
        request.begin(MOST_KEPT);
        for arg in args {
            match arg {
                Value::String(text) => request.add(&text.as_bytes()),
                other => match api::argument(lua, other) {
                    Some(text) => request.add(&text.as_bytes()),
                    None => return Err(Raised::of(NOT_TEXT)),
                },
            }
        }
        Ok(())
    }
}

const NOT_TEXT: &[u8] = b"Lua redis lib command arguments must be strings or integers";

/// Makes a table of an error, with its text and the line of the script in which it happened.
fn placed(lua: &Lua, error: Value) -> Result<Value> {
    let table = match error {
        Value::Error(error) if raised::is_end(&error) => raised::table(lua, raised::KILLED.as_bytes())?,
        error => table_of(lua, raised::seen(lua, error)?)?,
    };
    if let Some(place) = raised::place(lua) {
        table.raw_set("source", place.source)?;
        table.raw_set("line", place.line)?;
    }
    Ok(Value::Table(table))
}

/// The table of an error, or one with its text.
fn table_of(lua: &Lua, error: Value) -> Result<Table> {
    if let Value::Table(table) = error {
        return Ok(table);
    }
    let text = match api::bytes(lua, &error) {
        Some(text) => text.as_bytes().to_vec(),
        None => error.to_string()?.into_bytes(),
    };
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string([b"ERR ", text.as_slice()].concat())?)?;
    Ok(table)
}

/// Whether statistics know an error.
fn is_counted(error: &Table) -> bool {
    error.raw_get::<bool>(raised::COUNTED).unwrap_or(false)
}

/// The error that a script answers, unless statistics know it.
fn own_error(value: &Value) -> Option<ReplyError> {
    let Value::Table(table) = value else { return None };
    match table.raw_get("err") {
        Ok(Value::String(text)) if !is_counted(table) => Some(ReplyError::raw(&text.as_bytes())),
        _ => None,
    }
}

/// What a client is told of an error.
fn told(lua: &Lua, error: &Table, script: &Script) -> ReplyError {
    let field = |name: &str| error.raw_get::<Value>(name).ok();
    let text = field("err").and_then(|text| api::bytes(lua, &text));
    let mut text = text.map_or(b"ERR unknown error".to_vec(), |text| text.as_bytes().to_vec());
    if let (Some(Value::String(source)), Some(line)) = (field("source"), field("line").and_then(|line| line.as_i64())) {
        let place = format!(", on {}:{line}.", source.to_string_lossy());
        text.extend_from_slice(&[b" script: ", &script.sha[..], place.as_bytes()].concat());
    }
    ReplyError::raw(&text)
}

fn killed() -> ReplyError {
    ReplyError::err(raised::KILLED)
}

fn out_of_memory(text: &str) -> ReplyError {
    if text.contains("not enough memory") {
        return ReplyError::err("the script needs more memory than 'lua-memory-limit' allows");
    }
    ReplyError::err(text)
}
