//! The rules every request passes before its command runs, in Redis' order: it exists, its arity, authentication,
//! transactions, subscribed mode, pauses.
//!
//! Source: `processCommand` in Redis 7.2 (server.c).

use std::sync::atomic::Ordering::Relaxed;

use super::elsewhere::{self, task::Request};
use super::forward;
use super::leaving;
use super::permission::{self, Refused};
use super::pubsub::batch;
use super::redirect;
use super::run::{self, Ran};
use super::spec::{Channels, Flags, Group, Run};
use super::table::{self, Entry, Lookup};
use super::trace::count_error;
use crate::acl::log::Place;
use crate::client::Closing;
use crate::client::held::Holding;
use crate::client::order::HubAccess;
use crate::client::registry::Flag;
use crate::config::{BackplaneKeys, Settings};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effects::Outlet;
use crate::keyspace::eviction::{self, Room};
use crate::pause::PauseMode;
use crate::resp::Proto;
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{Awaited, Blocked, Conversation, ReplyMode, SessionState, Transaction, Turn, TurnOutcome};
use crate::worker::Worker;

/// What the gate decided.
enum Verdict {
    Run(&'static Entry, Run),
    Queue(&'static Entry),
    Wait(PauseMode),
    /// It is sent on to the upstream; it is this command, if it is known here.
    Forward(Option<&'static Entry>),
    /// It waits for the upstream.
    Await(Awaited),
    /// A web browser was made to speak to us: say nothing that it could use.
    Hang(&'static str),
}

/// Runs, queues, postpones or refuses the request in `args`.
pub(crate) fn admit(turn: &mut Turn<'_>, conversation: &mut Conversation, args: Args<'_>) {
    turn.reply.set_muted(conversation.scope.is_muted());
    let found = table::lookup(&turn.worker.server.names, args);
    if turn.batch.is_some() && !publishes(&found) {
        batch::post(turn, conversation);
    }
    let verdict = judge(turn, &conversation.state, args, found);
    if !matches!(verdict, Ok(Verdict::Run(..))) {
        batch::post(turn, conversation);
    }
    let state = &mut conversation.state;
    match verdict {
        Ok(Verdict::Run(entry, command)) => {
            if batch::take_in(turn, conversation, entry, args) || ask_others(turn, conversation, entry, args) {
                return;
            }
            if run::run(turn, conversation, args, entry, command) == Ran::Later {
                return;
            }
        }
        Ok(Verdict::Queue(entry)) => queue(turn, state, args, entry),
        Ok(Verdict::Wait(mode)) => {
            let args = args.to_owned();
            turn.client.info.set_flag(Flag::Blocked, true);
            turn.client.info.held.set(Holding::Postponed, args.size_bytes());
            state.blocked = Some(Blocked::Paused(args, mode));
            return;
        }
        Ok(Verdict::Forward(entry)) => {
            forward::send(turn, conversation, entry, args);
            return conclude(conversation, false);
        }
        Ok(Verdict::Await(awaited)) => {
            state.blocked = Some(Blocked::Upstream(awaited));
            return;
        }
        Ok(Verdict::Hang(reason)) => {
            // Nobody has to give a password before this, so anybody could fill the log.
            if let Some(not_shown) = turn.worker.server.cross_protocol.show(turn.now.ms()) {
                let (client, peer) = (turn.client.info.id, turn.client.info.address.peer());
                tracing::warn!(client, peer, not_shown, "possible cross-protocol attack: {reason}; closed");
            }
            turn.client.close(Closing::Killed);
        }
        Err(error) if state.relay.is_some() => forward::refuse(turn, conversation, args, &error),
        Err(error) => reject(turn, conversation, args, &error),
    }
    let keeps_caching = conversation.scope.caching && keeps_caching(turn, args);
    conclude(conversation, keeps_caching);
    run::deliver_to_oneself(turn);
}

fn publishes(found: &Lookup) -> bool {
    matches!(found, Lookup::Found(entry) if entry.command.publishes.is_some())
}

/// Asks other nodes what they know of what a command is about that answers for all of them, and has it run again then; false
/// if they have been asked, or there are none.
fn ask_others(turn: &mut Turn<'_>, conversation: &mut Conversation, entry: &Entry, args: Args<'_>) -> bool {
    let Conversation { state, scope } = conversation;
    let Some((backplane, gathers)) = turn.worker.server.backplane.as_ref().zip(entry.command.gathers) else {
        return false;
    };
    if scope.gathered.is_some() {
        return false;
    }
    let info = &turn.client.info;
    let question = gathers(args, &turn.settings);
    let until_ms = turn.now.ms() + turn.settings.backplane_gather_timeout.0;
    let Some(slot) = question.and_then(|question| backplane.nodes.ask(info, question, until_ms)) else {
        return false;
    };
    backplane.bell.notify_one();
    let args = args.to_owned();
    info.set_flag(Flag::Blocked, true);
    info.held.set(Holding::Postponed, args.size_bytes());
    state.blocked = Some(Blocked::Gathering(slot, args));
    true
}

fn keeps_caching(turn: &Turn<'_>, args: Args<'_>) -> bool {
    let found = table::lookup(&turn.worker.server.names, args);
    matches!(found, Lookup::Found(entry) if entry.command.flags.has(Flags::KEEPS_CACHING))
}

/// What was asked for the next command only has been spent on the one that has ended now. CLIENT CACHING holds for the next
/// command or transaction that is not another CLIENT command.
pub(crate) fn conclude(conversation: &mut Conversation, keeps_caching: bool) {
    let scope = &mut conversation.scope;
    scope.gathered = None;
    scope.reply_mode = match scope.reply_mode {
        ReplyMode::SkipNext => ReplyMode::Skip,
        ReplyMode::Skip => ReplyMode::On,
        other => other,
    };
    scope.caching &= conversation.state.transaction.is_some() || keeps_caching;
}

/// Refuses what is about keys beside a backplane, unless this node is to have keys of its own, or has these in a cluster.
fn ensure_keys_here(turn: &Turn<'_>, state: &SessionState, entry: &Entry, args: Args<'_>) -> Result<(), ReplyError> {
    let (server, settings, info) = (&turn.worker.server, &turn.settings, &turn.client.info);
    if refuses_keys(settings, entry) {
        return Err(ReplyError::KEYS_BESIDE_BACKPLANE);
    }
    match &state.transaction {
        Some(transaction) if entry.command.flags.has(Flags::EXECUTES) => {
            redirect::ensure_all_here(server, info, &transaction.queue)
        }
        _ => redirect::ensure_here(server, info, entry, args),
    }
}

/// Whether this is about keys, which are not served beside a backplane unless they are asked for: other servers have others.
pub(in crate::command) fn refuses_keys(settings: &Settings, entry: &Entry) -> bool {
    let refuses = !settings.backplane.0.is_empty()
        && !settings.cluster_enabled
        && settings.backplane_keys == BackplaneKeys::Refuse;
    refuses && matches!(entry.command.group, Group::Generic | Group::List | Group::Stream | Group::String)
}

fn judge(turn: &mut Turn<'_>, state: &SessionState, args: Args<'_>, found: Lookup) -> Result<Verdict, ReplyError> {
    if args[0].eq_ignore_ascii_case(b"post") || args[0].eq_ignore_ascii_case(b"host:") {
        return Ok(Verdict::Hang("POST or Host: received"));
    }
    let worker: &Worker = turn.worker;
    if turn.settings.forwards_keys() {
        match forward::judge(turn, state, args, &found)? {
            forward::Verdict::Here => {}
            forward::Verdict::Forward(entry) => return Ok(Verdict::Forward(entry)),
            forward::Verdict::Wait(awaited) => return Ok(Verdict::Await(awaited)),
            forward::Verdict::Pause(mode) => return Ok(Verdict::Wait(mode)),
        }
    }
    let (entry, command) = find(found, args)?;
    turn.client.info.last_command.store(entry.index, Relaxed);
    let flags = entry.command.flags;
    if flags.has(Flags::PROTECTED) && !turn.settings.enable_debug_command.allows(turn.client.info.address.is_local()) {
        return Err(ReplyError::DEBUG_REFUSED);
    }
    let acl = &worker.server.acl;
    if !state.authenticated && !acl.default.is_open() && !flags.has(Flags::NO_AUTH) {
        return Err(ReplyError::NOAUTH);
    }
    if state.transaction.is_some() && flags.has(Flags::NO_MULTI) {
        return Err(ReplyError::NOT_IN_MULTI);
    }
    let checks = turn.client.checks(acl);
    if checks.judged() {
        ensure_permitted(turn, state, entry, args)?;
    }
    if !turn.settings.backplane.0.is_empty() {
        ensure_keys_here(turn, state, entry, args)?;
    }
    if finds_no_memory(turn, state, entry) {
        return Err(ReplyError::OUT_OF_MEMORY);
    }
    if is_busy(turn, state, flags) {
        return Err(ReplyError::BUSY);
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
    if checks.metered() && entry.command.publishes.is_some() {
        turn.metered = Some(turn.client.user(acl));
    }
    Ok(Verdict::Run(entry, command))
}

fn find(found: Lookup, args: Args<'_>) -> Result<(&'static Entry, Run), ReplyError> {
    let entry = match found {
        Lookup::Found(entry) => entry,
        Lookup::Unknown => return Err(ReplyError::unknown_command(&args[0], args.from(1))),
        Lookup::UnknownSubcommand(container) => {
            return Err(ReplyError::unknown_subcommand(&container.full_name, &args[1]));
        }
    };
    match entry.command.runner() {
        Some(command) if entry.command.accepts(args.len()) => Ok((entry, command)),
        _ => Err(ReplyError::arity(&entry.full_name)),
    }
}

/// Refuses what the user that the client is may not do.
pub(super) fn ensure_permitted(
    turn: &Turn<'_>,
    state: &SessionState,
    entry: &Entry,
    args: Args<'_>,
) -> Result<(), ReplyError> {
    let (server, client, info) = (&turn.worker.server, turn.client, &turn.client.info);
    let user = client.user(&server.acl);
    let published = matches!(entry.command.channels, Some(Channels::Publish(1))).then(|| &args[1]);
    if published.is_some_and(|channel| client.is_known_to_publish(user.version(), entry.index, channel)) {
        return Ok(());
    }
    let rights = user.rights();
    let judged = permission::judge(&rights, entry, args, &turn.settings);
    if let (Ok(()), Some(channel), Some(version)) = (&judged, published, rights.worth_remembering()) {
        client.remember_to_publish(version, entry.index, channel);
    }
    judged.map_err(|denial| {
        let (settings, stats) = (&turn.settings, turn.worker.stats());
        let place = if state.transaction.is_some() { Place::Multi } else { Place::Toplevel };
        Refused { server, settings, stats, info, entry, args, now: turn.now }.note(&user, denial, place);
        permission::error(&user, entry, denial)
    })
}

/// Whether a script has been running for so long that what needs the keys is refused.
fn is_busy(turn: &Turn<'_>, state: &SessionState, flags: Flags) -> bool {
    let server = &turn.worker.server;
    if server.executors.keys.is_idle() || flags.has(Flags::ALLOW_BUSY) {
        return false;
    }
    let of_keys = |(index, _): &Request| table::entry(*index).command.flags.has_any(Flags::KEYS);
    let mut queue = state.transaction.iter().flat_map(|transaction| &transaction.queue);
    let needs_keys = flags.has_any(Flags::KEYS) || (flags.has(Flags::EXECUTES) && queue.any(of_keys));
    needs_keys && elsewhere::is_busy(server, turn.now)
}

/// Whether a command, or a transaction of such, needs more memory than there is; makes room if it can.
fn finds_no_memory(turn: &mut Turn<'_>, state: &SessionState, entry: &Entry) -> bool {
    if turn.settings.maxmemory.limit().is_none() {
        return false;
    }
    let mut flags = entry.command.flags;
    if flags.has(Flags::EXECUTES) {
        let queue = state.transaction.iter().flat_map(|transaction| &transaction.queue);
        flags = queue.fold(flags, |flags, (index, _)| flags.and(table::entry(*index).command.flags));
    }
    let server = &turn.worker.server;
    let executor = &server.executors.keys;
    let can_be_had = !executor.is_attached() || (executor.is_idle() && turn.keys.try_hold(turn.now));
    // Otherwise the command goes where room is made for it.
    let lacks = can_be_had
        && lacks_memory(flags, server, turn.worker.id(), &turn.settings, &mut turn.keys, &mut turn.hub, turn.outcome);
    turn.keys.release();
    lacks
}

/// Makes room for commands on keys with these flags, and answers whether they need more memory than there is; `thread` is
/// the number of the thread that calls this in the gauge of memory.
pub(super) fn lacks_memory(
    flags: Flags,
    server: &Server,
    thread: usize,
    settings: &Settings,
    keys: &mut KeyAccess<'_>,
    hub: &mut HubAccess<'_>,
    outcome: &mut TurnOutcome,
) -> bool {
    if settings.maxmemory.limit().is_none() || !flags.has_any(Flags::KEYS) {
        return false;
    }
    let mut outlet = Outlet { hub, sent: &mut outcome.sent, used: false };
    let in_use = || server.memory_in_use(thread);
    let room = eviction::make_room(settings, &server.clock, in_use, keys, &mut outlet);
    room == Room::None && flags.has(Flags::DENYOOM)
}

/// The pause that is in force, if it concerns this command. A server that is ending is one, too, and only what it takes
/// to withdraw that is executed.
pub(super) fn pause_of(turn: &Turn<'_>, state: &SessionState, entry: &Entry) -> Option<PauseMode> {
    if turn.worker.is_draining() && !entry.command.flags.has(Flags::ALLOW_BUSY) {
        return Some(PauseMode::All);
    }
    let mode = turn.worker.server.pause.mode(turn.now.ms())?;
    let changes = Flags::WRITE.and(Flags::MAY_REPLICATE);
    let concerned = match mode {
        PauseMode::All => true,
        PauseMode::Write if entry.command.flags.has(Flags::EXECUTES) => {
            let relayed = state.transaction.as_ref().is_some_and(|transaction| transaction.relayed);
            let mut queue = state.transaction.iter().flat_map(|transaction| &transaction.queue);
            relayed || queue.any(|(index, _)| table::entry(*index).command.flags.has_any(changes))
        }
        PauseMode::Write => entry.command.flags.has_any(changes),
    };
    concerned.then_some(mode)
}

fn queue(turn: &mut Turn<'_>, state: &mut SessionState, args: Args<'_>, entry: &Entry) {
    if let Some(transaction) = state.transaction.as_deref_mut().filter(|transaction| !transaction.failed) {
        let Transaction { queue, shelf, .. } = transaction;
        queue.push((entry.index, shelf.keep(args)));
        let bytes = shelf.size_bytes() + queue.capacity() * size_of::<Request>();
        turn.client.info.held.set(Holding::Queued, bytes);
        turn.client.info.queued.store(queue.len() as u32, Relaxed);
    }
    turn.reply.simple("QUEUED");
}

pub(super) fn reject(turn: &mut Turn<'_>, conversation: &mut Conversation, args: Args<'_>, error: &ReplyError) {
    if let Some(Transaction { failed, .. }) = conversation.state.transaction.as_deref_mut() {
        *failed = true;
    }
    let found = match table::lookup(&turn.worker.server.names, args) {
        Lookup::Found(entry) => Some(entry),
        _ => None,
    };
    if let Some(entry) = found {
        turn.worker.stats().by_command[usize::from(entry.index)].rejected.add(1);
    }
    if found.is_some_and(|entry| entry.command.flags.has(Flags::EXECUTES)) {
        leaving::discard(turn, conversation);
        // Clients that are sent to another node look for that.
        let error = if redirect::is_redirection(error) { error.clone() } else { ReplyError::exec_abort(error) };
        count_error(turn.worker.stats(), &turn.worker.server, &error);
        return turn.reply.error(&error);
    }
    count_error(turn.worker.stats(), &turn.worker.server, error);
    turn.reply.error(error);
}
