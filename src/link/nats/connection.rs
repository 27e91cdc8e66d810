//! A connection to a server of NATS: bytes in both directions at once, whatever the other side holds back.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWrite as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::protocol::{self, Misunderstood, Said};
use crate::config::{EngineUrl, Settings};
use crate::link::{Stream, encryption};
use crate::version::VERSION;

/// How much is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Payloads are as large as a server takes unless it says otherwise, in bytes.
const USUAL_PAYLOAD: usize = 1024 * 1024;
/// How long it may take until a server has let a node in.
const LONGEST_GREETING: Duration = Duration::from_secs(10);

/// Why there is no connection (any more).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) String);

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken(error.to_string())
    }
}

impl From<Misunderstood> for Broken {
    fn from(error: Misunderstood) -> Self {
        Broken(error.0)
    }
}

/// A connection on which both sides have said who they are.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    input: BytesMut,
    /// Not yet taken by the socket.
    output: BytesMut,
    /// The largest payload that the server takes, in bytes.
    pub(crate) max_payload: usize,
}

impl Connection {
    /// Connects and gives the credentials.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the reason.
    pub(crate) async fn open(url: &EngineUrl, settings: &Settings) -> Result<Self, Broken> {
        let greeting = timeout(LONGEST_GREETING, Self::greet(url, settings)).await;
        greeting.unwrap_or_else(|_| Err(Broken(format!("no greeting within {} s", LONGEST_GREETING.as_secs()))))
    }

    async fn greet(url: &EngineUrl, settings: &Settings) -> Result<Self, Broken> {
        let socket = TcpStream::connect((url.host.as_str(), url.port)).await?;
        socket.set_nodelay(true)?;
        let mut plain = Connection::over(Box::new(socket));
        let Said::Info(info) = plain.hear().await? else { return Err(Broken("it does not begin with INFO".into())) };
        let encrypts = url.is_encrypted() || info["tls_required"] == true;
        let mut connection = if encrypts {
            // Nothing follows INFO before the handshake.
            Connection::over(encryption::begin(plain.stream, &url.host, settings).await.map_err(Broken)?)
        } else {
            plain
        };
        connection.note(&info);
        connection.introduce(url, encrypts);
        connection.output.extend_from_slice(b"PING\r\n");
        loop {
            match connection.hear().await? {
                Said::Pong => return Ok(connection),
                Said::Refusal(why) => return Err(Broken(why)),
                _ => {}
            }
        }
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        Connection { stream, input: BytesMut::new(), output: BytesMut::new(), max_payload: USUAL_PAYLOAD }
    }

    fn introduce(&mut self, url: &EngineUrl, encrypts: bool) {
        let mut words = json!({
            "verbose": false, "pedantic": false, "echo": false, "headers": false, "protocol": 1,
            "lang": "rust", "name": "pregon", "version": VERSION, "tls_required": encrypts,
        });
        match (&url.user, &url.password) {
            (Some(user), password) => {
                words["user"] = user.as_str().into();
                words["pass"] = password.as_deref().unwrap_or_default().into();
            }
            (None, Some(token)) => words["auth_token"] = token.as_str().into(),
            (None, None) => {}
        }
        self.output.extend_from_slice(format!("CONNECT {words}\r\n").as_bytes());
    }

    /// Remembers what the server says of itself.
    pub(crate) fn note(&mut self, info: &Value) {
        if let Some(most) = info["max_payload"].as_u64() {
            self.max_payload = usize::try_from(most).unwrap_or(usize::MAX);
        }
    }

    /// Where to append what is to be sent.
    pub(crate) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// What the server has said and that has come as a whole; none if there is no more.
    ///
    /// # Errors
    ///
    /// [`Broken`] where it is not understood.
    pub(crate) fn take_said(&mut self) -> Result<Option<Said>, Broken> {
        Ok(protocol::take(&mut self.input)?)
    }

    /// Waits for the next thing that the server says.
    async fn hear(&mut self) -> Result<Said, Broken> {
        loop {
            if let Some(said) = self.take_said()? {
                return Ok(said);
            }
            self.go_on(0).await?;
        }
    }

    /// Writes what is to be sent and reads what has come, until something has come, or no more than `low` bytes are left to
    /// be sent and there were more before. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`Broken`] where the connection has ended.
    pub(crate) async fn go_on(&mut self, low: usize) -> Result<(), Broken> {
        let was_high = self.output.len() > low;
        poll_fn(|context| {
            let writing = self.write(context);
            if self.read(context)? {
                return Poll::Ready(Ok(()));
            }
            writing?;
            if was_high && self.output.len() <= low { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// Writes as much as the socket takes.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Broken> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.output) {
                Poll::Ready(Ok(0)) => return Err(Broken("the engine takes nothing more".into())),
                Poll::Ready(Ok(count)) => self.output.advance(count),
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
        self.input.reserve(READ_BYTES);
        match pin!(self.stream.read_buf(&mut self.input)).poll(context) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error.into()),
            Poll::Ready(Ok(0)) => Err(Broken("the engine has closed the connection".into())),
            Poll::Ready(Ok(_)) => Ok(true),
        }
    }
}
