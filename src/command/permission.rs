//! Whether the user that a client is may execute a request: at the gate, again when EXEC runs what was queued, and for each
//! command of a script.

use super::Call;
use super::client::list;
use super::keys;
use super::spec::{Channels, Command, Flags};
use super::table::{self, Entry};
use crate::acl::log::{Place, Reason, Refusal};
use crate::acl::{Asked, ChannelUse, Denial, Direction, KeyUse, Limit, Rights, User};
use crate::client::registry::ClientInfo;
use crate::clock::Now;
use crate::config::Settings;
use crate::keyspace::waiters::Right;
use crate::observe::stats::WorkerStats;
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::server::Server;

/// A request that a user may not execute.
pub(super) struct Refused<'a> {
    pub(super) server: &'a Server,
    pub(super) settings: &'a Settings,
    pub(super) stats: &'a WorkerStats,
    pub(super) info: &'a ClientInfo,
    pub(super) entry: &'a Entry,
    pub(super) args: Args<'a>,
    pub(super) now: Now,
}

/// Judges a request by these rights.
pub(super) fn judge(rights: &Rights, entry: &Entry, args: Args<'_>, settings: &Settings) -> Result<(), Denial> {
    ask(entry, args, settings.acl_pattern_subscribe.covered(), |asked| rights.judge(asked))
}

/// By what a command that waits for keys is judged before it is served.
pub(super) fn right(call: &Call<'_, '_>) -> Right {
    let permits = |rights: &Rights, command, args: Args<'_>| {
        // None of these has channels.
        ask(table::entry(command), args, false, |asked| rights.judge(asked)).is_ok()
    };
    Right { user: call.info.user(&call.server.acl), command: call.entry.index, permits }
}

/// Whether a request, which may be executed, may read keys that it does not name.
pub(super) fn may_read_all_keys(call: &Call<'_, '_>) -> bool {
    let user = call.info.user(&call.server.acl);
    user.is_free() || read_all_keys(&user.rights(), call.entry, call.args)
}

/// The same by these rights.
pub(super) fn read_all_keys(rights: &Rights, entry: &Entry, args: Args<'_>) -> bool {
    ask(entry, args, false, |asked| rights.permit_reading_all(asked))
}

fn ask<R>(entry: &Entry, args: Args<'_>, covered: bool, judge: impl FnOnce(&Asked<'_>) -> R) -> R {
    let command = entry.command;
    let keys = || keys_of(command, args);
    judge(&Asked {
        place: entry.index,
        is_subcommand: entry.container.is_some(),
        always: command.flags.has(Flags::NO_AUTH),
        args,
        keys: &keys,
        channels: command.channels.map(|channels| channels_of(channels, args)),
        covered,
    })
}

/// The keys of a request. Where the arguments make no sense there are none, because the command will refuse them.
fn keys_of(command: &Command, args: Args<'_>) -> Vec<KeyUse> {
    let used = |key: keys::Key| {
        let does = |words: &[&str]| words.iter().any(|word| key.flags.contains(word));
        KeyUse { index: key.index, reads: does(&["access"]), writes: does(&["insert", "delete", "update"]) }
    };
    keys::find(command, args).unwrap_or_default().into_iter().map(used).collect()
}

fn channels_of(channels: Channels, args: Args<'_>) -> ChannelUse {
    let (direction, patterns) = match channels {
        Channels::Publish(_) => (Direction::Publish, false),
        Channels::Subscribe(_) => (Direction::Subscribe, false),
        Channels::PatternSubscribe(_) => (Direction::Subscribe, true),
    };
    let (first, count) = match channels {
        Channels::Publish(first) => (first, 1),
        Channels::Subscribe(first) | Channels::PatternSubscribe(first) => (first, args.len().saturating_sub(first)),
    };
    ChannelUse { direction, patterns, first, count }
}

/// Judges a queued command again: the rights of its user may have changed since. Says for whom what it publishes is counted.
///
/// # Errors
///
/// What the client is answered.
pub(super) fn ensure_queued(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if !call.scope.executing {
        return Ok(());
    }
    let user = call.info.user(&call.server.acl);
    let checks = user.checks();
    if checks.metered() && call.entry.command.publishes.is_some() {
        call.metered = Some(user.clone());
    }
    if !checks.judged() {
        return Ok(());
    }
    judge(&user.rights(), call.entry, call.args, call.settings).map_err(|denial| {
        Refused::of(call).note(&user, denial, Place::Multi);
        ReplyError::no_longer_permitted(match denial {
            Denial::Command => "no permission to execute the command or subcommand",
            Denial::Key(_) => "no permission to touch the specified keys",
            Denial::Channel(_) => "no permission to access one of the channels used as arguments",
        })
    })
}

/// What a client is answered whose user may not do something.
pub(super) fn error(user: &User, entry: &Entry, denial: Denial) -> ReplyError {
    match denial {
        Denial::Command => ReplyError::no_command_permission(user.name(), &entry.full_name),
        Denial::Key(_) => ReplyError::NO_KEY_PERMISSION,
        Denial::Channel(_) => ReplyError::NO_CHANNEL_PERMISSION,
    }
}

impl<'a> Refused<'a> {
    /// What this execution asks for.
    pub(super) fn of(call: &'a Call<'_, '_>) -> Self {
        Refused {
            server: call.server,
            settings: call.settings,
            stats: call.stats,
            info: call.info,
            entry: call.entry,
            args: call.args,
            now: call.now,
        }
    }

    /// Counts the refusal and keeps it for ACL LOG.
    pub(super) fn note(&self, user: &User, denial: Denial, place: Place) {
        let counters = &self.stats.counters;
        let reason = match denial {
            Denial::Command => {
                counters.denied_command.add(1);
                Reason::Command
            }
            Denial::Key(_) => {
                counters.denied_key.add(1);
                Reason::Key
            }
            Denial::Channel(_) => {
                counters.denied_channel.add(1);
                Reason::Channel
            }
        };
        let object = denial.argument().map_or(self.entry.full_name.as_bytes(), |index| &self.args[index]);
        self.log(reason, place, object, user.name());
    }

    /// Counts a log-in that was refused and keeps it for ACL LOG.
    pub(super) fn note_log_in(&self, user: &[u8], place: Place) {
        self.stats.counters.denied_auth.add(1);
        self.log(Reason::Auth, place, &self.args[0], user);
    }

    /// Counts what was refused because it is too much for the user, and keeps it for ACL LOG.
    pub(super) fn note_excess(&self, user: &User, limit: Limit, place: Place) {
        let counters = &self.stats.counters;
        match limit {
            Limit::Connections => counters.limited_connections.add(1),
            Limit::Subscriptions => counters.limited_subscriptions.add(1),
            Limit::PublishBytes => counters.limited_publish_bytes.add(1),
            Limit::PublishMessages => counters.limited_publish_messages.add(1),
        }
        self.log(Reason::Limit, place, limit.name().as_bytes(), user.name());
    }

    fn log(&self, reason: Reason, place: Place, object: &[u8], user: &[u8]) {
        let client = list::describe(self.server, self.now, Some(self.args), self.info);
        let refusal = Refusal { reason, place, object: object.to_vec(), user: user.to_vec(), client };
        keep(self.server, self.settings, self.now, refusal);
    }
}

/// Keeps a refusal for ACL LOG.
pub(super) fn keep(server: &Server, settings: &Settings, now: Now, refusal: Refusal) {
    let most = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let (entries, name) = (most(settings.acllog_max_len), most(settings.acllog_name_max_len.0));
    server.acl.log.add(refusal, now.unix().as_millis() as u64, entries, name);
}
