//! The blocking socket to the server: connect, send a command, take replies.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};

use super::encryption::{Encrypted, Encryption};
use super::interrupt::Interrupt;
use super::reply::{Reply, ReplyReader};

/// Where the server is. Displayed as error messages and the prompt name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(out, "{host}:{port}"),
            Self::Unix(path) => write!(out, "{}", path.display()),
        }
    }
}

/// Which addresses of a host's name are tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// Why no reply came. Displayed with the words of redis-cli.
#[derive(Debug)]
pub(super) enum Lost {
    Closed,
    Io(io::Error),
    /// What came is not the protocol.
    Protocol(String),
}

impl Lost {
    /// Whether a new connection may help.
    pub(super) fn is_disconnect(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Io(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            Self::Protocol(_) => false,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => out.write_str("Server closed the connection"),
            Self::Io(error) => out.write_str(&system_text(error)),
            Self::Protocol(text) => out.write_str(text),
        }
    }
}

/// What the system says about an error, without Rust's additions: "Connection refused".
pub(super) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

/// An open connection. Dropping it closes it.
pub(super) struct Connection {
    stream: Stream,
    encrypted: Option<Encrypted>,
    reader: ReplyReader,
}

impl Connection {
    /// Connects, with Nagle's algorithm off and keepalive on, so that a subscriber notices a server that vanished.
    /// Each address of a name gets this long; as long as the system lets it where that is zero.
    pub(super) fn open(
        target: &Target,
        timeout: Duration,
        first: Family,
        encryption: Option<&Encryption>,
    ) -> io::Result<Self> {
        let mut stream = match target {
            Target::Tcp { host, port } => Stream::Tcp(connect_tcp(host, *port, timeout, first)?),
            Target::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        let host = match target {
            Target::Tcp { host, .. } => host,
            Target::Unix(_) => "localhost",
        };
        let encrypted = encryption.map(|encryption| encryption.begin(host, &mut stream)).transpose()?;
        Ok(Self { stream, encrypted, reader: ReplyReader::default() })
    }

    /// Sends one command. That the peer has closed is not reported here but by [`Self::receive`], after what the peer
    /// still said: a server that refuses a connection says why and closes.
    pub(super) fn send(&mut self, arguments: &[impl AsRef<[u8]>]) -> Result<(), Lost> {
        let bytes = request(arguments);
        let sent = match &mut self.encrypted {
            Some(encrypted) => encrypted.write_all(&mut self.stream, &bytes),
            None => self.stream.write_all(&bytes),
        };
        match sent {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                Err(Lost::Io(error))
            }
            _ => Ok(()),
        }
    }

    /// Waits for the next reply, pushes included.
    pub(super) fn receive(&mut self) -> Result<Reply, Lost> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(reply) = self.buffered()? {
                return Ok(reply);
            }
            match self.read(&mut chunk) {
                Ok(0) => return Err(Lost::Closed),
                Ok(length) => self.reader.feed(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Lost::Io(error)),
            }
        }
    }

    /// Waits for the next reply; none when Ctrl-C came before it.
    pub(super) fn receive_unless(&mut self, interrupt: &mut Interrupt) -> Result<Option<Reply>, Lost> {
        loop {
            if let Some(reply) = self.buffered()? {
                return Ok(Some(reply));
            }
            let mut waiting = [PollFd::new(&self.stream, PollFlags::IN), PollFd::new(interrupt, PollFlags::IN)];
            while poll(&mut waiting, None) == Err(Errno::INTR) {}
            let readable = !waiting[0].revents().is_empty();
            if interrupt.take() {
                return Ok(None);
            }
            if readable && !self.read_some().map_err(Lost::Io)? {
                return Err(Lost::Closed);
            }
        }
    }

    /// Reading and writing take what is possible at once from now on, and [`Self::receive`] must not be used any more.
    pub(super) fn stop_blocking(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_nonblocking(true),
            Stream::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    /// Writes as much as the socket takes, and says how much that was. Over TLS, some of it may stay behind.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.encrypted {
            Some(encrypted) => encrypted.write(&mut self.stream, bytes),
            None => self.stream.write(bytes),
        }
    }

    /// Whether something of what was written has stayed behind.
    pub(super) fn has_output(&self) -> bool {
        self.encrypted.as_ref().is_some_and(Encrypted::has_output)
    }

    /// Writes what has stayed behind.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.encrypted {
            Some(encrypted) => encrypted.flush(&mut self.stream),
            None => Ok(()),
        }
    }

    /// Reads what has arrived, for [`Self::buffered`] to take replies from; false at the end.
    pub(super) fn read_some(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let length = self.read(&mut chunk)?;
            self.reader.feed(&chunk[..length]);
            // The socket does not tell of what has been decrypted.
            if length == 0 || !self.encrypted.as_mut().is_some_and(Encrypted::has_input) {
                return Ok(length > 0);
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.encrypted {
            Some(encrypted) => encrypted.read(&mut self.stream, buffer),
            None => self.stream.read(buffer),
        }
    }

    /// The next reply if it has arrived already.
    pub(super) fn buffered(&mut self) -> Result<Option<Reply>, Lost> {
        self.reader.next().map_err(Lost::Protocol)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

const KEEPALIVE: Duration = Duration::from_secs(15);

fn connect_tcp(host: &str, port: u16, timeout: Duration, first: Family) -> io::Result<TcpStream> {
    let mut addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_by_key(|address| address.is_ipv6() != (first == Family::V6));
    let stream = connect_to_one(&addresses, timeout)?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3))?;
    Ok(stream)
}

/// The first of the addresses where somebody answers.
fn connect_to_one(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    if timeout.is_zero() {
        return TcpStream::connect(addresses);
    }
    let mut failure = io::Error::other("Name or service not known");
    for address in addresses {
        match TcpStream::connect_timeout(address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A command as an array of bulk strings.
fn request(arguments: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lost, Target, request, system_text};
    use std::io;

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        assert_eq!(
            request(&[b"SET".to_vec(), b"".to_vec(), b"\r\n".to_vec()]),
            b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\n"
        );
    }

    #[test]
    fn system_errors_are_shown_without_their_number() {
        assert_eq!(system_text(&io::Error::from_raw_os_error(111)), "Connection refused");
        assert_eq!(system_text(&io::Error::other("plain")), "plain");
        let lookup = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(system_text(&lookup), "Name or service not known");
    }

    #[test]
    fn a_reset_is_a_disconnect_and_nonsense_is_not() {
        assert!(Lost::Closed.is_disconnect());
        assert!(Lost::Io(io::ErrorKind::ConnectionReset.into()).is_disconnect());
        assert!(!Lost::Protocol("x".to_owned()).is_disconnect());
    }

    #[test]
    fn a_target_is_shown_as_host_and_port_or_as_path() {
        assert_eq!(Target::Tcp { host: "h".to_owned(), port: 1 }.to_string(), "h:1");
        assert_eq!(Target::Unix("/run/s.sock".into()).to_string(), "/run/s.sock");
    }
}
