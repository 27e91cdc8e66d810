//! Clients that wait for keys: BLPOP, XREAD BLOCK and their like.
//!
//! A blocking command is an [`Attempt`]: a function that answers, or says that it must wait. A client whose attempt must
//! wait is noted here with the request. When one of its keys is fed, whoever fed it runs the attempt again from the top,
//! under the lock under which the key was fed and before any other command, for the clients in the order in which they
//! came, and sends the answer to the client's worker. So nobody comes in between, and nothing is taken for a client that
//! is not there any more: a client that goes, or whose time is up, takes itself out under the same lock. Whose user has lost
//! the right to do this meanwhile is sent its request instead, and refused as if it had just come.
//!
//! What was fed is gone when the first client finds nothing, so nobody behind it is looked at: a push costs what the clients
//! that it serves cost, however many wait. Whoever reads a stream alone is looked at when the id that it waits for is reached.

mod queue;

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::DatabaseId;
use super::address::{Address, AddressRef};
use super::effects::Outlet;
use super::entry::{Kind, Value};
use super::keys::Keys;
use super::stream::StreamId;
use super::{Rules, State};
use crate::acl::{Rights, User};
use crate::client::order::{Errand, Returned};
use crate::client::registry::ClientInfo;
use crate::ids::{ClientId, CommandIndex};
use crate::resp::Proto;
use crate::resp::answer::Answer;
use crate::resp::decode::{Args, OwnedArgs};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
pub(crate) use queue::Class;
use queue::Queue;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has answered.
    Done,
    /// There was nothing to answer with.
    Wait,
}

/// One try of a blocking command. It must change nothing if it has to wait, unless the change is one that Redis makes as
/// well, such as the creation of a consumer.
pub(crate) type Attempt = fn(&mut Keys<'_>, Args<'_>, &mut Reply) -> Result<Outcome, ReplyError>;

/// What is answered instead of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The absence of an array.
    Array,
    /// The absence of a string.
    String,
}

impl Absent {
    /// Writes it.
    pub(crate) fn answer(self, reply: &mut Reply) {
        match self {
            Absent::Array => reply.null_array(),
            Absent::String => reply.null(),
        }
    }
}

/// What a client waits for.
#[derive(Debug)]
pub(crate) struct Interest {
    /// What it wants to find at its keys.
    pub(crate) class: Class,
    /// The request to run again, in which what means "from now on" has been replaced.
    pub(crate) args: OwnedArgs,
    /// The keys.
    pub(crate) keys: Vec<Box<[u8]>>,
    /// For each of them the id behind which an entry has to be, where a client reads streams alone; none otherwise.
    pub(crate) behind: Vec<StreamId>,
}

/// What a key that a client waits for costs beside its name, which is kept twice, in bytes: mostly the lines of those who
/// wait for it.
const AWAITED_KEY_BYTES: usize = 320;
/// What an id costs beside that, in bytes.
const AWAITED_ID_BYTES: usize = 208;

impl Interest {
    /// What it occupies as long as a client waits, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        let keys = self.keys.iter().map(|key| AWAITED_KEY_BYTES + 2 * key.len());
        let ids = self.behind.len() * AWAITED_ID_BYTES;
        self.args.size_bytes() + self.class.heap_bytes() + keys.sum::<usize>() + ids
    }
}

