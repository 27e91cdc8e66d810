//! The live clients: what every thread may know of each, for CLIENT LIST, KILL and `maxclients`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

use parking_lot::Mutex;

use crate::client::Client;
use crate::clock::Now;
use crate::ids::{Address, ClientId, WorkerId};
use crate::session::Session;

/// What a client says of itself.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// CLIENT SETNAME
    pub name: Box<str>,
    /// CLIENT SETINFO LIB-NAME
    pub lib_name: Box<str>,
    /// CLIENT SETINFO LIB-VER
    pub lib_version: Box<str>,
}

/// A truth about a client that CLIENT LIST shows as a letter.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Flag {
    /// MONITOR
    Monitor,
    /// Between MULTI and EXEC.
    Multi,
    /// The connection closes when the reply has been written.
    CloseAfterReply,
    /// The connection is being closed.
    CloseAsap,
    /// CLIENT NO-EVICT ON
    NoEvict,
    /// CLIENT NO-TOUCH ON
    NoTouch,
    /// CLIENT TRACKING ON
    Tracking,
    /// CLIENT TRACKING ON BCAST
    TrackingBroadcast,
    /// The client that is told in its place what to forget has gone.
    TrackingBroken,
    /// May be told what to forget: it tracks, or another client redirects to it, or did so once.
    HearsOfKeys,
    /// Waits: for the end of a pause, or in a blocking command.
    Blocked,
}

/// The public side of one client. Its own thread writes it, any thread reads it; no field depends on another.
#[derive(Debug)]
pub struct ClientInfo {
    /// Its number.
    pub id: ClientId,
    /// The worker it lives on, or is on its way to.
    worker: AtomicUsize,
    /// Its place on that worker.
    pub slot: AtomicU32,
    /// Its connection.
    pub address: Address,
    /// The file descriptor of its socket.
    pub fd: AtomicI32,
    /// When it connected, in milliseconds of the server's clock.
    pub connected_ms: u64,
    /// When it last sent something, in milliseconds of the server's clock.
    pub active_ms: AtomicU64,
    /// Its database.
    pub db: AtomicU16,
    /// The number of its protocol version.
    pub proto: AtomicU8,
    /// Subscriptions to channels, patterns and shard channels.
    pub subscriptions: [AtomicU32; 3],
    /// What the subscriptions occupy, in bytes; names count in full, though clients share them.
    pub subscription_bytes: AtomicUsize,
    /// Commands queued by MULTI.
    pub queued: AtomicU32,
    /// Bytes of the commands queued by MULTI.
    pub queued_bytes: AtomicUsize,
    /// Bytes of the command that waits for the end of a pause.
    pub postponed_bytes: AtomicUsize,
    /// Who is told in its place what to forget: 0 for nobody, -1 while it does not track.
    pub redirect: AtomicI64,
    /// Keys watched.
    pub watched: AtomicU32,
    /// Bytes received that are not yet a whole request.
    pub input_bytes: AtomicUsize,
    /// Room for more of them.
    pub input_room: AtomicUsize,
    /// Bytes that wait to be written.
    pub output_bytes: AtomicUsize,
    /// Pieces that wait to be written.
    pub output_pieces: AtomicUsize,
    /// Bytes received in all.
    pub total_in: AtomicU64,
    /// Bytes sent in all.
    pub total_out: AtomicU64,
    /// Commands executed in all.
    pub total_commands: AtomicU64,
    /// The last command's place in the command table, `u16::MAX` before the first.
    pub last_command: AtomicU16,
    /// Whether it has ended, or been told to; it is not listed any more.
    killed: AtomicBool,
    /// Its labels.
    pub labels: Mutex<Labels>,
    flags: AtomicU32,
}

