//! How a command that may run is run, and what is done when it has: what it left to be done about keys, what it counts
//! for, and when its own client hears of what it did.
//!
//! Source: `call` in Redis 7.2 (server.c).

use std::rc::Rc;

use super::cost::{self, View};
use super::elsewhere::execution::Execution;
use super::elsewhere::job::RunAlone;
use super::elsewhere::loan::Borrower;
use super::elsewhere::task::{Request, Slot, Task};
use super::permission;
use super::pubsub::batch;
use super::spec::{Flags, Run};
use super::table::{self, Entry};
use super::trace::{count, count_error};
use super::{Call, LocalCall, Place};
use crate::client::held::Holding;
use crate::client::order::HubAccess;
use crate::client::registry::Flag;
use crate::client::{Client, Closing};
use crate::clock::Now;
use crate::config::Settings;
use crate::hub::NAMES_AT_ONCE;
use crate::ids::CommandIndex;
use crate::ids::Topic;
use crate::keyspace::Rules;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effects::{self, Outlet};
use crate::resp::decode::{Args, OwnedArgs};
use crate::resp::errors::{ProtocolError, ReplyError};
use crate::session::{Blocked, Conversation, Scope, ScriptRun, SessionState, Turn, TurnOutcome};
use crate::worker::Worker;

/// Commands of a transaction that is executed in one go at most.
const SHORT_TRANSACTION: usize = 64;

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It has run.
    Now,
    /// It runs elsewhere, when its client has the keys, or some in each turn; the session is blocked until it has.
    Later,
}

/// Runs a command that its client asked for, here if that takes no time worth speaking of, or nowhere else.
pub(super) fn run<'s>(
    turn: &mut Turn<'s>,
    conversation: &mut Conversation,
    args: Args<'_>,
    entry: &'static Entry,
    command: Run,
) -> Ran {
    let flags = entry.command.flags;
    turn.ring(!flags.has(Flags::FAST));
    let uses_keys = uses_keys(turn, conversation, flags);
    if !uses_keys {
        turn.keys.release();
    }
    let obtained = !uses_keys || obtain_keys(turn);
    if turn.client.closing().is_some() {
        turn.keys.release();
        return Ran::Now;
    }
    if flags.has(Flags::EXECUTES) && is_long_transaction(turn, conversation, obtained) {
        return begin_execution(turn, conversation, entry.index, uses_keys);
    }
    match command {
        Run::Anywhere(_) if !obtained || !is_short(turn, conversation, entry, args, uses_keys) => {
            delegate(turn, conversation, entry, args, uses_keys)
        }
        Run::Here(_) if !obtained => {
            let borrower = Borrower::ask(&turn.worker.server, &turn.client.info);
            conversation.state.blocked = Some(Blocked::Borrowing(borrower, keep(turn, args)));
            Ran::Later
        }
        command => {
            if flags.has(Flags::RUNS_SCRIPT) && turn.worker.server.executors.keys.is_attached() {
                turn.outcome.script = ScriptRun::Short;
            }
            run_here(turn, conversation, entry, args, command);
            if std::mem::take(&mut turn.outcome.script) == ScriptRun::TooLong {
                return delegate(turn, conversation, entry, args, uses_keys);
            }
            if uses_keys {
                turn.keys.pass_on(turn.now);
            }
            if conversation.state.is_subscribing() { Ran::Later } else { Ran::Now }
        }
    }
}

/// Whether a command needs the keys: because it is about them, is a transaction of such commands, or lets go of what its
/// client holds of them.
fn uses_keys(turn: &Turn<'_>, conversation: &Conversation, flags: Flags) -> bool {
    let queue = conversation.state.transaction.iter().flat_map(|transaction| &transaction.queue);
    flags.has_any(Flags::KEYS)
        || (flags.has(Flags::LETS_GO)
            && (conversation.scope.watch.is_some() || turn.client.info.has_flag(Flag::Tracking)))
        || (flags.has(Flags::EXECUTES)
            && queue.into_iter().any(|(index, _)| table::entry(*index).command.flags.has_any(Flags::KEYS)))
}

