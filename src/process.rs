//! The server as a process: listeners, io-threads, signals, and the end.

pub mod io_thread;
pub(crate) mod log;
pub(crate) mod placement;
pub(crate) mod resources;
pub mod shutdown;
pub mod upkeep;

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle as Task, spawn_local};
use tokio::time::{Instant, sleep};

use crate::client::held::Holding;
use crate::clock::Clock;
use crate::config::{Config, Settings, ShutdownFlags, StartError};
use crate::ids::Address;
use crate::net::listen::{self, Accepted, Listener, Place};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::version::VERSION;
use io_thread::{Guest, Inlet};
use shutdown::Phase;

/// How often the end looks whether all output has been taken.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

/// Serves until it is told to end.
///
/// # Errors
///
/// [`StartError`] for whatever keeps the server from starting; once it serves there is none.
pub fn run(config: Config, warnings: &[String]) -> Result<(), StartError> {
    let settings = config.settings().clone();
    log::start(&settings)?;
    log_panics();
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    raise_descriptor_limit(&settings);
    let listeners = listen::bind(&settings)?;
    let server = Server::new(config, Clock::real())?;
    let pidfile = write_pidfile(&settings);
    let result = serve(&server, listeners);
    if let Some(path) = pidfile {
        let _ = fs::remove_file(path);
    }
    if let Some(path) = &settings.unixsocket {
        let _ = fs::remove_file(path);
    }
    tracing::info!("ended");
    result
}

fn serve(server: &Arc<Server>, listeners: Vec<Listener>) -> Result<(), StartError> {
    let no_runtime = |error: std::io::Error| {
        StartError::new(format!("cannot start an io-thread: {error}"), "raise the limits of this process")
    };
    let own_runtime = io_thread::runtime().map_err(no_runtime)?;
    let (phase, phase_seen) = watch::channel(Phase::Serving);
    let mut threads = Vec::new();
    let mut own_inlet = None;
    for id in 0..server.workers.len() {
        let (door, guests) = mpsc::unbounded_channel();
        let inlet = Inlet { guests, phase: phase_seen.clone() };
        // Nobody else has opened it: this is the only place that does.
        let _ = server.workers[id].door.set(door);
        if id == 0 {
            own_inlet = Some(inlet);
        } else {
            threads.push(spawn_io_thread(server.clone(), id, inlet).map_err(no_runtime)?);
        }
    }
    if let Some(inlet) = own_inlet {
        let beside = govern(server.clone(), listeners, phase);
        io_thread::run(&own_runtime, server.clone(), 0, inlet, beside);
    }
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("an io-thread ended with a panic");
        }
    }
    Ok(())
}

fn spawn_io_thread(server: Arc<Server>, id: usize, inlet: Inlet) -> std::io::Result<JoinHandle<()>> {
    let runtime = io_thread::runtime()?;
    std::thread::Builder::new()
        .name(format!("io-{id}"))
        .spawn(move || io_thread::run(&runtime, server, id, inlet, std::future::ready(())))
}

/// What the first io-thread does beside serving: listen, hear signals, change what CONFIG SET changes, end.
async fn govern(server: Arc<Server>, listeners: Vec<Listener>, phase: watch::Sender<Phase>) {
    hear_signals(&server);
    server.reconfigured.set_latches(&listeners);
    let mut doormen = admit(&server, listeners, &phase);
    let settings = server.settings();
    tracing::info!(
        version = VERSION,
        pid = std::process::id(),
        port = settings.port,
        io_threads = server.workers.len(),
        "ready to accept connections"
    );
    loop {
        tokio::select! {
            () = server.shutdown.bell.notified() => {
                if server.shutdown.is_requested() && end(&server, &phase).await {
                    return;
                }
            }
            () = server.reconfigured.bell.notified() => {
                log::set_level(server.settings().loglevel);
                let fresh = server.reconfigured.take_listeners();
                if let Some(fresh) = fresh {
                    doormen.retain(|doorman| doorman.is_unix || { doorman.task.abort(); false });
                    doormen.extend(admit(&server, fresh, &phase));
                }
            }
        }
    }
}

/// A task that accepts from one listener.
struct Doorman {
    task: Task<()>,
    is_unix: bool,
}

fn admit(server: &Arc<Server>, listeners: Vec<Listener>, phase: &watch::Sender<Phase>) -> Vec<Doorman> {
    let admit_one = |listener: Listener| {
        let is_unix = matches!(listener.place(), Place::Unix(_));
        let server = server.clone();
        let task = spawn_local(listen::accept(listener, phase.subscribe(), move |accepted| take_in(&server, accepted)));
        Doorman { task, is_unix }
    };
    listeners.into_iter().map(admit_one).collect()
}

/// Sends a new connection to an io-thread, or away.
fn take_in(server: &Server, accepted: Accepted) {
    server.stats.connections.fetch_add(1, Relaxed);
    let settings = server.settings();
    let open = server.connections.fetch_add(1, Relaxed) + 1;
    let refusal = if open > settings.maxclients as usize {
        server.stats.rejected_connections.fetch_add(1, Relaxed);
        Some(ReplyError::MAX_CLIENTS)
    } else if is_denied(&settings, &accepted.address) {
        server.stats.rejected_connections.fetch_add(1, Relaxed);
        Some(ReplyError::PROTECTED_MODE)
    } else {
        None
    };
    if let Some(error) = refusal {
        server.connections.fetch_sub(1, Relaxed);
        // Best effort, as the peer may be gone; the socket closes when it is dropped.
        let _ = rustix::io::write(&accepted.transport, &[b"-", error.text(), b"\r\n"].concat());
        return;
    }
    server.stats.peak_clients.fetch_max(open as u64, Relaxed);
    let worker = placement::for_newcomer(&server.workers);
    server.workers[worker].connections.fetch_add(1, Relaxed);
    // Listed before its io-thread welcomes it: clients are numbered and seen in the order in which they connected.
    let info =
        server.clients.admit(worker, accepted.address, accepted.transport.as_fd().as_raw_fd(), server.clock.now());
    server.workers[worker].admit(Guest { transport: accepted.transport, info, luggage: None });
}

