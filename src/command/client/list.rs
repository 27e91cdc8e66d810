//! ID, INFO, LIST: what is shown of a client, and of which.

use std::sync::atomic::Ordering::Relaxed;

use super::filters::{self, Filters};
use crate::client::Client;
use crate::client::held::Holding;
use crate::client::registry::{ClientInfo, Flag};
use crate::clock::Now;
use crate::command::Call;
use crate::command::table;
use crate::config::SlowPolicy;
use crate::ids::{Address, Topic};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::Session;

/// The classes of clients that LIST and KILL tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    PubSub,
    /// There are none.
    Replica,
    /// There are none.
    Master,
}

impl ClientType {
    /// The class of this name, in any case.
    pub(super) fn parse(name: &[u8]) -> Result<Self, ReplyError> {
        let known = [
            ("normal", ClientType::Normal),
            ("slave", ClientType::Replica),
            ("replica", ClientType::Replica),
            ("pubsub", ClientType::PubSub),
            ("master", ClientType::Master),
        ];
        let found = known.into_iter().find(|(word, _)| name.eq_ignore_ascii_case(word.as_bytes()));
        found.map(|(_, class)| class).ok_or_else(|| ReplyError::unknown_client_type(name))
    }

    /// The class of this client.
    pub(super) fn of(info: &ClientInfo) -> Self {
        if info.is_subscriber() { ClientType::PubSub } else { ClientType::Normal }
    }
}

pub(super) fn id(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.integer(call.info.id as i64);
    Ok(())
}

pub(super) fn info(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let line = line(call, call.info);
    call.reply.verbatim(&line);
    Ok(())
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let mut text = String::new();
    let ids = call.args.from(3).map(parse_integer);
    if call.args.len() > 3 && call.is_word(2, "id") && !call.args.from(4).any(filters::is_name) {
        // In the order in which they are asked for.
        for id in ids {
            let id = id.ok_or(ReplyError::INVALID_CLIENT_ID)?;
            let client = u64::try_from(id).ok().and_then(|id| call.server.clients.get(id));
            text.extend(client.map(|info| line(call, &info)));
        }
    } else {
        let filters = Filters::read(call, false)?;
        let clients = call.server.clients.all();
        let wanted = clients.iter().filter(|info| filters.pass(call, info));
        wanted.for_each(|info| text.push_str(&line(call, info)));
    }
    call.reply.verbatim(&text);
    Ok(())
}

/// One client's line, with its end.
fn line(call: &Call<'_, '_>, info: &ClientInfo) -> String {
    let args = (info.id == call.info.id).then_some(call.args);
    describe(call.server, call.now, args, info) + "\n"
}

/// One client's line. A field whose value this server has no use for is there with the value that says so, because
/// clients look fields up by name. `args` is the request that it is executing, if it is.
pub(in crate::command) fn describe(server: &Server, now: Now, args: Option<Args<'_>>, info: &ClientInfo) -> String {
    [who(now, info), does(info), needs(args, info), uses(server, info), loses(server, info)].concat()
}

/// What becomes of it if it does not keep up, and how many messages it has lost, where it is not simply closed then.
fn loses(server: &Server, info: &ClientInfo) -> String {
    let (policy, _) = info.slow_policy(&info.user(&server.acl), &server.settings());
    match info.slow.lost() {
        0 if policy == SlowPolicy::Disconnect => String::new(),
        lost => format!(" slow={} lost={lost}", policy.word()),
    }
}

fn who(now: Now, info: &ClientInfo) -> String {
    let seconds_since = |then_ms: u64| now.ms().saturating_sub(then_ms) / 1000;
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={}",
        info.id,
        info.address.peer(),
        info.address.local(),
        info.fd.load(Relaxed),
        info.labels().name,
        seconds_since(info.connected_ms),
        seconds_since(info.active_ms.load(Relaxed)),
    )
}

fn does(info: &ClientInfo) -> String {
    let count = |topic: Topic| info.subscriptions[topic as usize].load(Relaxed);
    let queued = if info.has_flag(Flag::Multi) { i64::from(info.queued.load(Relaxed)) } else { -1 };
    format!(
        " flags={} db={} sub={} psub={} ssub={} multi={queued} watch={}",
        flags(info),
        info.db.load(Relaxed),
        count(Topic::Channel),
        count(Topic::Pattern),
        count(Topic::ShardChannel),
        info.watched.load(Relaxed),
    )
}

/// What a client occupies before it has made anything grow, in bytes.
const OWN_BYTES: usize = size_of::<ClientInfo>() + size_of::<Client>() + size_of::<Session>();

/// The memory a client needs. Replies are written into a buffer that all clients of a thread share, so `rbs`, `rbp`
/// and `obl`, which tell of a buffer of its own, are zero.
fn needs(args: Option<Args<'_>>, info: &ClientInfo) -> String {
    let held = |holding| info.held.get(holding);
    let waiting = || held(Holding::Postponed) + held(Holding::Awaited);
    let args: usize = args.map_or_else(waiting, |args| args.iter().map(<[u8]>::len).sum());
    format!(
        " qbuf={} qbuf-free={} argv-mem={args} multi-mem={} rbs=0 rbp=0 obl=0 oll={} omem={} tot-mem={}",
        held(Holding::Input),
        held(Holding::InputRoom),
        held(Holding::Queued),
        info.output_pieces.load(Relaxed),
        held(Holding::Output),
        OWN_BYTES + info.held.sum(),
    )
}

fn uses(server: &Server, info: &ClientInfo) -> String {
    let last_command = info.last_command.load(Relaxed);
    let command = if last_command == u16::MAX { "NULL" } else { &table::entry(last_command).full_name };
    let labels = info.labels();
    format!(
        " events={} cmd={command} user={} redir={} resp={} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} \
         tot-cmds={}",
        if info.held.get(Holding::Output) > 0 { "rw" } else { "r" },
        String::from_utf8_lossy(info.user(&server.acl).name()),
        info.redirect.load(Relaxed),
        info.proto.load(Relaxed),
        labels.lib_name,
        labels.lib_version,
        info.total_in.load(Relaxed),
        info.total_out.load(Relaxed),
        info.total_commands.load(Relaxed),
    )
}

/// The letters of a client's truths, `N` for none.
pub(super) fn flags(info: &ClientInfo) -> String {
    let letters = [
        (info.has_flag(Flag::Monitor), 'O'),
        (info.is_subscriber(), 'P'),
        (info.has_flag(Flag::Multi), 'x'),
        (info.has_flag(Flag::Blocked), 'b'),
        (info.has_flag(Flag::Tracking), 't'),
        (info.has_flag(Flag::TrackingBroken), 'R'),
        (info.has_flag(Flag::TrackingBroadcast), 'B'),
        (info.has_flag(Flag::CloseAfterReply), 'c'),
        (info.has_flag(Flag::CloseAsap), 'A'),
        (matches!(info.address, Address::Unix(_)), 'U'),
        (info.has_flag(Flag::NoEvict), 'e'),
        (info.has_flag(Flag::NoTouch), 'T'),
    ];
    let set: String = letters.into_iter().filter(|(holds, _)| *holds).map(|(_, letter)| letter).collect();
    if set.is_empty() { "N".into() } else { set }
}
