//! One io-thread: a runtime of its own, and the tasks that its worker's clients are served by.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::acl::User;
use crate::client::registry::Flag;
use crate::client::sink::Sink;
use crate::command::limits;
use crate::config::CertificateUser;
use crate::ids::WorkerId;
use crate::net::connection;
use crate::net::handover::{Doors, Errand, Guest, Newcomer};
use crate::net::tls::handshake::{self, Gate, Terms};
use crate::net::transport::{Detached, Transport};
use crate::process::doormen::{self, House};
use crate::process::ending::Phase;
use crate::process::upkeep;
use crate::process::vital::vital;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::worker::Worker;
use crate::worker::placement::{Relief, Strain};

/// Outboxes that are flushed before other tasks run, while messages keep coming: few enough that a publisher is answered
/// soon, so that messages gather in the outboxes that are still waiting and leave together.
const FEWEST_AT_ONCE: usize = 2;
/// The same when no messages have come for some time: many enough that looking for input costs little.
const MOST_AT_ONCE: usize = 16;
/// How many looks for input in vain make that time.
const QUIET_LOOKS: usize = 16;
/// How often a worker delivers and writes what is left while the server ends.
const DRAIN_ROUND: Duration = Duration::from_millis(5);
/// How many clients a worker looks after at a time: some need a system call.
const CLIENTS_AT_ONCE: usize = 100;

/// How many clients leave a worker until others have their turn.
const MOVED_AT_ONCE: usize = 16;

/// A runtime for one thread.
///
/// # Errors
///
/// Those of the system, when it has no descriptors for it.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// What an io-thread receives from outside.
#[derive(Debug)]
pub(crate) struct Inlet {
    /// Connections to serve, and listeners to accept from.
    pub errands: mpsc::UnboundedReceiver<Errand>,
    /// The ways in to all io-threads, for clients that move.
    pub doors: Doors,
    /// What to do.
    pub phase: watch::Receiver<Phase>,
}

/// Serves worker `id` until the end.
pub(super) fn run(runtime: &Runtime, server: Arc<Server>, id: WorkerId, inlet: Inlet) {
    server.workers[id].system_id.store(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs(), Relaxed);
    let tasks = LocalSet::new();
    tasks.block_on(runtime, async move {
        let worker = Worker::new(server, id);
        spawn_local(vital(deliver(worker.clone())));
        spawn_local(vital(flush(worker.clone())));
        spawn_local(vital(end(worker.clone())));
        spawn_local(vital(tick(worker.clone())));
        // In a task, too: what is waited for here is looked at whenever anything happens on the thread. A failure of it has ended
        // the process.
        let _ = spawn_local(vital(receive(worker, inlet))).await;
    });
}