fn run_here<'s>(
    turn: &mut Turn<'s>,
    conversation: &mut Conversation,
    entry: &'static Entry,
    args: Args<'_>,
    command: Run,
) {
    let Conversation { state, scope } = conversation;
    let mut call = local_call(turn, state, scope, entry, args);
    let end = execute(&mut call, command);
    turn.now = end;
    turn.hub.release();
    if let Some(until_ms) = turn.outcome.waits.take() {
        conversation.state.blocked = Some(Blocked::OnKeys(until_ms));
    }
    if turn.reply.has_overflowed() {
        turn.client.close(Closing::HardLimit);
    }
    // CONFIG SET applies to the next command of the same read already.
    turn.worker.refresh(&mut turn.settings);
}

/// One command of a transaction that is executed in steps.
pub(super) fn run_queued_here(turn: &mut Turn<'_>, conversation: &mut Conversation, (index, args): &Request) {
    let entry = table::entry(*index);
    if let Some(command) = entry.command.runner() {
        run_here(turn, conversation, entry, args.args(), command);
    }
}

fn local_call<'c, 's>(
    turn: &'c mut Turn<'s>,
    session: &'c mut SessionState,
    scope: &'c mut Scope,
    entry: &'static Entry,
    args: Args<'c>,
) -> LocalCall<'c, 's> {
    let Turn { client, worker, settings, reply, keys, hub, outcome, now, metered, .. } = turn;
    let (client, worker): (&'s Rc<Client>, &'s Worker) = (client, worker);
    let place = Place { server: &worker.server, stats: worker.stats(), keys, hub, outcome };
    let mut call = Call::begin(place, &client.info, settings, (entry, args), reply, scope, *now);
    call.metered = metered.take();
    LocalCall { call, session, client, worker }
}

/// Takes the keys' lock, unless it is held already. False if it cannot be had at once: others have it for longer, or came
/// before.
///
/// A client that is told which keys to forget hears of all changes so far before an answer that may show them: otherwise it
/// would have a new value beside an older one in its cache. Most is delivered before the lock is taken.
pub(super) fn obtain_keys(turn: &mut Turn<'_>) -> bool {
    if turn.keys.is_held() {
        return true;
    }
    let executor = &turn.worker.server.executors.keys;
    let hears_of_keys = turn.client.info.has_flag(Flag::HearsOfKeys);
    if hears_of_keys {
        turn.queue_reply();
        turn.worker.deliver(&mut turn.hub);
    }
    if !executor.is_attached() {
        turn.keys.hold(turn.now);
    } else if !executor.is_idle() || !turn.keys.try_hold(turn.now) {
        return false;
    }
    if hears_of_keys {
        turn.worker.deliver(&mut turn.hub);
    }
    true
}

/// Whether a command may run on the thread of its client. Without a thread for long commands all may.
fn is_short(turn: &mut Turn<'_>, conversation: &Conversation, entry: &Entry, args: Args<'_>, uses_keys: bool) -> bool {
    let server = &turn.worker.server;
    let executor = if uses_keys { &server.executors.keys } else { &server.executors.others };
    let state = turn.keys.held().map(|(state, _)| &*state);
    let view = View { server, state, db: conversation.scope.db };
    !executor.is_attached() || cost::is_short(entry.command, args, &view)
}

/// Whether a transaction has to be executed in steps.
fn is_long_transaction(turn: &mut Turn<'_>, conversation: &Conversation, obtained: bool) -> bool {
    let server = &turn.worker.server;
    let Some(transaction) = conversation.state.transaction.as_deref().filter(|transaction| !transaction.failed) else {
        return false;
    };
    if !server.executors.keys.is_attached() {
        return false;
    }
    let state = turn.keys.held().map(|(state, _)| &*state);
    let view = View { server, state, db: conversation.scope.db };
    let many = Topic::ALL.into_iter().map(|topic| turn.client.subscriptions(topic)).sum::<usize>() > NAMES_AT_ONCE;
    let is_short = |(index, args): &Request| {
        let command = table::entry(*index).command;
        let ends_many = many && command.flags.has(Flags::PUBSUB) && args.args().len() == 1;
        // A script that turns out to be long cannot begin again elsewhere once others have run before it.
        !ends_many && !command.flags.has(Flags::RUNS_SCRIPT) && cost::is_short(command, args.args(), &view)
    };
    !obtained || transaction.queue.len() > SHORT_TRANSACTION || !transaction.queue.iter().all(is_short)
}

