//! A connection, plain or over TLS, that blocks or does not.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};

/// How much is read from a socket at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// One connection.
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Tls>>,
}

struct Tls {
    connection: ClientConnection,
    /// What has been decrypted, and how much of it has been taken.
    plain: Vec<u8>,
    taken: usize,
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Stream {
    /// Connects, over TLS if there is a configuration for it; its handshake has begun then.
    pub(crate) fn connect(address: SocketAddr, config: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let tls = config.map(|config| -> io::Result<Box<Tls>> {
            let name = "localhost".try_into().map_err(io::Error::other)?;
            let mut connection = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
            connection.set_buffer_limit(None);
            while connection.wants_write() {
                connection.write_tls(&mut socket)?;
            }
            Ok(Box::new(Tls { connection, plain: Vec::new(), taken: 0 }))
        });
        Ok(Stream { socket, tls: tls.transpose()? })
    }

    /// Completes the handshake, if there is one.
    pub(crate) fn complete(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.connection.complete_io(&mut self.socket)?;
        }
        Ok(())
    }

    /// Whether it has come in by an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.connection.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// The socket, for its options, and for who looks at its bytes as they are.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether its bytes are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// The version of TLS that is spoken.
    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.tls.as_ref().and_then(|tls| tls.connection.protocol_version())
    }

    /// Whether the socket has not taken all that was encrypted.
    pub(crate) fn has_output(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.connection.wants_write())
    }
}

impl Tls {
    /// Reads once from the socket and decrypts what has come; false at the end.
    fn receive(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        let mut bytes = [0; READ_BYTES];
        let count = socket.read(&mut bytes)?;
        let mut unread = &bytes[..count];
        self.plain.clear();
        self.taken = 0;
        while !unread.is_empty() && self.connection.read_tls(&mut unread)? > 0 {
            self.connection.process_new_packets().map_err(io::Error::other)?;
            match self.connection.reader().read_to_end(&mut self.plain) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(count > 0)
    }

    fn flush(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        }
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(buffer) };
        while tls.taken == tls.plain.len() {
            if !tls.receive(&mut self.socket)? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(tls.plain.len() - tls.taken);
        buffer[..count].copy_from_slice(&tls.plain[tls.taken..tls.taken + count]);
        tls.taken += count;
        Ok(count)
    }
}

impl Write for Stream {
    /// Over TLS, what is taken may stay behind until [`Write::flush`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        tls.flush(&mut self.socket)?;
        let count = tls.connection.writer().write(bytes)?;
        match tls.flush(&mut self.socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(&mut self.socket),
            None => Ok(()),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
