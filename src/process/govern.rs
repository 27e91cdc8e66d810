//! What the main thread does while io-threads serve the clients: hear signals, carry out what CONFIG SET asks of the system,
//! accept connections while the io-thread that does so is late, end. No client is served here, so nothing that a client does
//! keeps this thread from its work.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use super::affairs::{carry_out_changes, carry_out_rewrites};
use super::deputy::Deputy;
use super::doormen::{Doormen, House};
use super::ending::{self, Phase};
use super::vital::vital;
use crate::config::{Settings, ShutdownFlags};
use crate::net::handover::Doors;
use crate::net::listen::Listener;
use crate::server::Server;
use crate::version::VERSION;

/// What the governing thread has in hand.
pub(super) struct Reins {
    pub listeners: Vec<Listener>,
    pub doors: Doors,
    pub phase: watch::Sender<Phase>,
    /// Closed when the last io-thread has ended.
    pub threads: mpsc::Receiver<Infallible>,
}

/// Governs until the end.
pub(super) async fn govern(server: Arc<Server>, reins: Reins) {
    let Reins { listeners, doors, phase, threads } = reins;
    hear_signals(&server);
    let doormen = Rc::new(Doormen::new(doors.clone()));
    doormen.open(listeners);
    let deputy = Deputy::new(doormen.clone(), House::new(server.clone(), doors, phase.subscribe()));
    spawn_local(vital(deputy.stand_by()));
    let (changes, rewrites) = server.governor.open();
    spawn_local(vital(carry_out_changes(server.clone(), doormen, changes)));
    spawn_local(vital(carry_out_rewrites(server.clone(), rewrites)));
    tracing::info!(
        version = VERSION,
        pid = std::process::id(),
        port = server.settings().port,
        io_threads = server.workers.len(),
        "ready to accept connections"
    );
    loop {
        server.shutdown.bell.notified().await;
        if server.shutdown.is_requested() && ending::end(&server, &phase).await {
            return ending::part(threads).await;
        }
    }
}

fn hear_signals(server: &Arc<Server>) {
    hear(server, SignalKind::terminate(), "SIGTERM", Some(|settings| settings.shutdown_on_sigterm));
    hear(server, SignalKind::interrupt(), "SIGINT", Some(|settings| settings.shutdown_on_sigint));
    // A terminal that goes away does not end a server.
    hear(server, SignalKind::hangup(), "SIGHUP", None);
}

fn hear(server: &Arc<Server>, kind: SignalKind, name: &'static str, ends: Option<fn(&Settings) -> ShutdownFlags>) {
    let mut signals = match signal(kind) {
        Ok(signals) => signals,
        Err(error) => return tracing::warn!(%error, "cannot hear {name}"),
    };
    let server = server.clone();
    spawn_local(vital(async move {
        while signals.recv().await.is_some() {
            let Some(flags) = ends else { continue };
            // Told a second time, it does not wait for anybody.
            let again = server.shutdown.is_requested();
            tracing::info!("received {name}");
            server.shutdown.request(again || flags(&server.settings()).now);
        }
    }));
}
