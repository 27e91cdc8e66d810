//! The server as a process: a thread that governs, io-threads, and the end.

mod affairs;
mod backplane;
pub(crate) mod deputy;
pub(crate) mod doormen;
pub(crate) mod ending;
mod executors;
pub(crate) mod govern;
pub mod io_thread;
mod reload;
mod renewal;
mod supervision;
pub mod upkeep;
mod vital;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::thread::disable_transparent_huge_pages;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::clock::Clock;
use crate::command;
use crate::config::{Config, Settings, StartError};
use crate::link;
use crate::net::handover::Doors;
use crate::net::listen::{self, Listener};
use crate::net::tls::acceptor::Acceptor;
use crate::observe::{log, resources};
use crate::server::Server;
use ending::{Alive, Phase};
use govern::Reins;
use io_thread::Inlet;
use vital::vital;

/// Serves until it is told to end.
///
/// # Errors
///
/// [`StartError`] for whatever keeps the server from starting; once it serves there is none.
pub fn run(mut config: Config, warnings: &[String]) -> Result<(), StartError> {
    let settings = config.settings().clone();
    let _log = log::start(&settings)?;
    log_panics();
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if settings.cluster_enabled && settings.backplane.0.is_empty() {
        tracing::warn!("cluster-enabled has no effect without a backplane, through which nodes find each other");
    }
    if settings.disable_thp
        && let Err(error) = disable_transparent_huge_pages(true)
    {
        tracing::debug!(%error, "cannot disable transparent huge pages");
    }
    fit_descriptors(&mut config)?;
    link::check(&settings)?;
    let tls = renewal::first(&settings)?;
    let listeners = listen::bind(&settings, &tls)?;
    let pages = listen::bind_metrics(&settings)?;
    let server = command::new_server(config, Clock::real())?;
    let pidfile = write_pidfile(&settings);
    let result = start(&server, listeners, pages, tls);
    if let Some(path) = pidfile {
        let _ = fs::remove_file(path);
    }
    if let Some(path) = &settings.unixsocket {
        let _ = fs::remove_file(settings.dir.place(path));
    }
    tracing::info!("ended");
    result
}

/// Finds what would keep a server with this configuration from starting, so far as that can be seen beside a server that runs
/// already: its ports and its log stay as they are.
///
/// # Errors
///
/// [`StartError`] for the first of it.
pub fn check(config: Config) -> Result<(), StartError> {
    let settings = config.settings().clone();
    log::check(&settings)?;
    link::check(&settings)?;
    renewal::first(&settings)?;
    listen::check(&settings)?;
    command::new_server(config, Clock::real()).map(drop)
}

/// Starts the io-threads and governs them on this one.
fn start(
    server: &Arc<Server>,
    listeners: Vec<Listener>,
    pages: Vec<Listener>,
    tls: Arc<Acceptor>,
) -> Result<(), StartError> {
    let no_thread = |error: std::io::Error| {
        StartError::new(format!("cannot start a thread: {error}"), "raise the limits of this process")
    };
    let runtime = io_thread::runtime().map_err(no_thread)?;
    executors::spawn(server).map_err(no_thread)?;
    backplane::spawn(server).map_err(no_thread)?;
    let (phase, phase_seen) = watch::channel(Phase::Serving);
    let (doors, errands) = Doors::new(server.workers.len());
    let (alive, threads) = mpsc::channel(1);
    for (id, errands) in errands.into_iter().enumerate() {
        let inlet = Inlet { errands, doors: doors.clone(), phase: phase_seen.clone() };
        spawn_io_thread(server.clone(), id, inlet, alive.clone()).map_err(no_thread)?;
    }
    drop(alive);
    let reins = Reins { listeners, pages, tls, doors, phase, threads };
    LocalSet::new().block_on(&runtime, vital(govern::govern(server.clone(), reins)));
    // A name that is still being looked up does not keep the process.
    runtime.shutdown_background();
    Ok(())
}

/// Its end is noticed by what `alive` belongs to: it cannot be joined, because the process does not wait for one that is
/// stuck.
fn spawn_io_thread(server: Arc<Server>, id: usize, inlet: Inlet, alive: Alive) -> std::io::Result<()> {
    let runtime = io_thread::runtime()?;
    server.workers[id].is_served.store(true, Relaxed);
    let run = move || {
        io_thread::run(&runtime, server, id, inlet);
        drop(alive);
    };
    std::thread::Builder::new().name(format!("io-{id}")).spawn(run).map(drop)
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(place, "a panic: {text}");
    }));
}

/// Raises the limit on descriptors so that `maxclients` fit. Where that is not possible `maxclients` becomes what is, so that
/// who is too many is told so and does not wait for a descriptor.
fn fit_descriptors(config: &mut Config) -> Result<(), StartError> {
    let (wanted, io_threads) = (config.settings().maxclients, config.settings().io_threads.0);
    match resources::ensure_descriptors(wanted, config.settings().descriptors_of_client(), io_threads) {
        Ok(None) => {}
        Ok(Some(limit)) => tracing::info!(limit, "raised the limit of open files for maxclients"),
        Err(0) => {
            let text = "the limit of open files leaves no descriptor for clients";
            return Err(StartError::new(text, "raise it with ulimit -n or LimitNOFILE, or set fewer io-threads"));
        }
        Err(possible) => {
            config.lower_maxclients(possible);
            tracing::warn!(
                wanted,
                maxclients = possible,
                "the limit of open files is too low for maxclients, which is less now; raise it with ulimit -n or LimitNOFILE"
            );
        }
    }
    Ok(())
}

fn write_pidfile(settings: &Settings) -> Option<PathBuf> {
    let path = settings.dir.place(settings.pidfile.as_deref()?);
    match fs::write(&path, format!("{}\n", std::process::id())) {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot write the pid file");
            None
        }
    }
}
