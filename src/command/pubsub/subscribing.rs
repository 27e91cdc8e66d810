//! Subscriptions that a client's command begins or ends: a few at one position of the mailbox, and very many some in each of
//! the client's turns, so that nobody else on its thread waits for all of them. Its next command waits instead.
//!
//! Messages may come in between. Each name is confirmed before the first of its messages, and behind the last one.
//!
//! Beside a [backplane](crate::backplane) all names are announced first, and the command waits until its engine knows of them.

use std::collections::HashSet;
use std::rc::Rc;

use crate::backplane::Announced;
use crate::client::held::Holding;
use crate::client::{Client, Closing};
use crate::command::{Call, LocalCall, connection, run};
use crate::hub::NAMES_AT_ONCE;
use crate::ids::CommandIndex;
use crate::ids::Topic;
use crate::resp::decode::OwnedArgs;
use crate::resp::encode::Reply;
use crate::server::Server;
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
    place: Place,
    /// What it waits for before it goes on.
    waits_for: Option<Announced>,
    /// How long it has taken so far, in microseconds.
    spent_us: u64,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its first argument that has not been announced to other servers; as many as there are where none need be.
    announced: usize,
    /// Its first argument that has not had its turn.
    next: usize,
}

impl Place {
    /// Whether the last of so many arguments has been announced just now, and none has had its turn.
    fn is_announced(&self, args: usize) -> bool {
        self.announced > 1 && self.announced == args && self.next == 1
    }
}

/// What has to happen before the next step.
enum Next {
    /// Nothing: it was the last one.
    Nothing,
    /// The next one may follow.
    Step,
    /// Other servers have to know of the names.
    Known(Announced),
}

/// Makes this change: at once if it is small or belongs to a transaction, otherwise the session is left blocked by the rest.
pub(crate) fn begin(call: &mut LocalCall<'_, '_>, change: Change) {
    let mut place = Place { announced: 1, next: 1 };
    loop {
        let waits_for = match step(call, change, &mut place) {
            Next::Nothing => return call.client.give_up_claim(&call.server.acl),
            _ if call.scope.executing => continue,
            Next::Step if place.is_announced(call.args.len()) => continue,
            Next::Step => None,
            Next::Known(announced) => Some(announced),
        };
        let args = call.args.to_owned();
        call.info.held.set(Holding::Postponed, args.size_bytes());
        let spent_us = call.server.clock.now().us().saturating_sub(call.now.us());
        let rest = Subscribing { command: call.entry.index, args, change, place, waits_for, spent_us };
        call.session.blocked = Some(Blocked::Subscribing(Box::new(rest)));
        return;
    }
}

impl Subscribing {
    /// Whether it waits for nothing but its turn.
    pub(crate) fn may_go_on(&self) -> bool {
        self.waits_for.as_ref().is_none_or(Announced::is_known)
    }

    /// Goes on until the turn is over; answers whether all is done. A client that has been closed joins nothing any more.
    pub(crate) fn go_on(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> bool {
        turn.reply.set_muted(conversation.scope.is_muted());
        let (began, mut next) = (turn.now, Next::Step);
        for _ in 0..NAMES_IN_TURN / NAMES_AT_ONCE {
            if turn.client.closing().is_some() {
                next = Next::Nothing;
                break;
            }
            next = self.step(turn, conversation);
            turn.now = turn.worker.now();
            if !matches!(next, Next::Step) || turn.is_over() {
                break;
            }
        }
        if matches!(next, Next::Nothing) {
            turn.client.give_up_claim(&turn.worker.server.acl);
            run::count_late(turn, conversation, (self.command, &self.args), began, self.spent_us);
            return true;
        }
        self.spent_us += turn.now.us().saturating_sub(began.us());
        turn.client.info.held.set(Holding::Postponed, self.args.size_bytes());
        self.waits_for = if let Next::Known(announced) = next { Some(announced) } else { None };
        false
    }

    fn step(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> Next {
        let (change, place) = (self.change, &mut self.place);
        let next = run::run_part(turn, conversation, (self.command, &self.args), |call| step(call, change, place));
        if turn.reply.has_overflowed() {
            turn.client.close(Closing::HardLimit);
        }
        next
    }

    /// The client has gone: nobody wants any more what was announced for it and not joined.
    pub(crate) fn abandon(self, server: &Server) {
        let Place { announced, next } = self.place;
        if let (Some(backplane), Change::Begin(topic)) = (&server.backplane, self.change)
            && next < announced
        {
            backplane.abandon(topic, self.args, next..announced);
        }
    }
}

/// Changes, or announces, up to [`NAMES_AT_ONCE`] subscriptions at one position of the mailbox.
fn step(call: &mut LocalCall<'_, '_>, change: Change, place: &mut Place) -> Next {
    if let Change::Begin(topic) = change
        && let Some(next) = announce(call, topic, place)
    {
        return next;
    }
    if change_some(call, change, &mut place.next) { Next::Nothing } else { Next::Step }
}

/// Announces some of the names that have not been; none if all have been, or nobody has to know of them.
fn announce(call: &mut LocalCall<'_, '_>, topic: Topic, place: &mut Place) -> Option<Next> {
    let backplane = call.server.backplane.as_ref().filter(|_| place.announced < call.args.len())?;
    let names: Vec<&[u8]> = call.args.from(place.announced).take(NAMES_AT_ONCE).collect();
    place.announced += names.len();
    let known = backplane.announce(topic, names.iter().copied());
    if place.announced < call.args.len() {
        return Some(Next::Step);
    }
    // Those before these may be known or not: the engine hears of all in their order.
    let waits = !known || names.len() < call.args.len() - 1;
    waits.then(|| backplane.wait(call.info, call.now.ms())).flatten().map(Next::Known)
}

/// Subscriptions that were announced for a client which has them already, or which its command names twice, are no more.
fn release_surplus(call: &LocalCall<'_, '_>, topic: Topic, names: &[&[u8]]) {
    let Some(backplane) = &call.server.backplane else { return };
    let mut seen = HashSet::new();
    let surplus = names.iter().filter(|name| call.client.listens_to(topic, name) || !seen.insert(**name));
    backplane.release(surplus.map(|name| (topic, *name)), call.now.ms());
}

/// Changes up to [`NAMES_AT_ONCE`] subscriptions at one position of the mailbox; answers whether these were the last ones.
fn change_some(call: &mut LocalCall<'_, '_>, change: Change, next: &mut usize) -> bool {
    call.queue_reply();
    let args = call.args;
    let mut take_names = || {
        let names: Vec<&[u8]> = args.from(*next).take(NAMES_AT_ONCE).collect();
        *next += names.len();
        (names, *next >= args.len())
    };
    if let Change::Begin(topic) = change {
        let (names, last) = take_names();
        release_surplus(call, topic, &names);
        let LocalCall { call: Call { reply, hub, .. }, client, worker, .. } = call;
        let (word, _) = confirmations(topic);
        worker.join(client, topic, &names, hub, |name| confirm(client, reply, word, topic, Some(name)));
        worker.judge_names(client, topic, &names);
        return last;
    }
    let LocalCall { call: Call { reply, hub, .. }, client, worker, .. } = call;
    match change {
        Change::Begin(_) => true,
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