/// Whether these rights allow a request for this command.
pub(crate) type Permits = fn(&Rights, CommandIndex, Args<'_>) -> bool;

/// By what a request is judged again before it is served: the rights of its user may have changed.
#[derive(Debug)]
pub(crate) struct Right {
    pub(crate) user: Arc<User>,
    pub(crate) command: CommandIndex,
    pub(crate) permits: Permits,
}

impl Right {
    fn allows(&self, args: Args<'_>) -> bool {
        self.user.is_free() || (self.permits)(&self.user.rights(), self.command, args)
    }
}

/// How a client waits.
#[derive(Debug)]
pub(crate) struct Wait {
    /// Why it may.
    pub(crate) right: Right,
    /// What is run when a key is fed.
    pub(crate) attempt: Attempt,
    /// What it waits for.
    pub(crate) interest: Interest,
    /// Whether it does not wait for ever.
    pub(crate) ends: bool,
    /// Whether its keys are remembered as read by the client when it is served.
    pub(crate) tracked: bool,
}

/// A client that waits.
#[derive(Debug)]
struct Waiter {
    client: Arc<ClientInfo>,
    db: DatabaseId,
    proto: Proto,
    muted: bool,
    /// Its place in the order in which clients came.
    turn: u64,
    wait: Wait,
}

impl Waiter {
    fn reply(&self) -> Reply {
        let mut reply = Reply::new(Vec::new(), self.proto);
        reply.set_muted(self.muted);
        reply
    }
}

/// Places that a client has left.
#[derive(Debug)]
struct Left {
    db: DatabaseId,
    class: Class,
    turn: u64,
    keys: Vec<Box<[u8]>>,
    behind: Vec<StreamId>,
}

/// So many places are cleared at once: a client may have waited for very many keys.
pub(super) const CLEARED_AT_ONCE: usize = 1024;

/// All clients that wait.
#[derive(Debug, Default)]
pub struct Waiters {
    /// All but the one whose attempt runs.
    clients: HashMap<ClientId, Waiter, RandomState>,
    queues: HashMap<Address, Queue, RandomState>,
    /// Keys whose removal somebody minds.
    minded: HashSet<Address, RandomState>,
    /// Places in lines of clients that wait no more, still to be cleared.
    left: VecDeque<Left>,
    /// How many clients do not wait for ever.
    ending: usize,
    turns: u64,
    /// How many attempts have been run again.
    #[cfg(test)]
    pub(crate) tried: usize,
}

/// An answer for a client that has waited.
#[derive(Debug)]
pub(crate) struct Served {
    client: Arc<ClientInfo>,
    answer: Answer,
}

impl Served {
    /// The answer.
    pub(crate) fn into_answer(self) -> Answer {
        self.answer
    }

    /// Sends it to the client's worker.
    pub(crate) fn send(self, outlet: &mut Outlet<'_, '_>) {
        outlet.order(self.client, Errand::Serve(self.answer));
    }
}

impl Waiters {
    /// How many clients do not wait for ever.
    pub(crate) fn ending(&self) -> usize {
        self.ending
    }

    /// How many keys clients wait for, and how many of these are waited for by clients that mind their removal.
    pub(crate) fn keys(&self) -> (usize, usize) {
        (self.queues.len(), self.minded.len())
    }

    /// Lets a client wait, last of all. Its replies are in `proto`, or nothing if it is `muted`.
    pub(crate) fn add(&mut self, client: Arc<ClientInfo>, db: DatabaseId, proto: Proto, muted: bool, wait: Wait) {
        self.turns += 1;
        // As many as it adds, so that they never become more than those of all who wait.
        self.clear_some(wait.interest.keys.len());
        let Interest { class, behind: ids, .. } = &wait.interest;
        let behind = |i: usize| ids.get(i).copied().unwrap_or_default();
        for (i, key) in wait.interest.keys.iter().enumerate() {
            let address = Address { db, key: key.clone() };
            if class.minds_removal() {
                self.minded.insert(address.clone());
            }
            self.queues.entry(address).or_default().insert(class, self.turns, behind(i), client.id);
        }
        self.ending += usize::from(wait.ends);
        let id = client.id;
        self.clients.insert(id, Waiter { client, db, proto, muted, turn: self.turns, wait });
    }

    /// Takes a client out; false if it did not wait, because it has been answered.
    pub(crate) fn remove(&mut self, client: ClientId) -> bool {
        self.take(client).is_some()
    }

    /// The first of the keys that a client waits for; none if it does not wait.
    pub(crate) fn first_key(&self, client: ClientId) -> Option<&[u8]> {
        self.clients.get(&client)?.wait.interest.keys.first().map(|key| &**key)
    }

    /// Answers a client that its time is up, or with `error` if that is given; none if it does not wait.
    pub(crate) fn give_up(&mut self, client: ClientId, error: Option<&ReplyError>) -> Option<Served> {
        let waiter = self.take(client)?;
        let mut reply = waiter.reply();
        match error {
            Some(error) => reply.error(error),
            None => Absent::Array.answer(&mut reply),
        }
        Some(Served { client: waiter.client, answer: reply.take() })
    }

    fn take(&mut self, client: ClientId) -> Option<Waiter> {
        let mut waiter = self.clients.remove(&client)?;
        self.leave(&mut waiter);
        Some(waiter)
    }

    /// Takes a client out of all its lines: at once where they are few, and otherwise some at a time.
    fn leave(&mut self, waiter: &mut Waiter) {
        self.ending -= usize::from(waiter.wait.ends);
        let Interest { class, keys, behind, .. } = &mut waiter.wait.interest;
        let (class, keys, behind) = (class.clone(), std::mem::take(keys), std::mem::take(behind));
        self.left.push_back(Left { db: waiter.db, class, turn: waiter.turn, keys, behind });
        self.clear_some(CLEARED_AT_ONCE);
    }

    /// Clears up to `most` places of clients that wait no more; whether there are others.
    pub(super) fn clear_some(&mut self, most: usize) -> bool {
        let mut cleared = 0;
        while cleared < most
            && let Some(left) = self.left.front_mut()
        {
            let Some(key) = left.keys.pop() else {
                self.left.pop_front();
                continue;
            };
            let behind = left.behind.pop().unwrap_or_default();
            cleared += 1;
            let place = AddressRef { db: left.db, key: &key };
            // A key that was named twice has been left already.
            let Some(queue) = self.queues.get_mut(&place) else { continue };
            queue.remove(&left.class, left.turn, behind);
            if !queue.minds_removal() {
                self.minded.remove(&place);
            }
            if queue.is_empty() {
                self.queues.remove(&place);
            }
        }
        if self.left.front().is_some_and(|left| left.keys.is_empty()) {
            self.left.pop_front();
        }
        !self.left.is_empty()
    }

    /// Notes that there may be a value of `kind` for those who wait for `key`; false if nobody waits for that, or it is
    /// noted already.
    pub(super) fn feed(&mut self, db: DatabaseId, key: &[u8], kind: Kind) -> bool {
        self.note(db, key, |queue| queue.wants(kind))
    }

    /// Notes that those who want to know that a value of `kind` at `key` is gone are to be told; false if nobody wants to,
    /// or it is noted already.
    pub(super) fn unfeed(&mut self, db: DatabaseId, key: &[u8], kind: Kind) -> bool {
        self.note(db, key, |queue| queue.misses(kind))
    }

    fn note(&mut self, db: DatabaseId, key: &[u8], test: impl Fn(&Queue) -> bool) -> bool {
        if self.queues.is_empty() {
            return false;
        }
        let queue = self.queues.get_mut(&AddressRef { db, key }).filter(|queue| !queue.is_fed && test(queue));
        queue.map(|queue| queue.is_fed = true).is_some()
    }

    /// Notes for all keys of `db` that were removed that those who mind are to be told, and answers these keys.
    pub(super) fn unfeed_all(&mut self, db: DatabaseId) -> Vec<Address> {
        let minded: Vec<Address> = self.minded.iter().filter(|of| of.db == db).cloned().collect();
        minded.into_iter().filter(|of| self.note(of.db, &of.key, Queue::minds_removal)).collect()
    }

    /// Notes for all keys of `db` at which there is now what somebody waits for, `kind` says of which type, and for those
    /// whose removal somebody minds, that they are fed, and answers these keys.
    pub(super) fn feed_all(&mut self, db: DatabaseId, kind: impl Fn(&[u8]) -> Option<Kind>) -> Vec<Address> {
        let concerned = self.queues.iter_mut().filter(|(of, queue)| {
            let wanted = || kind(&of.key).is_some_and(|kind| queue.wants(kind));
            of.db == db && !queue.is_fed && (queue.minds_removal() || wanted())
        });
        let note = |(of, queue): (&Address, &mut Queue)| {
            queue.is_fed = true;
            of.clone()
        };
        concerned.map(note).collect()
    }
}

/// What became of another try.
enum Tried {
    Served(Served),
    /// The client may not do this any more, and waits no more: it is sent its request, and its gate refuses that.
    Refused(Arc<ClientInfo>, Errand),
    Waits,
    /// The client waits no more, or has been killed: its place was only still to be left.
    Gone,
}

impl Tried {
    fn tell(self, outlet: &mut Outlet<'_, '_>) {
        match self {
            Tried::Served(served) => served.send(outlet),
            Tried::Refused(client, errand) => outlet.order(client, errand),
            Tried::Waits | Tried::Gone => {}
        }
    }
}

/// Serves those who wait for a key that was fed, as far as there is something for them.
pub(super) fn serve(state: &mut State, fed: &Address, now_ms: i64, rules: Rules, outlet: &mut Outlet<'_, '_>) {
    if let Some(queue) = state.waiters.queues.get_mut(fed) {
        queue.is_fed = false;
    }
    let mut class = None;
    while let Some(next) = state.waiters.queues.get(fed).and_then(|queue| queue.class_behind(class.as_ref())) {
        let keys = &mut Keys::new(state, fed.db, now_ms, rules);
        match next {
            Class::Entries => serve_readers(keys, &fed.key, outlet),
            _ => serve_line(keys, &fed.key, &next, outlet),
        }
        class = Some(next);
    }
}

/// Serves all who read a stream alone and for whom there is something.
fn serve_readers(keys: &mut Keys<'_>, key: &[u8], outlet: &mut Outlet<'_, '_>) {
    let last = match keys.peek(key).map(|entry| &entry.value) {
        Some(Value::Stream(stream)) => stream.log.last_valid_id(),
        _ => return,
    };
    let place = AddressRef { db: keys.db, key };
    let reached = keys.state.waiters.queues.get(&place).map_or_else(Vec::new, |queue| queue.reached(last));
    for (turn, client) in reached {
        attempt(keys, client, turn).tell(outlet);
        keys.publish(outlet);
    }
}

/// Serves a line from its front until there is nothing for it any more.
fn serve_line(keys: &mut Keys<'_>, key: &[u8], class: &Class, outlet: &mut Outlet<'_, '_>) {
    let place = AddressRef { db: keys.db, key };
    let mut turn = 0;
    while let Some((next, client)) = keys.state.waiters.queues.get(&place).and_then(|queue| queue.next(class, turn)) {
        let kind = keys.peek(key).map(|entry| entry.value.kind());
        if kind != Some(class.kind()) && !class.minds_removal() {
            break;
        }
        let tried = attempt(keys, client, next);
        let is_over = matches!(tried, Tried::Waits);
        tried.tell(outlet);
        keys.publish(outlet);
        if is_over {
            break;
        }
        turn = next;
    }
}

/// Runs the attempt of a client again that has waited since this turn.
fn attempt(keys: &mut Keys<'_>, client: ClientId, turn: u64) -> Tried {
    let clients = &mut keys.state.waiters.clients;
    // It may have been served elsewhere, and wait anew.
    if clients.get(&client).is_none_or(|waiter| waiter.turn != turn) {
        return Tried::Gone;
    }
    let Some(mut waiter) = clients.remove(&client) else { return Tried::Gone };
    if waiter.client.is_killed() {
        keys.state.waiters.leave(&mut waiter);
        return Tried::Gone;
    }
    if !waiter.wait.right.allows(waiter.wait.interest.args.args()) {
        keys.state.waiters.leave(&mut waiter);
        let request = Returned { args: waiter.wait.interest.args, muted: waiter.muted };
        return Tried::Refused(waiter.client, Errand::Return(Box::new(request)));
    }
    #[cfg(test)]
    {
        keys.state.waiters.tried += 1;
    }
    let mut reply = waiter.reply();
    keys.caller = Some(client);
    let result = (waiter.wait.attempt)(keys, waiter.wait.interest.args.args(), &mut reply);
    if result == Ok(Outcome::Wait) {
        // It has kept its places.
        keys.state.waiters.clients.insert(client, waiter);
        return Tried::Waits;
    }
    if let Err(error) = &result {
        reply.error(error);
    }
    if waiter.wait.tracked {
        waiter.wait.interest.keys.iter().for_each(|key| keys.state.tracking.remember(client, key));
    }
    keys.state.waiters.leave(&mut waiter);
    Tried::Served(Served { client: waiter.client, answer: reply.take() })
}
