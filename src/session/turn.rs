//! A turn: what one client's commands have at their disposal until others have theirs.

use std::rc::Rc;

use crate::client::Client;
use crate::clock::Now;
use crate::config::Settings;
use crate::hub::access::HubAccess;
use crate::ids::WorkerSet;
use crate::keyspace::access::KeyAccess;
use crate::resp::encode::Reply;
use crate::worker::Worker;

/// What the commands of one turn share.
pub(crate) struct Turn<'s> {
    pub(crate) client: &'s Rc<Client>,
    pub(crate) worker: &'s Worker,
    pub(crate) settings: Rc<Settings>,
    pub(crate) reply: Reply,
    pub(crate) keys: KeyAccess<'s>,
    pub(crate) hub: HubAccess<'s>,
    pub(crate) outcome: &'s mut TurnOutcome,
    pub(crate) now: Now,
}

/// What the commands of a turn leave to be done.
#[derive(Debug, Default)]
pub struct TurnOutcome {
    /// Workers that have been given something to do.
    pub wake: WorkerSet,
    /// Whether something was put into the inboxes that the client itself may be waiting for.
    pub published: bool,
    /// Whether a worker is so far behind that this publisher should wait for it.
    pub crowded: bool,
    /// That the client waits for keys, and until which moment in milliseconds of the server's clock, if for a time only.
    pub waits: Option<Option<u64>>,
}
