//! Listening sockets: bound as `port`, `tls-port`, `bind` and `unixsocket` say, and accepted from.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, SocketFlags, acceptfrom_with, shutdown};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

use crate::config::{BindAddress, Settings, StartError};
use crate::ids::Address;
use crate::net::tls::acceptor::{Acceptor, Ticket};
use crate::net::transport::Detached;
use crate::observe::seldom::Seldom;

/// What the kernel keeps for a peer beyond what it has on its way to it, in bytes: enough to fill the line until more is
/// written, and no more, because what waits in an outbox is shared by all subscribers while the kernel copies it for each.
const UNSENT_BYTES: u32 = 64 * 1024;

/// A bound socket that any thread may accept from.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    place: Place,
    /// What encrypts its connections; none if they are plain.
    tls: Option<Arc<Acceptor>>,
    /// How often the thread whose task that is has tried to accept.
    looks: AtomicU64,
    /// Failures to accept, whichever thread tries.
    pub complaints: Seldom,
}

/// Where a listener is bound.
#[derive(Debug)]
enum Place {
    /// An address and port.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl Listener {
    fn new(socket: OwnedFd, place: Place) -> Self {
        Self { socket, place, tls: None, looks: AtomicU64::new(0), complaints: Seldom::default() }
    }

    /// Where it listens; none of a socket file.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        match &self.place {
            Place::Tcp(place) => Some(Wanted { place: *place, optional: false, tls: self.tls.is_some() }),
            Place::Unix(_) => None,
        }
    }

    /// What kind of connections it takes, as the log of Redis calls them.
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.place, &self.tls) {
            (Place::Unix(_), _) => "unix",
            (Place::Tcp(_), None) => "tcp",
            (Place::Tcp(_), Some(_)) => "tls",
        }
    }

    /// Whether one more of its connections may begin while this many handshakes may be under way.
    pub(crate) fn has_room(&self, handshakes: u32) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.has_room(handshakes))
    }

    /// Waits until that may have changed.
    pub(crate) async fn freed(&self) {
        if let Some(tls) = &self.tls {
            tls.freed().await;
        }
    }

    /// The address and port or the path, for the log.
    pub(crate) fn place(&self) -> String {
        match &self.place {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(path) => path.display().to_string(),
        }
    }

    /// Accepts one connection.
    ///
    /// # Errors
    ///
    /// Those of the system; also when nobody waits to be accepted.
    pub(crate) fn accept(&self) -> io::Result<Accepted> {
        let (socket, peer) = acceptfrom_with(&self.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        match &self.place {
            Place::Unix(path) => {
                let address = Address::Unix(path.clone());
                Ok(Accepted { transport: Detached::unix(socket), address, handshake: None })
            }
            Place::Tcp(bound) => {
                let peer = peer.ok_or(io::ErrorKind::NotConnected)?;
                let peer = SocketAddr::try_from(peer).map_err(io::Error::from)?;
                let local = local_end(&socket, *bound)?;
                let (transport, address) = (Detached::tcp(socket), Address::Tcp { peer, local });
                let Some(tls) = &self.tls else { return Ok(Accepted { transport, address, handshake: None }) };
                let (encrypted, ticket) = tls.begin().ok_or(io::ErrorKind::ConnectionAborted)?;
                Ok(Accepted { transport: transport.encrypted(encrypted), address, handshake: Some(ticket) })
            }
        }
    }

    /// The socket, for who accepts in another way.
    pub(crate) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// What tells a task of this thread that somebody waits: it is readable then. As if it were a stream, because a listener
    /// of tokio would register each accepted socket with this thread's reactor, and other threads are to serve them.
    ///
    /// # Errors
    ///
    /// Those of the system, when it has no descriptor for it.
    pub(crate) fn watch(&self) -> io::Result<TcpStream> {
        TcpStream::from_std(self.socket.try_clone()?.into())
    }

    /// Notes that the thread that is to accept has time for it.
    pub(crate) fn count_look(&self) {
        self.looks.fetch_add(1, Relaxed);
    }

    /// How often it has had.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Relaxed)
    }

    /// Whether somebody waits to be accepted.
    pub(crate) fn is_awaited(&self) -> bool {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut sockets, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Ends it for all threads, whatever they are busy with: the address is free for the next listener, connections that were
    /// not accepted yet are reset, as in Redis, and accepting fails as it does from a socket that does not listen.
    pub(crate) fn close(&self) {
        if let Err(error) = shutdown(&self.socket, Shutdown::Both) {
            tracing::warn!(place = ?self.place, %error, "cannot end a listener");
        }
    }

    /// Sets what connections inherit that are accepted from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn keep_alive(&self, settings: &Settings) -> io::Result<()> {
        keep_alive(&SockRef::from(&self.socket), settings)
    }
}

