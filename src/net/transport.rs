//! What the bytes of a client come and go through: a socket, over TCP or of a file.
//!
//! A transport belongs to one thread: its reactor knows the descriptor. To go to another thread it is [detached](Detached),
//! with all that it keeps, and attached there again: the descriptor stays the same.
//!
//! It can be written to while its task waits for it, both on one thread, so nothing here takes it exclusively. What
//! [encryption](super::tls) keeps, it keeps behind a cell.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix;
use std::task::{Context, Poll};

use bytes::BufMut;
use rustix::net::SendFlags;
use tokio::io::{Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

use super::peer;
use super::tls::encrypted::{Encrypted, Progress};
use crate::client::sink::{Answers, Sink, Wrote};
use crate::config::CertificateUser;

/// A transport that no thread serves: what the thread that accepted it, or has served it so far, hands to the next.
#[derive(Debug)]
pub(crate) struct Detached {
    socket: DetachedSocket,
    encrypted: Option<Box<Encrypted>>,
}

#[derive(Debug)]
enum DetachedSocket {
    Tcp(net::TcpStream),
    Unix(unix::net::UnixStream),
}

/// A client's connection on the thread that serves it.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: Socket,
    /// The state of its encryption, if it is encrypted.
    encrypted: Option<Box<Encrypted>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Detached {
    /// Of a socket over TCP that does not block.
    pub(crate) fn tcp(socket: OwnedFd) -> Self {
        Detached { socket: DetachedSocket::Tcp(socket.into()), encrypted: None }
    }

    /// Of a socket of a file that does not block.
    pub(crate) fn unix(socket: OwnedFd) -> Self {
        Detached { socket: DetachedSocket::Unix(socket.into()), encrypted: None }
    }

    /// The same, encrypted.
    pub(crate) fn encrypted(self, encrypted: Encrypted) -> Self {
        Detached { encrypted: Some(Box::new(encrypted)), ..self }
    }

    /// Lets this thread serve it.
    ///
    /// # Errors
    ///
    /// Those of the system, when the thread's reactor cannot take it; the connection ends then.
    pub(crate) fn attach(self) -> io::Result<Transport> {
        let socket = match self.socket {
            DetachedSocket::Tcp(socket) => Socket::Tcp(TcpStream::from_std(socket)?),
            DetachedSocket::Unix(socket) => Socket::Unix(UnixStream::from_std(socket)?),
        };
        Ok(Transport { socket, encrypted: self.encrypted })
    }
}

impl AsFd for Detached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            DetachedSocket::Tcp(socket) => socket.as_fd(),
            DetachedSocket::Unix(socket) => socket.as_fd(),
        }
    }
}

