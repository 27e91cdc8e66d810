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
use crate::client::registry::Flag;
use crate::server::Server;

/// How often the end looks whether all output has been taken.
const DRAIN_CHECK: Duration = Duration::from_millis(10);
/// How often it is looked whether all clients have gone.
const EMPTY_CHECK: Duration = Duration::from_millis(50);
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

/// Empties the server and ends it, as was asked for. False if that was withdrawn meanwhile.
pub(super) async fn end(server: &Arc<Server>, phase: &watch::Sender<Phase>) -> bool {
    tell_nodes(server, true);
    let has_ended = empty(server).await && is_to_end(server).await && finish(server, phase).await;
    if !has_ended {
        tracing::info!("the end was called off");
        server.drain.call_off();
        tell_nodes(server, false);
    }
    has_ended
}

/// Lets the clients go as the directives say, if they want that or it was asked for. False if the request was withdrawn
/// meanwhile.
async fn empty(server: &Server) -> bool {
    let settings = server.settings();
    let (wait, time) = (settings.drain_wait.enabled(), settings.drain_time.enabled());
    if wait.is_none() && time.is_none() && !server.shutdown.is_drain_requested() {
        return true;
    }
    let plan = server.drain.begin(&settings, server.clock.now().ms());
    let [wait_s, time_s] = [wait, time].map(|time| time.unwrap_or_default().as_secs());
    tracing::info!(wait_s, time_s, "draining: not ready any more");
    let is_wanted = || server.shutdown.is_requested() || server.shutdown.is_drain_requested();
    while is_wanted() && !server.shutdown.is_immediate() {
        let now_ms = server.clock.now().ms();
        if plan.is_over(now_ms) || (plan.is_emptying(now_ms) && is_empty(server)) {
            break;
        }
        // Who withdraws it or asks for more rings.
        let _ = timeout(EMPTY_CHECK, server.shutdown.bell.notified()).await;
    }
    is_wanted()
}

/// Whether nobody is left but who has asked for that.
fn is_empty(server: &Server) -> bool {
    server.clients.all().iter().all(|info| info.has_flag(Flag::Spared))
}

/// Waits until a server that has been emptied is to end; false if it is to serve again.
async fn is_to_end(server: &Server) -> bool {
    while !server.shutdown.is_requested() && server.shutdown.is_drain_requested() {
        server.shutdown.bell.notified().await;
    }
    server.shutdown.is_requested()
}

/// Ends the server: nothing more is accepted or read, what is queued is written within `shutdown-timeout`. False if the
/// request was withdrawn meanwhile.
async fn finish(server: &Arc<Server>, phase: &watch::Sender<Phase>) -> bool {
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