/// A connection that has just been accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What it comes through.
    pub transport: Detached,
    /// Its two ends.
    pub address: Address,
    /// That it is encrypted, and its handshake has to come first.
    pub handshake: Option<Ticket>,
}

/// Binds everything that the settings ask for.
///
/// # Errors
///
/// [`StartError`] naming the address and the cure, for the first address that cannot be had and is not optional.
pub(crate) fn bind(settings: &Settings, tls: &Arc<Acceptor>) -> Result<Vec<Listener>, StartError> {
    let mut listeners = bind_places(&look_up(settings)?, settings, tls)?;
    if let Some(path) = &settings.unixsocket {
        listeners.push(bind_unix(path, settings)?);
    }
    if listeners.is_empty() { Err(nowhere()) } else { Ok(listeners) }
}

fn nowhere() -> StartError {
    StartError::new(
        "there is nothing to listen on: port and tls-port are 0 and unixsocket is empty, or no address of bind exists here",
        "set port, tls-port, unixsocket or bind",
    )
}

/// Finds what would keep [`bind`] from it, except that somebody else listens there already or this user may not.
///
/// # Errors
///
/// As [`bind`].
pub(crate) fn check(settings: &Settings) -> Result<(), StartError> {
    let has_address = !look_up(settings)?.is_empty();
    look_up_metrics(settings)?;
    match settings.unixsocket.as_ref().map(|path| settings.dir.place(path)) {
        Some(path) => stale(&path).map(drop).map_err(|error| cannot_listen_at(&path, &error)),
        None if has_address => Ok(()),
        None => Err(nowhere()),
    }
}

/// Binds what `metrics-port` and `metrics-bind` ask for; nothing if the port is 0.
///
/// # Errors
///
/// As [`bind`].
pub(crate) fn bind_metrics(settings: &Settings) -> Result<Vec<Listener>, StartError> {
    bind_places(&look_up_metrics(settings)?, settings, &Arc::default())
}

fn look_up_metrics(settings: &Settings) -> Result<Vec<Wanted>, StartError> {
    let mut wanted = Vec::new();
    for address in settings.metrics_bind.iter().filter(|_| settings.metrics_port != 0) {
        let places = resolve(address, settings.metrics_port, "metrics-bind")?;
        wanted.extend(places.into_iter().map(|place| Wanted { place, optional: address.optional, tls: false }));
    }
    Ok(wanted)
}

/// An address to listen on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// The address and the port.
    pub place: SocketAddr,
    /// Whether it may be left out where this machine does not have it.
    pub optional: bool,
    /// Whether connections are encrypted there.
    pub tls: bool,
}

impl Wanted {
    /// Whether both are the same socket.
    pub(crate) fn is(&self, other: &Wanted) -> bool {
        self.place == other.place && self.tls == other.tls
    }
}

/// Looks up where `port`, `tls-port` and `bind` want to listen; nowhere on a port that is 0. May take as long as the system's resolver does.
///
/// # Errors
///
/// [`StartError`] for the first name that does not resolve and is not optional.
pub(crate) fn look_up(settings: &Settings) -> Result<Vec<Wanted>, StartError> {
    let mut wanted = Vec::new();
    for (port, tls) in [(settings.port, false), (settings.tls_port, true)] {
        for address in settings.bind.iter().filter(|_| port != 0) {
            let places = resolve(address, port, "bind")?;
            wanted.extend(places.into_iter().map(|place| Wanted { place, optional: address.optional, tls }));
        }
    }
    Ok(wanted)
}

/// Binds these addresses.
///
/// # Errors
///
/// As [`bind`].
pub(crate) fn bind_places(
    wanted: &[Wanted],
    settings: &Settings,
    acceptor: &Arc<Acceptor>,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for Wanted { place, optional, tls } in wanted {
        match bind_address(*place, settings) {
            Ok(listener) => listeners.push(Listener { tls: tls.then(|| acceptor.clone()), ..listener }),
            Err(error) if is_absent(&error, *optional) => {
                tracing::debug!(address = %place, %error, "not listening on an address that is not here");
            }
            Err(error) => return Err(cannot_listen(&place.to_string(), &error)),
        }
    }
    Ok(listeners)
}

fn resolve(address: &BindAddress, port: u16, directive: &str) -> Result<Vec<SocketAddr>, StartError> {
    let host = match address.host.as_str() {
        "*" => "0.0.0.0",
        "::*" => "::",
        host => host,
    };
    match (host, port).to_socket_addrs() {
        Ok(found) => Ok(found.take(1).collect()),
        Err(_) if address.optional => Ok(Vec::new()),
        Err(error) => Err(StartError::new(format!("cannot resolve {host}: {error}"), format!("correct {directive}"))),
    }
}

