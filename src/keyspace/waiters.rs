//! Clients that wait for keys: BLPOP, XREAD BLOCK and their like.
//!
//! A blocking command is an [`Attempt`]: a function that answers, or says that it must wait. A client whose attempt must
//! wait is noted here with the request. When one of its keys is fed, whoever fed it runs the attempt again from the top,
//! under the lock under which the key was fed and before any other command, for each client in the order in which they
//! came, and sends the answer to the client's worker. So nobody comes in between, and nothing is taken for a client that
//! is not there any more: a client that goes, or whose time is up, takes itself out under the same lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::DatabaseId;
use super::address::{Address, AddressRef};
use super::effects::Outlet;
use super::entry::Kind;
use super::keys::Keys;
use crate::client::registry::ClientInfo;
use crate::hub::Control;
use crate::ids::ClientId;
use crate::message::Frame;
use crate::resp::Proto;
use crate::resp::decode::{Args, OwnedArgs};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

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
    /// The type that its keys must have.
    pub(crate) kind: Kind,
    /// Whether it wants to know when a key of that type is removed.
    pub(crate) minds_removal: bool,
    /// The request to run again, in which what means "from now on" has been replaced.
    pub(crate) args: OwnedArgs,
    /// The keys.
    pub(crate) keys: Vec<Box<[u8]>>,
}

/// What a key that a client waits for costs beside its name, which is kept twice, in bytes.
const AWAITED_KEY_BYTES: usize = 96;

impl Interest {
    /// What it occupies as long as a client waits, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        let keys = self.keys.iter().map(|key| AWAITED_KEY_BYTES + 2 * key.len());
        self.args.size_bytes() + keys.sum::<usize>()
    }
}

/// How a client waits.
#[derive(Debug)]
pub(crate) struct Wait {
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

/// All clients that wait.
#[derive(Debug, Default)]
pub struct Waiters {
    clients: HashMap<ClientId, Waiter, RandomState>,
    /// By key and turn.
    queues: HashMap<Address, BTreeMap<u64, ClientId>, RandomState>,
    turns: u64,
}

/// An answer for a client that has waited.
#[derive(Debug)]
pub(crate) struct Served {
    client: Arc<ClientInfo>,
    answer: Vec<u8>,
}

impl Served {
    /// The answer, encoded.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.answer
    }

    /// Sends it to the client's worker.
    pub(crate) fn send(self, outlet: &mut Outlet<'_, '_>) {
        outlet.order(self.client.worker(), Control::Serve(self.client, Frame::whole(self.answer)));
    }
}

impl Waiters {
    /// How many clients do not wait for ever.
    pub(crate) fn ending(&self) -> usize {
        self.clients.values().filter(|waiter| waiter.wait.ends).count()
    }

    /// How many keys clients wait for, and how many of these are waited for by clients that mind their removal.
    pub(crate) fn keys(&self) -> (usize, usize) {
        let minding = |queue: &&BTreeMap<u64, ClientId>| {
            queue.values().any(|id| self.clients.get(id).is_some_and(|waiter| waiter.wait.interest.minds_removal))
        };
        (self.queues.len(), self.queues.values().filter(minding).count())
    }

    /// Lets a client wait, last of all. Its replies are in `proto`, or nothing if it is `muted`.
    pub(crate) fn add(&mut self, client: Arc<ClientInfo>, db: DatabaseId, proto: Proto, muted: bool, wait: Wait) {
        self.turns += 1;
        for key in &wait.interest.keys {
            self.queues.entry(Address { db, key: key.clone() }).or_default().insert(self.turns, client.id);
        }
        let id = client.id;
        self.clients.insert(id, Waiter { client, db, proto, muted, turn: self.turns, wait });
    }

    /// Takes a client out; false if it did not wait, because it has been answered.
    pub(crate) fn remove(&mut self, client: ClientId) -> bool {
        self.take(client).is_some()
    }

