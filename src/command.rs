//! Commands: what they are, where they are found, how they run.
//!
//! | module | what it holds |
//! |---|---|
//! | [`spec`] | what an entry of the table says of a command |
//! | [`table`] | all commands by name |
//! | [`gate`] | the rules that decide whether a command runs, waits, is queued or refused |
//! | `files` | what commands do with files |
//! | `forward` | which of them an upstream answers that has the keys |
//! | `run`, `trace` | how it runs, what it counts for, and who is shown that |
//! | [`pubsub`] | SUBSCRIBE, PUBLISH and their families, PUBSUB |
//! | [`connection`] | HELLO, AUTH, PING, SELECT, QUIT, RESET, ... |
//! | [`client`] | CLIENT and its subcommands |
//! | [`generic`] | keys of any type: DEL, EXPIRE, SCAN, RENAME, ... |
//! | [`string`] | SET, GET, INCR and their families |
//! | [`list`] | LPUSH, BRPOP and their families |
//! | [`stream`] | XADD, XREAD, XGROUP and their families |
//! | [`scripting`] | EVAL and its family, SCRIPT |
//! | [`transaction`] | MULTI, EXEC, DISCARD, WATCH |
//! | `keys` | where the keys of a request stand |
//! | `permission` | whether the user that a client is may execute a request |
//! | `limits` | what is too much for that user |
//! | [`introspect`] | COMMAND and its subcommands |
//! | [`config`] | CONFIG |
//! | [`info`] | INFO |
//! | [`server`] | TIME, SHUTDOWN, DEBUG, MONITOR, ROLE, ... |
//! | [`observe`] | SLOWLOG, LATENCY, MEMORY |
//!
//! A command is a plain function that takes a [`Call`] and answers into it. It never waits: what must wait leaves the
//! session blocked (see [`crate::session`]).

pub mod client;
pub mod config;
pub mod connection;
pub mod cost;
mod drain;
pub mod elsewhere;
pub(crate) mod files;
mod forward;
pub mod gate;
pub mod generic;
pub mod info;
pub mod introspect;
mod keys;
pub(crate) mod leaving;
pub(crate) mod limits;
pub mod list;
mod nodes;
pub mod observe;
mod permission;
pub mod pubsub;
pub(crate) mod redirect;
pub(crate) mod run;
pub mod scripting;
pub mod server;
mod slow;
pub mod spec;
pub mod stream;
pub mod string;
pub mod table;
#[cfg(test)]
pub(crate) mod test_support;
mod trace;
pub mod transaction;

use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;

use parking_lot::ReentrantMutexGuard;

use crate::acl::User;
use crate::client::Client;
use crate::client::held::Holding;
use crate::client::order::{Errand, HubAccess, Order};
use crate::client::registry::{ClientInfo, Flag};
use crate::clock::{Clock, Now};
use crate::config::{Config, Settings, StartError};
use crate::ids::WorkerId;
use crate::keyspace::Rules;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::keys::Keys;
use crate::keyspace::waiters::{Absent, Attempt, Interest, Outcome, Wait};
use crate::observe::stats::WorkerStats;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{ReplyMode, Scope, SessionState, TurnOutcome};
use crate::worker::Worker;
use spec::{Command, Flags};
use table::Entry;

/// All commands, a slice for each family.
fn families() -> [&'static [Command]; 15] {
    [
        pubsub::COMMANDS,
        connection::COMMANDS,
        client::COMMANDS,
        transaction::COMMANDS,
        introspect::COMMANDS,
        config::COMMANDS,
        info::COMMANDS,
        server::COMMANDS,
        observe::COMMANDS,
        generic::COMMANDS,
        string::COMMANDS,
        list::COMMANDS,
        stream::COMMANDS,
        scripting::COMMANDS,
        nodes::COMMANDS,
    ]
}

/// A server with this configuration, which understands all commands.
///
/// # Errors
///
/// [`StartError`] where `rename-command` names a command that exists neither here nor in Redis, or takes a name twice.
pub fn new_server(config: Config, clock: Clock) -> Result<Arc<Server>, StartError> {
    let names = table::names(&config.settings().rename_command)?;
    let server = Server::new(config, names, table::catalogue(), clock);
    files::load_first_users(&server)?;
    Ok(server)
}

