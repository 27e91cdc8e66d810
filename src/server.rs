//! What all workers share: the hub, the live clients, the configuration, the counters. No input or output here.

pub mod executor;
pub(crate) mod governor;
pub mod names;
pub(crate) mod tracers;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Release};

use hdrhistogram::Histogram;
use parking_lot::{Mutex, ReentrantMutex, RwLock};
use tokio::sync::Notify;

use crate::acl::{Acl, Catalogue};
use crate::backplane::Backplane;
use crate::backplane::status::Phase;
use crate::client::order::{Errand, Hub, Order};
use crate::client::registry::{ClientInfo, Clients, shortened};
use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::drain::Drain;
use crate::hub::Slots;
use crate::ids::{CommandIndex, PortSet};
use crate::keyspace::Keyspace;
use crate::lazy_free::LazyFree;
use crate::mailbox::Sent;
use crate::observe::channels::Sampler;
use crate::observe::counters::{Counter, Counters};
use crate::observe::incidents::{Fate, Incident, Incidents};
use crate::observe::latency::LatencyMonitor;
use crate::observe::load::Load;
use crate::observe::memory::MemoryGauge;
use crate::observe::seldom::Seldom;
use crate::observe::slowlog::Slowlog;
use crate::observe::stats::{CommandStats, ServerStats, WorkerStats, new_histogram};
use crate::pause::Pause;
use crate::script::Scripts;
use crate::shutdown::Shutdown;
use executor::Executors;
use governor::Governor;
use names::Names;
use tracers::Tracers;

/// What other threads need of a worker beside its mailbox. Apart from those of other workers in memory, because its own thread
/// counts in it with each command.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerHandle {
    /// Rung when the mailbox has become non-empty.
    pub bell: Notify,
    /// How much it has to do.
    pub(crate) load: Load,
    /// Where it keeps the subscribers of which name.
    pub(crate) slots: Slots,
    /// Whether a thread serves it.
    pub(crate) is_served: AtomicBool,
    /// What the system knows its thread by; 0 while there is none.
    pub(crate) system_id: AtomicU32,
    /// Connections that it has been given and that are open.
    pub connections: AtomicUsize,
    /// How many times it has delivered and written everything since the server began to end.
    pub drain_rounds: AtomicU64,
    /// How many of its clients monitor.
    pub monitors: AtomicUsize,
    /// Its counters.
    pub stats: WorkerStats,
}

/// The state of one server.
///
/// The order in which its locks may be taken is written down at the [library](crate).
#[derive(Debug)]
pub struct Server {
    /// Who listens to what.
    pub hub: Hub,
    /// Strings, lists and streams.
    pub keyspace: Keyspace,
    /// Who is connected.
    pub clients: Clients,
    /// What it understands, by name.
    pub names: Names,
    /// What joins this server with others, if anything does.
    pub(crate) backplane: Option<Backplane>,
    /// Users, and what each of them may do.
    pub(crate) acl: Acl,
    /// Held by commands that change what others see, and by transactions that have some, so that nothing of that kind
    /// happens between two commands of a transaction.
    pub(crate) administration: ReentrantMutex<()>,
    /// Directives and where they came from; readers of values use [`Server::settings`].
    pub config: Mutex<Config>,
    settings: RwLock<Arc<Settings>>,
    settings_version: AtomicU64,
    /// One for each io-thread.
    pub workers: Box<[WorkerHandle]>,
    /// Counters that belong to no worker.
    pub stats: ServerStats,
    /// Threads for commands that take long.
    pub executors: Executors,
    /// Slow commands.
    pub slowlog: Slowlog,
    /// Slow events.
    pub latency: LatencyMonitor,
    /// Clients that were cut, or have lost messages.
    pub(crate) incidents: Incidents,
    /// When the log last told of a browser that was made to speak to this server.
    pub(crate) cross_protocol: Seldom,
    /// The same of clients that speak TLS where it is not spoken.
    pub(crate) misplaced_tls: Seldom,
    /// Wrong passwords that the log tells of.
    pub(crate) wrong_passwords: Seldom,
    /// Scripts, and the one that is running.
    pub(crate) scripts: Scripts,
    /// PUBSUB TRACE.
    pub(crate) tracers: Tracers,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// SHUTDOWN and signals.
    pub shutdown: Shutdown,
    /// How the server empties itself.
    pub(crate) drain: Drain,
    /// Connections that are open, those included that no worker has welcomed yet.
    pub connections: AtomicUsize,
    /// How many clients monitor.
    pub monitors: AtomicUsize,
    /// Where time comes from.
    pub clock: Clock,
    /// A name for this run, 40 hexadecimal digits.
    pub run_id: String,
    /// The program file, for INFO.
    pub executable: PathBuf,
    /// Ports that had fallen behind when keys were last looked after.
    pub(crate) behind_keys: Mutex<PortSet>,
    /// What the allocator has given away.
    pub(crate) memory: Arc<MemoryGauge>,
    /// Where what is large is freed.
    pub(crate) lazy_free: Arc<LazyFree>,
    /// What the thread that governs the process is asked for.
    pub(crate) governor: Governor,
}

