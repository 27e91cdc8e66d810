//! One interpreter: makes functions of scripts, and runs them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, HookTriggers, Lua, LuaString, MultiValue, Result, Table, Value, VmState};

use super::cache::{Script, Sha};
use super::raised::{self, Raised};
use super::running::Running;
use super::sandbox::{self, Sandbox};
use super::{api, convert, header, lib};
use crate::resp::Proto;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// After so many instructions a script looks whether it is to end.
const LOOKS_EVERY: u32 = 10_000;
/// Functions that are kept at most; they can be made again.
const MOST_FUNCTIONS: usize = 1000;
/// Steps of the caller's chain at most that are looked at for the place of an error.
const DEEPEST_PLACE: usize = 8;

/// What a script asks of who runs it.
pub(crate) enum Asked<'a> {
    /// To run this command, and answer in this protocol.
    Run(&'a [LuaString], Proto),
    /// Whether it may run this command.
    May(&'a [LuaString]),
}

/// Answers what a script asks: an encoded answer, or what is raised in the script.
pub(crate) type Host<'h> = dyn FnMut(Asked<'_>) -> std::result::Result<Vec<u8>, Raised> + 'h;

/// An interpreter. It belongs to one thread.
pub(crate) struct Vm {
    lua: Lua,
    /// Where scripts find their names.
    real: Table,
    redis: Table,
    /// Calls a function, and makes a table of every error.
    guarded_call: Function,
    functions: HashMap<Sha, Function>,
    speaks: api::Speaks,
    /// What its functions were made for.
    pub(crate) generation: u64,
}

impl Vm {
    /// An interpreter for scripts of this generation that ends those that `running` says were killed, with so much memory
    /// in bytes; 0 is no limit.
    pub(crate) fn new(generation: u64, running: Arc<Running>, most_bytes: usize) -> Result<Self> {
        let speaks = api::Speaks::default();
        let Sandbox { lua, real, redis, xpcall } = sandbox::make(&speaks)?;
        let handler = lua.create_function(placed)?;
        let maker = lua.load("local xpcall, handler = ... return function(f) return xpcall(f, handler) end");
        let guarded_call: Function = maker.set_name("=sandbox").call((xpcall, handler))?;
        let triggers = HookTriggers::new().every_nth_instruction(LOOKS_EVERY);
        lua.set_global_hook(triggers, move |_, _| {
            if running.is_killed() { Err(Raised::Killed.carried()) } else { Ok(VmState::Continue) }
        })?;
        if most_bytes > 0 {
            lib::set_room(&lua, most_bytes);
        }
        lua.set_memory_limit(if most_bytes == 0 { 0 } else { lua.used_memory() + most_bytes })?;
        Ok(Vm { lua, real, redis, guarded_call, functions: HashMap::new(), speaks, generation })
    }

    /// What it occupies, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// Makes a function of a script.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn compile(&mut self, script: &Script) -> std::result::Result<(), ReplyError> {
        if self.functions.contains_key(&script.sha) {
            return Ok(());
        }
        let (_, body) = header::parse(&script.body)?;
        let refused = |text: &str| ReplyError::err(format!("Error compiling script (new function): {text}"));
        if body.starts_with(b"\x1b") {
            return Err(refused("bytecode is not loaded"));
        }
        let chunk = self.lua.load(body).set_name("@user_script").set_mode(mlua::chunk::ChunkMode::Text);
        let function = chunk.into_function().map_err(|error| refused(&raised::text(&error)))?;
        if self.functions.len() >= MOST_FUNCTIONS {
            self.functions.clear();
        }
        self.functions.insert(script.sha, function);
        Ok(())
    }

    /// Runs a script, which has been compiled, with these keys and arguments, and answers as it does. False if the
    /// interpreter should not be used any more.
    pub(crate) fn run<'a>(
        &self,
        script: &Script,
        [keys, argv]: [impl Iterator<Item = &'a [u8]>; 2],
        host: &mut Host<'_>,
        reply: &mut Reply,
    ) -> std::result::Result<bool, ReplyError> {
        self.speaks.set(Proto::Resp2);
        let Some(function) = self.functions.get(&script.sha) else { return Ok(false) };
        let outcome = self
            .names("KEYS", keys)
            .and_then(|()| self.names("ARGV", argv))
            .and_then(|()| self.with_commands(host, || self.guarded_call.call::<(bool, Value)>(function)));
        match outcome {
            Ok((true, value)) => {
                let failed = convert::answer(reply, &value, self.speaks.get(), 0);
                failed.map_err(|error| ReplyError::err(raised::text(&error)))?;
                Ok(true)
            }
            Ok((false, Value::Table(error))) => Err(told(&error, script)),
            Ok((false, Value::String(text))) => Err(out_of_memory(&text.to_string_lossy())),
            Ok((false, _)) => Err(killed(script)),
            Err(error) if raised::is_end(&error) => Err(killed(script)),
            Err(error) => Err(out_of_memory(&raised::text(&error))),
        }
    }

    fn names<'a>(&self, name: &str, values: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let table = self.lua.create_table()?;
        for (index, value) in values.enumerate() {
            table.raw_set(index + 1, self.lua.create_string(value)?)?;
        }
        self.real.raw_set(name, table)
    }

    /// Runs something with functions that ask `host`.
    fn with_commands<R>(&self, host: &mut Host<'_>, run: impl FnOnce() -> Result<R>) -> Result<R> {
        let host = Rc::new(RefCell::new(host));
        self.lua.scope(|scope| {
            let (speaks, asked) = (&self.speaks, host.clone());
            let call =
                move |lua: &Lua, args: MultiValue| command(lua, &args, &mut **asked.borrow_mut(), speaks.get(), true);
            self.redis.raw_set("call", scope.create_function(call)?)?;
            let asked = host.clone();
            let call =
                move |lua: &Lua, args: MultiValue| command(lua, &args, &mut **asked.borrow_mut(), speaks.get(), false);
            self.redis.raw_set("pcall", scope.create_function(call)?)?;
            let may = move |lua: &Lua, args: MultiValue| {
                let Some(args) = texts(lua, &args) else { return Err(Raised::of(NOT_TEXT).carried()) };
                (host.borrow_mut())(Asked::May(&args)).map(|_| true).map_err(Raised::carried)
            };
            self.redis.raw_set("acl_check_cmd", scope.create_function(may)?)?;
            run()
        })
    }
}

