//! Who accepts connections: a task for each listener on the first io-thread, which most connections stay on, so that to accept
//! wakes no other thread. It gives every new connection to an io-thread or sends it away. While that thread is late, its
//! [deputy](super::deputy) accepts.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::Interest;
use tokio::sync::watch;

use super::ending::Phase;
use crate::command::limits;
use crate::config::Settings;
use crate::ids::{Address, WorkerId};
use crate::net::handover::{Doors, Guest, Newcomer};
use crate::net::listen::{Accepted, Listener, Wanted};
use crate::net::tls::acceptor::Acceptor;
use crate::net::transport::Detached;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::worker::placement;

/// The worker whose thread accepts.
pub(super) const ACCEPTING: WorkerId = 0;
/// How long nothing is accepted when there is no descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What all who accept know.
#[derive(Debug)]
pub(super) struct House {
    pub server: Arc<Server>,
    doors: Doors,
    phase: watch::Receiver<Phase>,
}

impl House {
    /// Who knows this accepts while the phase is that of serving, and passes connections on through the doors.
    pub(super) fn new(server: Arc<Server>, doors: Doors, phase: watch::Receiver<Phase>) -> Self {
        Self { server, doors, phase }
    }

    /// Whether connections are accepted. While the server ends, new ones wait in the kernel's queue: the end may be called off.
    pub(super) fn is_open(&self) -> bool {
        *self.phase.borrow() == Phase::Serving
    }

    /// Waits until connections are accepted; false if none ever are again.
    async fn opens(&mut self) -> bool {
        self.is_open() || self.phase.wait_for(|phase| *phase == Phase::Serving).await.is_ok()
    }
}

/// What is listened on.
pub(super) struct Doormen {
    doors: Doors,
    all: RefCell<Vec<Arc<Listener>>>,
    /// What encrypts connections of some of them.
    pub tls: Arc<Acceptor>,
}

impl Doormen {
    /// None yet; listeners go through the doors to the thread that accepts.
    pub(super) fn new(doors: Doors, tls: Arc<Acceptor>) -> Self {
        Self { doors, all: RefCell::default(), tls }
    }

    /// Has connections accepted from these listeners from now on.
    pub(super) fn open(&self, listeners: Vec<Listener>) {
        for listener in listeners.into_iter().map(Arc::new) {
            tracing::info!(address = listener.place(), kind = listener.kind(), "listening");
            self.doors.attend(ACCEPTING, listener.clone());
            self.all.borrow_mut().push(listener);
        }
    }

    /// Accepts nothing more over TCP but where it is `wanted`, and answers where it did. When this returns the addresses are
    /// free, also if the thread that accepts is stuck.
    pub(super) fn close_tcp_but(&self, wanted: &[Wanted]) -> Vec<Wanted> {
        let mut closed = Vec::new();
        self.all.borrow_mut().retain(|listener| {
            let Some(place) = listener.wanted() else { return true };
            if wanted.iter().any(|wanted| wanted.is(&place)) {
                return true;
            }
            listener.close();
            closed.push(place);
            false
        });
        closed
    }

    /// Where it is listened over TCP.
    pub(super) fn places(&self) -> Vec<Wanted> {
        self.all.borrow().iter().filter_map(|listener| listener.wanted()).collect()
    }

    /// All listeners.
    pub(super) fn listeners(&self) -> Vec<Arc<Listener>> {
        self.all.borrow().clone()
    }

    /// Gives all connections that are accepted over TCP from now on the keepalive of these settings.
    pub(super) fn set_keepalive(&self, settings: &Settings) {
        for listener in self.all.borrow().iter().filter(|listener| listener.wanted().is_some()) {
            if let Err(error) = listener.keep_alive(settings) {
                tracing::warn!(%error, "cannot change keepalive");
            }
        }
    }
}

/// What has come of a try to accept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next may wait.
    Again,
    /// Nobody waits.
    Wait,
    /// The process or the machine has no descriptor left: connections wait in the kernel's queue meanwhile.
    Rest,
    /// The listener is closed.
    End,
}

/// Accepts connections until the listener is closed.
pub(super) async fn accept(listener: Arc<Listener>, mut house: House) {
    let waiting = match listener.watch() {
        Ok(waiting) => waiting,
        // The deputy does it.
        Err(error) => return tracing::error!(%error, "cannot wait for connections"),
    };
    loop {
        if waiting.readable().await.is_err() || !house.opens().await {
            return;
        }
        while !listener.has_room(house.server.settings().tls_handshake_limit) {
            listener.freed().await;
        }
        listener.count_look();
        let accepted = waiting.try_io(Interest::READABLE, || listener.accept());
        match receive(&listener, accepted, &house, None) {
            Next::Again | Next::Wait => {}
            Next::Rest => tokio::time::sleep(BACK_OFF).await,
            Next::End => return,
        }
    }
}