impl Transport {
    /// Takes it from this thread, so that another can serve it.
    ///
    /// # Errors
    ///
    /// Those of the system, when the reactor cannot give it up; the connection ends then.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        let socket = match self.socket {
            Socket::Tcp(socket) => DetachedSocket::Tcp(socket.into_std()?),
            Socket::Unix(socket) => DetachedSocket::Unix(socket.into_std()?),
        };
        Ok(Detached { socket, encrypted: self.encrypted })
    }

    /// Waits until it can be read or written, as asked. Cancel safe.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        if interest.is_readable() && self.encrypted.as_ref().is_some_and(|encrypted| encrypted.has_input()) {
            return Ok(Ready::READABLE);
        }
        poll_fn(|context| self.poll_ready(interest, context)).await
    }

    /// One task waits at a time, so the places that tokio has for one waiter each are enough, and cost less than its queue.
    fn poll_ready(&self, interest: Interest, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let mut ready = Ready::EMPTY;
        if interest.is_readable() {
            let polled = match &self.socket {
                Socket::Tcp(socket) => socket.poll_read_ready(context)?,
                Socket::Unix(socket) => socket.poll_read_ready(context)?,
            };
            ready |= if polled.is_ready() { Ready::READABLE } else { Ready::EMPTY };
        }
        if interest.is_writable() {
            let polled = match &self.socket {
                Socket::Tcp(socket) => socket.poll_write_ready(context)?,
                Socket::Unix(socket) => socket.poll_write_ready(context)?,
            };
            ready |= if polled.is_ready() { Ready::WRITABLE } else { Ready::EMPTY };
        }
        if ready.is_empty() { Poll::Pending } else { Poll::Ready(Ok(ready)) }
    }

    /// Reads what is there, without waiting.
    ///
    /// A read that does not fill the buffer has taken all there was, so the socket is not tried again before the kernel
    /// reports more: that saves a system call for each request. No report can come in between, because the thread that
    /// waits for them is this one.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(encrypted) = &self.encrypted {
            let mut room = buffer;
            return self.decrypt(encrypted, &mut room);
        }
        let count = self.receive(buffer)?;
        self.note_read(count, buffer.len());
        Ok(count)
    }

    /// As [`Transport::read`], appending up to `most` bytes to `buffer`. What room it has is not cleared first.
    pub(crate) fn read_behind(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let mut room = buffer.limit(most);
        if let Some(encrypted) = &self.encrypted {
            return self.decrypt(encrypted, &mut room);
        }
        let count = match &self.socket {
            Socket::Tcp(socket) => socket.try_read_buf(&mut room),
            Socket::Unix(socket) => socket.try_read_buf(&mut room),
        }?;
        self.note_read(count, most);
        Ok(count)
    }

    fn decrypt(&self, encrypted: &Encrypted, room: &mut impl BufMut) -> io::Result<usize> {
        let (count, drained) = encrypted.read(|bytes| self.receive(bytes), |slices| self.send(slices), room)?;
        if count > 0 && drained {
            self.await_report(Interest::READABLE);
        }
        Ok(count)
    }

    /// What reading has cost beside the bytes that it brought, as so many bytes; asking resets it.
    pub(crate) fn take_toll(&self) -> usize {
        self.encrypted.as_ref().map_or(0, |encrypted| encrypted.take_toll())
    }

    /// Goes on with the handshake, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Encrypted::shake`].
    pub(crate) fn shake(&self) -> io::Result<Progress> {
        match &self.encrypted {
            Some(encrypted) => encrypted.shake(|bytes| self.receive(bytes), |slices| self.send(slices)),
            None => Ok(Progress::Complete),
        }
    }

    /// What stands at this place in the certificate that the client has shown; nothing if it has shown none.
    pub(crate) fn names(&self, place: CertificateUser) -> Vec<String> {
        self.encrypted.as_ref().map_or(Vec::new(), |encrypted| encrypted.names(place))
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.socket {
            Socket::Tcp(socket) => socket.try_read(buffer),
            Socket::Unix(socket) => socket.try_read(buffer),
        }
    }

    /// Writes unless the kernel has said that it would have to wait, without waiting.
    ///
    /// A socket that takes less than it is offered is full: it is not tried again before the kernel reports room, which
    /// saves a system call.
    fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.attempt(Interest::WRITABLE, || self.write_now(slices))?;
        if count > 0 && count < slices.iter().map(|slice| slice.len()).sum() {
            self.await_report(Interest::WRITABLE);
        }
        Ok(count)
    }

    fn note_read(&self, count: usize, room: usize) {
        if 0 < count && count < room {
            self.await_report(Interest::READABLE);
        }
    }

    /// Lets the next use of this kind wait for a report of the kernel.
    fn await_report(&self, interest: Interest) {
        // The error is what makes tokio wait.
        let _ = self.attempt(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }

    /// Does `operation` unless the kernel has said that it would have to wait and nothing else since.
    fn attempt<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        match &self.socket {
            Socket::Tcp(socket) => socket.try_io(interest, operation),
            Socket::Unix(socket) => socket.try_io(interest, operation),
        }
    }

    /// Writes at once. One piece goes by the call that costs the kernel least.
    fn write_now(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = match slices {
            [only] => rustix::net::send(self, only, SendFlags::NOSIGNAL),
            slices => rustix::io::writev(self, slices),
        };
        Ok(written?)
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }
}