const NOT_TEXT: &[u8] = b"Lua redis lib command arguments must be strings or integers";

fn texts(lua: &Lua, args: &MultiValue) -> Option<Vec<LuaString>> {
    args.iter().map(|value| api::bytes(lua, value)).collect()
}

/// `redis.call` and, where nothing is raised, `redis.pcall`.
fn command(lua: &Lua, args: &MultiValue, host: &mut Host<'_>, speaks: Proto, raises: bool) -> Result<Value> {
    let answered = match texts(lua, args) {
        _ if args.is_empty() => Err(Raised::of(b"Please specify at least one argument for this redis lib call")),
        None => Err(Raised::of(NOT_TEXT)),
        Some(args) => host(Asked::Run(&args, speaks)),
    };
    let raised = match answered {
        Ok(answer) => match answer.strip_prefix(b"-") {
            Some(error) => Raised::of(&[b"-", error].concat()),
            None => return convert::to_lua(lua, &answer).map(|(value, _)| value),
        },
        Err(raised) => raised,
    };
    if raises || raised == Raised::Killed {
        return Err(raised.carried());
    }
    raised::seen(lua, Value::Error(Box::new(raised.carried())))
}

/// Makes a table of an error, with its text and the line of the script in which it happened.
fn placed(lua: &Lua, error: Value) -> Result<Value> {
    if matches!(&error, Value::Error(error) if raised::is_end(error)) {
        return Ok(Value::Nil);
    }
    let table = match raised::seen(lua, error)? {
        Value::Table(table) => table,
        other => {
            let text = match api::bytes(lua, &other) {
                Some(text) => text.as_bytes().to_vec(),
                None => other.to_string()?.into_bytes(),
            };
            let table = lua.create_table()?;
            table.raw_set("err", lua.create_string([b"ERR ", text.as_slice()].concat())?)?;
            table
        }
    };
    for level in 1..DEEPEST_PLACE {
        let place = lua.inspect_stack(level, |frame| {
            let source = frame.source().source.map(|source| source.into_owned());
            source.filter(|source| source.starts_with('@')).map(|source| (source, frame.current_line().unwrap_or(0)))
        });
        match place {
            Some(Some((source, line))) => {
                table.raw_set("source", source)?;
                table.raw_set("line", line)?;
                break;
            }
            Some(None) => {}
            None => break,
        }
    }
    Ok(Value::Table(table))
}

/// What a client is told of an error.
fn told(error: &Table, script: &Script) -> ReplyError {
    let field = |name: &str| error.raw_get::<Value>(name).ok();
    let mut text = match field("err") {
        Some(Value::String(text)) => text.as_bytes().to_vec(),
        _ => b"ERR unknown error".to_vec(),
    };
    if let (Some(Value::String(source)), Some(line)) = (field("source"), field("line").and_then(|line| line.as_i64())) {
        let place = format!(", on {}:{line}.", source.to_string_lossy());
        text.extend_from_slice(&[b" script: ", &script.sha[..], place.as_bytes()].concat());
    }
    ReplyError::raw(&text)
}

fn killed(script: &Script) -> ReplyError {
    ReplyError::raw(&[raised::KILLED.as_bytes(), b".. script: ", &script.sha[..], b", on @user_script:1."].concat())
}

fn out_of_memory(text: &str) -> ReplyError {
    if text.contains("not enough memory") {
        return ReplyError::err("the script needs more memory than 'lua-memory-limit' allows");
    }
    ReplyError::err(text)
}
