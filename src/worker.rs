//! One io-thread's share of the server: its connections, and the lists of who of them listens to what.
//!
//! A worker is used by one thread only. Other threads reach it through its mailbox. Every change of its lists happens at
//! one position of that mailbox: take what is in it under the lock under which the hub counts the change, deliver what was
//! taken to the lists as they were, then change them ([`Worker::join`], [`Worker::leave`], [`Worker::let_go`]).

mod alive;
mod emptying;
mod ending;
mod evicting;
mod fan_out;
pub(crate) mod following;
mod judging;
mod lists;
mod losses;
mod monitors;
mod moving;
mod orders;
pub(crate) mod placement;
mod shedding;
mod subscribing;
mod survey;
#[cfg(test)]
mod tests;
mod writing;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use slab::Slab;

use crate::client::Client;
use crate::client::bell::Bell;
use crate::client::order::{Errand, HubAccess, Order, Receipt};
use crate::client::registry::ClientInfo;
use crate::client::sink::Sink;
use crate::clock::Now;
use crate::config::Settings;
use crate::hub::{Entry, Unposted};
use crate::ids::{Address, ClientId, WorkerId};
use crate::message::Message;
use crate::observe::stats::WorkerStats;
use crate::resp::decode::Decoder;
use crate::server::{Server, WorkerHandle};
use ending::Leaver;
use following::Followed;
use judging::Doubt;
use lists::Lists;
use losses::Losses;
pub(crate) use moving::Unsent;

/// One io-thread's share of the server.
#[derive(Debug)]
pub struct Worker {
    id: WorkerId,
    /// What all workers share.
    pub server: Arc<Server>,
    clients: RefCell<Slab<Rc<Client>>>,
    lists: RefCell<Lists>,
    /// Clients that are shown every command.
    monitors: RefCell<Vec<Rc<Client>>>,
    /// Taken from the mailbox, not yet delivered.
    incoming: RefCell<VecDeque<Entry<Order>>>,
    /// Memory for messages that are joined: up to [`fan_out::RUN_BYTES`] of them, and empty in between.
    run: RefCell<Vec<Message>>,
    /// Whether the mailbox held more when some of it was taken.
    more_waits: Cell<bool>,
    /// Clients that have ended and have subscriptions.
    leaving: RefCell<VecDeque<Leaver>>,
    /// Clients of which is still to be said whether their users may listen to all that they listen to.
    doubts: RefCell<VecDeque<Doubt>>,
    /// Orders that have been obeyed, of which those who wait for them have still to hear.
    settled: RefCell<Vec<Receipt>>,
    /// What took the output of clients that have ended, and is still to be closed.
    hung_up: RefCell<VecDeque<Rc<dyn Sink>>>,
    /// Rung when there are such clients, or something is to be closed.
    pub(crate) leave_bell: Bell,
    /// Meant for clients that are not here, and still to be sent to where they are.
    astray: RefCell<Vec<(Arc<ClientInfo>, Errand)>>,
    /// Meant for clients that are on their way here.
    awaiting: RefCell<HashMap<ClientId, Vec<Errand>>>,
    /// Whether it delivers while it holds the hub's lock.
    holds_hub: Cell<bool>,
    /// Clients that have reached their limits meanwhile.
    overdue: RefCell<Vec<Rc<Client>>>,
    /// How many frames have been fanned out.
    delivered: Cell<u64>,
    /// Steps of delivering: one for each entry, and one for each client that is pushed a frame.
    steps: Cell<u64>,
    /// Outboxes to offer to their sockets.
    dirty: RefCell<VecDeque<Rc<Client>>>,
    /// How many have been put there since the start.
    marked_dirty: Cell<u64>,
    /// Messages that are followed and lie in some of them.
    followed: RefCell<VecDeque<Followed>>,
    /// What subscribers have lost, of which the hub has still to be told.
    losses: RefCell<Losses>,
    /// Bytes in these outboxes that have not been offered, with [`writing::FRAME_BYTES`] for each frame.
    unoffered_bytes: Cell<usize>,
    /// Bytes queued for clients whose sockets were full, since it last looked whether they have room again.
    blind_bytes: Cell<usize>,
    /// Rung when `dirty` has entries.
    pub(crate) flush_bell: Bell,
    settings: RefCell<(u64, Rc<Settings>)>,
    /// Memory for replies, reused by all sessions.
    pub(crate) reply_buffer: RefCell<Vec<u8>>,
    /// Memory for messages that are posted together.
    pub(crate) unposted: RefCell<Option<Box<Unposted>>>,
    /// The decoder of all connections that are between two requests.
    pub(crate) spare_decoder: RefCell<Option<Box<Decoder>>>,
    /// Memory for input, used by all connections in turn: an idle one holds none.
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    /// How many connections have received much that waits to be run.
    pub(crate) much_input: Cell<usize>,
    /// When it last looked whether clients must go because of what all hold, in milliseconds of the server's clock.
    evicted_ms: Cell<u64>,
    /// Whether the server is ending: commands wait, output does not.
    draining: Cell<bool>,
}

/// How many steps of delivering are made until others have their turn: they take some tenths of a millisecond.
const STEPS_AT_ONCE: u64 = 4096;
/// How much is read from a socket at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

