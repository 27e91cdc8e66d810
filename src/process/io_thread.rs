//! One io-thread: a runtime of its own, and the tasks that serve its worker.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::client::registry::ClientInfo;
use crate::ids::WorkerId;
use crate::net::connection;
use crate::net::transport::Detached;
use crate::process::placement::Strain;
use crate::process::shutdown::Phase;
use crate::process::upkeep;
use crate::server::Server;
use crate::session::Luggage;
use crate::worker::Worker;

/// Outboxes that are flushed before other tasks run, while messages keep coming: few enough that a publisher is answered
/// soon, so that messages gather in the outboxes that are still waiting and leave together.
const FEWEST_AT_ONCE: usize = 2;
/// The same when no messages have come for some time: many enough that looking for input costs little.
const MOST_AT_ONCE: usize = 16;
/// How many looks for input in vain make that time.
const QUIET_LOOKS: usize = 16;
/// How often a worker delivers and writes what is left while the server ends.
const DRAIN_ROUND: Duration = Duration::from_millis(5);
/// The exit code when the server cannot go on, as of a Rust program that panics.
const FAILED: i32 = 101;
/// How long a worker removes keys at a time, while others have their turns in between.
const LONGEST_UPKEEP: Duration = Duration::from_millis(25);
/// How many clients a worker looks after at a time: some need a system call.
const CLIENTS_AT_ONCE: usize = 100;
/// How often a worker looks after its clients.
const TICK: Duration = Duration::from_millis(100);

/// A runtime for one io-thread.
///
/// # Errors
///
/// Those of the system, when it has no descriptors for it.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A connection that an io-thread is to serve.
#[derive(Debug)]
pub struct Guest {
    /// What it comes through.
    pub transport: Detached,
    /// What is known of it.
    pub info: Arc<ClientInfo>,
    /// What it brings from the io-thread that has served it before, if one has.
    pub luggage: Option<Box<Luggage>>,
}

/// What an io-thread receives from outside.
#[derive(Debug)]
pub struct Inlet {
    /// Connections to serve.
    pub guests: mpsc::UnboundedReceiver<Guest>,
    /// What to do.
    pub phase: watch::Receiver<Phase>,
}

/// Serves worker `id` until the end; `beside` runs on the same thread meanwhile.
pub fn run(
    runtime: &Runtime,
    server: Arc<Server>,
    id: WorkerId,
    inlet: Inlet,
    beside: impl Future<Output = ()> + 'static,
) {
    let tasks = LocalSet::new();
    tasks.block_on(runtime, async move {
        let worker = Worker::new(server, id);
        spawn_local(beside);
        spawn_local(vital(deliver(worker.clone())));
        spawn_local(vital(flush(worker.clone())));
        spawn_local(vital(tick(worker.clone())));
        serve(worker, inlet).await;
    });
}

/// Ends the process if `task` panics: without it the clients of this thread would hear nothing more, and nobody would
/// notice. What supervises the process starts it again.
async fn vital(task: impl Future<Output = ()> + 'static) {
    if spawn_local(task).await.is_err_and(|error| error.is_panic()) {
        tracing::error!("a task that all clients of an io-thread need has failed; ending");
        std::process::exit(FAILED);
    }
}

async fn serve(worker: Rc<Worker>, mut inlet: Inlet) {
    loop {
        tokio::select! {
            Some(guest) = inlet.guests.recv() => welcome(&worker, guest),
            Ok(()) = inlet.phase.changed() => {
                let phase = *inlet.phase.borrow_and_update();
                worker.set_draining(phase == Phase::Draining);
                if phase == Phase::Ended {
                    return;
                }
            }
            () = sleep(DRAIN_ROUND), if worker.is_draining() => drain(&worker),
            else => return,
        }
    }
}

