//! How a script is found, made ready and run.

use std::cell::RefCell;
use std::ops::DerefMut;
use std::sync::Arc;

use super::brief;
use super::calling::Caller;
use crate::command::spec::Flags;
use crate::command::{Call, gate, trace};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::script::brevity::{self, Brevity};
use crate::script::cache::{self, Script};
use crate::script::interpreter::Interpreter;
use crate::script::short::ShortVm;
use crate::script::vm::Vm;
use crate::session::ScriptRun;

thread_local! {
    /// The interpreters of this thread, made when the first script comes.
    static ANY: RefCell<Option<Box<Vm>>> = const { RefCell::new(None) };
    static SHORT: RefCell<Option<Box<ShortVm>>> = const { RefCell::new(None) };
}

/// How a request says which script it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Body,
    Digest,
}

/// EVAL and its family.
pub(super) fn run(call: &mut Call<'_, '_>, source: Source, read_only: bool) -> Result<(), ReplyError> {
    trace::show_to_monitors(call);
    if source == Source::Digest && call.args[1].len() != 40 {
        return Err(ReplyError::NO_SCRIPT);
    }
    let keys = parse_integer(&call.args[2]).ok_or(ReplyError::NOT_AN_INTEGER)?;
    if keys > call.args.len() as i64 - 3 {
        return Err(ReplyError::err("Number of keys can't be greater than number of args"));
    }
    let keys = usize::try_from(keys).map_err(|_| ReplyError::err("Number of keys can't be negative"))?;
    let script = match source {
        Source::Digest => super::digest(&call.args[1]).and_then(|sha| call.server.scripts.cache.lock().find(&sha)),
        Source::Body => Some(find_or_make(call, 1)?),
    };
    let script = script.ok_or(ReplyError::NO_SCRIPT)?;
    let args = call.args;
    if call.outcome.script == ScriptRun::Short {
        return SHORT.with_borrow_mut(|kept| {
            use_interpreter(call, kept, |call, vm: &mut ShortVm| {
                make_ready(call, vm, &script)?;
                run_ready(call, &script, read_only, |host, answer| vm.run(&script, given(args, keys), host, answer))
            })
        });
    }
    ANY.with_borrow_mut(|kept| {
        use_interpreter(call, kept, |call, vm: &mut Vm| {
            make_ready(call, vm, &script)?;
            if source == Source::Body {
                call.server.scripts.cache.lock().keep(script.clone(), false);
            }
            run_ready(call, &script, read_only, |host, answer| vm.run(&script, given(args, keys), host, answer))
        })
    })
}

/// SCRIPT LOAD.
pub(super) fn load(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let script = find_or_make(call, 2)?;
    let limit = call.settings.lua_memory_limit.limit();
    let size = call.server.scripts.cache.lock().size_bytes() + script.body.len();
    if limit.is_some_and(|limit| size as u64 > limit) {
        return Err(ReplyError::err("there are more scripts than 'lua-memory-limit' allows: use SCRIPT FLUSH"));
    }
    ANY.with_borrow_mut(|kept| use_interpreter(call, kept, |call, vm: &mut Vm| make_ready(call, vm, &script)))?;
    call.server.scripts.cache.lock().keep(script.clone(), true);
    call.reply.bulk(script.sha);
    Ok(())
}

/// The script in this argument.
fn find_or_make(call: &Call<'_, '_>, index: usize) -> Result<Arc<Script>, ReplyError> {
    let body = &call.args[index];
    let sha = cache::digest(body);
    if let Some(script) = call.server.scripts.cache.lock().find(&sha) {
        return Ok(script);
    }
    Script::new(sha, body).map(Arc::new)
}

/// Makes a script ready to run, and finds out whether it is short.
fn make_ready(call: &Call<'_, '_>, vm: &mut Interpreter, script: &Script) -> Result<(), ReplyError> {
    let Some(function) = vm.compile(script)? else { return Ok(()) };
    if script.body.len() <= brief::MOST_BYTES {
        let effort = |name: &[u8]| brief::effort(&call.server.names, name);
        script.set_brevity(brevity::of(&function.dump(false), effort));
    }
    Ok(())
}

