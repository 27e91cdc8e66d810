//! Who accepts connections: a task for each listener, which gives every new connection to an io-thread or sends it away.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

use super::ending::Phase;
use super::placement;
use super::vital::vital;
use crate::config::Settings;
use crate::ids::Address;
use crate::net::handover::{Doors, Guest};
use crate::net::listen::{Accepted, Listener, Place, Wanted, accept_one, keep_alive};
use crate::observe::seldom::Seldom;
use crate::resp::errors::ReplyError;
use crate::server::Server;

/// How long nothing is accepted when there is no descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What all doormen know.
#[derive(Clone)]
struct House {
    server: Arc<Server>,
    doors: Doors,
    phase: watch::Receiver<Phase>,
}

/// The tasks that accept.
pub(super) struct Doormen {
    house: House,
    all: Vec<Doorman>,
}

struct Doorman {
    task: JoinHandle<()>,
    /// Shared with the task.
    socket: Rc<TcpStream>,
    place: Place,
}

impl Doormen {
    /// None yet; they accept while the phase is that of serving, and pass connections on through the doors.
    pub(super) fn new(server: Arc<Server>, doors: Doors, phase: watch::Receiver<Phase>) -> Self {
        Self { house: House { server, doors, phase }, all: Vec::new() }
    }

    /// Accepts from these listeners from now on.
    pub(super) fn open(&mut self, listeners: Vec<Listener>) {
        for listener in listeners {
            let (socket, place) = listener.into_parts();
            // Waited for as if it were a stream: a listener of tokio would register each accepted socket with this thread's
            // reactor, and other threads are to serve them.
            let socket = match TcpStream::from_std(socket.into()) {
                Ok(socket) => Rc::new(socket),
                Err(error) => {
                    tracing::error!(?place, %error, "cannot accept connections here");
                    continue;
                }
            };
            let task = spawn_local(vital(accept(socket.clone(), place.clone(), self.house.clone())));
            self.all.push(Doorman { task, socket, place });
        }
    }

    /// Accepts nothing more over TCP, and answers where it did. When this ends the addresses are free; connections that were
    /// not accepted yet are reset, as in Redis.
    pub(super) async fn close_tcp(&mut self) -> Vec<Wanted> {
        let mut closed = Vec::new();
        for doorman in std::mem::take(&mut self.all) {
            let Place::Tcp(place) = doorman.place else {
                self.all.push(doorman);
                continue;
            };
            doorman.task.abort();
            // It ends as cancelled, which is what was asked for.
            let _ = doorman.task.await;
            closed.push(Wanted { place, optional: false });
        }
        closed
    }

    /// Gives all connections that are accepted over TCP from now on the keepalive of these settings.
    pub(super) fn set_keepalive(&self, settings: &Settings) {
        for doorman in self.all.iter().filter(|doorman| matches!(doorman.place, Place::Tcp(_))) {
            if let Err(error) = keep_alive(&SockRef::from(&*doorman.socket), settings) {
                tracing::warn!(%error, "cannot change keepalive");
            }
        }
    }
}

/// Accepts connections.
///
/// When the process or the machine has no descriptor left it waits a moment instead of spinning: the connections wait
/// in the kernel's queue meanwhile.
async fn accept(socket: Rc<TcpStream>, place: Place, mut house: House) {
    let complaints = Seldom::default();
    loop {
        // While the server ends, new connections wait in the kernel's queue: the end may be called off.
        let serving = async { house.phase.wait_for(|phase| *phase == Phase::Serving).await.is_ok() };
        if socket.readable().await.is_err() || !serving.await {
            return;
        }
        match socket.try_io(Interest::READABLE, || accept_one(&*socket, &place)) {
            Ok(accepted) => let_in(&house, accepted),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if is_exhaustion(&error) => {
                if complaints.show(house.server.clock.now().ms()).is_some() {
                    tracing::warn!(%error, "cannot accept connections; trying again every {} ms", BACK_OFF.as_millis());
                }
                tokio::time::sleep(BACK_OFF).await;
            }
            Err(error) => tracing::debug!(%error, "a connection went away before it was accepted"),
        }
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| exhausted.contains(&errno))
}

/// Sends a new connection to an io-thread, or away.
fn let_in(house: &House, accepted: Accepted) {
    let House { server, doors, .. } = house;
    server.stats.counters.connections.add_shared(1);
    let settings = server.settings();
    let open = server.connections.fetch_add(1, Relaxed) + 1;
    let refusal = if open > settings.maxclients as usize {
        Some(ReplyError::MAX_CLIENTS)
    } else if is_denied(&settings, &accepted.address) {
        Some(ReplyError::PROTECTED_MODE)
    } else {
        None
    };
    if let Some(error) = refusal {
        server.stats.counters.rejected_connections.add_shared(1);
        server.connections.fetch_sub(1, Relaxed);
        // Best effort, as the peer may be gone; the socket closes when it is dropped.
        let _ = rustix::io::write(&accepted.transport, &[b"-", error.text(), b"\r\n"].concat());
        return;
    }
    let now = server.clock.now();
    let worker = placement::for_newcomer(&server.workers, now.ms());
    server.workers[worker].connections.fetch_add(1, Relaxed);
    // Listed before its io-thread welcomes it: clients are numbered and seen in the order in which they connected.
    let info = server.clients.admit(worker, accepted.address, accepted.transport.as_fd().as_raw_fd(), now);
    doors.hand_over(worker, Guest { transport: accepted.transport, info, luggage: None });
}

fn is_denied(settings: &Settings, address: &Address) -> bool {
    settings.protected_mode && settings.requirepass.password().is_none() && !address.is_local()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::SocketAddr;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::net::transport::Detached;

    /// What a new connection from `peer` is told right away; nothing if it is let in.
    fn told(pairs: &[(&str, &str)], peer: &str) -> String {
        let server = Config::from_pairs(pairs).and_then(|config| Server::new(config, Clock::real()));
        let server = server.expect("the directives are right");
        // No thread serves who is let in, so that the connection is closed in any case and this comes to an end.
        let (doors, _) = Doors::new(server.workers.len());
        let phase = watch::channel(Phase::Serving).1;
        let (mut client, socket) = UnixStream::pair().expect("the system has sockets");
        let local = SocketAddr::from(([192, 0, 2, 1], 6379));
        let peer = peer.parse().expect("an address and a port");
        let address = Address::Tcp { peer, local };
        let_in(&House { server, doors, phase }, Accepted { transport: Detached::tcp(socket.into()), address });
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
