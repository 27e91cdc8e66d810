//! How a command that may run is run, and what is done when it has: what it left to be done about keys, what it counts
//! for, and when its own client hears of what it did.
//!
//! Source: `call` in Redis 7.2 (server.c).

use super::spec::{Flags, Run};
use super::table::Entry;
use super::{Call, LocalCall, trace};
use crate::client::Client;
use crate::client::registry::Flag;
use crate::clock::Now;
use crate::keyspace::Rules;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effects::{self, Outlet};
use crate::observe::stats::{Counter, WorkerStats};
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{Blocked, Conversation, Scope, SessionState, Turn};
use crate::worker::Worker;

/// Runs a command that its client asked for.
pub(super) fn run<'s>(
    turn: &mut Turn<'s>,
    conversation: &mut Conversation,
    args: Args<'_>,
    entry: &'s Entry,
    command: Run,
) {
    let uses_keys = entry.command.flags.has_any(Flags::KEYS);
    if !uses_keys {
        turn.keys.release();
    } else if !catch_up(turn) {
        return turn.keys.release();
    }
    let Conversation { state, scope, .. } = conversation;
    let mut call = LocalCall {
        call: Call {
            entry,
            args,
            reply: &mut turn.reply,
            scope,
            info: &turn.client.info,
            server: &turn.worker.server,
            settings: &turn.settings,
            stats: turn.worker.stats(),
            keys: &mut turn.keys,
            hub: &mut turn.hub,
            outcome: &mut *turn.outcome,
            now: turn.now,
            slept_us: 0,
            secret_args: Vec::new(),
        },
        session: state,
        client: turn.client,
        worker: turn.worker,
    };
    turn.now = execute(&mut call, command);
    turn.hub.release();
    if let Some(until_ms) = turn.outcome.waits.take() {
        conversation.state.blocked = Some(Blocked::OnKeys(until_ms));
    }
    if uses_keys {
        turn.keys.pass_on(turn.now);
    } else {
        turn.keys.release();
    }
    // CONFIG SET applies to the next command of the same read already.
    turn.worker.refresh(&mut turn.settings);
}

/// Lets a client that is told which keys to forget hear of all changes so far before an answer that may show them:
/// otherwise it would have a new value beside an older one in its cache. Most is delivered before the lock is taken.
/// Answers false if the client turns out to have been killed.
fn catch_up(turn: &mut Turn<'_>) -> bool {
    if turn.keys.is_held() || !turn.client.info.has_flag(Flag::HearsOfKeys) {
        return true;
    }
    turn.client.outbox.borrow_mut().push_own(turn.reply.bytes());
    turn.reply.clear();
    turn.worker.deliver(&mut turn.hub);
    turn.keys.hold(turn.now);
    turn.worker.deliver(&mut turn.hub);
    turn.client.closing().is_none()
}

/// Runs a command that may run, counts and shows it, and answers when it ended.
pub(crate) fn execute(call: &mut LocalCall<'_, '_>, command: Run) -> Now {
    let result = match command {
        Run::Anywhere(function) => function(call),
        Run::Here(function) => function(call),
    };
    finish(call, result)
}

/// Does what is left to be done when a command has run, counts and shows it, and answers when it ended.
fn finish(call: &mut Call<'_, '_>, result: Result<(), ReplyError>) -> Now {
    if let Err(error) = &result {
        count_error(call.stats, call.server, error);
        call.reply.error(error);
    }
    if call.is_tracked() {
        super::client::remember_reads(call);
    }
    settle_keys(call);
    let end = call.server.clock.now_soon_after(call.now);
    let us = end.us().saturating_sub(call.now.us()).saturating_add(call.slept_us);
    call.stats.commands.add(1);
    Counter::add_to(&call.info.total_commands, 1);
    let command = &call.stats.by_command[usize::from(call.entry.index)];
    command.calls.add(1);
    command.us.add(us);
    if result.is_err() {
        command.failed.add(1);
    }
    if call.settings.latency_tracking {
        let ns = end.ns().saturating_sub(call.now.ns());
        command.record_latency(ns.saturating_add(call.slept_us.saturating_mul(1000)));
    }
    trace::show(call, us);
    end
}

/// Does what the command has left to be done about keys. Clients that wait for keys are served when the transaction has
/// ended, what happened to keys is published at once.
fn settle_keys(call: &mut Call<'_, '_>) {
    let Some((state, now_ms)) = call.keys.held() else { return };
    let rules = Rules::of(call.settings);
    let mut outlet = Outlet { hub: call.hub, wake: &mut call.outcome.wake, used: false };
    if call.scope.executing {
        state.effects.publish(rules, &mut outlet);
    } else {
        effects::settle(state, now_ms, rules, &mut outlet);
    }
    call.outcome.published |= outlet.used;
}

pub(super) fn count_error(stats: &WorkerStats, server: &Server, error: &ReplyError) {
    stats.errors.add(1);
    server.stats.count_error(error.code());
}

/// A client that hears what it publishes or which keys it changes, or monitors what it executes, hears it behind the
/// reply of that command, before the next one's.
pub(super) fn deliver_to_oneself(turn: &mut Turn<'_>) {
    let client = turn.client;
    let listens = client.is_subscriber() || client.is_monitor() || client.info.has_flag(Flag::HearsOfKeys);
    if !std::mem::take(&mut turn.outcome.published) || !listens {
        return;
    }
    client.outbox.borrow_mut().push_own(turn.reply.bytes());
    turn.reply.clear();
    turn.worker.deliver(&mut turn.hub);
}

/// Answers a violation of the protocol, the last thing this client is told.
pub(crate) fn refuse_protocol(turn: &mut Turn<'_>, conversation: &mut Conversation, error: &ReplyError) {
    turn.reply.set_muted(conversation.scope.is_muted());
    count_error(turn.worker.stats(), &turn.worker.server, error);
    let peer = turn.client.info.address.peer();
    let text = String::from_utf8_lossy(error.text()).into_owned();
    tracing::debug!(client = turn.client.info.id, peer, error = text, "protocol error, closed");
    turn.reply.error(error);
    close_after_reply(turn.worker, turn.client, &mut conversation.state);
}

/// Answers a command whose client was blocked that it failed after all.
pub(crate) fn fail_late(turn: &mut Turn<'_>, scope: &Scope, error: &ReplyError) {
    count_error(turn.worker.stats(), &turn.worker.server, error);
    turn.reply.set_muted(scope.is_silent());
    turn.reply.error(error);
}

/// Ends the connection when its output has been written; a monitor is shown nothing more.
pub(crate) fn close_after_reply(worker: &Worker, client: &Client, state: &mut SessionState) {
    worker.stop_monitoring(client);
    state.close_after_reply = true;
    client.info.set_flag(Flag::CloseAfterReply, true);
}

/// Lets go of what the client's conversation holds elsewhere in the server.
pub(crate) fn end(worker: &Worker, client: &Client, conversation: &mut Conversation) {
    if matches!(conversation.state.blocked, Some(Blocked::OnKeys(_))) {
        worker.server.keyspace.lock().waiters.remove(client.info.id);
    }
    let mut keys = KeyAccess::new(&worker.server.keyspace);
    let Conversation { state, scope, .. } = conversation;
    super::transaction::discard(client, state, scope, &mut keys, worker.now());
    super::client::stop_tracking(&client.info, scope, &mut keys, worker.now());
    worker.stop_monitoring(client);
}