    /// Answers a client that its time is up, or with `error` if that is given; none if it does not wait.
    pub(crate) fn give_up(&mut self, client: ClientId, error: Option<&ReplyError>) -> Option<Served> {
        let waiter = self.take(client)?;
        let mut reply = waiter.reply();
        match error {
            Some(error) => reply.error(error),
            None => Absent::Array.answer(&mut reply),
        }
        Some(Served { client: waiter.client, answer: reply.into_bytes() })
    }

    fn take(&mut self, client: ClientId) -> Option<Waiter> {
        let waiter = self.clients.remove(&client)?;
        for key in &waiter.wait.interest.keys {
            let place = AddressRef { db: waiter.db, key };
            // A key that was named twice has been left already.
            if let Some(queue) = self.queues.get_mut(&place) {
                queue.remove(&waiter.turn);
                if queue.is_empty() {
                    self.queues.remove(&place);
                }
            }
        }
        Some(waiter)
    }

    /// Whether somebody waits for a value of `kind` at `key`.
    pub(super) fn wants(&self, db: DatabaseId, key: &[u8], kind: Kind) -> bool {
        self.any(db, key, |interest| interest.kind == kind)
    }

    /// Whether somebody wants to know that a value of `kind` at `key` is gone.
    pub(super) fn misses(&self, db: DatabaseId, key: &[u8], kind: Kind) -> bool {
        self.any(db, key, |interest| interest.kind == kind && interest.minds_removal)
    }

    fn any(&self, db: DatabaseId, key: &[u8], test: impl Fn(&Interest) -> bool) -> bool {
        if self.queues.is_empty() {
            return false;
        }
        let queue = self.queues.get(&AddressRef { db, key });
        let mut waiting = queue.into_iter().flat_map(BTreeMap::values).filter_map(|id| self.clients.get(id));
        waiting.any(|waiter| test(&waiter.wait.interest))
    }

    /// Who waits for `key`, in the order in which they came.
    pub(super) fn queue(&self, db: DatabaseId, key: &[u8]) -> Vec<ClientId> {
        let queue = self.queues.get(&AddressRef { db, key });
        queue.into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// Keys of `db` that somebody waits for.
    pub(crate) fn keys_of(&self, db: DatabaseId) -> Vec<Box<[u8]>> {
        self.queues.keys().filter(|of| of.db == db).map(|of| of.key.clone()).collect()
    }
}

/// Runs the attempt of `client`, which waits for `key`, again, if the key has the type that it waits for or it wants to
/// know of its removal. None if it goes on waiting, or has been killed and is only still to leave.
pub(super) fn serve(keys: &mut Keys<'_>, key: &[u8], client: ClientId) -> Option<Served> {
    let kind = keys.peek(key).map(|entry| entry.value.kind());
    let waiter = keys.state.waiters.clients.get(&client)?;
    let interest = &waiter.wait.interest;
    if waiter.client.is_killed() || (kind != Some(interest.kind) && !interest.minds_removal) {
        return None;
    }
    let waiter = keys.state.waiters.take(client)?;
    let mut reply = waiter.reply();
    keys.caller = Some(waiter.client.id);
    match (waiter.wait.attempt)(keys, waiter.wait.interest.args.args(), &mut reply) {
        Ok(Outcome::Done) => {}
        Ok(Outcome::Wait) => {
            keys.state.waiters.put_back(waiter);
            return None;
        }
        Err(error) => reply.error(&error),
    }
    if waiter.wait.tracked {
        waiter.wait.interest.keys.iter().for_each(|key| keys.state.tracking.remember(client, key));
    }
    Some(Served { client: waiter.client, answer: reply.into_bytes() })
}

impl Waiters {
    /// Lets a client wait on in its old place.
    fn put_back(&mut self, waiter: Waiter) {
        for key in &waiter.wait.interest.keys {
            self.queues
                .entry(Address { db: waiter.db, key: key.clone() })
                .or_default()
                .insert(waiter.turn, waiter.client.id);
        }
        self.clients.insert(waiter.client.id, waiter);
    }
}