/// Takes connections in and does as the phase says, until the end.
async fn receive(worker: Rc<Worker>, mut inlet: Inlet) {
    let gate = Rc::new(Gate::new());
    loop {
        tokio::select! {
            Some(errand) = inlet.errands.recv() => match errand {
                Errand::Serve(guest) => welcome(&worker, &inlet.doors, guest),
                Errand::Introduce(newcomer) => {
                    spawn_local(introduce(worker.clone(), inlet.doors.clone(), gate.clone(), newcomer));
                }
                Errand::Attend(listener) => {
                    let house = House::new(worker.server.clone(), inlet.doors.clone(), inlet.phase.clone());
                    spawn_local(vital(doormen::accept(listener, house)));
                }
            },
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
    worker.deliver_all();
    while worker.flush_dirty(MOST_AT_ONCE) {}
    worker.handle().drain_rounds.fetch_add(1, Release);
}

fn welcome(worker: &Rc<Worker>, doors: &Doors, guest: Guest) {
    match guest.transport.and_then(Detached::attach) {
        Ok(transport) => {
            let served = connection::serve(worker.clone(), doors.clone(), transport, guest.info, guest.luggage);
            spawn_local(served);
        }
        Err(error) => {
            tracing::warn!(%error, "cannot serve a connection");
            worker.turn_away(&guest.info, guest.luggage.is_some_and(|luggage| luggage.is_expected()));
            worker.count_out_connections(1);
        }
    }
}

/// Completes the handshake of a connection and serves it, or tells it why not.
async fn introduce(worker: Rc<Worker>, doors: Doors, gate: Rc<Gate>, newcomer: Newcomer) {
    let Newcomer { transport, address, ticket, refusal } = newcomer;
    let transport = match transport.attach() {
        Ok(transport) => transport,
        Err(error) => {
            tracing::warn!(%error, "cannot serve a connection");
            return worker.count_out_connections(1);
        }
    };
    let (settings, now_ms) = (worker.settings(), worker.now().ms());
    let terms = Terms { settings: &settings, address: &address, now_ms };
    if !handshake::complete(&transport, &gate, ticket, terms).await {
        return worker.hang_up(Rc::new(transport));
    }
    if let Some(error) = refusal {
        return send_away(&worker, transport, &error);
    }
    let info = worker.server.clients.admit(worker.id(), address, transport.as_fd().as_raw_fd(), worker.now());
    info.set_flag(Flag::Encrypted, true);
    let user = user_of(&worker, &transport, settings.tls_auth_clients_user);
    if let Err(error) = limits::let_in(&worker.server, &info, user, worker.now()) {
        worker.server.clients.remove(info.id);
        return send_away(&worker, transport, &error);
    }
    // In a task of its own: this one has room for what a handshake needs, too.
    spawn_local(connection::serve(worker, doors, transport, info, None));
}

/// Ends a connection that is not let in, and tells it why.
fn send_away(worker: &Worker, transport: Transport, error: &ReplyError) {
    worker.server.stats.counters.rejected_connections.add_shared(1);
    // Best effort, as the peer may be gone.
    let _ = transport.write(&[b"-", error.text(), b"\r\n"].map(IoSlice::new));
    worker.hang_up(Rc::new(transport));
}

/// The user whom the certificate of a client names, if one is to count and names one that is on.
fn user_of(worker: &Worker, transport: &Transport, place: CertificateUser) -> Option<Arc<User>> {
    let names = transport.names(place);
    let acl = &worker.server.acl;
    let found = names.iter().filter_map(|name| acl.get(name.as_bytes())).find(|user| user.rights().is_on());
    if found.is_none() && !names.is_empty() {
        worker.stats().counters.denied_certificate.add(1);
        tracing::debug!(?names, "a certificate names no user");
    }
    found
}

/// Fans out what other workers publish.
async fn deliver(worker: Rc<Worker>) {
    loop {
        worker.handle().bell.notified().await;
        loop {
            let more_waits = worker.deliver_some();
            // A publisher on another thread can ring the bell without a pause: what has been delivered is written first.
            if worker.take_blind() {
                yield_now().await;
            }
            while worker.is_crowded() {
                yield_now().await;
            }
            if !more_waits {
                break;
            }
            yield_now().await;
        }
    }
}

/// Ends the subscriptions of clients that have ended and had very many, and closes the connections of all.
async fn end(worker: Rc<Worker>) {
    loop {
        worker.leave_bell.rung().await;
        worker.go_on_ending();
        yield_now().await;
    }
}

/// Writes what has been delivered: one write for each connection, whatever has gathered in its outbox.
async fn flush(worker: Rc<Worker>) {
    // Kept from one time to the next: at low rates no look finds anything, and looking costs a system call.
    let mut quiet_looks = 0;
    loop {
        worker.flush_bell.rung().await;
        while worker.flush_dirty(if quiet_looks < QUIET_LOOKS { FEWEST_AT_ONCE } else { MOST_AT_ONCE }) {
            let delivered = worker.delivered();
            yield_now().await;
            quiet_looks = if worker.delivered() == delivered { quiet_looks + 1 } else { 0 };
        }
    }
}

/// Lets clients go to another thread, some at a time.
async fn relieve(worker: Rc<Worker>, mut relief: Relief) {
    for clients in worker.all_clients().chunks(CLIENTS_AT_ONCE) {
        relief.weigh(clients);
        yield_now().await;
    }
    for clients in relief.chosen().chunks(MOVED_AT_ONCE) {
        clients.iter().for_each(|(client, destination)| client.send_away(*destination));
        yield_now().await;
    }
}

async fn tick(worker: Rc<Worker>) {
    let mut ticks = interval(upkeep::OFTEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_second = Instant::now();
    let mut strain = Strain::new();
    loop {
        let now = ticks.tick().await;
        if let Some(relief) = strain.look(&worker) {
            spawn_local(vital(relieve(worker.clone(), relief)));
        }
        upkeep::often(&worker);
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
    mod moving;

    use std::os::unix::net::UnixStream as Pair;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::client::order::HubAccess;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::ids::{Address, Topic};
    use crate::message::{Kind, Message};

    #[test]
    fn what_has_been_delivered_is_written_before_more_is_delivered() {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let (_peer, socket) = Pair::pair().expect("the system has sockets");
        socket.set_nonblocking(true).expect("sockets can be so");
        runtime().expect("the system has descriptors").block_on(async {
            let transport = Detached::unix(socket.into()).attach().expect("the runtime has a reactor");
            let worker = Worker::new(server.clone(), 0);
            let info = server.clients.admit(0, Address::Unix("/x".into()), -1, worker.now());
            let client = worker.welcome(info, Some(Rc::new(transport)));
            worker.join(&client, Topic::Channel, &[b"a"], &mut HubAccess::new(&server.hub), |_| ());
            let mut task = pin!(deliver(worker.clone()));
            let mut run = || task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
            for _ in 0..3 {
                let message = Message::new(Kind::Channel, b"a", &vec![b'x'; 2_000_000]);
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

    #[test]
    fn others_have_their_turns_while_much_is_delivered() {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let worker = Worker::new(server.clone(), 0);
        let client = worker.register(Address::Unix("/x".into()));
        worker.join(&client, Topic::Pattern, &[b"*"], &mut HubAccess::new(&server.hub), |_| ());
        let message = Message::new(Kind::Channel, b"a", b"");
        (0..50_000).for_each(|_| assert_eq!(server.hub.publish(Kind::Channel, b"a", &message).receivers, 1));
        worker.handle().bell.notify_one();
        runtime().expect("the system has descriptors").block_on(async {
            let mut task = pin!(deliver(worker.clone()));
            let mut turns = 0;
            while worker.delivered() < 50_000 {
                assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                turns += 1;
            }
            assert!(turns > 10, "{turns} turns");
        });
    }
}