/// Lets in who has been accepted from `listener`, but not to a thread that is `late` if there is another.
pub(super) fn receive(
    listener: &Listener,
    accepted: io::Result<Accepted>,
    house: &House,
    late: Option<WorkerId>,
) -> Next {
    match accepted {
        Ok(accepted) => {
            let_in(house, accepted, late);
            Next::Again
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Next::Wait,
        // A socket that does not listen.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Next::End,
        Err(error) if is_exhaustion(&error) => {
            if listener.complaints.show(house.server.clock.now().ms()).is_some() {
                tracing::warn!(%error, "cannot accept connections; trying again every {} ms", BACK_OFF.as_millis());
            }
            Next::Rest
        }
        Err(error) => {
            tracing::debug!(%error, "a connection went away before it was accepted");
            Next::Again
        }
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| exhausted.contains(&errno))
}

/// Sends a new connection to an io-thread, or away.
fn let_in(house: &House, accepted: Accepted, late: Option<WorkerId>) {
    let House { server, doors, .. } = house;
    server.stats.counters.connections.add_shared(1);
    let settings = server.settings();
    let open = server.connections.fetch_add(1, Relaxed) + 1;
    let (too_many, is_encrypted) = (open > settings.maxclients as usize, accepted.handshake.is_some());
    let denied = is_denied(server, &accepted.address).then_some(ReplyError::PROTECTED_MODE);
    // Who is to be heard encrypted is told when that is possible, unless there are too many.
    let is_emptying = server.drain.is_emptying(server.clock.now().ms());
    let (refusal, late_refusal) = match (too_many, is_encrypted) {
        _ if is_emptying => (Some(ReplyError::DRAINING), None),
        (true, _) => (Some(ReplyError::MAX_CLIENTS), None),
        (false, false) => (denied, None),
        (false, true) => (None, denied),
    };
    let Accepted { transport, address, handshake } = accepted;
    if let Some(error) = refusal {
        return send_away(server, &transport, (!is_encrypted).then_some(&error));
    }
    let now = server.clock.now();
    let worker = placement::for_newcomer(&server.workers, late, now.ms());
    if let Some(ticket) = handshake {
        server.workers[worker].connections.fetch_add(1, Relaxed);
        return doors.introduce(worker, Newcomer { transport, address, ticket, refusal: late_refusal });
    }
    // Listed before its io-thread welcomes it: clients are numbered and seen in the order in which they connected.
    let info = server.clients.admit(worker, address, transport.as_fd().as_raw_fd(), now);
    if let Err(error) = limits::let_in(server, &info, None, now) {
        server.clients.remove(info.id);
        return send_away(server, &transport, Some(&error));
    }
    server.workers[worker].connections.fetch_add(1, Relaxed);
    doors.hand_over(worker, Guest { transport: Ok(transport), info, luggage: None });
}

/// Ends a connection that is not let in, which is told why if it understands that. The socket closes when it is dropped.
fn send_away(server: &Server, transport: &Detached, why: Option<&ReplyError>) {
    server.stats.counters.rejected_connections.add_shared(1);
    server.connections.fetch_sub(1, Relaxed);
    if let Some(error) = why {
        // Best effort, as the peer may be gone.
        let _ = rustix::io::write(transport, &[b"-", error.text(), b"\r\n"].concat());
    }
}

fn is_denied(server: &Server, address: &Address) -> bool {
    server.settings().protected_mode && server.acl.default.rights().takes_any_password() && !address.is_local()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::SocketAddr;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;

    /// What a new connection from `peer` is told right away; nothing if it is let in.
    fn told(pairs: &[(&str, &str)], peer: &str) -> String {
        told_by(&server(pairs), peer)
    }

    fn server(pairs: &[(&str, &str)]) -> Arc<Server> {
        let server = Config::from_pairs(pairs).and_then(|config| new_server(config, Clock::real()));
        server.expect("the directives are right")
    }

    fn told_by(server: &Arc<Server>, peer: &str) -> String {
        // No thread serves who is let in, so that the connection is closed in any case and this comes to an end.
        let (doors, _) = Doors::new(server.workers.len());
        let phase = watch::channel(Phase::Serving).1;
        let (mut client, socket) = UnixStream::pair().expect("the system has sockets");
        let local = SocketAddr::from(([192, 0, 2, 1], 6379));
        let peer = peer.parse().expect("an address and a port");
        let address = Address::Tcp { peer, local };
        let_in(
            &House::new(server.clone(), doors, phase),
            Accepted { transport: Detached::tcp(socket.into()), address, handshake: None },
            None,
        );
        let mut text = String::new();
        client.read_to_string(&mut text).expect("the other end is closed");
        text
    }

    #[test]
    fn protected_mode_refuses_strangers_while_there_is_no_password() {
        for stranger in ["192.0.2.7:5000", "[2001:db8::7]:5000", "0.0.0.0:5000"] {
            let text = told(&[], stranger);
            assert!(text.starts_with("-DENIED ") && text.ends_with("\r\n"), "{stranger}: {text}");
            assert!(text.contains("loopback") && text.contains("requirepass"), "{text}");
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

    #[test]
    fn the_default_user_s_limit_of_connections_refuses_who_would_be_that_user() {
        let server_of = |user: &str| server(&[("protected-mode", "no"), ("user", user)]);
        let full = "default on nopass +@all limit:connections=1";
        let server = server_of(full);
        let [first, second] = [(); 2].map(|()| told_by(&server, "192.0.2.7:5000"));
        assert_eq!(first, "");
        assert_eq!(second, "-LIMIT User default has reached its limit:connections\r\n");
        assert_eq!(server.total(|counters| &counters.limited_connections), 1);
        assert_eq!(server.total(|counters| &counters.rejected_connections), 1);
        let entry = server.acl.log.newest(1).remove(0);
        assert_eq!((entry.refusal.object, entry.refusal.user), (b"connections".to_vec(), b"default".to_vec()));
        assert!(entry.refusal.client.contains(" addr=192.0.2.7:5000 "), "{}", entry.refusal.client);
        assert_eq!((server.connections.load(Relaxed), server.clients.len()), (1, 1));
        let guarded = "default on >secret +@all limit:connections=1";
        let server = server_of(guarded);
        for _ in 0..3 {
            assert_eq!(told_by(&server, "192.0.2.7:5000"), "", "nobody knows yet who that is");
        }
    }
}
