//! Subscriptions that a client's command begins or ends: a few at one position of the mailbox, and very many some in each of
//! the client's turns, so that nobody else on its thread waits for all of them. Its next command waits instead.
//!
//! Messages may come in between. Each name is confirmed before the first of its messages, and behind the last one.

use std::rc::Rc;

use crate::client::held::Holding;
use crate::client::{Client, Closing};
use crate::command::{Call, LocalCall, connection, run};
use crate::hub::NAMES_AT_ONCE;
use crate::ids::CommandIndex;
use crate::ids::Topic;
use crate::resp::decode::OwnedArgs;
use crate::resp::encode::Reply;
use crate::session::{Blocked, Conversation, Turn};

/// Names that are joined or left in one turn at most, in steps of [`NAMES_AT_ONCE`].
const NAMES_IN_TURN: usize = 4 * NAMES_AT_ONCE;

/// What a command does with its client's subscriptions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Begins those that it names.
    Begin(Topic),
    /// Ends those that it names.
    End(Topic),
    /// Ends all of one kind.
    EndAll(Topic),
    /// Ends all without a word, as RESET does, which goes on then.
    Reset,
}

/// A command that has more to change than it may at once.
#[derive(Debug)]
pub(crate) struct Subscribing {
    command: CommandIndex,
    args: OwnedArgs,
    change: Change,
    /// Its first argument that has not had its turn.
    next: usize,
    /// How long it has taken so far, in microseconds.
    spent_us: u64,
}

/// Makes this change: at once if it is small or belongs to a transaction, otherwise the session is left blocked by the rest.
pub(crate) fn begin(call: &mut LocalCall<'_, '_>, change: Change) {
    let mut next = 1;
    while !step(call, change, &mut next) {
        if call.scope.executing {
            continue;
        }
        let args = call.args.to_owned();
        call.info.held.set(Holding::Postponed, args.size_bytes());
        let spent_us = call.server.clock.now().us().saturating_sub(call.now.us());
        let rest = Subscribing { command: call.entry.index, args, change, next, spent_us };
        call.session.blocked = Some(Blocked::Subscribing(Box::new(rest)));
        return;
    }
}

impl Subscribing {
    /// Goes on until the turn is over; answers whether all is done. A client that has been closed joins nothing any more.
    pub(crate) fn go_on(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> bool {
        turn.reply.set_muted(conversation.scope.is_muted());
        let (began, mut finished) = (turn.now, false);
        for _ in 0..NAMES_IN_TURN / NAMES_AT_ONCE {
            finished = turn.client.closing().is_some() || self.step(turn, conversation);
            turn.now = turn.worker.now();
            if finished || turn.is_over() {
                break;
            }
        }
        if finished {
            run::count_late(turn, conversation, (self.command, &self.args), began, self.spent_us);
        } else {
            self.spent_us += turn.now.us().saturating_sub(began.us());
            turn.client.info.held.set(Holding::Postponed, self.args.size_bytes());
        }
        finished
    }

    fn step(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> bool {
        let (change, next) = (self.change, &mut self.next);
        let last = run::run_part(turn, conversation, (self.command, &self.args), |call| step(call, change, next));
        if turn.reply.has_overflowed() {
            turn.client.close(Closing::HardLimit);
        }
        last
    }
}

/// Changes up to [`NAMES_AT_ONCE`] subscriptions at one position of the mailbox; answers whether these were the last ones.
fn step(call: &mut LocalCall<'_, '_>, change: Change, next: &mut usize) -> bool {
    call.queue_reply();
    let args = call.args;
    let mut take_names = || {
        let names: Vec<&[u8]> = args.from(*next).take(NAMES_AT_ONCE).collect();
        *next += names.len();
        (names, *next >= args.len())
    };
    let LocalCall { call: Call { reply, hub, .. }, client, worker, .. } = call;
    match change {
        Change::Begin(topic) => {
            let (names, last) = take_names();
            let (word, _) = confirmations(topic);
            worker.join(client, topic, &names, hub, |name| confirm(client, reply, word, topic, Some(name)));
            worker.judge_names(client, topic, &names);
            last
        }
        Change::End(topic) => {
            let (names, last) = take_names();
            let (_, word) = confirmations(topic);
            worker.leave(client, topic, &names, hub, |name| confirm(client, reply, word, topic, Some(name)));
            last
        }
        Change::EndAll(topic) => {
            let (_, word) = confirmations(topic);
            let names = client.some_names_of(topic, NAMES_AT_ONCE);
            worker.leave(client, topic, &names, hub, |name| confirm(client, reply, word, topic, Some(name)));
            if names.is_empty() {
                confirm(client, reply, word, topic, None);
            }
            client.subscriptions(topic) == 0
        }
        Change::Reset => {
            worker.leave_some(client, NAMES_AT_ONCE, hub);
            let last = !client.is_subscriber();
            if last {
                connection::finish_reset(call);
            }
            last
        }
    }
}

/// The words that confirm a change: for a subscription and for its end.
fn confirmations(topic: Topic) -> (&'static str, &'static str) {
    match topic {
        Topic::Channel => ("subscribe", "unsubscribe"),
        Topic::Pattern => ("psubscribe", "punsubscribe"),
        Topic::ShardChannel => ("ssubscribe", "sunsubscribe"),
    }
}

/// One confirmation: the name, or null where there was nothing to end, and what this client still listens to.
fn confirm(client: &Rc<Client>, reply: &mut Reply, word: &str, topic: Topic, name: Option<&[u8]>) {
    let count = match topic {
        Topic::ShardChannel => client.subscriptions(Topic::ShardChannel),
        Topic::Channel | Topic::Pattern => client.subscriptions(Topic::Channel) + client.subscriptions(Topic::Pattern),
    };
    reply.push(3, |reply| {
        reply.bulk(word);
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.count(count);
    });
}