impl ClientInfo {
    /// A client that has just connected.
    pub fn new(id: ClientId, worker: WorkerId, address: Address, fd: i32, now: Now) -> Self {
        ClientInfo {
            id,
            worker: AtomicUsize::new(worker),
            slot: AtomicU32::new(u32::MAX),
            address,
            fd: AtomicI32::new(fd),
            connected_ms: now.ms(),
            active_ms: AtomicU64::new(now.ms()),
            db: AtomicU16::new(0),
            proto: AtomicU8::new(2),
            subscriptions: Default::default(),
            subscription_bytes: AtomicUsize::new(0),
            queued: AtomicU32::new(0),
            queued_bytes: AtomicUsize::new(0),
            postponed_bytes: AtomicUsize::new(0),
            redirect: AtomicI64::new(-1),
            watched: AtomicU32::new(0),
            input_bytes: AtomicUsize::new(0),
            input_room: AtomicUsize::new(0),
            output_bytes: AtomicUsize::new(0),
            output_pieces: AtomicUsize::new(0),
            total_in: AtomicU64::new(0),
            total_out: AtomicU64::new(0),
            total_commands: AtomicU64::new(0),
            last_command: AtomicU16::new(u16::MAX),
            killed: AtomicBool::new(false),
            labels: Mutex::default(),
            flags: AtomicU32::new(0),
        }
    }

    /// The worker it lives on, or is on its way to. Who has to reach it there must have changed what it is to find first:
    /// a client that moves meanwhile sees that change when it arrives, or is found where this says.
    pub fn worker(&self) -> WorkerId {
        self.worker.load(SeqCst)
    }

    /// Says where it is going to live.
    pub(crate) fn move_to(&self, worker: WorkerId) {
        self.worker.store(worker, SeqCst);
    }

    /// Whether it has ended, or been told to.
    pub fn is_killed(&self) -> bool {
        self.killed.load(SeqCst)
    }

    /// Notes that it is to end; false if it was so already.
    pub(crate) fn doom(&self) -> bool {
        !self.killed.swap(true, SeqCst)
    }

    /// Sets or clears a flag.
    pub fn set_flag(&self, flag: Flag, on: bool) {
        let bit = 1 << flag as u8;
        if on {
            self.flags.fetch_or(bit, Relaxed);
        } else {
            self.flags.fetch_and(!bit, Relaxed);
        }
    }

    /// Whether a flag is set.
    pub fn has_flag(&self, flag: Flag) -> bool {
        self.flags.load(Relaxed) & (1 << flag as u8) != 0
    }

    /// What it occupies in memory, in bytes: its own state and all that it has made grow.
    pub fn memory_bytes(&self) -> usize {
        let labels = self.labels.lock();
        let labels_bytes = labels.name.len() + labels.lib_name.len() + labels.lib_version.len();
        size_of::<Self>() + size_of::<Session>() + size_of::<Client>() + labels_bytes + self.grown_bytes()
    }

    /// What it has made grow, in bytes: all that it has received, queued and not yet taken, and its subscriptions.
    /// Messages count in full, though clients share them.
    pub fn grown_bytes(&self) -> usize {
        let parts = [
            &self.input_bytes,
            &self.input_room,
            &self.queued_bytes,
            &self.postponed_bytes,
            &self.output_bytes,
            &self.subscription_bytes,
        ];
        parts.iter().map(|bytes| bytes.load(Relaxed)).sum()
    }

    /// Whether it listens to anything.
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Relaxed) > 0)
    }
}

/// All live clients by id.
#[derive(Debug, Default)]
pub struct Clients {
    live: Mutex<BTreeMap<ClientId, Arc<ClientInfo>>>,
    last_id: AtomicU64,
}

impl Clients {
    /// Gives a new connection its number and lists it.
    pub fn admit(&self, worker: WorkerId, address: Address, fd: i32, now: Now) -> Arc<ClientInfo> {
        let id = self.last_id.fetch_add(1, Relaxed) + 1;
        let info = Arc::new(ClientInfo::new(id, worker, address, fd, now));
        self.live.lock().insert(id, info.clone());
        info
    }

    /// Removes a client.
    pub fn remove(&self, id: ClientId) {
        if let Some(info) = self.live.lock().remove(&id) {
            info.doom();
        }
    }

    /// The client with this number, if it lives.
    pub fn get(&self, id: ClientId) -> Option<Arc<ClientInfo>> {
        self.live.lock().get(&id).filter(|info| !info.is_killed()).cloned()
    }

    /// All live clients, the oldest first.
    pub fn all(&self) -> Vec<Arc<ClientInfo>> {
        self.live.lock().values().filter(|info| !info.is_killed()).cloned().collect()
    }

    /// How many connections are open.
    pub fn len(&self) -> usize {
        self.live.lock().len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