/// Whether an address may be left out: the protocol does not exist here, or an optional address does not.
fn is_absent(error: &io::Error, optional: bool) -> bool {
    use rustix::io::Errno;
    let unsupported = [Errno::AFNOSUPPORT, Errno::PFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::NOPROTOOPT];
    match Errno::from_io_error(error) {
        Some(errno) => unsupported.contains(&errno) || (optional && errno == Errno::ADDRNOTAVAIL),
        None => false,
    }
}

fn cannot_listen(place: &str, error: &io::Error) -> StartError {
    let cure = match error.kind() {
        io::ErrorKind::AddrInUse => "end the program that uses it, or choose another port",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 on, or allow this user the one you chose",
        io::ErrorKind::AddrNotAvailable => "name an address of this machine in bind, or put - in front of it",
        _ => "correct port and bind",
    };
    StartError::new(format!("cannot listen on {place}: {error}"), cure)
}

fn bind_address(place: SocketAddr, settings: &Settings) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(place), Type::STREAM, Some(Protocol::TCP))?;
    if place.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    // Accepted connections inherit these, which saves calls for each.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    keep_alive(&SockRef::from(&socket), settings)?;
    socket.bind(&SockAddr::from(place))?;
    socket.listen(i32::try_from(settings.tcp_backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    let bound = TcpListener::from(socket);
    let place = Place::Tcp(bound.local_addr()?);
    Ok(Listener::new(bound.into(), place))
}

fn keep_alive(socket: &SockRef<'_>, settings: &Settings) -> io::Result<()> {
    match settings.tcp_keepalive.enabled() {
        None => socket.set_keepalive(false),
        Some(idle) => {
            let interval = (idle / 3).max(Duration::from_secs(1));
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(3))
        }
    }
}

fn bind_unix(name: &Path, settings: &Settings) -> Result<Listener, StartError> {
    let path = &settings.dir.place(name);
    let fail = |error: io::Error| cannot_listen_at(path, &error);
    if UnixStream::connect(path).is_ok() {
        return Err(fail(io::ErrorKind::AddrInUse.into()));
    }
    if stale(path).map_err(fail)? {
        std::fs::remove_file(path).map_err(fail)?;
    }
    let socket = bind_closed(path, settings).map_err(fail)?;
    socket.listen(i32::try_from(settings.tcp_backlog).unwrap_or(i32::MAX)).map_err(fail)?;
    Ok(Listener::new(socket.into(), Place::Unix(name.to_owned())))
}

/// Whether there is a socket, which a former run has left if nobody listens on it. Only a socket can be such; a mistyped path
/// must not cost another file.
fn stale(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn cannot_listen_at(path: &Path, error: &io::Error) -> StartError {
    let cure = match error.kind() {
        io::ErrorKind::InvalidInput => "choose a path in unixsocket and dir of at most 107 bytes",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "choose a path in unixsocket and dir whose directory exists"
        }
        _ => "choose a path in unixsocket that this user may write to and no other server uses",
    };
    StartError::new(format!("cannot listen on {}: {error}", path.display()), cure)
}

/// Binds a socket file and gives it its permissions before anybody is listening: until then, connecting is refused, so at
/// no moment can somebody get in who may not.
fn bind_closed(path: &Path, settings: &Settings) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if settings.unixsocketperm.0 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(settings.unixsocketperm.0))?;
    }
    Ok(socket)
}

/// The server's end: where it is bound, unless that is every address.
fn local_end(socket: &OwnedFd, bound: SocketAddr) -> io::Result<SocketAddr> {
    let everywhere = match bound.ip() {
        IpAddr::V4(ip) => ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    if !everywhere {
        return Ok(bound);
    }
    let local = rustix::net::getsockname(socket)?;
    SocketAddr::try_from(local).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FileMode;

    #[test]
    fn nobody_gets_into_a_unix_socket_before_it_has_its_permissions() {
        let dir = tempfile::tempdir().expect("the temporary directory is writable");
        let path = dir.path().join("s");
        let settings = Settings { unixsocketperm: FileMode(0o620), ..Settings::default() };
        let socket = bind_closed(&path, &settings).expect("nothing else has this name");
        let refused = UnixStream::connect(&path).expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let mode = std::fs::metadata(&path).expect("it has been bound").permissions().mode();
        assert_eq!(mode & 0o777, 0o620);
        socket.listen(1).expect("it is bound");
        assert!(UnixStream::connect(&path).is_ok());
    }
}
