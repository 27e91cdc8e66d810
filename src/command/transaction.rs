//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::spec::{Arg, BeginSearch, Command, FindKeys, Flags, Group, KeySpec};
use super::{Call, LocalCall, Place, leaving, run};
use crate::client::held::Holding;
use crate::client::registry::{ClientInfo, Flag};
use crate::clock::Now;
use crate::command::table;
use crate::ids::CommandIndex;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::watchers::Watch;
use crate::resp::decode::{Args, OwnedArgs};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{Scope, SessionState};

const FLAGS: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::UNQUEUED);
const WATCHING: Flags =
    Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::ALLOW_BUSY).and(Flags::KEYSPACE);
const DEFAULT: Command = Command { group: Group::Transactions, since: "1.2.0", flags: FLAGS, ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "multi",
        summary: "Begins a transaction: commands are queued from now on",
        flags: FLAGS.and(Flags::FAST).and(Flags::ALLOW_BUSY),
        run_here: Some(multi),
        ..DEFAULT
    },
    Command {
        name: "exec",
        summary: "Runs what was queued, with nobody else's command in between",
        complexity: "Depends on commands in the transaction",
        flags: FLAGS.and(Flags::SKIP_SLOWLOG).and(Flags::EXECUTES).and(Flags::LETS_GO),
        run_here: Some(exec),
        ..DEFAULT
    },
    Command {
        name: "discard",
        summary: "Forgets what was queued and leaves the transaction",
        since: "2.0.0",
        complexity: "O(N), when N is the number of queued commands",
        flags: FLAGS.and(Flags::FAST).and(Flags::ALLOW_BUSY).and(Flags::LETS_GO),
        run_here: Some(discard_command),
        ..DEFAULT
    },
    Command {
        name: "watch",
        summary: "Lets the next transaction fail if one of these keys is changed before it",
        since: "2.2.0",
        complexity: "O(1) for every key",
        arity: -2,
        flags: WATCHING.and(Flags::UNQUEUED),
        keys: &[KeySpec {
            flags: &["RO"],
            begin: BeginSearch::Index(1),
            find: FindKeys::Range { last: -1, step: 1, limit: 0 },
        }],
        args: &[Arg::key("key").multiple()],
        run: Some(watch),
        ..DEFAULT
    },
    Command {
        name: "unwatch",
        summary: "Forgets all watched keys",
        since: "2.2.0",
        flags: WATCHING,
        run: Some(unwatch),
        ..DEFAULT
    },
];

/// Forgets what was queued, and leaves the transaction.
pub(super) fn forget_queue(info: &ClientInfo, state: &mut SessionState) {
    state.transaction = None;
    info.set_flag(Flag::Multi, false);
    info.queued.store(0, Relaxed);
    info.held.set(Holding::Queued, 0);
}

/// Ends what WATCH began for the client that calls, and answers whether a watched key was changed.
fn watched_key_changed(call: &mut Call<'_, '_>) -> bool {
    end_watch(call.server, call.info, call.scope, call.keys, call.now)
}

/// Forgets what was queued and what is watched, and leaves the transaction.
pub(super) fn leave(call: &mut LocalCall<'_, '_>) {
    let Call { server, info, scope, keys, now, .. } = &mut call.call;
    leaving::forget_watch(server, info, scope, keys, *now);
    forget_queue(info, call.session);
}

/// Ends what WATCH began, and answers whether a watched key was changed.
pub(super) fn end_watch(
    server: &Server,
    info: &Arc<ClientInfo>,
    scope: &mut Scope,
    keys: &mut KeyAccess<'_>,
    now: Now,
) -> bool {
    let Some(watch) = &scope.watch else { return false };
    let (_, now_ms) = keys.hold(now);
    let changed = watch.has_changed(now_ms);
    leaving::forget_watch(server, info, scope, keys, now);
    changed
}

/// Takes what a client watches, which is still to be ended, and counts for it no more: it may watch anew before that.
pub(super) fn take_watch(info: &ClientInfo, scope: &mut Scope) -> Option<Watch> {
    info.watched.store(0, Relaxed);
    info.held.set(Holding::Watched, 0);
    scope.watch.take().map(|watch| *watch)
}

