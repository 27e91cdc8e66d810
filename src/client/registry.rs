//! The live clients: what every thread may know of each, for CLIENT LIST, KILL and `maxclients`.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

use parking_lot::{Mutex, MutexGuard};

use super::held::{Held, Holding, Sums};
use super::slow::Slow;
use crate::acl::{Acl, Seat, User};
use crate::clock::Now;
use crate::ids::{Address, ClientId, WorkerId};

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

/// Bytes of a name that logs show.
const SHORT_NAME: usize = 64;

/// A name for logs: of a long one only the front, and how much more there is.
pub(crate) fn shortened(name: &str) -> String {
    let front = &name[..name.floor_char_boundary(SHORT_NAME)];
    match name.len() - front.len() {
        0 => name.to_owned(),
        more => format!("{front}... ({more} more bytes)"),
    }
}

impl Labels {
    /// Its name for logs.
    pub(crate) fn short_name(&self) -> String {
        shortened(&self.name)
    }
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
    /// Has asked for the end of the server, and sees it.
    Spared,
    /// PUBSUB TRACE
    Tracer,
    /// Its connection is encrypted.
    Encrypted,
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
    /// Commands queued by MULTI.
    pub queued: AtomicU32,
    /// Who is told in its place what to forget: 0 for nobody, -1 while it does not track.
    pub redirect: AtomicI64,
    /// What the upstream of its keys calls it; 0 without a connection there.
    pub(crate) upstream_id: AtomicU64,
    /// Keys watched.
    pub watched: AtomicU32,
    /// What it has made grow.
    pub held: Held,
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
    /// What is to become of it if it does not keep up, and what has.
    pub(crate) slow: Slow,
    labels: Mutex<Labels>,
    login: Mutex<Login>,
    flags: AtomicU32,
}

/// Which user a client is.
#[derive(Debug, Default)]
struct Login {
    /// The user that it has logged in as; none while that is the default user.
    own: Option<Arc<User>>,
    /// Its place among the connections of its user. None until it has proven who it is, and when it has gone.
    seat: Option<Seat>,
}

impl ClientInfo {
    /// A client that has just connected.
    pub fn new(id: ClientId, worker: WorkerId, sums: &Arc<Sums>, address: Address, fd: i32, now: Now) -> Self {
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
            queued: AtomicU32::new(0),
            redirect: AtomicI64::new(-1),
            upstream_id: AtomicU64::new(0),
            watched: AtomicU32::new(0),
            held: Held::new(worker, sums),
            output_pieces: AtomicUsize::new(0),
            total_in: AtomicU64::new(0),
            total_out: AtomicU64::new(0),
            total_commands: AtomicU64::new(0),
            last_command: AtomicU16::new(u16::MAX),
            killed: AtomicBool::new(false),
            slow: Slow::default(),
            labels: Mutex::default(),
            login: Mutex::default(),
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
        self.held.move_to(worker);
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

    /// The user that it is.
    pub(crate) fn user(&self, acl: &Acl) -> Arc<User> {
        self.login.lock().own.as_ref().unwrap_or(&acl.default).clone()
    }

    /// The same; none while that is the default user.
    pub(crate) fn own_user(&self) -> Option<Arc<User>> {
        self.login.lock().own.clone()
    }

    /// It is this user from now on. False, and nothing changes, if that has as many connections as it may have.
    pub(crate) fn log_in(&self, user: &Arc<User>, acl: &Acl) -> bool {
        let mut login = self.login.lock();
        if !login.seat.as_ref().is_some_and(|seat| seat.is_with(user)) {
            let Some(seat) = Seat::take(user) else { return false };
            login.seat = Some(seat);
        }
        login.own = (!Arc::ptr_eq(user, &acl.default)).then(|| user.clone());
        true
    }

    /// It has still to prove who it is.
    pub(crate) fn log_out(&self) {
        *self.login.lock() = Login::default();
    }

    /// It counts no more among the connections of its user, which it stays.
    fn leave_seat(&self) {
        self.login.lock().seat = None;
    }

    /// What it says of itself.
    pub fn labels(&self) -> MutexGuard<'_, Labels> {
        self.labels.lock()
    }

    /// Changes what it says of itself.
    pub(crate) fn relabel(&self, change: impl FnOnce(&mut Labels)) {
        let mut labels = self.labels.lock();
        change(&mut labels);
        let bytes = labels.name.len() + labels.lib_name.len() + labels.lib_version.len();
        self.held.set(Holding::Labels, bytes);
    }

    /// Whether it listens to anything.
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Relaxed) > 0)
    }
}

/// All live clients by id.
#[derive(Debug)]
pub struct Clients {
    live: Mutex<BTreeMap<ClientId, Arc<ClientInfo>>>,
    last_id: AtomicU64,
    /// What they hold together.
    pub held: Arc<Sums>,
}

