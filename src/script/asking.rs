//! How a script asks for a command to be run, and what it gets.

use mlua::{Lua, MultiValue, Result, Value};

use super::raised::{self, Raised};
use super::{api, convert};
use crate::resp::Proto;
use crate::resp::args::{Args, ArgsBuilder};

/// Who runs a script, and answers what it asks. Errors are raised in the script.
pub trait Host {
    /// Runs a command, and appends its answer in this protocol to this memory, which is empty.
    fn run(&mut self, args: Args<'_>, proto: Proto, memory: Vec<u8>) -> std::result::Result<Vec<u8>, Raised>;

    /// Whether it may run this command.
    fn may_run(&mut self, args: Args<'_>) -> std::result::Result<bool, Raised>;
}

/// What one command takes, used again for the next one.
#[derive(Default)]
pub(super) struct Scratch {
    request: ArgsBuilder,
    answer: Vec<u8>,
}

/// So much of that is kept, in bytes.
const MOST_KEPT: usize = 16 * 1024;

/// What the functions that ask have at hand.
pub(super) struct Asking<'a> {
    pub(super) host: &'a mut dyn Host,
    pub(super) scratch: &'a mut Scratch,
}

impl Asking<'_> {
    /// `redis.call` and, where nothing is raised, `redis.pcall`.
    pub(super) fn command(&mut self, lua: &Lua, args: &MultiValue, speaks: Proto, raises: bool) -> Result<Value> {
        match self.ask(lua, args, speaks) {
            Ok(value) => value,
            Err(raised) if raises || raised == Raised::Killed => Err(raised.carried()),
            Err(raised) => raised::seen(lua, Value::Error(Box::new(raised.carried()))),
        }
    }

    /// What a command answers.
    ///
    /// # Errors
    ///
    /// What is to be raised in the script.
    pub(super) fn ask(
        &mut self,
        lua: &Lua,
        args: &MultiValue,
        speaks: Proto,
    ) -> std::result::Result<Result<Value>, Raised> {
        self.gather(lua, args)?;
        let Some(args) = self.scratch.request.args() else {
            return Err(Raised::of(b"Please specify at least one argument for this redis lib call"));
        };
        let mut memory = std::mem::take(&mut self.scratch.answer);
        memory.clear();
        memory.shrink_to(MOST_KEPT);
        let answer = self.host.run(args, speaks, memory)?;
        if answer.starts_with(b"-") {
            return Err(Raised::of(&answer));
        }
        let value = convert::to_lua(lua, &answer).map(|(value, _)| value);
        self.scratch.answer = answer;
        Ok(value)
    }

    /// `redis.acl_check_cmd`.
    pub(super) fn may_run(&mut self, lua: &Lua, args: &MultiValue) -> Result<bool> {
        let answered = self.gather(lua, args).and_then(|()| match self.scratch.request.args() {
            Some(args) => self.host.may_run(args),
            None => Err(Raised::of(b"Please specify at least one argument for this redis lib call")),
        });
        answered.map_err(Raised::carried)
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
