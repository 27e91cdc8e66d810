//! A connection to an engine: bytes in both directions at once, whatever the other side holds back.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use crate::config::{EngineUrl, Settings};
use crate::net::outward::{Stream, dial, encryption};

/// How much is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Why there is no connection (any more).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) String);

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken(error.to_string())
    }
}

/// What lies between a socket and those who understand its bytes.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Received and not yet understood.
    pub(super) input: BytesMut,
    /// To be sent and not yet taken by the socket.
    pub(super) output: BytesMut,
}

/// A connection to an engine.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    local: Option<SocketAddr>,
    pub(super) buffers: Buffers,
}

impl Connection {
    /// Connects, without a word.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the reason.
    pub(super) async fn open(url: &EngineUrl) -> Result<Self, Broken> {
        let (stream, local) = dial(url).await?;
        Ok(Connection { stream, local, buffers: Buffers::default() })
    }

    /// A connection over this, for tests that are the other side.
    #[cfg(test)]
    pub(super) fn over(stream: Box<dyn Stream>, local: SocketAddr) -> Self {
        Connection { stream, local: Some(local), buffers: Buffers::default() }
    }

    /// The address of this machine that it comes from, if it has one.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Encrypts it from here on. Nothing has come that was not understood.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the reason.
    pub(super) async fn encrypt(self, url: &EngineUrl, settings: &Settings) -> Result<Self, Broken> {
        let stream = encryption::begin(self.stream, &url.host, settings).await.map_err(Broken)?;
        Ok(Connection { stream, ..self })
    }

    /// Writes what is to be sent and reads what has come, until something has come, or no more than `low` bytes are left to
    /// be sent and there were more before. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Broken`] where the connection has ended.
    pub(super) async fn go_on(&mut self, low: usize) -> Result<(), Broken> {
        let was_high = self.buffers.output.len() > low;
        poll_fn(|context| {
            let writing = self.write(context);
            if self.read(context)? {
                return Poll::Ready(Ok(()));
            }
            writing?;
            if was_high && self.buffers.output.len() <= low { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// Writes as much as the socket takes.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Broken> {
        while !self.buffers.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.buffers.output) {
                Poll::Ready(Ok(0)) => return Err(Broken("the engine takes nothing more".into())),
                Poll::Ready(Ok(count)) => self.buffers.output.advance(count),
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => return Ok(()),
            }
        }
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Ready(Err(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Reads once; false if nothing has come.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Broken> {
        self.buffers.input.reserve(READ_BYTES);
        match pin!(self.stream.read_buf(&mut self.buffers.input)).poll(context) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error.into()),
            Poll::Ready(Ok(0)) => Err(Broken("the engine has closed the connection".into())),
            Poll::Ready(Ok(_)) => Ok(true),
        }
    }
}
