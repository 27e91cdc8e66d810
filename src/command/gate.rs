//! The rules every request passes before its command runs, in Redis' order: it exists, its arity, authentication,
//! transactions, subscribed mode, pauses; and what is counted and shown of an execution.
//!
//! Source: `processCommand` and `call` in Redis 7.2 (server.c).

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::Call;
use super::spec::{Flags, Handler};
use super::table::{Entry, Lookup};
use crate::client::registry::Flag;
use crate::client::{Client, Closing};
use crate::hub::Control;
use crate::ids::WorkerId;
use crate::keyspace::Rules;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effects::{self, Outlet};
use crate::keyspace::eviction::{self, Room};
use crate::keyspace::garbage::Garbage;
use crate::message::Frame;
use crate::observe::stats::Counter;
use crate::pause::PauseMode;
use crate::process::placement;
use crate::quoting;
use crate::resp::Proto;
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::session::{Blocked, ReplyMode, SessionState, Transaction, Turn};
use crate::worker::Worker;

/// What the gate decided.
enum Verdict<'s> {
    Run(&'s Entry, Handler),
    Queue(&'s Entry),
    Wait(PauseMode),
    /// On another worker, if it can.
    Move(WorkerId),
    /// A web browser was made to speak to us: say nothing that it could use.
    Hang(&'static str),
}

/// Runs, queues, postpones or refuses the request in `args`. It is still to run if the client is to move first.
pub(crate) fn admit(turn: &mut Turn<'_>, state: &mut SessionState, args: Args<'_>) {
    apply_reply_mode(turn, state);
    match judge(turn, state, args) {
        Ok(Verdict::Run(entry, handler)) => run(turn, state, args, entry, handler),
        Ok(Verdict::Queue(entry)) => queue(turn, state, args, entry),
        Ok(Verdict::Wait(mode)) => {
            let args = args.to_owned();
            turn.client.info.set_flag(Flag::Blocked, true);
            turn.client.info.postponed_bytes.store(args.size_bytes(), Relaxed);
            state.blocked = Some(Blocked::Paused(args, mode));
            return;
        }
        Ok(Verdict::Move(destination)) => {
            state.settled = true;
            return turn.client.send_away(destination);
        }
        Ok(Verdict::Hang(reason)) => {
            let peer = turn.client.info.address.peer();
            tracing::warn!(client = turn.client.info.id, peer, "possible cross-protocol attack: {reason}; closed");
            turn.client.close(Closing::Killed);
        }
        Err(error) => reject(turn, state, args, &error),
    }
    if state.reply_mode == ReplyMode::SkipNext {
        state.reply_mode = ReplyMode::Skip;
    } else if state.reply_mode == ReplyMode::Skip {
        state.reply_mode = ReplyMode::On;
    }
    end_caching(turn, state, args);
    deliver_to_oneself(turn, state);
}

/// CLIENT CACHING holds for the next command or transaction that is not another CLIENT command.
fn end_caching(turn: &Turn<'_>, state: &mut SessionState, args: Args<'_>) {
    if state.caching && state.transaction.is_none() {
        let found = turn.worker.server.commands.lookup(args);
        state.caching = matches!(found, Lookup::Found(entry) if entry.command.flags.has(Flags::KEEPS_CACHING));
    }
}

/// Answers a violation of the protocol, the last thing this client is told.
pub(crate) fn refuse_protocol(turn: &mut Turn<'_>, state: &mut SessionState, error: &ReplyError) {
    apply_reply_mode(turn, state);
    count_error(turn.worker, error);
    let peer = turn.client.info.address.peer();
    let text = String::from_utf8_lossy(error.text()).into_owned();
    tracing::debug!(client = turn.client.info.id, peer, error = text, "protocol error, closed");
    turn.reply.error(error);
    close_after_reply(turn.worker, turn.client, state);
}

/// Answers a command whose client was blocked that it failed after all.
pub(crate) fn fail_late(turn: &mut Turn<'_>, state: &SessionState, error: &ReplyError) {
    count_error(turn.worker, error);
    turn.reply.set_muted(state.reply_mode == ReplyMode::Off);
    turn.reply.error(error);
}

/// Ends the connection when its output has been written; a monitor is shown nothing more.
pub(crate) fn close_after_reply(worker: &Worker, client: &Client, state: &mut SessionState) {
    worker.stop_monitoring(client);
    state.close_after_reply = true;
    client.info.set_flag(Flag::CloseAfterReply, true);
}

/// Lets go of what the client's state holds elsewhere in the server.
pub(crate) fn end(worker: &Worker, client: &Client, state: &mut SessionState) {
    if matches!(state.blocked, Some(Blocked::OnKeys(_))) {
        worker.server.keyspace.lock().waiters.remove(client.info.id);
    }
    let mut keys = KeyAccess::new(&worker.server.keyspace);
    super::transaction::discard(client, state, &mut keys, worker.now());
    super::client::stop_tracking(client, state, &mut keys, worker.now());
    worker.stop_monitoring(client);
}

/// Mutes the next reply as CLIENT REPLY asked for.
fn apply_reply_mode(turn: &mut Turn<'_>, state: &SessionState) {
    turn.reply.set_muted(matches!(state.reply_mode, ReplyMode::Off | ReplyMode::Skip));
}

fn judge<'s>(turn: &mut Turn<'s>, state: &SessionState, args: Args<'_>) -> Result<Verdict<'s>, ReplyError> {
    if args[0].eq_ignore_ascii_case(b"post") || args[0].eq_ignore_ascii_case(b"host:") {
        return Ok(Verdict::Hang("POST or Host: received"));
    }
    let worker: &'s Worker = turn.worker;
    let (entry, handler) = find(worker, args)?;
    turn.client.info.last_command.store(entry.index, Relaxed);
    let flags = entry.command.flags;
    if flags.has(Flags::PROTECTED) && !turn.settings.enable_debug_command.allows(turn.client.info.address.is_local()) {
        return Err(ReplyError::DEBUG_REFUSED);
    }
    let password_missing = turn.settings.requirepass.password().is_some() && !state.authenticated;
    if password_missing && !flags.has(Flags::NO_AUTH) {
        return Err(ReplyError::NOAUTH);
    }
    if lacks_memory(turn, state, entry) {
        return Err(ReplyError::OUT_OF_MEMORY);
    }
    if state.transaction.is_some() && flags.has(Flags::NO_MULTI) {
        return Err(ReplyError::NOT_IN_MULTI);
    }
    let subscribed = turn.client.proto() == Proto::Resp2 && turn.client.is_subscriber();
    if subscribed && !flags.has(Flags::SUBSCRIBED_MODE) {
        return Err(ReplyError::subscribed_mode(&entry.full_name));
    }
    if let Some(mode) = pause_of(turn, state, entry) {
        return Ok(Verdict::Wait(mode));
    }
    if state.transaction.is_some() && !flags.has(Flags::UNQUEUED) {
        return Ok(Verdict::Queue(entry));
    }
    if flags.has(Flags::SUBSCRIBES)
        && !state.settled
        && let Some(better) = placement::for_subscriber(&worker.server.workers, worker.id())
    {
        return Ok(Verdict::Move(better));
    }
    Ok(Verdict::Run(entry, handler))
}

fn find<'s>(worker: &'s Worker, args: Args<'_>) -> Result<(&'s Entry, Handler), ReplyError> {
    let entry = match worker.server.commands.lookup(args) {
        Lookup::Found(entry) => entry,
        Lookup::Unknown => return Err(ReplyError::unknown_command(&args[0], args.from(1))),
        Lookup::UnknownSubcommand(container) => {
            return Err(ReplyError::unknown_subcommand(&container.full_name, &args[1]));
        }
    };
    match entry.command.run {
        Some(handler) if entry.command.accepts(args.len()) => Ok((entry, handler)),
        _ => Err(ReplyError::arity(&entry.full_name)),
    }
}

/// Makes room for commands on keys, and answers whether this one needs more memory than there is.
fn lacks_memory(turn: &mut Turn<'_>, state: &SessionState, entry: &Entry) -> bool {
    if turn.settings.maxmemory.limit().is_none() {
        return false;
    }
    let mut flags = entry.command.flags;
    if entry.command.name == super::transaction::EXEC {
        let queue = state.transaction.iter().flat_map(|transaction| &transaction.queue);
        let commands = &turn.worker.server.commands;
        flags = queue.fold(flags, |flags, (index, _)| flags.and(commands.entry(*index).command.flags));
    }
    if !flags.has_any(Flags::KEYS) {
        return false;
    }
    let mut outlet = Outlet { hub: &mut turn.hub, wake: turn.wake, used: false };
    let room = eviction::make_room(turn.worker, &turn.settings, &mut turn.keys, &mut outlet);
    turn.keys.release();
    room == Room::None && flags.has(Flags::DENYOOM)
}

/// The pause that is in force, if it concerns this command. A server that is ending is one, too, and only what it takes
/// to withdraw that is executed.
fn pause_of(turn: &Turn<'_>, state: &SessionState, entry: &Entry) -> Option<PauseMode> {
    if turn.worker.is_draining() && !entry.command.flags.has(Flags::ALLOW_BUSY) {
        return Some(PauseMode::All);
    }
    let mode = turn.worker.server.pause.mode(turn.now.ms())?;
    let changes = Flags::WRITE.and(Flags::MAY_REPLICATE);
    let concerned = match mode {
        PauseMode::All => true,
        PauseMode::Write if entry.command.name == super::transaction::EXEC => {
            let mut queue = state.transaction.iter().flat_map(|transaction| &transaction.queue);
            let commands = &turn.worker.server.commands;
            queue.any(|(index, _)| commands.entry(*index).command.flags.has_any(changes))
        }
        PauseMode::Write => entry.command.flags.has_any(changes),
    };
    concerned.then_some(mode)
}

fn queue(turn: &mut Turn<'_>, state: &mut SessionState, args: Args<'_>, entry: &Entry) {
    if let Some(transaction) = state.transaction.as_deref_mut().filter(|transaction| !transaction.failed) {
        let args = args.to_owned();
        turn.client.info.queued_bytes.fetch_add(args.size_bytes(), Relaxed);
        transaction.queue.push((entry.index, args));
        turn.client.info.queued.store(transaction.queue.len() as u32, Relaxed);
    }
    turn.reply.simple("QUEUED");
}

fn reject(turn: &mut Turn<'_>, state: &mut SessionState, args: Args<'_>, error: &ReplyError) {
    if let Some(Transaction { failed, .. }) = state.transaction.as_deref_mut() {
        *failed = true;
    }
    let found = match turn.worker.server.commands.lookup(args) {
        Lookup::Found(entry) => Some(entry),
        _ => None,
    };
    if let Some(entry) = found {
        turn.worker.stats().by_command[usize::from(entry.index)].rejected.add(1);
    }
    if found.is_some_and(|entry| entry.command.name == super::transaction::EXEC) {
        super::transaction::discard(turn.client, state, &mut turn.keys, turn.now);
        turn.keys.release();
        let error = ReplyError::exec_abort(error);
        count_error(turn.worker, &error);
        return turn.reply.error(&error);
    }
    count_error(turn.worker, error);
    turn.reply.error(error);
}

fn run<'s>(turn: &mut Turn<'s>, state: &mut SessionState, args: Args<'_>, entry: &'s Entry, handler: Handler) {
    let uses_keys = entry.command.flags.has_any(Flags::KEYS);
    if !uses_keys {
        release_keys(turn);
    } else if !catch_up(turn) {
        return release_keys(turn);
    }
    let mut call = Call {
        entry,
        args,
        reply: &mut turn.reply,
        session: state,
        client: turn.client,
        worker: turn.worker,
        server: &turn.worker.server,
        settings: &turn.settings,
        keys: &mut turn.keys,
        hub: &mut turn.hub,
        wake: &mut *turn.wake,
        now: turn.now,
    };
    turn.now = execute(&mut call, handler);
    turn.hub.release();
    if uses_keys {
        let garbage = turn.keys.pass_on(turn.now);
        dispose(garbage, turn.worker);
    } else {
        release_keys(turn);
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

/// Gives the lock of the keys back, which commands on keys that follow each other pass on.
pub(crate) fn release_keys(turn: &mut Turn<'_>) {
    let garbage = turn.keys.release();
    dispose(garbage, turn.worker);
}

fn dispose(garbage: Option<Garbage>, worker: &Worker) {
    if let Some(garbage) = garbage {
        garbage.dispose(&worker.server);
    }
}

/// Runs a command that may run, counts and shows it, and answers when it ended.
pub(crate) fn execute(call: &mut Call<'_, '_>, handler: Handler) -> crate::clock::Now {
    let result = handler(call);
    if let Err(error) = &result {
        count_error(call.worker, error);
        call.reply.error(error);
    }
    if call.is_tracked() {
        super::client::remember_reads(call);
    }
    settle_keys(call);
    let end = call.worker.server.clock.now_soon_after(call.now);
    let slept_us = std::mem::take(&mut call.session.slept_us);
    let us = end.us().saturating_sub(call.now.us()).saturating_add(slept_us);
    let stats = call.worker.stats();
    stats.commands.add(1);
    Counter::add_to(&call.client.info.total_commands, 1);
    let command = &stats.by_command[usize::from(call.entry.index)];
    command.calls.add(1);
    command.us.add(us);
    if result.is_err() {
        command.failed.add(1);
    }
    if call.settings.latency_tracking {
        let ns = end.ns().saturating_sub(call.now.ns());
        command.record_latency(ns.saturating_add(slept_us.saturating_mul(1000)));
    }
    observe(call, us);
    call.session.secret_args.clear();
    end
}

/// Does what the command has left to be done about keys. Clients that wait for keys are served when the transaction has
/// ended, what happened to keys is published at once.
fn settle_keys(call: &mut Call<'_, '_>) {
    let Some((state, now_ms)) = call.keys.held() else { return };
    let rules = Rules::of(call.settings);
    let mut outlet = Outlet { hub: call.hub, wake: call.wake, used: false };
    if call.session.executing {
        state.effects.publish(rules.classes, &mut outlet);
    } else {
        effects::settle(state, now_ms, rules, &mut outlet);
    }
    call.session.published |= outlet.used;
}

/// Shows the command to MONITOR, SLOWLOG and LATENCY.
fn observe(call: &mut Call<'_, '_>, us: u64) {
    let flags = call.entry.command.flags;
    if call.server.monitors.load(Relaxed) > 0 && !flags.has_any(Flags::SKIP_MONITOR.and(Flags::ADMIN)) {
        let line = Frame::whole(monitor_line(call));
        for worker in 0..call.server.workers.len() {
            if call.server.workers[worker].monitors.load(Relaxed) == 0 {
                continue;
            }
            call.order(worker, Control::Monitor(line.clone()));
        }
        call.session.published |= call.client.is_monitor();
    }
    let unix = call.now.unix().as_secs();
    let slow = call.settings.slowlog_log_slower_than.0;
    if slow >= 0 && us as i64 >= slow && !flags.has(Flags::SKIP_SLOWLOG) {
        let name = call.client.info.labels.lock().name.to_string();
        let hidden = redacted(call);
        let max_len = usize::try_from(call.settings.slowlog_max_len).unwrap_or(usize::MAX);
        let peer = call.client.info.address.peer();
        call.server.slowlog.add(unix as i64, us as i64, hidden.args(), peer, name, max_len);
    }
    let threshold_ms = call.settings.latency_monitor_threshold.0;
    if threshold_ms > 0 && us / 1000 >= threshold_ms {
        let event = if flags.has(Flags::FAST) { "fast-command" } else { "command" };
        call.server.latency.add(event, unix, us / 1000);
    }
}

/// The arguments, without those that logs must not show.
fn redacted(call: &Call<'_, '_>) -> crate::resp::decode::OwnedArgs {
    let secret = &call.session.secret_args;
    let shown = call.args.iter().enumerate();
    let shown = shown.map(|(i, arg)| if secret.contains(&i) { &b"(redacted)"[..] } else { arg });
    crate::resp::decode::OwnedArgs::new(shown)
}

/// The line that MONITOR shows of this execution.
fn monitor_line(call: &Call<'_, '_>) -> Vec<u8> {
    let unix = call.now.unix();
    let db = call.session.db;
    let peer = match &call.client.info.address {
        crate::ids::Address::Unix(path) => format!("unix:{}", path.display()),
        address => address.peer(),
    };
    let mut line = format!("+{}.{:06} [{db} {peer}]", unix.as_secs(), unix.subsec_micros()).into_bytes();
    for arg in redacted(call).args().iter() {
        line.push(b' ');
        quoting::quote(arg, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

fn count_error(worker: &Worker, error: &ReplyError) {
    worker.stats().errors.add(1);
    worker.server.stats.count_error(error.code());
}

/// A client that hears what it publishes or which keys it changes, or monitors what it executes, hears it behind the
/// reply of that command, before the next one's.
fn deliver_to_oneself(turn: &mut Turn<'_>, state: &mut SessionState) {
    let client = turn.client;
    let listens = client.is_subscriber() || client.is_monitor() || client.info.has_flag(Flag::HearsOfKeys);
    if !std::mem::take(&mut state.published) || !listens {
        return;
    }
    let client: &Rc<Client> = turn.client;
    client.outbox.borrow_mut().push_own(turn.reply.bytes());
    turn.reply.clear();
    turn.worker.deliver(&mut turn.hub);
}