fn begin_execution(turn: &mut Turn<'_>, conversation: &mut Conversation, exec: CommandIndex, uses_keys: bool) -> Ran {
    turn.keys.release();
    let queue = conversation.state.transaction.as_deref_mut().map(|transaction| std::mem::take(&mut transaction.queue));
    let execution = Execution::new(turn, exec, queue.unwrap_or_default(), uses_keys);
    conversation.state.blocked = Some(Blocked::Executing(Box::new(execution)));
    Ran::Later
}

/// Lets an executor run the command.
fn delegate(
    turn: &mut Turn<'_>,
    conversation: &mut Conversation,
    entry: &Entry,
    args: Args<'_>,
    uses_keys: bool,
) -> Ran {
    turn.keys.release();
    if entry.command.flags.has(Flags::RUNS_SCRIPT) {
        // What it publishes to its own client follows its answer.
        turn.queue_reply();
        turn.client.outbox.borrow_mut().hold();
    }
    let slot = Slot::default();
    let task = Task {
        client: turn.client.info.clone(),
        requests: [(entry.index, keep(turn, args))].into(),
        scope: std::mem::take(&mut conversation.scope),
        proto: turn.reply.proto(),
        room: turn.room(),
        last: true,
        slot: slot.clone(),
    };
    let executors = &turn.worker.server.executors;
    let executor = if uses_keys { &executors.keys } else { &executors.others };
    executor.add(RunAlone(task));
    let keeps_caching = entry.command.flags.has(Flags::KEEPS_CACHING);
    conversation.state.blocked = Some(Blocked::Elsewhere(slot, keeps_caching));
    Ran::Later
}

/// A copy of a request that is kept until it can be run, which counts for what its client holds.
fn keep(turn: &Turn<'_>, args: Args<'_>) -> OwnedArgs {
    turn.client.awaits_answer.set(true);
    let args = args.to_owned();
    turn.client.info.held.set(Holding::Postponed, args.size_bytes());
    args
}

/// Runs a command that may run, does what it leaves to be done, counts and shows it, and answers when it ended.
pub(crate) fn execute(call: &mut LocalCall<'_, '_>, command: Run) -> Now {
    let result = permission::ensure_queued(call).and_then(|()| match command {
        Run::Anywhere(function) => function(call),
        Run::Here(function) => function(call),
    });
    conclude(call, result.as_ref().err());
    settle_keys(call);
    if call.session.is_subscribing() || call.outcome.script == ScriptRun::TooLong {
        // Counted and shown when it has ended.
        return call.server.clock.now_soon_after(call.now);
    }
    count(call, result.is_err())
}

/// Ends the answer of a command that has run.
pub(super) fn conclude(call: &mut Call<'_, '_>, error: Option<&ReplyError>) {
    if let Some(error) = error {
        count_error(call.stats, call.server, error);
        call.reply.error(error);
    }
    if call.is_tracked() {
        super::client::remember_reads(call);
    }
}

/// Counts and shows EXEC, which began at this moment and has ended now.
pub(super) fn count_execution(turn: &mut Turn<'_>, conversation: &mut Conversation, exec: CommandIndex, began: Now) {
    let name = &table::entry(exec).full_name;
    let args = OwnedArgs::new([name.as_bytes()].into_iter());
    count_late(turn, conversation, (exec, &args), began, 0);
}

/// Counts and shows a command that has ended now, in a turn in which it went on at this moment, and has taken so many
/// microseconds before.
pub(super) fn count_late(
    turn: &mut Turn<'_>,
    conversation: &mut Conversation,
    request: (CommandIndex, &OwnedArgs),
    went_on: Now,
    spent_us: u64,
) {
    turn.now = went_on;
    run_part(turn, conversation, request, |call| {
        call.slept_us = spent_us;
        count(call, false);
    });
    turn.now = turn.worker.now();
}

