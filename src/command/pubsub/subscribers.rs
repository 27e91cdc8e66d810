//! PUBSUB SUBSCRIBERS: which clients listen to a channel or a pattern. Redis has nothing of the kind.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed};

use super::OPERATION;
use crate::client::held::Holding;
use crate::client::order::{Found, Order, Receipt, Survey};
use crate::client::registry::{ClientInfo, Flag};
use crate::command::LocalCall;
use crate::command::spec::{Arg, Command, Group, OWN};
use crate::ids::{Slot, Topic};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::session::{Blocked, Turn};

pub(super) const SUBSCRIBERS: Command = Command {
    name: "subscribers",
    summary: "Returns which clients have subscribed to a channel, a sharded channel or a pattern of this name, and what waits for them",
    complexity: "O(N) where N is the number of clients asked for",
    group: Group::PubSub,
    since: OWN,
    arity: -3,
    flags: OPERATION,
    categories: &["dangerous"],
    args: &[Arg::string("name"), Arg::integer("count").token("COUNT").optional()],
    run_here: Some(subscribers),
    ..Command::DEFAULT
};

/// Clients that are answered if nothing else is asked for.
const USUAL: usize = 100;
/// Clients that are answered at most: what is said of more takes longer than others should wait.
const MOST: usize = 1_000;

/// What a client waits for that has asked who listens.
#[derive(Debug)]
pub(crate) struct Asked {
    missing: Arc<AtomicUsize>,
    found: Found,
    most: usize,
    muted: bool,
}

fn subscribers(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let most = match call.args.len() {
        3 => USUAL,
        5 if call.is_word(3, "count") => {
            let count = usize::try_from(call.integer(4)?).ok().filter(|count| *count > 0);
            count.ok_or(ReplyError::SYNTAX)?.min(MOST)
        }
        _ => return Err(ReplyError::SYNTAX),
    };
    let (missing, found) = (Arc::new(AtomicUsize::new(0)), Found::default());
    let receipt = Receipt { missing: missing.clone(), client: call.info.clone() };
    let asked = lists(call);
    if asked.is_empty() {
        call.reply.verbatim("");
        return Ok(());
    }
    for (port, lists) in asked {
        missing.fetch_add(1, Relaxed);
        let survey = Survey { lists, most, found: found.clone(), receipt: receipt.clone() };
        call.order(port, Order::Survey(survey));
    }
    call.outcome.published = true;
    call.info.set_flag(Flag::Blocked, true);
    call.info.held.set(Holding::Postponed, call.args.to_owned().size_bytes());
    let muted = call.scope.is_muted();
    call.session.blocked = Some(Blocked::Asking(Asked { missing, found, most, muted }));
    Ok(())
}

/// The lists of each worker of which one is asked for.
fn lists(call: &mut LocalCall<'_, '_>) -> Vec<(usize, Vec<(Topic, Slot)>)> {
    let args = call.args;
    let mut by_port: Vec<(usize, Vec<(Topic, Slot)>)> = Vec::new();
    for topic in Topic::ALL {
        for (port, slot) in call.hub.with(|hub| hub.lists(topic, &args[2])) {
            match by_port.iter_mut().find(|(known, _)| *known == port) {
                Some((_, lists)) => lists.push((topic, slot)),
                None => by_port.push((port, vec![(topic, slot)])),
            }
        }
    }
    by_port
}

impl Asked {
    /// Whether all workers have answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.missing.load(Acquire) == 0
    }

    /// Answers the client: those for whom the most waits first.
    pub(crate) fn answer(self, turn: &mut Turn<'_>) {
        let mut found = std::mem::take(&mut *self.found.lock());
        found.sort_by_key(|(_, info)| (std::cmp::Reverse(info.held.get(Holding::Output)), info.id));
        found.truncate(self.most);
        let mut text = String::new();
        for (topic, info) in &found {
            describe(&mut text, &turn.worker.server, *topic, info);
        }
        turn.reply.set_muted(self.muted);
        turn.reply.verbatim(&text);
    }
}

/// One client's line.
fn describe(text: &mut String, server: &Server, topic: Topic, info: &ClientInfo) {
    let by = match topic {
        Topic::Channel => "channel",
        Topic::Pattern => "pattern",
        Topic::ShardChannel => "shardchannel",
    };
    let user = info.user(&server.acl);
    let (policy, _) = info.slow_policy(&user, &server.settings());
    _ = writeln!(
        text,
        "id={} addr={} name={} user={} by={by} resp={} omem={} oll={} slow={} lost={}",
        info.id,
        info.address.peer(),
        info.labels().name,
        String::from_utf8_lossy(user.name()),
        info.proto.load(Relaxed),
        info.held.get(Holding::Output),
        info.output_pieces.load(Relaxed),
        policy.word(),
        info.slow.lost(),
    );
}