impl Clients {
    /// Nobody yet, for this many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Clients { live: Mutex::default(), last_id: AtomicU64::new(0), held: Sums::new(workers) }
    }

    /// Gives a new connection its number and lists it.
    pub fn admit(&self, worker: WorkerId, address: Address, fd: i32, now: Now) -> Arc<ClientInfo> {
        let id = self.last_id.fetch_add(1, Relaxed) + 1;
        let info = Arc::new(ClientInfo::new(id, worker, &self.held, address, fd, now));
        self.live.lock().insert(id, info.clone());
        info
    }

    /// Removes a client.
    pub fn remove(&self, id: ClientId) {
        if let Some(info) = self.live.lock().remove(&id) {
            info.doom();
            info.leave_seat();
            info.held.release();
        }
    }

    /// Some of those with higher numbers than this one, in the order of their numbers.
    pub(crate) fn behind(&self, id: ClientId, most: usize) -> Vec<Arc<ClientInfo>> {
        self.live.lock().range(id + 1..).take(most).map(|(_, info)| info.clone()).collect()
    }

    /// The client with this number, if it lives.
    pub fn get(&self, id: ClientId) -> Option<Arc<ClientInfo>> {
        self.live.lock().get(&id).filter(|info| !info.is_killed()).cloned()
    }

    /// All live clients, the oldest first.
    pub fn all(&self) -> Vec<Arc<ClientInfo>> {
        self.live.lock().values().filter(|info| !info.is_killed()).cloned().collect()
    }

    /// Those that hold most, as few of them as must go so that the others hold `limit` bytes together at most. Who is going
    /// already counts no more, and who is exempt from eviction stays. Costs one look at a number as long as all is well.
    pub(crate) fn beyond(&self, limit: u64) -> Vec<Arc<ClientInfo>> {
        if self.held.total() as u64 <= limit {
            return Vec::new();
        }
        let clients = self.all();
        // Read once: other threads change the figures meanwhile.
        let held: Vec<usize> = clients.iter().map(|info| info.held.sum()).collect();
        let mut total: usize = held.iter().sum();
        let may_go = held.into_iter().enumerate().filter(|(i, _)| !clients[*i].has_flag(Flag::NoEvict));
        let mut largest: BinaryHeap<(usize, usize)> = may_go.map(|(i, bytes)| (bytes, i)).collect();
        let mut chosen = Vec::new();
        while total as u64 > limit
            && let Some((bytes, i)) = largest.pop()
        {
            total -= bytes;
            chosen.push(clients[i].clone());
        }
        chosen
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// Clients that hold so many bytes each.
    fn clients(held: &[usize]) -> (Clients, Vec<Arc<ClientInfo>>) {
        let clients = Clients::new(1);
        let admit = |bytes: &usize| {
            let info = clients.admit(0, Address::Unix("/x".into()), -1, Clock::simulated().now());
            info.held.set(Holding::Output, *bytes);
            info
        };
        let infos = held.iter().map(admit).collect();
        (clients, infos)
    }

    fn ids(chosen: &[Arc<ClientInfo>]) -> Vec<ClientId> {
        chosen.iter().map(|info| info.id).collect()
    }

    #[test]
    fn the_largest_go_first_and_no_more_than_must() {
        let (clients, infos) = clients(&[5, 40, 20, 30, 5]);
        assert!(clients.beyond(100).is_empty());
        assert_eq!(ids(&clients.beyond(99)), [2]);
        assert_eq!(ids(&clients.beyond(59)), [2, 4]);
        infos[1].set_flag(Flag::NoEvict, true);
        assert_eq!(ids(&clients.beyond(99)), [4]);
        assert_eq!(ids(&clients.beyond(0)), [4, 3, 5, 1]);
        infos[3].doom();
        assert!(clients.beyond(70).is_empty(), "who is going has made room already");
        clients.remove(infos[1].id);
        assert_eq!(clients.held.total(), 60);
    }

    #[test]
    fn nobody_goes_who_together_never_held_too_much_however_their_figures_change_meanwhile() {
        const MOST: usize = 1000;
        let (clients, infos) = clients(&[MOST; 8]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (i, info) in infos.iter().enumerate() {
                let done = &done;
                scope.spawn(move || {
                    let mut bytes = i;
                    while !done.load(Relaxed) {
                        bytes = (bytes * 31 + 7) % (MOST + 1);
                        info.held.set(Holding::Output, bytes);
                    }
                });
            }
            let chosen: usize = (0..20_000).map(|_| clients.beyond((8 * MOST) as u64).len()).sum();
            let few = (0..20_000).map(|_| clients.beyond((7 * MOST) as u64).len()).max();
            done.store(true, Relaxed);
            assert_eq!(chosen, 0);
            assert!(few < Some(8), "all of them would go only if a figure were taken off that was never added");
        });
        infos.iter().for_each(|info| info.held.release());
        assert_eq!(clients.held.total(), 0);
    }
}
