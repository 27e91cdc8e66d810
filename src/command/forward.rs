//! `backplane-keys forward`: which requests an upstream answers that has the keys, and what is seen to before they go there.
//!
//! What is pub/sub, and what is about the connection or about this server, is answered here; commands on keys, scripts, and
//! what this server does not have are answered there, and so is a transaction with any of these, as a whole. A request that is
//! answered here waits until all that were sent on before it have been answered: so what is published is heard behind what its
//! publisher has stored before.

use std::sync::atomic::Ordering::Relaxed;

use super::permission::{self, Refused};
use super::spec::{Channels, Flags, Group};
use super::table::{self, Entry, Lookup};
use super::{gate, limits, nodes, trace, transaction};
use crate::acl::log::Place;
use crate::client::held::Holding;
use crate::client::registry::{ClientInfo, Flag};
use crate::config::{BackplaneForwardAuth, Settings};
use crate::ids::CommandIndex;
use crate::pause::PauseMode;
use crate::relay::{Asker, Relay, What, encoded};
use crate::resp::Proto;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{Awaited, Conversation, SessionState, Transaction, Turn};
use crate::version::REDIS_VERSION;

/// Who answers a request.
enum Way {
    /// This server.
    Here,
    /// The upstream; it is this command, if this server knows it.
    There(Option<&'static Entry>),
}

/// What is to be done with a request.
pub(super) enum Verdict {
    /// What is done without an upstream.
    Here,
    /// It is sent on.
    Forward(Option<&'static Entry>),
    /// It waits for the upstream.
    Wait(Awaited),
    /// It waits for the end of this pause.
    Pause(PauseMode),
}

/// The version of Redis whose behaviour clients may expect: that of the upstream that has the keys, if one has.
pub(super) fn redis_version(server: &Server, settings: &Settings) -> String {
    let backplane = server.backplane.as_ref().filter(|_| settings.forwards_keys());
    let theirs = backplane.and_then(|backplane| backplane.status.condition().redis_version);
    theirs.unwrap_or_else(|| REDIS_VERSION.into())
}

/// Whether a command goes to where the keys are.
fn goes_there(entry: &Entry) -> bool {
    let command = entry.command;
    command.flags.has_any(Flags::WRITE.and(Flags::READONLY).and(Flags::FORWARDED))
        || matches!(command.group, Group::Generic | Group::List | Group::Stream | Group::String | Group::Scripting)
}

/// Judges a request: who answers it, and whether it may go there now.
///
/// # Errors
///
/// What its client is answered that may not do that.
pub(super) fn judge(
    turn: &Turn<'_>,
    state: &SessionState,
    args: Args<'_>,
    found: &Lookup,
) -> Result<Verdict, ReplyError> {
    let entry = match way(turn, state, args, found) {
        Ok(Way::There(entry)) => entry,
        _ if state.has_answers_due() => return Ok(Verdict::Wait(Awaited::Answers)),
        Ok(Way::Here) => return Ok(Verdict::Here),
        Err(error) => return Err(error),
    };
    if !state.authenticated && !turn.worker.server.acl.default.is_open() {
        return Err(ReplyError::NOAUTH);
    }
    let name = || entry.map_or_else(|| String::from_utf8_lossy(&args[0]).into_owned(), |entry| entry.full_name.clone());
    if turn.client.proto() == Proto::Resp2 && turn.client.is_subscriber() {
        return Err(ReplyError::subscribed_mode(&name()));
    }
    if let Some(entry) = entry {
        turn.client.info.last_command.store(entry.index, Relaxed);
        if !entry.command.accepts(args.len()) {
            return Err(ReplyError::arity(&entry.full_name));
        }
    }
    ensure_permitted(turn, state, entry, args)?;
    ensure_sensible(turn, entry, args)?;
    if let Some(mode) = pause_of(turn, state, entry) {
        let due = state.has_answers_due();
        return Ok(if due { Verdict::Wait(Awaited::Answers) } else { Verdict::Pause(mode) });
    }
    if !state.relay.as_ref().is_none_or(|relay| relay.has_room()) {
        return Ok(Verdict::Wait(Awaited::Room));
    }
    ensure_publishable(turn, state, entry, args)?;
    Ok(Verdict::Forward(entry))
}

/// Refuses messages that are more than the user that the client is may publish, and counts them for it otherwise: that of this
/// request, and those that were queued before it was known that the upstream publishes them. They are counted when they are sent on,
/// because nobody knows here what becomes of them there.
fn ensure_publishable(
    turn: &Turn<'_>,
    state: &SessionState,
    entry: Option<&'static Entry>,
    args: Args<'_>,
) -> Result<(), ReplyError> {
    let acl = &turn.worker.server.acl;
    if !turn.client.checks(acl).metered() {
        return Ok(());
    }
    let user = turn.client.user(acl);
    let queued = state.transaction.iter().filter(|transaction| !transaction.relayed && !transaction.failed);
    let queued = queued.flat_map(|transaction| &transaction.queue);
    let queued = queued.map(|(index, args)| (table::entry(*index), args.args()));
    for (entry, args) in queued.chain(entry.map(|entry| (entry, args))) {
        let (server, settings, stats, info) =
            (&turn.worker.server, &turn.settings, turn.worker.stats(), &turn.client.info);
        let refused = Refused { server, settings, stats, info, entry, args, now: turn.now };
        if entry.command.publishes.is_some() {
            limits::count_published(&refused, &user, Place::Multi)?;
        }
    }
    Ok(())
}

/// Who answers a request.
///
/// # Errors
///
/// For what nobody can answer as it should be.
fn way(turn: &Turn<'_>, state: &SessionState, args: Args<'_>, found: &Lookup) -> Result<Way, ReplyError> {
    let relayed = state.transaction.as_ref().is_some_and(|transaction| transaction.relayed);
    let watches = state.relay.as_ref().is_some_and(|relay| relay.watches());
    let entry = match found {
        Lookup::Unknown => return Ok(Way::There(None)),
        Lookup::UnknownSubcommand(container) if goes_there(container) => return Ok(Way::There(None)),
        Lookup::UnknownSubcommand(_) => return Ok(Way::Here),
        Lookup::Found(entry) => *entry,
    };
    let there = match entry.command.name {
        "multi" => relayed || watches,
        "exec" | "discard" => relayed,
        "unwatch" => relayed || watches,
        "watch" => relayed || state.transaction.is_none(),
        "select" => relayed || state.relay.as_ref().is_some_and(|relay| relay.wanted().is_some()),
        "unblock" => is_unblocked_there(&turn.worker.server, args),
        _ => goes_there(entry),
    };
    if there {
        let queued = state.transaction.as_ref().filter(|transaction| !transaction.relayed);
        let follows = |(index, _): &(CommandIndex, _)| can_follow(table::entry(*index));
        let as_a_whole = queued.is_none_or(|transaction| transaction.queue.iter().all(follows));
        return if as_a_whole { Ok(Way::There(Some(entry))) } else { Err(ReplyError::NOT_WITH_KEYS) };
    }
    if relayed && !entry.command.flags.has(Flags::UNQUEUED) {
        return if can_follow(entry) { Ok(Way::There(Some(entry))) } else { Err(ReplyError::NOT_WITH_KEYS) };
    }
    Ok(Way::Here)
}

/// Whether a command that is answered here may be part of a transaction that is executed there.
fn can_follow(entry: &Entry) -> bool {
    goes_there(entry) || entry.command.publishes.is_some() || ["ping", "echo", "select"].contains(&entry.command.name)
}

/// Whether CLIENT UNBLOCK is about a client that the upstream knows.
fn is_unblocked_there(server: &Server, args: Args<'_>) -> bool {
    upstream_id(server, args) > 0
}

fn upstream_id(server: &Server, args: Args<'_>) -> u64 {
    let id = args.get(2).and_then(parse_integer).and_then(|id| u64::try_from(id).ok());
    id.and_then(|id| server.clients.get(id)).map_or(0, |info| info.upstream_id.load(Relaxed))
}

/// Refuses what the user that the client is may not do. What cannot be told of a request here, nobody may send who may not do
/// everything: commands that this server does not have, and what scripts do.
fn ensure_permitted(
    turn: &Turn<'_>,
    state: &SessionState,
    entry: Option<&'static Entry>,
    args: Args<'_>,
) -> Result<(), ReplyError> {
    if !turn.client.checks(&turn.worker.server.acl).judged() {
        return Ok(());
    }
    let Some(entry) = entry else { return Err(ReplyError::NOT_TO_BE_JUDGED) };
    gate::ensure_permitted(turn, state, entry, args)?;
    if entry.command.flags.has(Flags::RUNS_SCRIPT) || entry.command.name.starts_with("fcall") {
        return Err(ReplyError::NOT_TO_BE_JUDGED);
    }
    let has = |word: &[u8]| args.from(2).any(|arg| arg.eq_ignore_ascii_case(word));
    let [by, get] = [&b"BY"[..], b"GET"].map(|word| entry.command.name.starts_with("sort") && has(word));
    let rights = || turn.client.user(&turn.worker.server.acl).rights();
    match (by || get) && !permission::read_all_keys(&rights(), entry, args) {
        false => Ok(()),
        true if by => Err(ReplyError::SORT_BY_DENIED),
        true => Err(ReplyError::SORT_GET_DENIED),
    }
}

/// The pause that is in force, if it concerns this request. What is not known here may change keys.
fn pause_of(turn: &Turn<'_>, state: &SessionState, entry: Option<&Entry>) -> Option<PauseMode> {
    match entry {
        Some(entry) => gate::pause_of(turn, state, entry),
        None if turn.worker.is_draining() => Some(PauseMode::All),
        None => turn.worker.server.pause.mode(turn.now.ms()),
    }
}

/// Refuses what would not do there what it is to do.
fn ensure_sensible(turn: &Turn<'_>, entry: Option<&Entry>, args: Args<'_>) -> Result<(), ReplyError> {
    let (Some(entry), Some(backplane)) = (entry, &turn.worker.server.backplane) else { return Ok(()) };
    if let Some(Channels::Publish(index)) = entry.command.channels {
        nodes::ensure_publishable(backplane, &args[index], &turn.settings)?;
    }
    let redirects = || args.from(2).any(|word| word.eq_ignore_ascii_case(b"REDIRECT"));
    match entry.full_name == "client|tracking" && redirects() {
        true => Err(ReplyError::REDIRECT_FORWARDED),
        false => Ok(()),
    }
}

/// Answers a request that is refused here, behind the answers that are due.
pub(super) fn refuse(turn: &mut Turn<'_>, conversation: &mut Conversation, args: Args<'_>, error: &ReplyError) {
    let relayed = |state: &SessionState| state.transaction.as_ref().is_some_and(|transaction| transaction.relayed);
    let (was_relayed, due) = (relayed(&conversation.state), conversation.state.has_answers_due());
    if due {
        turn.queue_reply();
    }
    gate::reject(turn, conversation, args, error);
    let is_over = was_relayed && !relayed(&conversation.state);
    let Some(relay) = &mut conversation.state.relay else { return };
    if is_over {
        relay.request([&b"DISCARD"[..]].into_iter(), false, What::Nothing);
    }
    if due {
        relay.answer_later(turn.reply.take());
    }
}

/// Sends a request on that may go there.
pub(super) fn send(
    turn: &mut Turn<'_>,
    conversation: &mut Conversation,
    entry: Option<&'static Entry>,
    args: Args<'_>,
) {
    trace::count_forwarded(turn, &conversation.scope, entry, args);
    let Conversation { state, scope } = conversation;
    let (info, server, shown) = (&turn.client.info, &turn.worker.server, !scope.is_muted());
    let relay = state.relay.get_or_insert_default();
    let asker = match turn.settings.backplane_forward_auth {
        BackplaneForwardAuth::Backplane => Asker::Node,
        BackplaneForwardAuth::Client => Asker::Client(state.credentials.clone()),
    };
    relay.tell(asker, turn.client.proto(), &info.labels().name, scope.db);
    let rights = turn.client.user(&server.acl).version();
    match entry.map(|entry| entry.command.name) {
        Some("multi") if state.transaction.is_none() => {
            let failed = relay.has_lost_watch();
            state.transaction = Some(Transaction { relayed: true, failed, rights, ..Transaction::default() }.into());
            info.set_flag(Flag::Multi, true);
            relay.request(args.iter(), shown, What::Nothing);
        }
        Some("exec") => {
            let transaction = state.transaction.take().unwrap_or_default();
            end_transaction(turn, relay, &transaction, rights, (args, shown));
            transaction::forget_queue(info, state);
        }
        Some("discard") => {
            relay.set_watches(false);
            relay.request(args.iter(), shown, What::Nothing);
            transaction::forget_queue(info, state);
        }
        Some("select") if state.transaction.is_none() => {
            relay.request(args.iter(), shown, database(args).map_or(What::Nothing, What::Select));
        }
        name => {
            if let Some(transaction) = state.transaction.as_deref_mut() {
                relay_transaction(relay, transaction, rights);
                transaction.note(name, args);
                info.queued.fetch_add(1, Relaxed);
                relay.request(args.iter(), shown, What::Nothing);
            } else {
                request(server, relay, entry, args, shown);
            }
        }
    }
    note_sent(info, state);
}

/// Says what the client's requests hold, and that it may wait.
fn note_sent(info: &ClientInfo, state: &SessionState) {
    let bytes = state.relay.as_ref().map_or(0, |relay| relay.size_bytes());
    info.held.set(Holding::Forwarded, bytes);
    if !info.has_flag(Flag::Blocked) {
        info.set_flag(Flag::Blocked, true);
    }
}

/// Sends a request that is in no transaction.
fn request(server: &Server, relay: &mut Relay, entry: Option<&Entry>, args: Args<'_>, shown: bool) {
    let mut what = if may_wait(entry, args) { What::Late } else { What::Nothing };
    match entry.map(|entry| entry.command.name) {
        Some("watch") => relay.set_watches(true),
        Some("unwatch") => relay.set_watches(false),
        Some("tracking") => {
            let begins = args[2].eq_ignore_ascii_case(b"ON");
            what = What::Tracking(begins.then(|| encoded(args.iter())));
        }
        Some("unblock") => {
            // Here and there it has different numbers.
            let id = upstream_id(server, args).to_string();
            let words: Vec<&[u8]> = args.iter().take(2).chain([id.as_bytes()]).chain(args.from(3)).collect();
            return relay.request(words.into_iter(), shown, what);
        }
        _ => {}
    }
    relay.request(args.iter(), shown, what);
}

/// Whether a command waits for others. Those that this server does not know say so by their name's beginning.
fn may_wait(entry: Option<&Entry>, args: Args<'_>) -> bool {
    match entry.map(|entry| entry.command) {
        Some(command) => command.flags.has(Flags::BLOCKING) || command.name.starts_with("wait"),
        None => args[0].first().is_some_and(|letter| letter.eq_ignore_ascii_case(&b'b')),
    }
}

/// Has the upstream begin a transaction that was begun here, and tells it what was queued so far.
fn relay_transaction(relay: &mut Relay, transaction: &mut Transaction, rights: u64) {
    if std::mem::replace(&mut transaction.relayed, true) {
        return;
    }
    transaction.rights = rights;
    relay.request([&b"MULTI"[..]].into_iter(), false, What::Told);
    for (index, args) in std::mem::take(&mut transaction.queue) {
        transaction.note(Some(table::entry(index).command.name), args.args());
        relay.request(args.args().iter(), false, What::Nothing);
    }
}

/// EXEC of a transaction that the upstream has: not if something of it was refused here, nor if its client's rights have
/// changed since.
fn end_transaction(
    turn: &Turn<'_>,
    relay: &mut Relay,
    transaction: &Transaction,
    rights: u64,
    (args, shown): (Args<'_>, bool),
) {
    relay.set_watches(false);
    if !transaction.failed && transaction.rights == rights {
        return relay.request(args.iter(), shown, What::Exec(transaction.db));
    }
    relay.request([&b"DISCARD"[..]].into_iter(), false, What::Nothing);
    let mut reply = Reply::new(Vec::new(), turn.client.proto());
    reply.set_muted(!shown);
    reply.error(&ReplyError::EXECABORT);
    trace::count_error(turn.worker.stats(), &turn.worker.server, &ReplyError::EXECABORT);
    relay.answer_later(reply.take());
}

impl Transaction {
    /// Notes which database a command that the upstream has queued selects, if it does that.
    fn note(&mut self, name: Option<&str>, args: Args<'_>) {
        if name == Some("select") {
            self.db = database(args);
        }
    }
}

/// The database that SELECT is about.
fn database(args: Args<'_>) -> Option<u16> {
    parse_integer(args.get(1)?)?.try_into().ok()
}
