//! The end of the server, carried out: nothing more is accepted or run, what is queued is written, the threads end. None of
//! that waits for longer than it was told to, whatever an io-thread is busy with.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::backplane::status;
use crate::client::held::Holding;
use crate::server::Server;

/// How often the end looks whether all output has been taken.
const DRAIN_CHECK: Duration = Duration::from_millis(10);
/// How long io-threads that have been told to end are waited for. One that is in the middle of a long command goes with the
/// process.
const PARTING: Duration = Duration::from_millis(250);

/// What listeners and io-threads are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serve.
    Serving,
    /// Accept nothing, run nothing, write what is queued.
    Draining,
    /// End.
    Ended,
}

/// Held by every io-thread while it runs.
pub(super) type Alive = mpsc::Sender<Infallible>;

/// Ends the server: nothing more is accepted or read, what is queued is written within `shutdown-timeout`. False if the
/// request was withdrawn meanwhile.
pub(super) async fn end(server: &Arc<Server>, phase: &watch::Sender<Phase>) -> bool {
    tracing::info!("ending: writing what is queued");
    let wait = server.settings().shutdown_timeout.enabled().unwrap_or_default();
    let deadline = Instant::now() + wait;
    phase.send_replace(Phase::Draining);
    tell_nodes(server, true);
    // After one round of each no command runs any more; what was published before that is delivered two rounds later.
    let mut missing_rounds = [1, 2].into_iter();
    let mut rounds = drain_rounds(server);
    let mut wanted = missing_rounds.next();
    while !server.shutdown.is_immediate() && Instant::now() < deadline {
        sleep(DRAIN_CHECK).await;
        if !server.shutdown.is_requested() {
            tracing::info!("the end was called off");
            phase.send_replace(Phase::Serving);
            tell_nodes(server, false);
            return false;
        }
        let now = drain_rounds(server);
        match wanted {
            Some(count) if now.iter().zip(&rounds).all(|(now, then)| now - then >= count) => {
                rounds = now;
                wanted = missing_rounds.next();
            }
            Some(_) => {}
            None if queued_bytes(server) == 0 && !owes_others(server) => break,
            None => {}
        }
    }
    phase.send_replace(Phase::Ended);
    true
}

/// Says to the other nodes, if there are any, whether this one goes.
fn tell_nodes(server: &Server, leaves: bool) {
    if let Some(backplane) = &server.backplane {
        backplane.nodes.leave(leaves);
        backplane.bell.notify_one();
    }
}

/// Whether something is still on its way to the engine that other nodes are to hear.
fn owes_others(server: &Server) -> bool {
    let Some(backplane) = &server.backplane else { return false };
    let is_up = backplane.status.phase() != status::Phase::Down;
    is_up && (server.hub.lock().owes(backplane.port) || backplane.status.owes.load(Acquire))
}

/// Waits until the io-threads have ended, but not for long.
pub(super) async fn part(mut threads: mpsc::Receiver<Infallible>) {
    if timeout(PARTING, threads.recv()).await.is_err() {
        tracing::warn!("an io-thread is still busy; ending without it");
    }
}

fn drain_rounds(server: &Server) -> Vec<u64> {
    server.workers.iter().map(|worker| worker.drain_rounds.load(Acquire)).collect()
}

/// What sockets have not taken yet.
fn queued_bytes(server: &Server) -> usize {
    server.clients.all().iter().map(|info| info.held.get(Holding::Output)).sum()
}