/// One execution of a command, with what any thread can give it: `'s` is as long as its client's turn, `'c` as long as the
/// execution.
#[derive(Debug)]
pub struct Call<'c, 's> {
    /// The command, as the table has it.
    pub entry: &'static Entry,
    /// Its arguments, its name first.
    pub args: Args<'c>,
    /// Where the answer goes.
    pub reply: &'c mut Reply,
    /// What commands on any thread may know and change of the client's session.
    pub scope: &'c mut Scope,
    /// The client that calls.
    pub info: &'c Arc<ClientInfo>,
    /// What all workers share.
    pub server: &'s Server,
    /// The values of all directives.
    pub settings: &'c Settings,
    /// The counters of the thread that runs it.
    pub stats: &'s WorkerStats,
    /// Access to the keys, for the whole of the command or of EXEC under one lock, which is taken before the hub's.
    pub keys: &'c mut KeyAccess<'s>,
    /// Access to the hub, for the whole of EXEC under one lock.
    pub hub: &'c mut HubAccess<'s>,
    /// What it leaves to be done when others have their turn.
    pub outcome: &'c mut TurnOutcome,
    /// When it began.
    pub now: Now,
    /// How long it takes beside the time that its function takes, in microseconds.
    pub slept_us: u64,
    /// Arguments that logs must not show.
    pub secret_args: Vec<usize>,
    /// The user for whom what it publishes is counted, if it is counted for one.
    pub(crate) metered: Option<Arc<User>>,
}

/// What a thread has that runs commands.
#[derive(Debug)]
pub(crate) struct Place<'p, 's> {
    pub(crate) server: &'s Server,
    pub(crate) stats: &'s WorkerStats,
    pub(crate) keys: &'p mut KeyAccess<'s>,
    pub(crate) hub: &'p mut HubAccess<'s>,
    pub(crate) outcome: &'p mut TurnOutcome,
}

impl<'s> Place<'_, 's> {
    /// The same, lent for a time.
    pub(crate) fn again(&mut self) -> Place<'_, 's> {
        let Place { server, stats, keys, hub, outcome } = self;
        Place { server, stats, keys, hub, outcome }
    }
}

/// One execution of a command on the thread of its client.
#[derive(Debug)]
pub struct LocalCall<'c, 's> {
    /// What any thread could give it.
    pub call: Call<'c, 's>,
    /// The protocol state of the client that calls.
    pub session: &'c mut SessionState,
    /// The client that calls.
    pub client: &'s Rc<Client>,
    /// Its worker.
    pub worker: &'s Worker,
}

impl<'c, 's> Deref for LocalCall<'c, 's> {
    type Target = Call<'c, 's>;

    fn deref(&self) -> &Self::Target {
        &self.call
    }
}

impl DerefMut for LocalCall<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.call
    }
}

impl LocalCall<'_, '_> {
    /// Queues what has been answered so far, so that what is pushed from now on follows it. Within EXEC pushes follow
    /// the whole answer, so nothing is queued before its end.
    pub(crate) fn queue_reply(&mut self) {
        if !self.scope.executing {
            self.client.outbox.borrow_mut().push_reply(self.call.reply);
        }
    }
}

impl<'c, 's> Call<'c, 's> {
    /// One that begins now.
    pub(crate) fn begin(
        place: Place<'c, 's>,
        client: &'c Arc<ClientInfo>,
        settings: &'c Settings,
        (entry, args): (&'static Entry, Args<'c>),
        reply: &'c mut Reply,
        scope: &'c mut Scope,
        now: Now,
    ) -> Self {
        let Place { server, stats, keys, hub, outcome } = place;
        let secret_args = Vec::new();
        let info = client;
        Call {
            entry,
            args,
            reply,
            scope,
            info,
            server,
            settings,
            stats,
            keys,
            hub,
            outcome,
            now,
            slept_us: 0,
            secret_args,
            metered: None,
        }
    }

    /// Keeps out, until what it answers is dropped, everybody else's commands that change what others see, and their
    /// transactions with commands of that kind.
    pub(crate) fn alone(&self) -> ReentrantMutexGuard<'s, ()> {
        self.server.administration.lock()
    }
}

impl Call<'_, '_> {
    /// The argument at `index` as an integer.
    ///
    /// # Errors
    ///
    /// [`ReplyError::NOT_AN_INTEGER`] if it is none.
    pub fn integer(&self, index: usize) -> Result<i64, ReplyError> {
        parse_integer(&self.args[index]).ok_or(ReplyError::NOT_AN_INTEGER)
    }