/// One of the interpreters of a thread.
trait Kept: DerefMut<Target = Interpreter> + Sized {
    /// One for scripts of this generation.
    fn make(call: &Call<'_, '_>, generation: u64) -> mlua::Result<Self>;

    /// Whether it can be used for scripts of this generation.
    fn is_still_for(&mut self, call: &Call<'_, '_>, generation: u64) -> bool;
}

impl Kept for Vm {
    fn make(call: &Call<'_, '_>, generation: u64) -> mlua::Result<Self> {
        let most_bytes = usize::try_from(call.settings.lua_memory_limit.0).unwrap_or(usize::MAX);
        Vm::new(generation, &call.server.scripts, most_bytes)
    }

    fn is_still_for(&mut self, _: &Call<'_, '_>, generation: u64) -> bool {
        self.is_of(generation)
    }
}

impl Kept for ShortVm {
    fn make(call: &Call<'_, '_>, generation: u64) -> mlua::Result<Self> {
        ShortVm::new(generation, &call.server.scripts)
    }

    fn is_still_for(&mut self, call: &Call<'_, '_>, generation: u64) -> bool {
        self.renew(generation, &call.server.scripts)
    }
}

/// Does something with an interpreter, which is made anew if it cannot be used any more.
fn use_interpreter<V: Kept, R>(
    call: &mut Call<'_, '_>,
    kept: &mut Option<Box<V>>,
    work: impl FnOnce(&mut Call<'_, '_>, &mut V) -> Result<R, ReplyError>,
) -> Result<R, ReplyError> {
    let generation = call.server.scripts.cache.lock().generation();
    // Taken out, so that one whose script panics is not used any more.
    let mut usable = kept.take();
    let mut vm = match usable.take_if(|vm| vm.is_still_for(call, generation)) {
        Some(vm) => vm,
        None => {
            drop(usable);
            let made = V::make(call, generation);
            Box::new(made.map_err(|error| ReplyError::err(format!("no interpreter could be made: {error}")))?)
        }
    };
    let result = work(call, &mut vm);
    // What has no memory left is thrown away; what is compiled can be compiled again.
    let most_kept = call.settings.lua_memory_limit.limit().map_or(u64::MAX, |limit| limit / 2);
    *kept = Some(vm).filter(|vm| vm.measure() as u64 <= most_kept);
    result
}

/// The keys and the arguments of a script.
fn given(args: Args<'_>, keys: usize) -> [impl Iterator<Item = &[u8]>; 2] {
    [args.from(3).take(keys), args.from(3 + keys).take(usize::MAX)]
}

fn run_ready(
    call: &mut Call<'_, '_>,
    script: &Script,
    read_only: bool,
    run: impl FnOnce(&mut Caller<'_, '_, '_>, &mut Reply) -> Result<(), ReplyError>,
) -> Result<(), ReplyError> {
    let declared = script.flags;
    let writes_nothing = read_only || declared.is_some_and(|flags| flags.no_writes);
    if read_only && declared.is_some_and(|flags| !flags.no_writes) {
        return Err(ReplyError::err("Can not execute a script with write flag using *_ro command."));
    }
    let lacks_memory = !declared.is_some_and(|flags| flags.allow_oom) && finds_no_memory(call);
    if lacks_memory && declared.is_some_and(|flags| !flags.no_writes) {
        return Err(ReplyError::OUT_OF_MEMORY);
    }
    // What is short is over before anybody could end it.
    let runs_long = call.outcome.script == ScriptRun::Any;
    let begun = runs_long.then(|| call.server.scripts.running.begin(call.now.ms()));
    let mut answer = std::mem::take(call.reply);
    let mut caller = Caller::begin(call, writes_nothing, lacks_memory);
    let result = run(&mut caller, &mut answer);
    caller.end();
    drop(begun);
    *call.reply = answer;
    if call.outcome.script == ScriptRun::TooLong {
        script.set_brevity(Brevity::Unknown);
        return Ok(());
    }
    result
}

fn finds_no_memory(call: &mut Call<'_, '_>) -> bool {
    let (server, flags) = (call.server, Flags::WRITE.and(Flags::DENYOOM));
    let thread = if call.outcome.script == ScriptRun::Short { call.info.worker() } else { server.keys_thread() };
    gate::lacks_memory(flags, server, thread, call.settings, call.keys, call.hub, call.outcome)
}