impl Sink for Transport {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        match &self.encrypted {
            Some(encrypted) => encrypted.write(slices, |slices| self.send(slices)),
            None => Wrote::of(slices, self.send(slices)),
        }
    }

    fn write_unannounced(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        match &self.encrypted {
            Some(encrypted) => encrypted.write(slices, |slices| self.write_now(slices)),
            None => Wrote::of(slices, self.write_now(slices)),
        }
    }

    fn part(&self) {
        if let Some(encrypted) = &self.encrypted {
            encrypted.part(|slices| self.write_now(slices));
        }
    }

    fn answers(&self) -> Option<Answers> {
        match &self.socket {
            Socket::Tcp(socket) => peer::answers(socket).ok(),
            Socket::Unix(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::thread;

    use super::*;
    use crate::process::io_thread::runtime;

    fn pair() -> (unix::net::UnixStream, Detached) {
        let (peer, socket) = unix::net::UnixStream::pair().expect("the system has sockets");
        socket.set_nonblocking(true).expect("sockets can be so");
        (peer, Detached::unix(socket.into()))
    }

    #[test]
    fn a_transport_goes_to_another_thread_with_its_descriptor_and_what_has_come() {
        let (mut peer, detached) = pair();
        let number = detached.as_fd().as_raw_fd();
        peer.write_all(b"early").expect("there is room");
        let first = runtime().expect("the system has descriptors");
        let detached =
            first.block_on(async { detached.attach()?.detach() }).expect("a reactor takes and gives sockets");
        assert_eq!(detached.as_fd().as_raw_fd(), number);
        let read = thread::spawn(|| {
            runtime().expect("the system has descriptors").block_on(async {
                let transport = detached.attach()?;
                transport.ready(Interest::READABLE).await?;
                let mut buffer = [0; 8];
                let count = transport.read(&mut buffer)?;
                Ok::<_, io::Error>(buffer[..count].to_vec())
            })
        });
        assert_eq!(read.join().expect("it ends").expect("what was sent is there"), b"early");
    }

    #[test]
    fn what_has_come_is_read_behind_what_is_there_and_no_more_than_wanted() {
        let (mut peer, detached) = pair();
        runtime().expect("the system has descriptors").block_on(async {
            let transport = detached.attach().expect("the reactor takes sockets");
            peer.write_all(b"first and second").expect("there is room");
            transport.ready(Interest::READABLE).await.expect("something has come");
            let mut buffer = b"behind: ".to_vec();
            assert_eq!(transport.read_behind(&mut buffer, 5).expect("the peer is there"), 5);
            assert_eq!(buffer, b"behind: first");
            transport.ready(Interest::READABLE).await.expect("more is there");
            assert_eq!(transport.read_behind(&mut buffer, 1000).expect("the peer is there"), 11);
            assert_eq!(buffer, b"behind: first and second");
        });
    }

    #[test]
    fn what_is_written_is_taken_or_refused_and_room_is_reported_again() {
        let (mut peer, detached) = pair();
        runtime().expect("the system has descriptors").block_on(async {
            let transport = detached.attach().expect("the reactor takes sockets");
            transport.ready(Interest::WRITABLE).await.expect("a new socket has room");
            let bytes = vec![b'x'; 8_000_000];
            let slices = [IoSlice::new(b"head"), IoSlice::new(&bytes)];
            let wrote = transport.write(&slices).expect("the peer is there");
            assert!(wrote.taken > 0 && wrote.refused > 0);
            assert_eq!(wrote.taken + wrote.refused, 8_000_004);
            let again = transport.write(&slices).expect("a full socket is no error");
            assert_eq!(again, Wrote { taken: 0, refused: 8_000_004 });
            let mut heard = vec![0; wrote.taken];
            peer.read_exact(&mut heard).expect("what was taken arrives");
            assert!(heard.starts_with(b"headx"));
            transport.ready(Interest::WRITABLE).await.expect("the kernel tells of room");
            assert!(transport.write(&slices).expect("the peer is there").taken > 0);
        });
    }
}