/// Why no new clients should be sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unready {
    /// It ends.
    Ending,
    /// It empties itself.
    Draining,
    /// Its engine does not know yet what its clients listen to, or there is no connection to it.
    Unlinked,
}

impl Unready {
    /// As INFO says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Unready::Ending => "ending",
            Unready::Draining => "draining",
            Unready::Unlinked => "unlinked",
        }
    }
}

impl Server {
    /// Why no new clients should be sent here; none if they may.
    pub(crate) fn unready(&self) -> Option<Unready> {
        if self.drain.plan().is_some() {
            return Some(Unready::Draining);
        }
        if self.shutdown.is_requested() {
            return Some(Unready::Ending);
        }
        let backplane = self.backplane.as_ref();
        backplane.filter(|backplane| backplane.status.phase() != Phase::Up).map(|_| Unready::Unlinked)
    }

    /// A server with this configuration, which understands commands by these names, and rules about users by
    /// those of the catalogue.
    pub(crate) fn new(config: Config, names: Names, catalogue: Catalogue, clock: Clock) -> Arc<Self> {
        let settings = config.settings().clone();
        let acl = Acl::new(catalogue, settings.requirepass.password());
        let worker = |_| WorkerHandle {
            bell: Notify::new(),
            load: Load::default(),
            slots: Slots::default(),
            is_served: AtomicBool::new(false),
            system_id: AtomicU32::new(0),
            connections: AtomicUsize::new(0),
            drain_rounds: AtomicU64::new(0),
            monitors: AtomicUsize::new(0),
            stats: WorkerStats::new(names.places()),
        };
        let workers: Box<[WorkerHandle]> = (0..usize::from(settings.io_threads.0)).map(worker).collect();
        let memory = Arc::new(MemoryGauge::new(workers.len() + Executors::COUNT));
        let lazy_free = Arc::new(LazyFree::new(memory.clone()));
        let disposer = lazy_free.clone();
        let run_id = random_hex();
        let backplane = Backplane::new(&settings, &run_id);
        let hub = match &backplane {
            Some(backplane) => Hub::linked(workers.len(), settings.backplane_queue_limit.0, backplane.carries()),
            None => Hub::new(workers.len()),
        };
        Arc::new(Server {
            acl,
            hub,
            backplane,
            keyspace: Keyspace::new(move |garbage| disposer.dispose(garbage)),
            clients: Clients::new(workers.len()),
            administration: ReentrantMutex::default(),
            config: Mutex::new(config),
            settings: RwLock::new(settings),
            settings_version: AtomicU64::new(0),
            workers,
            stats: ServerStats::default(),
            executors: Executors::new(names.places()),
            slowlog: Slowlog::default(),
            latency: LatencyMonitor::default(),
            incidents: Incidents::default(),
            cross_protocol: Seldom::default(),
            misplaced_tls: Seldom::default(),
            wrong_passwords: Seldom::default(),
            scripts: Scripts::default(),
            tracers: Tracers::default(),
            pause: Pause::default(),
            shutdown: Shutdown::default(),
            drain: Drain::default(),
            connections: AtomicUsize::new(0),
            monitors: AtomicUsize::new(0),
            clock,
            run_id,
            executable: std::env::current_exe().unwrap_or_default(),
            behind_keys: Mutex::default(),
            memory,
            lazy_free,
            governor: Governor::default(),
            names,
        })
    }

    /// The values of all directives as of now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }

    /// Rises with every change of the settings.
    pub fn settings_version(&self) -> u64 {
        self.settings_version.load(Acquire)
    }

    /// Makes changed settings visible to all workers.
    pub fn apply_settings(&self, settings: Arc<Settings>) {
        *self.settings.write() = settings;
        self.settings_version.fetch_add(1, Release);
    }