fn is_denied(settings: &Settings, address: &Address) -> bool {
    settings.protected_mode && settings.requirepass.password().is_none() && !address.is_local()
}

/// Ends the server: nothing more is accepted or read, what is queued is written within `shutdown-timeout`. False if the
/// request was withdrawn meanwhile.
async fn end(server: &Arc<Server>, phase: &watch::Sender<Phase>) -> bool {
    tracing::info!("ending: writing what is queued");
    let wait = server.settings().shutdown_timeout.enabled().unwrap_or_default();
    let deadline = Instant::now() + wait;
    phase.send_replace(Phase::Draining);
    // After one round of each no command runs any more; what was published before that is delivered two rounds later.
    let mut missing_rounds = [1, 2].into_iter();
    let mut rounds = drain_rounds(server);
    let mut wanted = missing_rounds.next();
    while !server.shutdown.is_immediate() && Instant::now() < deadline {
        sleep(DRAIN_CHECK).await;
        if !server.shutdown.is_requested() {
            tracing::info!("the end was called off");
            phase.send_replace(Phase::Serving);
            return false;
        }
        let now = drain_rounds(server);
        match wanted {
            Some(count) if now.iter().zip(&rounds).all(|(now, then)| now - then >= count) => {
                rounds = now;
                wanted = missing_rounds.next();
            }
            Some(_) => {}
            None if queued_bytes(server) == 0 => break,
            None => {}
        }
    }
    phase.send_replace(Phase::Ended);
    true
}

fn drain_rounds(server: &Server) -> Vec<u64> {
    server.workers.iter().map(|worker| worker.drain_rounds.load(Acquire)).collect()
}

/// What sockets have not taken yet.
fn queued_bytes(server: &Server) -> usize {
    server.clients.all().iter().map(|info| info.held.get(Holding::Output)).sum()
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
    spawn_local(async move {
        while signals.recv().await.is_some() {
            let Some(flags) = ends else { continue };
            // Told a second time, it does not wait for anybody.
            let again = server.shutdown.is_requested();
            tracing::info!("received {name}");
            server.shutdown.request(again || flags(&server.settings()).now);
        }
    });
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(place, "a panic: {text}");
    }));
}

/// Raises the limit on descriptors so that `maxclients` fit, and says so, also when that is not possible.
fn raise_descriptor_limit(settings: &Settings) {
    match resources::ensure_descriptors(settings.maxclients, settings.io_threads.0) {
        Ok(None) => {}
        Ok(Some(limit)) => tracing::info!(limit, "raised the limit of open files for maxclients"),
        Err(possible) => tracing::warn!(
            maxclients = settings.maxclients,
            possible,
            "the limit of open files is too low for maxclients; raise it with ulimit -n or LimitNOFILE"
        ),
    }
}

fn write_pidfile(settings: &Settings) -> Option<&std::path::Path> {
    let path = settings.pidfile.as_deref()?;
    match fs::write(path, format!("{}\n", std::process::id())) {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot write the pid file");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::SocketAddr;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::net::transport::Detached;

    /// What a new connection from `peer` is told right away; nothing if it is taken in.
    fn told(pairs: &[(&str, &str)], peer: &str) -> String {
        let server = Config::from_pairs(pairs).and_then(|config| Server::new(config, Clock::real()));
        let server = server.expect("the directives are right");
        let (mut client, socket) = UnixStream::pair().expect("the system has sockets");
        let local = SocketAddr::from(([192, 0, 2, 1], 6379));
        let peer = peer.parse().expect("an address and a port");
        // No thread serves who is taken in, so that the connection is closed in any case and this comes to an end.
        take_in(&server, Accepted { transport: Detached::unix(socket.into()), address: Address::Tcp { peer, local } });
        let mut text = String::new();
        client.read_to_string(&mut text).expect("the other end is closed");
        text
    }

    #[test]
    fn protected_mode_refuses_strangers_while_there_is_no_password() {
        for stranger in ["192.0.2.7:5000", "[2001:db8::7]:5000", "0.0.0.0:5000"] {
            let text = told(&[], stranger);
            assert!(text.starts_with("-DENIED ") && text.ends_with("\r\n"), "{stranger}: {text}");
            assert_eq!(text.lines().count(), 1);
        }
    }

    #[test]
    fn protected_mode_lets_in_who_is_on_the_machine_or_has_a_password_to_give() {
        for (pairs, peer) in [
            (&[][..], "127.0.0.1:5000"),
            (&[], "127.8.9.1:5000"),
            (&[], "[::1]:5000"),
            (&[("requirepass", "secret")], "192.0.2.7:5000"),
            (&[("protected-mode", "no")], "192.0.2.7:5000"),
        ] {
            assert_eq!(told(pairs, peer), "", "{pairs:?} {peer}");
        }
    }
}
