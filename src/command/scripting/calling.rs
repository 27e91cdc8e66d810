//! What a script asks of the server: commands that it runs.

use std::borrow::Cow;
use std::sync::Arc;

use crate::acl::{User, log};
use crate::command::cost::{self, View};
use crate::command::spec::{Flags, Handler, Run};
use crate::command::table::{self, Entry, Lookup};
use crate::command::{Call, Place, gate, permission, redirect, run, trace};
use crate::resp::Proto;
use crate::resp::decode::Args;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::script::asking::Host;
use crate::script::raised::Raised;
use crate::session::ScriptRun;

/// Why a command does not run.
enum Refused {
    /// The script is to end.
    Killed,
    /// This is raised in it.
    Because(Cow<'static, [u8]>),
}

impl Refused {
    fn because(text: &'static [u8]) -> Self {
        Refused::Because(text.into())
    }
}

/// Runs commands for the script of a call.
pub(super) struct Caller<'r, 'c, 's> {
    call: &'r mut Call<'c, 's>,
    /// Whose script it is.
    user: Arc<User>,
    writes_nothing: bool,
    lacks_memory: bool,
    /// Whether it has written.
    written: bool,
    /// Whether a command has run that may have done something.
    ran_writer: bool,
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
        let user = call.info.user(&call.server.acl);
        Caller { call, user, writes_nothing, lacks_memory, written: false, ran_writer: false, db, was_executing }
    }

    /// The script has ended: what it selected holds for it alone.
    pub(super) fn end(self) {
        let scope = &mut *self.call.scope;
        scope.db = self.db;
        scope.executing = self.was_executing;
        scope.scripted = false;
    }

    fn find(&self, args: Args<'_>) -> Option<&'static Entry> {
        match table::lookup(&self.call.server.names, args) {
            Lookup::Found(entry) => Some(entry),
            _ => None,
        }
    }

    /// Counts a command that does not run, and raises why.
    fn reject(&mut self, entry: Option<&Entry>, text: &[u8]) -> Raised {
        if let Some(entry) = entry {
            self.call.stats.by_command[usize::from(entry.index)].rejected.add(1);
        }
        trace::count_error(self.call.stats, self.call.server, &ReplyError::raw(&text[1..]));
        Raised::of(text)
    }

    fn permit(&mut self, entry: &'static Entry, args: Args<'_>) -> Result<Handler, Refused> {
        let flags = entry.command.flags;
        if !entry.command.accepts(args.len()) {
            return Err(Refused::because(b"-ERR Wrong number of args calling Redis command from script"));
        }
        let Some(Run::Anywhere(command)) = entry.command.runner().filter(|_| !flags.has(Flags::NOSCRIPT)) else {
            return Err(Refused::because(b"-ERR This Redis command is not allowed from script"));
        };
        self.ensure_permitted(entry, args)?;
        if gate::refuses_keys(self.call.settings, entry) {
            return Err(Refused::Because([b"-", ReplyError::KEYS_BESIDE_BACKPLANE.text()].concat().into()));
        }
        redirect::ensure_local(self.call.server, entry, args)
            .map_err(|error| Refused::Because([b"-", error.text()].concat().into()))?;
        if flags.has_any(Flags::WRITE.and(Flags::MAY_REPLICATE)) && self.writes_nothing {
            return Err(Refused::because(b"-ERR Write commands are not allowed from read-only scripts."));
        }
        if flags.has(Flags::DENYOOM) && self.lacks_memory && !self.written {
            return Err(Refused::because(b"-OOM command not allowed when used memory > 'maxmemory'."));
        }
        if flags.has(Flags::WRITE) {
            if self.call.outcome.script == ScriptRun::Any && !self.call.server.scripts.running.may_write() {
                return Err(Refused::Killed);
            }
            self.written = true;
        }
        Ok(command)
    }

    /// Refuses what the user whose script it is may not do.
    fn ensure_permitted(&self, entry: &'static Entry, args: Args<'_>) -> Result<(), Refused> {
        if self.user.is_free() {
            return Ok(());
        }
        let call = &*self.call;
        permission::judge(&self.user.rights(), entry, args, call.settings).map_err(|denial| {
            permission::Refused { entry, args, ..permission::Refused::of(call) }.note(
                &self.user,
                denial,
                log::Place::Lua,
            );
            Refused::Because(permission::error(&self.user, entry, denial).in_script().into())
        })
    }

    /// Ends a script that runs on the thread of its client if the command may take long. Once the script may have written,
    /// it runs only commands that do not.
    fn ensure_short(&mut self, entry: &Entry, args: Args<'_>) -> Result<(), Raised> {
        let call = &mut *self.call;
        if call.outcome.script == ScriptRun::Any || self.ran_writer {
            return Ok(());
        }
        let state = call.keys.held().map(|(state, _)| &*state);
        let view = View { server: call.server, state, db: call.scope.db };
        if !cost::is_short(entry.command, args, &view) {
            call.outcome.script = ScriptRun::TooLong;
            return Err(Raised::Killed);
        }
        self.ran_writer |= entry.command.flags.has_any(Flags::WRITE.and(Flags::MAY_REPLICATE));
        Ok(())
    }
}

impl Host for Caller<'_, '_, '_> {
    fn may_run(&mut self, args: Args<'_>) -> Result<bool, Raised> {
        let entry = self.find(args).ok_or_else(|| Raised::of(b"Invalid command passed to redis.acl_check_cmd()"))?;
        let judged = permission::judge(&self.user.rights(), entry, args, self.call.settings);
        Ok(self.user.is_free() || judged.is_ok())
    }

    fn run(&mut self, args: Args<'_>, proto: Proto, memory: Vec<u8>) -> Result<Vec<u8>, Raised> {
        let Some(entry) = self.find(args) else {
            return Err(self.reject(None, b"-ERR Unknown Redis command called from script"));
        };
        let command = match self.permit(entry, args) {
            Ok(command) => command,
            Err(Refused::Killed) => return Err(Raised::Killed),
            Err(Refused::Because(text)) => return Err(self.reject(Some(entry), &text)),
        };
        self.ensure_short(entry, args)?;
        let outer = &mut *self.call;
        let mut reply = Reply::new(memory, proto);
        let Call { server, stats, keys, hub, outcome, .. } = outer;
        let place = Place { server, stats, keys, hub, outcome };
        let (info, settings, now) = (outer.info, outer.settings, server.clock.now());
        let mut call = Call::begin(place, info, settings, (entry, args), &mut reply, outer.scope, now);
        if entry.command.publishes.is_some() && self.user.checks().metered() {
            call.metered = Some(self.user.clone());
        }
        let result = command(&mut call);
        run::conclude(&mut call, result.as_ref().err());
        run::settle_keys(&mut call);
        trace::count(&mut call, result.is_err());
        Ok(reply.into_bytes())
    }
}