fn watch(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.info.has_flag(Flag::Multi) {
        return Err(ReplyError::WATCH_IN_MULTI);
    }
    let args = call.args;
    let mut watch = call.scope.watch.take().unwrap_or_default();
    let (mut keys, reply) = call.keys();
    args.from(1).for_each(|key| watch.add(&mut keys, key));
    reply.ok();
    call.info.watched.store(watch.len() as u32, Relaxed);
    call.info.held.set(Holding::Watched, watch.size_bytes());
    call.scope.watch = Some(watch);
    Ok(())
}

fn unwatch(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    // Within a transaction there is nothing left to watch: EXEC has ended that already.
    leaving::forget_watch(call.server, call.info, call.scope, call.keys, call.now);
    call.reply.ok();
    Ok(())
}

fn multi(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if call.session.transaction.is_some() {
        return Err(ReplyError::NESTED_MULTI);
    }
    call.session.transaction = Some(Box::default());
    call.info.set_flag(Flag::Multi, true);
    call.reply.ok();
    Ok(())
}

fn discard_command(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if call.session.transaction.is_none() {
        return Err(ReplyError::DISCARD_WITHOUT_MULTI);
    }
    leave(call);
    call.reply.ok();
    Ok(())
}

/// Runs all that was queued, with nobody else's command in between: the keys are locked from the first command to the last
/// if there are commands on keys, the hub if there are commands that publish or subscribe, and administration is kept out if
/// there may be some of it. What is pushed to this client meanwhile follows the whole answer.
fn exec(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let Some(transaction) = call.session.transaction.take() else { return Err(ReplyError::EXEC_WITHOUT_MULTI) };
    if transaction.failed {
        leave(call);
        return Err(ReplyError::EXECABORT);
    }
    if watched_key_changed(call) {
        leave(call);
        call.reply.null_array();
        return Ok(());
    }
    let has =
        |flags: Flags| transaction.queue.iter().any(|(index, _)| table::entry(*index).command.flags.has_any(flags));
    let (uses_keys, uses_hub) = (has(Flags::KEYS), has(Flags::PUBSUB));
    if uses_keys {
        let now = call.now;
        call.keys.hold(now);
    }
    let is_administrative = |(index, _): &(CommandIndex, OwnedArgs)| {
        let of_data = Flags::WRITE.and(Flags::READONLY).and(Flags::PUBSUB);
        !table::entry(*index).command.flags.has_any(of_data)
    };
    // Before the hub: who administers may need that.
    let _alone = transaction.queue.iter().any(is_administrative).then(|| call.alone());
    call.queue_reply();
    if !take_turn(call, uses_hub) {
        return Ok(());
    }
    call.client.outbox.borrow_mut().hold();
    call.scope.executing = true;
    call.reply.array(transaction.queue.len());
    transaction.queue.iter().for_each(|(index, args)| run_queued(call, *index, args.args()));
    call.scope.executing = false;
    // Only now, because CLIENT INFO among the queued commands shows the transaction that it is part of.
    leave(call);
    call.hub.release();
    call.queue_reply();
    call.client.outbox.borrow_mut().release();
    Ok(())
}

/// With the settings and the time of this moment, which the command before may have changed.
fn run_queued(call: &mut LocalCall<'_, '_>, index: CommandIndex, args: Args<'_>) {
    let entry = table::entry(index);
    let settings = call.worker.settings();
    let Call { info, server, stats, keys, hub, outcome, reply, scope, .. } = &mut call.call;
    let place = Place { server, stats, keys, hub, outcome };
    let mut queued = LocalCall {
        call: Call::begin(place, info, &settings, (entry, args), reply, scope, call.worker.now()),
        session: &mut *call.session,
        client: call.client,
        worker: call.worker,
    };
    if let Some(command) = entry.command.runner() {
        run::execute(&mut queued, command);
    }
}

/// Waits for a moment at which nothing waits for this client: what was published before the transaction precedes its
/// answer, so that nothing arrives behind the confirmation of an unsubscribe within it, and no key that it shows is told
/// to have changed before. Takes the hub's lock at that moment if it is used; most of what waits is delivered before. Answers
/// false, without the lock, if the client turns out to have been killed.
fn take_turn(call: &mut LocalCall<'_, '_>, uses_hub: bool) -> bool {
    let hears = call.client.is_subscriber() || call.info.has_flag(Flag::HearsOfKeys);
    if hears {
        call.worker.deliver(call.call.hub);
    }
    if uses_hub {
        call.hub.hold();
        if hears {
            call.worker.deliver(call.call.hub);
        }
    }
    if call.client.closing().is_some() {
        call.hub.release();
        return false;
    }
    true
}
