//! PUBLISH commands of one read that follow each other: their messages are made one by one, and posted under one hold of the
//! hub's lock.
//!
//! The lock, and what it guards, travel from core to core with each hold. Where several threads publish, that costs more than
//! all else that a message to one subscriber needs. It is not held while requests are read or payloads copied.
//!
//! Nobody can tell such commands from those that run one by one but by the time that each takes: their messages are posted,
//! and they are answered, before anything else happens for their client. What would have to know of each of them keeps
//! [out of it](may_begin).

use std::sync::atomic::Ordering::Relaxed;

use super::{ensure_publishable, message_of};
use crate::client::Closing;
use crate::clock::Now;
use crate::command::run;
use crate::command::table::Entry;
use crate::command::trace;
use crate::hub::Unposted;
use crate::resp::decode::Args;
use crate::session::{Conversation, ReplyMode, Scope, Turn};

/// Messages of a batch at most: as many as clients mostly have in flight. More would have others wait for the lock longer, and spare
/// little more.
const MOST: usize = 16;
/// A batch whose messages are as long as this is posted, and a request that is longer is in none, in bytes. So those of a batch
/// that are behind the one that makes a port crowded are less than twice this; nothing more is run then.
const MOST_BYTES: usize = 16 * 1024;
/// Where commands that take less than this are logged as slow, in microseconds, each is measured by itself.
const LEAST_SLOW_US: i64 = 1000;

/// Commands that have begun, and are still to be posted, answered and counted.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Which command all of them are.
    of: &'static Entry,
    /// When the first one began.
    began: Now,
    unposted: Box<Unposted>,
}

/// Lets a command wait for those behind it, if it publishes and may: it has been admitted, and its message is made. Otherwise it is
/// still to run, and what waited has been [posted](post).
#[inline]
pub(in crate::command) fn take_in(
    turn: &mut Turn<'_>,
    conversation: &mut Conversation,
    entry: &'static Entry,
    args: Args<'_>,
) -> bool {
    // A message that nobody receives need not be made: the last one is the best guess.
    let may_wait = turn.batch.is_some() || (turn.more_follows && conversation.scope.expects_receivers);
    if !may_wait || entry.command.publishes.is_none() {
        return false;
    }
    let is_taken = take_in_message(turn, conversation, entry, args);
    if !is_taken {
        post(turn, conversation);
    }
    is_taken
}

fn take_in_message(
    turn: &mut Turn<'_>,
    conversation: &mut Conversation,
    entry: &'static Entry,
    args: Args<'_>,
) -> bool {
    let Some(kind) = entry.command.publishes else { return false };
    let (channel, stats) = (&args[1], turn.worker.stats());
    let continues = turn.batch.as_ref().map(|batch| batch.of.index == entry.index);
    let is_common = continues.unwrap_or_else(|| may_begin(turn, &conversation.scope))
        && args.span_bytes() <= MOST_BYTES
        && turn.metered.is_none()
        && ensure_publishable(&turn.settings, kind, channel).is_ok()
        && stats.channels.passes();
    if !is_common {
        return false;
    }
    // Nothing about keys waits for messages.
    turn.keys.release();
    let batch = turn.batch.get_or_insert_with(|| Batch {
        of: entry,
        began: turn.now,
        unposted: turn.worker.unposted.take().unwrap_or_default(),
    });
    batch.unposted.push(channel, message_of(kind, args));
    if batch.unposted.len() == MOST || batch.unposted.bytes() >= MOST_BYTES {
        post(turn, conversation);
    }
    true
}

/// Whether the messages of a client may wait for each other: not if it would hear of them itself, is not answered, or somebody
/// is to hear of each when it is published. What a client has asked for cannot change within a batch, and who begins to watch
/// meanwhile has not seen what has been admitted before.
fn may_begin(turn: &Turn<'_>, scope: &Scope) -> bool {
    let server = &turn.worker.server;
    let is_watched = server.backplane.is_some() || server.monitors.load(Relaxed) > 0 || !server.tracers.is_empty();
    let slow_us = turn.settings.slowlog_log_slower_than.0;
    let is_measured = (0..LEAST_SLOW_US).contains(&slow_us);
    let is_plain = scope.reply_mode == ReplyMode::On && !scope.caching;
    is_plain && !is_watched && !is_measured && !run::hears_itself(turn.client)
}

/// Posts the messages that wait, if some do, and answers their commands. To be called before anything else happens for the client.
#[inline]
pub(crate) fn post(turn: &mut Turn<'_>, conversation: &mut Conversation) {
    if let Some(batch) = turn.batch.take() {
        batch.post(turn, conversation);
    }
}

impl Batch {
    fn post(self, turn: &mut Turn<'_>, conversation: &mut Conversation) {
        let Batch { of, began, mut unposted } = self;
        turn.ring(false);
        let sent = turn.hub.post(&mut unposted);
        turn.outcome.sent.extend(sent);
        for receivers in unposted.receivers() {
            turn.reply.count(*receivers);
            conversation.scope.expects_receivers = *receivers > 0;
        }
        if turn.reply.has_overflowed() {
            turn.client.close(Closing::HardLimit);
        }
        turn.now = trace::count_together(turn, conversation, of, began, unposted.receivers().len());
        turn.worker.refresh(&mut turn.settings);
        unposted.clear();
        turn.worker.unposted.replace(Some(unposted));
    }
}

#[cfg(test)]
mod tests;