    /// Keeps for operators what has become of a client.
    pub(crate) fn note_incident(&self, info: &ClientInfo, fate: Fate) {
        self.incidents.add(Incident {
            unix_ms: self.clock.now().unix_ms(),
            client: info.id,
            peer: info.address.peer(),
            user: shortened(&String::from_utf8_lossy(info.user(&self.acl).name())),
            name: info.labels().short_name(),
            fate,
        });
    }

    /// The counters of each thread that runs commands.
    pub fn all_stats(&self) -> impl Iterator<Item = &WorkerStats> {
        let executors = [&self.executors.keys.stats, &self.executors.others.stats];
        self.workers.iter().map(|worker| &worker.stats).chain(executors)
    }

    /// Messages since the start that were not published because nobody would have heard them: the hub knows nothing of them.
    pub(crate) fn unheard(&self) -> u64 {
        self.all_stats().map(|stats| stats.unheard.get()).sum()
    }

    /// One counter of all threads and of the whole server together.
    pub fn total(&self, counter: impl Fn(&Counters) -> &Counter) -> u64 {
        let counters = self.all_stats().map(|stats| &stats.counters).chain([&self.stats.counters]);
        counters.map(|counters| counter(counters).get()).sum()
    }

    /// One counter of one command on all threads together.
    pub fn total_of(&self, command: CommandIndex, counter: impl Fn(&CommandStats) -> &Counter) -> u64 {
        self.all_stats().map(|stats| counter(&stats.by_command[usize::from(command)]).get()).sum()
    }

    /// Samples the totals of commands and bytes, for the rates that INFO shows. To be called at regular times, by one thread.
    pub fn sample_rates(&self) {
        let totals = [
            self.total(|counters| &counters.commands),
            self.total(|counters| &counters.net_input_bytes),
            self.total(|counters| &counters.net_output_bytes),
        ];
        self.stats.rates.lock().sample(self.clock.now().ms(), totals);
    }

    /// Where each thread keeps which channels have been busy.
    pub(crate) fn samplers(&self) -> impl Iterator<Item = &Sampler> {
        self.all_stats().map(|stats| &stats.channels).chain([&self.stats.channels])
    }

    /// Lets each of these look at as many messages as there is time for, and tells the hub the time. To be called ten times a
    /// second.
    pub(crate) fn adapt_samplers(&self) {
        let (settings, now_ms) = (self.settings(), self.clock.now().ms());
        self.samplers().for_each(|sampler| sampler.adapt(&settings, now_ms));
        self.hub.lock().note_time(now_ms);
    }

    /// The distribution of one command's execution times on all workers together, in nanoseconds; none before the first.
    pub fn latency_of(&self, command: CommandIndex) -> Option<Histogram<u64>> {
        let mut merged = None;
        for stats in self.all_stats() {
            if let Some(histogram) = &*stats.by_command[usize::from(command)].latency.lock() {
                merged.get_or_insert_with(new_histogram).add(&**histogram).expect("all have the same bounds");
            }
        }
        merged
    }

    /// The number of the thread for commands on keys in the gauge of memory, behind those of the workers.
    pub(crate) fn keys_thread(&self) -> usize {
        self.workers.len()
    }

    /// The number of the thread for long commands that use no keys.
    pub(crate) fn others_thread(&self) -> usize {
        self.workers.len() + 1
    }

    /// Bytes in use as `maxmemory` counts them, exact as far as the thread of this number is concerned, which calls this:
    /// without those that were thrown away and are about to be freed. Workers' threads have their workers' numbers.
    pub(crate) fn memory_in_use(&self, thread: usize) -> u64 {
        self.memory.count(thread).saturating_sub(self.lazy_free.waiting_bytes())
    }

    /// Lets something be done with a client on its own thread.
    pub(crate) fn send(&self, client: Arc<ClientInfo>, errand: Errand) {
        let mut sent = Sent::default();
        self.hub.lock().send(client.worker(), Order::To(client, errand), &mut sent);
        self.wake(sent.wake);
    }

    /// Wakes ports whose mailboxes have become non-empty.
    pub fn wake(&self, ports: PortSet) {
        for port in ports.iter() {
            let link = || self.backplane.as_ref().map(|backplane| &backplane.bell);
            if let Some(bell) = self.workers.get(port).map(|worker| &worker.bell).or_else(link) {
                bell.notify_one();
            }
        }
    }
}

/// 40 random hexadecimal digits.
fn random_hex() -> String {
    use std::hash::{BuildHasher, RandomState};
    (0..5).map(|i| format!("{:08x}", RandomState::new().hash_one(i) as u32)).collect()
}