/// Runs a part of a command that is run in several turns.
pub(super) fn run_part<'s, R>(
    turn: &mut Turn<'s>,
    conversation: &mut Conversation,
    (index, args): (CommandIndex, &OwnedArgs),
    part: impl FnOnce(&mut LocalCall<'_, 's>) -> R,
) -> R {
    let entry = table::entry(index);
    let Conversation { state, scope } = conversation;
    let mut call = local_call(turn, state, scope, entry, args.args());
    part(&mut call)
}

/// Does what the command has left to be done about keys. Clients that wait for keys are served when the transaction has
/// ended, what happened to keys is published at once.
pub(super) fn settle_keys(call: &mut Call<'_, '_>) {
    let Some((state, now_ms)) = call.keys.held() else { return };
    let rules = Rules::of(call.settings);
    let mut outlet = Outlet { hub: call.hub, sent: &mut call.outcome.sent, used: false };
    if call.scope.executing {
        state.effects.publish(rules, &mut outlet);
    } else {
        effects::settle(state, now_ms, rules, &mut outlet);
    }
    call.outcome.published |= outlet.used;
}

/// Does what a whole transaction has left to be done about keys.
pub(super) fn settle_transaction(
    settings: &Settings,
    keys: &mut KeyAccess<'_>,
    hub: &mut HubAccess<'_>,
    outcome: &mut TurnOutcome,
) {
    let Some((state, now_ms)) = keys.held() else { return };
    let mut outlet = Outlet { hub, sent: &mut outcome.sent, used: false };
    effects::settle(state, now_ms, Rules::of(settings), &mut outlet);
    outcome.published |= outlet.used;
}

/// A client that hears what it publishes or which keys it changes, or monitors what it executes, hears it behind the
/// reply of that command, before the next one's.
pub(crate) fn deliver_to_oneself(turn: &mut Turn<'_>) {
    if !std::mem::take(&mut turn.outcome.published) || !hears_itself(turn.client) {
        return;
    }
    turn.queue_reply();
    turn.worker.deliver(&mut turn.hub);
}

/// Whether a client may hear of what it does itself.
pub(super) fn hears_itself(client: &Client) -> bool {
    client.is_subscriber() || client.is_monitor() || client.info.has_flag(Flag::HearsOfKeys)
}

/// Answers a violation of the protocol, the last thing this client is told.
pub(crate) fn refuse_protocol(turn: &mut Turn<'_>, conversation: &mut Conversation, violation: &ProtocolError) {
    batch::post(turn, conversation);
    let error = &ReplyError::protocol(&violation.text());
    turn.reply.set_muted(conversation.scope.is_muted());
    let (worker, client, peer) = (turn.worker, turn.client.info.id, turn.client.info.address.peer());
    count_error(worker.stats(), &worker.server, error);
    let text = String::from_utf8_lossy(error.text()).into_owned();
    tracing::debug!(client, peer, error = text, "protocol error, closed");
    if *violation == ProtocolError::Encrypted
        && let Some(not_shown) = worker.server.misplaced_tls.show(turn.now.ms())
    {
        tracing::info!(client, peer, not_shown, "a client speaks TLS where it is not spoken; closed");
    }
    turn.reply.error(error);
    close_after_reply(turn.worker, turn.client, &mut conversation.state);
}

/// Answers a command whose client was blocked that it failed after all.
pub(crate) fn fail_late(turn: &mut Turn<'_>, scope: &Scope, error: &ReplyError) {
    count_error(turn.worker.stats(), &turn.worker.server, error);
    turn.reply.set_muted(scope.is_silent());
    turn.reply.error(error);
}

/// Answers a command that the thread that governs has carried out.
pub(crate) fn answer_late(turn: &mut Turn<'_>, result: Result<(), ReplyError>, muted: bool) {
    turn.reply.set_muted(muted);
    match result {
        Ok(()) => turn.reply.ok(),
        Err(error) => {
            count_error(turn.worker.stats(), &turn.worker.server, &error);
            turn.reply.error(&error);
        }
    }
}

/// Ends the connection when its output has been written; a monitor is shown nothing more.
pub(crate) fn close_after_reply(worker: &Worker, client: &Client, state: &mut SessionState) {
    worker.stop_monitoring(client);
    state.close_after_reply = true;
    client.info.set_flag(Flag::CloseAfterReply, true);
}
