//! What a script asks of the server: commands that it runs.

use crate::command::spec::{Flags, Run};
use crate::command::table::{Entry, Lookup};
use crate::command::{Call, run, trace};
use crate::resp::Proto;
use crate::resp::decode::OwnedArgs;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::script::raised::Raised;
use crate::script::vm::Asked;

/// Runs commands for the script of a call.
pub(super) struct Caller<'r, 'c, 's> {
    call: &'r mut Call<'c, 's>,
    writes_nothing: bool,
    lacks_memory: bool,
    /// Whether it has written.
    written: bool,
    db: u16,
    was_executing: bool,
}

impl<'r, 'c, 's> Caller<'r, 'c, 's> {
    /// For a script that begins now.
    pub(super) fn begin(call: &'r mut Call<'c, 's>, writes_nothing: bool, lacks_memory: bool) -> Self {
        let db = call.scope.db;
        let was_executing = std::mem::replace(&mut call.scope.executing, true);
        call.scope.scripted = true;
        let now = call.now;
        call.keys.hold(now);
        Caller { call, writes_nothing, lacks_memory, written: false, db, was_executing }
    }

    /// The script has ended: what it selected holds for it alone.
    pub(super) fn end(self) {
        let scope = &mut *self.call.scope;
        scope.db = self.db;
        scope.executing = self.was_executing;
        scope.scripted = false;
    }

    /// Answers what the script asks.
    pub(super) fn answer(&mut self, asked: Asked<'_>) -> Result<Vec<u8>, Raised> {
        let (texts, proto) = match asked {
            Asked::Run(texts, proto) => (texts, Some(proto)),
            Asked::May(texts) => (texts, None),
        };
        let borrowed: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
        if borrowed.is_empty() {
            return Err(Raised::of(b"Please specify at least one argument for this redis.acl_check_cmd() call"));
        }
        let args = OwnedArgs::new(borrowed.iter().map(|text| &**text));
        let found = match self.call.server.commands.lookup(args.args()) {
            Lookup::Found(entry) if entry.command.runner().is_some() => Some(entry),
            _ => None,
        };
        match (proto, found) {
            (None, Some(_)) => Ok(Vec::new()),
            (None, None) => Err(Raised::of(b"Invalid command passed to redis.acl_check_cmd()")),
            (Some(_), None) => Err(Raised::of(b"Unknown Redis command called from script")),
            (Some(proto), Some(entry)) => {
                let command = self.permit(entry, args.args().len())?;
                Ok(self.run(entry, command, &args, proto))
            }
        }
    }

    fn permit(&mut self, entry: &Entry, count: usize) -> Result<crate::command::spec::Handler, Raised> {
        let flags = entry.command.flags;
        if !entry.command.accepts(count) {
            return Err(Raised::of(b"Wrong number of args calling Redis command from script"));
        }
        let Some(Run::Anywhere(command)) = entry.command.runner().filter(|_| !flags.has(Flags::NOSCRIPT)) else {
            return Err(Raised::of(b"This Redis command is not allowed from script"));
        };
        if flags.has(Flags::WRITE) && self.writes_nothing {
            return Err(Raised::of(b"Write commands are not allowed from read-only scripts."));
        }
        if flags.has(Flags::DENYOOM) && self.lacks_memory && !self.written {
            return Err(Raised::of(&[b"-", ReplyError::OUT_OF_MEMORY.text()].concat()));
        }
        if flags.has(Flags::WRITE) {
            if !self.call.server.scripts.running.may_write() {
                return Err(Raised::Killed);
            }
            self.written = true;
        }
        Ok(command)
    }

    fn run(
        &mut self,
        entry: &'s Entry,
        command: crate::command::spec::Handler,
        args: &OwnedArgs,
        proto: Proto,
    ) -> Vec<u8> {
        let outer = &mut *self.call;
        let mut reply = Reply::new(Vec::new(), proto);
        let mut call = Call {
            entry,
            args: args.args(),
            reply: &mut reply,
            scope: &mut *outer.scope,
            info: outer.info,
            server: outer.server,
            settings: outer.settings,
            stats: outer.stats,
            keys: &mut *outer.keys,
            hub: &mut *outer.hub,
            outcome: &mut *outer.outcome,
            now: outer.server.clock.now(),
            slept_us: 0,
            secret_args: Vec::new(),
        };
        let result = command(&mut call);
        run::conclude(&mut call, result.as_ref().err());
        run::settle_keys(&mut call);
        trace::count(&mut call, result.is_err());
        reply.into_bytes()
    }
}