impl Worker {
    /// The worker `id` of `server`, to be used on the thread that calls this.
    pub fn new(server: Arc<Server>, id: WorkerId) -> Rc<Self> {
        server.memory.begin(id);
        let settings = (server.settings_version(), Rc::new(Settings::clone(&server.settings())));
        Rc::new(Worker {
            id,
            server,
            clients: RefCell::default(),
            lists: RefCell::default(),
            monitors: RefCell::default(),
            incoming: RefCell::default(),
            run: RefCell::default(),
            more_waits: Cell::new(false),
            leaving: RefCell::default(),
            doubts: RefCell::default(),
            settled: RefCell::default(),
            hung_up: RefCell::default(),
            leave_bell: Bell::default(),
            astray: RefCell::default(),
            awaiting: RefCell::default(),
            dirty: RefCell::default(),
            marked_dirty: Cell::new(0),
            followed: RefCell::default(),
            losses: RefCell::default(),
            holds_hub: Cell::new(false),
            overdue: RefCell::default(),
            delivered: Cell::new(0),
            steps: Cell::new(0),
            unoffered_bytes: Cell::new(0),
            blind_bytes: Cell::new(0),
            flush_bell: Bell::default(),
            settings: RefCell::new(settings),
            reply_buffer: RefCell::default(),
            unposted: RefCell::default(),
            spare_decoder: RefCell::default(),
            read_buffer: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
            much_input: Cell::new(0),
            evicted_ms: Cell::new(0),
            draining: Cell::new(false),
        })
    }

    /// Its index.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// This moment.
    pub fn now(&self) -> Now {
        self.server.clock.now()
    }

    /// What other threads know of it.
    pub(crate) fn handle(&self) -> &WorkerHandle {
        &self.server.workers[self.id]
    }

    /// Its own counters.
    pub(crate) fn stats(&self) -> &WorkerStats {
        &self.handle().stats
    }

    /// Whether the server is ending: then only commands that might withdraw that are executed.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Says whether the server is ending, and lets the clients go on if it is not.
    pub(crate) fn set_draining(&self, draining: bool) {
        self.draining.set(draining);
        if !draining {
            self.obey(Order::ResumeAll);
        }
    }

    /// The settings as of now, shared within this thread only so that reading them touches no other core's memory.
    pub fn settings(&self) -> Rc<Settings> {
        let version = self.server.settings_version();
        let mut cached = self.settings.borrow_mut();
        if cached.0 != version {
            *cached = (version, Rc::new(Settings::clone(&self.server.settings())));
        }
        cached.1.clone()
    }

    /// Replaces settings of this worker that are not those of now any more.
    pub(crate) fn refresh(&self, settings: &mut Rc<Settings>) {
        let is_current = {
            let cached = self.settings.borrow();
            cached.0 == self.server.settings_version() && Rc::ptr_eq(&cached.1, settings)
        };
        if !is_current {
            *settings = self.settings();
        }
    }

    /// Takes a client in whose output nothing takes, for tests of the core.
    pub fn register(&self, address: Address) -> Rc<Client> {
        let (info, acl) = (self.server.clients.admit(self.id, address, -1, self.now()), &self.server.acl);
        if acl.default.is_open() {
            info.log_in(&acl.default, acl);
        }
        self.welcome(info, None)
    }

    /// Takes a client in that was admitted for this worker, and gives it what has come for it already; `sink` takes its
    /// output.
    pub(crate) fn welcome(&self, info: Arc<ClientInfo>, sink: Option<Rc<dyn Sink>>) -> Rc<Client> {
        let client = self.list(&info, sink);
        self.greet(&client);
        client
    }

    /// The client with this number, if it lives here.
    pub(crate) fn client(&self, info: &ClientInfo) -> Option<Rc<Client>> {
        let clients = self.clients.borrow();
        clients.get(info.slot.load(Relaxed) as usize).filter(|client| client.info.id == info.id).cloned()
    }

    /// All clients of this worker, for the jobs that look at each from time to time.
    pub fn all_clients(&self) -> Vec<Rc<Client>> {
        self.clients.borrow().iter().map(|(_, client)| client.clone()).collect()
    }

    /// Takes all that is in the mailbox and delivers it, and ends all that is to end, for callers that hold nothing of the
    /// hub.
    pub fn deliver_all(&self) {
        self.bound_overdue();
        self.deliver(&mut self.hub());
        while self.is_ending() {
            self.go_on_ending();
        }
    }

    /// Takes all that is in the mailbox and delivers it to the outboxes of this worker's clients.
    pub(crate) fn deliver(&self, hub: &mut HubAccess<'_>) {
        let taken = hub.with(|hub| hub.take_all(self.id));
        self.settle(taken, hub);
        self.end_few(hub);
    }

    /// Delivers some of what is in the mailbox: no more than others on this thread should wait for, nor than outboxes
    /// should hold before they are offered to their sockets. Answers whether there is more.
    pub fn deliver_some(&self) -> bool {
        self.bound_overdue();
        let mut hub = self.hub();
        let last = self.steps.get() + STEPS_AT_ONCE;
        self.more_waits.set(true);
        while self.steps.get() < last && !self.is_crowded() {
            if self.settle_next() {
                continue;
            }
            if !self.more_waits.get() {
                break;
            }
            let mut incoming = self.incoming.borrow_mut();
            let spare = std::mem::take(&mut *incoming);
            let more_waits;
            (*incoming, more_waits) = hub.with(|hub| hub.take_some(self.id, spare));
            self.more_waits.set(more_waits);
        }
        self.send_after(&mut hub);
        self.tell_losses(&mut hub);
        self.end_few(&mut hub);
        self.more_waits.get() || !self.incoming.borrow().is_empty()
    }

    /// Delivers what one of its clients has just sent to this worker, too: here and now as far as others can wait for it,
    /// the rest when they have had their turns.
    pub(crate) fn deliver_own(&self) {
        if self.deliver_some() {
            self.handle().bell.notify_one();
        }
    }

    /// Access to the hub that locks it for each step.
    fn hub(&self) -> HubAccess<'_> {
        HubAccess::new(&self.server.hub)
    }
}