/// Delivers and writes what there is, so that the end can tell when nothing is left.
fn drain(worker: &Worker) {
    worker.deliver_inbox();
    while worker.flush_dirty(MOST_AT_ONCE) {}
    worker.handle().drain_rounds.fetch_add(1, Release);
}

fn welcome(worker: &Rc<Worker>, guest: Guest) {
    match guest.transport.attach() {
        Ok(transport) => drop(spawn_local(connection::serve(worker.clone(), transport, guest.info, guest.luggage))),
        Err(error) => {
            tracing::warn!(%error, "cannot serve a connection");
            if guest.luggage.is_some() {
                worker.handle().load.count_arriving(false);
            }
            worker.server.clients.remove(guest.info.id);
            worker.server.connections.fetch_sub(1, Relaxed);
            worker.handle().connections.fetch_sub(1, Relaxed);
        }
    }
}

/// Fans out what other workers publish.
async fn deliver(worker: Rc<Worker>) {
    loop {
        worker.handle().bell.notified().await;
        worker.deliver_inbox();
        // A publisher on another thread can ring the bell without a pause: what has been delivered is written first.
        if worker.take_blind() {
            yield_now().await;
        }
        while worker.is_crowded() {
            yield_now().await;
        }
    }
}

/// Writes what has been delivered: one write for each connection, whatever has gathered in its outbox.
async fn flush(worker: Rc<Worker>) {
    // Kept from one time to the next: at low rates no look finds anything, and looking costs a system call.
    let mut quiet_looks = 0;
    loop {
        worker.flush_bell.notified().await;
        while worker.flush_dirty(if quiet_looks < QUIET_LOOKS { FEWEST_AT_ONCE } else { MOST_AT_ONCE }) {
            let delivered = worker.delivered();
            yield_now().await;
            quiet_looks = if worker.delivered() == delivered { quiet_looks + 1 } else { 0 };
        }
    }
}

async fn tick(worker: Rc<Worker>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_second = Instant::now();
    let mut strain = Strain::new();
    loop {
        let now = ticks.tick().await;
        strain.look(&worker);
        upkeep::often(&worker);
        while (upkeep::remove_keys(&worker) || upkeep::trim_tracked(&worker)) && now.elapsed() < LONGEST_UPKEEP {
            yield_now().await;
        }
        if now - last_second >= Duration::from_secs(1) {
            last_second = now;
            for clients in worker.all_clients().chunks(CLIENTS_AT_ONCE) {
                upkeep::each_second(&worker, clients);
                yield_now().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream as Pair;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::hub::access::HubAccess;
    use crate::ids::{Address, Topic};
    use crate::message::{Kind, Message};

    #[test]
    fn what_has_been_delivered_is_written_before_more_is_delivered() {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = Server::new(config, Clock::simulated()).expect("nothing is renamed");
        let (_peer, socket) = Pair::pair().expect("the system has sockets");
        socket.set_nonblocking(true).expect("sockets can be so");
        runtime().expect("the system has descriptors").block_on(async {
            let transport = Detached::unix(socket.into()).attach().expect("the runtime has a reactor");
            let worker = Worker::new(server.clone(), 0);
            let info = server.clients.admit(0, Address::Unix("/x".into()), -1, worker.now());
            let client = worker.welcome(info, Some(Rc::new(transport)));
            worker.join(&client, Topic::Channel, b"a", &mut HubAccess::new(&server.hub));
            let mut task = pin!(deliver(worker.clone()));
            let mut run = || task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
            for _ in 0..3 {
                let message = Arc::new(Message::new(Kind::Channel, b"a", &vec![b'x'; 2_000_000]));
                server.hub.publish(Kind::Channel, b"a", &message);
                worker.handle().bell.notify_one();
                assert!(run());
            }
            assert_eq!(client.outbox.borrow().len(), 1);
            while worker.flush_dirty(MOST_AT_ONCE) {}
            assert!(run());
            assert_eq!(client.outbox.borrow().len(), 3);
        });
    }
}
