//! What the main thread does while io-threads serve the clients: hear signals, carry out what CONFIG SET asks of the system,
//! accept connections while the io-thread that does so is late, end. No client is served here, so nothing that a client does
//! keeps this thread from its work.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::affairs::{carry_out_changes, carry_out_filing};
use super::deputy::Deputy;
use super::doormen::{Doormen, House};
use super::ending::{self, Phase};
use super::renewal::Renewal;
use super::supervision;
use super::vital::vital;
use crate::config::{Settings, ShutdownFlags};
use crate::net::handover::Doors;
use crate::net::listen::Listener;
use crate::net::tls::acceptor::Acceptor;
use crate::observe::log;
use crate::server::{Server, Unready};
use crate::version::VERSION;
use crate::web::{self, Site};

/// How long it is waited for the engine at most before the server says that it is ready.
const LINK_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked.
const LINK_CHECK: Duration = Duration::from_millis(20);

/// What the governing thread has in hand.
pub(super) struct Reins {
    pub listeners: Vec<Listener>,
    /// Where operators ask.
    pub pages: Vec<Listener>,
    pub tls: Arc<Acceptor>,
    pub doors: Doors,
    pub phase: watch::Sender<Phase>,
    /// Closed when the last io-thread has ended.
    pub threads: mpsc::Receiver<Infallible>,
}

/// Governs until the end.
pub(super) async fn govern(server: Arc<Server>, reins: Reins) {
    let Reins { listeners, pages, tls, doors, phase, threads } = reins;
    let reload = Rc::new(Notify::new());
    hear_signals(&server, reload.clone());
    let is_encrypted = server.settings().metrics_tls;
    web::serve(Site { server: server.clone(), acceptor: tls.clone(), is_encrypted }, pages);
    let renewal = Renewal::new(server.clone(), tls.clone());
    let doormen = Rc::new(Doormen::new(doors.clone(), tls));
    doormen.open(listeners);
    let deputy = Deputy::new(doormen.clone(), House::new(server.clone(), doors, phase.subscribe()));
    spawn_local(vital(deputy.stand_by()));
    spawn_local(vital(renewal.go_on()));
    let (changes, filing) = server.governor.open();
    spawn_local(vital(carry_out_changes(server.clone(), doormen.clone(), changes, reload)));
    spawn_local(vital(carry_out_filing(server.clone(), filing)));
    announce(&server, &doormen);
    let settings = server.settings();
    supervision::look_for_supervisor(&settings);
    spawn_local(report_ready(server.clone()));
    spawn_local(vital(async move { supervision::keep_alive(&settings).await }));
    loop {
        server.shutdown.bell.notified().await;
        if !server.shutdown.is_requested() && !server.shutdown.is_drain_requested() {
            continue;
        }
        supervision::draining(&server.settings());
        if ending::end(&server, &phase).await {
            supervision::stopping(&server.settings());
            return ending::part(threads).await;
        }
        supervision::ready(&server.settings());
    }
}

/// Tells who supervises the server that it is ready: beside a backplane when the engine knows of it, but not so late that it
/// would be taken for stuck, because its own clients are served also without.
async fn report_ready(server: Arc<Server>) {
    let deadline = Instant::now() + LINK_WAIT;
    while server.unready() == Some(Unready::Unlinked) && Instant::now() < deadline {
        sleep(LINK_CHECK).await;
    }
    supervision::ready(&server.settings());
}

/// Says in the log that clients are served, and on what kinds of sockets.
fn announce(server: &Server, doormen: &Doormen) {
    let (settings, io_threads) = (server.settings(), server.workers.len());
    tracing::info!(version = VERSION, pid = std::process::id(), port = settings.port, io_threads, "started");
    let kinds: Vec<&str> = doormen.listeners().iter().map(|listener| listener.kind()).collect();
    for kind in ["tcp", "unix", "tls"] {
        if kinds.contains(&kind) {
            log::ready(&settings, io_threads, kind);
        }
    }
}

fn hear_signals(server: &Arc<Server>, reload: Rc<Notify>) {
    hear(server, SignalKind::terminate(), "SIGTERM", |server| end(server, |settings| settings.shutdown_on_sigterm));
    hear(server, SignalKind::interrupt(), "SIGINT", |server| end(server, |settings| settings.shutdown_on_sigint));
    hear(server, SignalKind::hangup(), "SIGHUP", move |_| reload.notify_one());
    // Scripts made for other servers send these; none of them is meant to end this one.
    for (kind, name) in [
        (SignalKind::user_defined1(), "SIGUSR1"),
        (SignalKind::user_defined2(), "SIGUSR2"),
        (SignalKind::alarm(), "SIGALRM"),
    ] {
        hear(server, kind, name, |_| {});
    }
}

/// Does something whenever a signal comes.
fn hear(server: &Arc<Server>, kind: SignalKind, name: &'static str, act: impl Fn(&Arc<Server>) + 'static) {
    let mut signals = match signal(kind) {
        Ok(signals) => signals,
        Err(error) => return tracing::warn!(%error, "cannot hear {name}"),
    };
    let server = server.clone();
    spawn_local(vital(async move {
        while signals.recv().await.is_some() {
            tracing::info!("received {name}");
            act(&server);
        }
    }));
}

/// Has the server end. Told a second time, it does not wait for anybody.
fn end(server: &Server, flags: impl Fn(&Settings) -> ShutdownFlags) {
    let again = server.shutdown.is_requested();
    server.shutdown.request(again || flags(&server.settings()).now);
}
