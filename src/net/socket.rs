//! The sockets a client may come through.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::SockRef;
use tokio::io::{Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over the unix socket.
    Unix(UnixStream),
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Socket {
    /// Waits until the socket can be read or written, as asked. Cancel safe.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Socket::Tcp(stream) => stream.ready(interest).await,
            Socket::Unix(stream) => stream.ready(interest).await,
        }
    }

    /// Reads what is there, without waiting.
    ///
    /// A read that does not fill the buffer has taken all there was, so the socket is not tried again before the kernel
    /// reports more: that saves a system call for each request. No report can come in between, because the thread that
    /// waits for them is this one.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self {
            Socket::Tcp(stream) => stream.try_read(buffer),
            Socket::Unix(stream) => stream.try_read(buffer),
        }?;
        if 0 < count && count < buffer.len() {
            let nothing_left = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            // The error is what makes tokio wait for the next report.
            let _ = match self {
                Socket::Tcp(stream) => stream.try_io(Interest::READABLE, nothing_left),
                Socket::Unix(stream) => stream.try_io(Interest::READABLE, nothing_left),
            };
        }
        Ok(count)
    }

    /// Writes what there is room for, without waiting. One piece goes by the call that costs the kernel least.
    pub(crate) fn try_write_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Socket::Tcp(stream), [only]) => stream.try_write(only),
            (Socket::Unix(stream), [only]) => stream.try_write(only),
            (Socket::Tcp(stream), slices) => stream.try_write_vectored(slices),
            (Socket::Unix(stream), slices) => stream.try_write_vectored(slices),
        }
    }

    /// Writes what there is room for at this moment, also room that tokio has not been told of yet because this thread has
    /// been busy.
    pub(crate) fn write_unannounced(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => SockRef::from(stream).send_vectored(slices),
            Socket::Unix(stream) => SockRef::from(stream).send_vectored(slices),
        }
    }
}
