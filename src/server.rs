//! What all shards share: the hub, the live clients, the configuration, the counters. No input or output here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Release};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::clients::Clients;
use crate::clock::Clock;
use crate::command::table::CommandTable;
use crate::config::{Config, Settings, StartError};
use crate::hub::{Hub, ShardSet};
use crate::latency::LatencyMonitor;
use crate::listen::Listener;
use crate::pause::Pause;
use crate::shutdown::Shutdown;
use crate::slowlog::Slowlog;
use crate::stats::{ServerStats, ShardStats};

/// The version of Redis whose behaviour clients may expect.
pub const REDIS_VERSION: &str = "7.2.4";
/// Our own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What other threads need of a shard beside its inbox.
#[derive(Debug)]
pub struct ShardHandle {
    /// Rung when the inbox has become non-empty.
    pub bell: Notify,
    /// Connections that it has been given and that are open.
    pub connections: AtomicUsize,
    /// Its counters.
    pub stats: ShardStats,
}

/// The state of one server.
///
/// Locks, in the order in which they may be taken: the configuration, the hub, the live clients, then any other, of
/// which none is taken while another of them is held.
#[derive(Debug)]
pub struct Server {
    /// Who listens to what.
    pub hub: Hub,
    /// Who is connected.
    pub clients: Clients,
    /// What it understands.
    pub commands: CommandTable,
    /// Directives and where they came from; readers of values use [`Server::settings`].
    pub config: Mutex<Config>,
    settings: RwLock<Arc<Settings>>,
    settings_version: AtomicU64,
    /// One for each io-thread.
    pub shards: Box<[ShardHandle]>,
    /// Counters that belong to no shard.
    pub stats: ServerStats,
    /// Slow commands.
    pub slowlog: Slowlog,
    /// Slow events.
    pub latency: LatencyMonitor,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// SHUTDOWN and signals.
    pub shutdown: Shutdown,
    /// Connections that are open, those included that no shard has welcomed yet.
    pub connections: AtomicUsize,
    /// How many clients monitor.
    pub monitors: AtomicUsize,
    /// Where time comes from.
    pub clock: Clock,
    /// A name for this run, 40 hexadecimal digits.
    pub run_id: String,
    /// The program file, for INFO.
    pub executable: PathBuf,
    /// What the process around this core must act on after CONFIG SET.
    pub reconfigured: Reconfigured,
}

/// Tells the process around the core that directives have changed which it must act on.
#[derive(Debug, Default)]
pub struct Reconfigured {
    /// Rung at every change.
    pub bell: Notify,
    /// Sockets bound to changed addresses, which replace those that are listened on.
    listeners: Mutex<Option<Vec<Listener>>>,
}

impl Reconfigured {
    /// Replaces the TCP sockets that are listened on.
    pub fn put_listeners(&self, listeners: Vec<Listener>) {
        *self.listeners.lock() = Some(listeners);
        self.bell.notify_one();
    }

    /// Takes the sockets that replace those that are listened on, if there are new ones.
    pub fn take_listeners(&self) -> Option<Vec<Listener>> {
        self.listeners.lock().take()
    }
}

impl Server {
    /// A server with this configuration.
    ///
    /// # Errors
    ///
    /// [`StartError`] where `rename-command` names a command that does not exist or takes a name twice.
    pub fn new(config: Config, clock: Clock) -> Result<Arc<Self>, StartError> {
        let settings = config.settings().clone();
        let commands = CommandTable::new(&settings.rename_command)?;
        let shard = |_| ShardHandle {
            bell: Notify::new(),
            connections: AtomicUsize::new(0),
            stats: ShardStats::new(commands.len()),
        };
        let shards: Box<[ShardHandle]> = (0..usize::from(settings.io_threads.0)).map(shard).collect();
        Ok(Arc::new(Server {
            hub: Hub::new(shards.len()),
            clients: Clients::default(),
            config: Mutex::new(config),
            settings: RwLock::new(settings),
            settings_version: AtomicU64::new(0),
            shards,
            stats: ServerStats::default(),
            slowlog: Slowlog::default(),
            latency: LatencyMonitor::default(),
            pause: Pause::default(),
            shutdown: Shutdown::default(),
            connections: AtomicUsize::new(0),
            monitors: AtomicUsize::new(0),
            clock,
            run_id: random_hex(),
            executable: std::env::current_exe().unwrap_or_default(),
            reconfigured: Reconfigured::default(),
            commands,
        }))
    }

    /// The values of all directives as of now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }

    /// Rises with every change of the settings.
    pub fn settings_version(&self) -> u64 {
        self.settings_version.load(Acquire)
    }

    /// Makes changed settings visible to all shards and to the process around the core.
    pub fn apply_settings(&self, settings: Arc<Settings>) {
        *self.settings.write() = settings;
        self.settings_version.fetch_add(1, Release);
        self.reconfigured.bell.notify_one();
    }

    /// Wakes shards whose inboxes have become non-empty.
    pub fn wake(&self, mut shards: ShardSet) {
        for shard in shards.drain() {
            self.shards[shard].bell.notify_one();
        }
    }
}

/// 40 random hexadecimal digits.
fn random_hex() -> String {
    use std::hash::{BuildHasher, RandomState};
    (0..5).map(|i| format!("{:08x}", RandomState::new().hash_one(i) as u32)).collect()
}