    /// The argument at `index` as a time-out in milliseconds.
    ///
    /// # Errors
    ///
    /// One for each of: no integer, below zero, an end that no clock could show.
    pub fn timeout_ms(&self, index: usize) -> Result<u64, ReplyError> {
        let timeout_ms = parse_integer(&self.args[index]).ok_or(ReplyError::TIMEOUT_NOT_AN_INTEGER)?;
        let timeout_ms = u64::try_from(timeout_ms).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)?;
        let latest_ms = i64::MAX as u64 - self.now.unix().as_millis() as u64;
        if timeout_ms > latest_ms { Err(ReplyError::TIMEOUT_OUT_OF_RANGE) } else { Ok(timeout_ms) }
    }

    /// Whether the argument at `index` is there and is this word, in any case.
    pub fn is_word(&self, index: usize, word: &str) -> bool {
        self.args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The argument at `index`, a time-out in seconds with or without a fraction, in milliseconds; none for zero, which
    /// is no time-out.
    ///
    /// # Errors
    ///
    /// One for each of: no number, below zero, an end that no clock could show.
    pub(crate) fn timeout_seconds(&self, index: usize) -> Result<Option<u64>, ReplyError> {
        let text = std::str::from_utf8(&self.args[index]).ok();
        let seconds: Option<f64> = text.and_then(|text| text.parse().ok());
        let ms = seconds.filter(|seconds| !seconds.is_nan()).ok_or(ReplyError::TIMEOUT_NOT_A_FLOAT)? * 1000.0;
        let latest_ms = i64::MAX as u64 - self.now.unix().as_millis() as u64;
        if ms > latest_ms as f64 {
            Err(ReplyError::TIMEOUT_OUT_OF_RANGE)
        } else if ms < 0.0 {
            Err(ReplyError::TIMEOUT_NEGATIVE)
        } else {
            Ok(Some(ms.ceil() as u64).filter(|ms| *ms > 0))
        }
    }

    /// The selected database at this moment, and where the answer goes. The lock is kept until the command has ended,
    /// within EXEC until that has.
    pub(crate) fn keys(&mut self) -> (Keys<'_>, &mut Reply) {
        debug_assert!(self.keys.is_held() || !self.hub.is_held(), "the keys are locked before the hub");
        let (state, now_ms) = self.keys.hold(self.now);
        let mut keys = Keys::new(state, self.scope.db, now_ms, Rules::of(self.settings));
        keys.counts_use = !self.info.has_flag(Flag::NoTouch);
        keys.caller = Some(self.info.id);
        (keys, self.reply)
    }

    /// Runs a blocking command: answers if it can, otherwise lets the client wait for what `wait` says, for
    /// `timeout_ms` or for ever. Within EXEC nobody waits, and the answer is `absent`.
    ///
    /// # Errors
    ///
    /// Those of the attempt.
    pub(crate) fn attempt(
        &mut self,
        attempt: Attempt,
        absent: Absent,
        timeout_ms: Option<u64>,
        interest: impl FnOnce(&mut Keys<'_>, Args<'_>) -> Interest,
    ) -> Result<(), ReplyError> {
        let (args, executing) = (self.args, self.scope.executing);
        let (mut keys, reply) = self.keys();
        if attempt(&mut keys, args, reply)? == Outcome::Done {
            return Ok(());
        }
        if executing {
            absent.answer(reply);
            return Ok(());
        }
        let interest = interest(&mut keys, args);
        self.info.held.set(Holding::Awaited, interest.size_bytes());
        let right = permission::right(self);
        let wait = Wait { right, attempt, interest, ends: timeout_ms.is_some(), tracked: self.is_tracked() };
        let muted = self.scope.reply_mode != ReplyMode::On;
        let waiters = &mut self.keys.hold(self.now).0.waiters;
        waiters.add(self.info.clone(), self.scope.db, self.reply.proto(), muted, wait);
        self.info.set_flag(Flag::Blocked, true);
        self.outcome.waits = Some(timeout_ms.map(|timeout_ms| self.now.ms() + timeout_ms));
        Ok(())
    }

    /// Whether the keys that this command reads are remembered, so that the client can be told when they change.
    pub(crate) fn is_tracked(&mut self) -> bool {
        let may_be = self.info.has_flag(Flag::Tracking) && self.entry.command.flags.has(Flags::READONLY);
        may_be && self.keys.hold(self.now).0.tracking.remembers(self.info.id, self.scope.caching)
    }

    /// Sends an order to `worker` at this position of its mailbox.
    pub(crate) fn order(&mut self, worker: WorkerId, order: Order) {
        self.hub.with(|hub| hub.send(worker, order, &mut self.outcome.sent));
    }

    /// Sends an errand to where `client` lives at this position of the order.
    pub(crate) fn order_to(&mut self, client: &Arc<ClientInfo>, errand: Errand) {
        let sent = &mut self.outcome.sent;
        self.hub.with(|hub| hub.send(client.worker(), Order::To(client.clone(), errand), sent));
    }

    /// Lets all clients look whether what they wait for has come.
    pub(crate) fn resume_all(&mut self) {
        for worker in 0..self.server.workers.len() {
            self.order(worker, Order::ResumeAll);
        }
    }
}
