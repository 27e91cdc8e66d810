//! One io-thread's share of the server: its connections, and the lists of who of them listens to what.
//!
//! A worker is used by one thread only. Other threads reach it through its inbox in the hub. Every change of its lists
//! happens at one position of that inbox: take the inbox under the lock under which the hub counts the change, deliver
//! what was taken to the lists as they were, then change them ([`Worker::join`], [`Worker::leave`]).

mod fan_out;
mod lists;
mod monitors;
mod orders;
mod writing;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use slab::Slab;
use tokio::sync::Notify;

use crate::client::registry::ClientInfo;
use crate::client::sink::Sink;
use crate::client::{Client, Closing};
use crate::clock::Now;
use crate::config::Settings;
use crate::hub::access::HubAccess;
use crate::hub::name::Name;
use crate::hub::{Control, Entry, Receipt};
use crate::ids::{Address, ClientId, Topic, WorkerId};
use crate::keyspace::tracking::Notice;
use crate::observe::stats::WorkerStats;
use crate::resp::decode::Decoder;
use crate::server::{Server, WorkerHandle};
use lists::Lists;

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
    /// Taken from the inbox, not yet delivered.
    incoming: RefCell<VecDeque<Entry>>,
    /// Killed by order of another client; their subscriptions are still to be ended.
    doomed: RefCell<Vec<(ClientId, Receipt)>>,
    /// Meant for clients that have moved.
    astray: RefCell<Vec<(Arc<ClientInfo>, Notice)>>,
    /// How many frames have been fanned out.
    delivered: Cell<u64>,
    /// Outboxes to offer to their sockets.
    dirty: RefCell<VecDeque<Rc<Client>>>,
    /// Bytes in these outboxes that have not been offered, with [`writing::FRAME_BYTES`] for each frame.
    unoffered_bytes: Cell<usize>,
    /// Bytes queued for clients whose sockets were full, since it last looked whether they have room again.
    blind_bytes: Cell<usize>,
    /// Rung when `dirty` has entries.
    pub(crate) flush_bell: Notify,
    settings: RefCell<(u64, Rc<Settings>)>,
    /// Memory for replies, reused by all sessions.
    pub(crate) reply_buffer: RefCell<Vec<u8>>,
    /// The decoder of all connections that are between two requests.
    pub(crate) spare_decoder: RefCell<Box<Decoder>>,
    /// Memory for input, used by all connections in turn: an idle one holds none.
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    /// Whether the server is ending: commands wait, output does not.
    draining: Cell<bool>,
}

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
            doomed: RefCell::default(),
            astray: RefCell::default(),
            dirty: RefCell::default(),
            delivered: Cell::new(0),
            unoffered_bytes: Cell::new(0),
            blind_bytes: Cell::new(0),
            flush_bell: Notify::new(),
            settings: RefCell::new(settings),
            reply_buffer: RefCell::default(),
            spare_decoder: RefCell::default(),
            read_buffer: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
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
            self.obey(Control::ResumeAll);
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
        let info = self.server.clients.admit(self.id, address, -1, self.now());
        self.welcome(info, None)
    }

    /// Takes a client in that was admitted for this worker; `sink` takes its output.
    pub(crate) fn welcome(&self, info: Arc<ClientInfo>, sink: Option<Rc<dyn Sink>>) -> Rc<Client> {
        let client = Client::new(info.clone(), sink);
        let slot = self.clients.borrow_mut().insert(client.clone());
        info.slot.store(slot as u32, Relaxed);
        if info.is_killed() {
            client.close(Closing::Killed);
        }
        client
    }

    /// Lets a connection go: its subscriptions end, its number is free.
    pub fn unregister(&self, client: &Rc<Client>) {
        self.leave_all(client, &mut HubAccess::new(&self.server.hub));
        self.server.clients.remove(client.info.id);
        self.clients.borrow_mut().remove(client.info.slot.load(Relaxed) as usize);
    }

    /// Forgets a client that goes to another worker, and says so.
    pub(crate) fn see_off(&self, client: &Client, destination: WorkerId) {
        tracing::debug!(client = client.info.id, from = self.id, to = destination, "moves to another io-thread");
        self.clients.borrow_mut().remove(client.info.slot.load(Relaxed) as usize);
        self.handle().connections.fetch_sub(1, Relaxed);
        self.server.workers[destination].connections.fetch_add(1, Relaxed);
        self.server.workers[destination].load.count_arriving(true);
        client.info.move_to(destination);
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

    /// Subscribes `client` to `name` at this position of the inbox. A repeated subscription changes nothing.
    pub(crate) fn join(&self, client: &Rc<Client>, topic: Topic, name: &[u8], hub: &mut HubAccess<'_>) {
        if client.listens_to(topic, name) {
            return;
        }
        let (name, slot) = hub.with(|hub| {
            self.incoming.borrow_mut().extend(hub.take_inbox(self.id));
            hub.subscribe(self.id, topic, name, || self.lists.borrow_mut().open())
        });
        self.settle();
        if !client.is_subscriber() {
            self.handle().load.count_subscriber(true);
        }
        self.lists.borrow_mut().add(slot, client, topic, name);
    }

    /// Ends a subscription of `client` at this position of the inbox; false if there was none.
    pub(crate) fn leave(&self, client: &Rc<Client>, topic: Topic, name: &[u8], hub: &mut HubAccess<'_>) -> bool {
        if !client.listens_to(topic, name) {
            return false;
        }
        hub.with(|hub| {
            self.incoming.borrow_mut().extend(hub.take_inbox(self.id));
            hub.unsubscribe(self.id, topic, name);
        });
        self.settle();
        self.lists.borrow_mut().remove(client, topic, name);
        if !client.is_subscriber() {
            self.handle().load.count_subscriber(false);
        }
        true
    }

    /// Ends all subscriptions of `client` at one position of the inbox.
    pub(crate) fn leave_all(&self, client: &Rc<Client>, hub: &mut HubAccess<'_>) {
        if !client.is_subscriber() {
            return;
        }
        let topics = [Topic::Channel, Topic::Pattern, Topic::ShardChannel];
        let names_of = |topic| client.names(topic).into_iter().map(move |name| (topic, name));
        let names: Vec<(Topic, Name)> = topics.into_iter().flat_map(names_of).collect();
        hub.with(|hub| {
            self.incoming.borrow_mut().extend(hub.take_inbox(self.id));
            for (topic, name) in &names {
                hub.unsubscribe(self.id, *topic, name);
            }
        });
        self.settle();
        let mut lists = self.lists.borrow_mut();
        for (topic, name) in &names {
            lists.remove(client, *topic, name);
        }
        self.handle().load.count_subscriber(false);
    }

    /// Takes the inbox and delivers it, for callers that hold nothing of the hub.
    pub fn deliver_inbox(&self) {
        self.deliver(&mut HubAccess::new(&self.server.hub));
    }

    /// Takes the inbox and delivers it to the outboxes of this worker's clients.
    pub(crate) fn deliver(&self, hub: &mut HubAccess<'_>) {
        let entries = hub.with(|hub| hub.take_inbox(self.id));
        self.incoming.borrow_mut().extend(entries);
        self.settle();
        self.send_after(hub);
        self.end_doomed(hub);
    }
}
