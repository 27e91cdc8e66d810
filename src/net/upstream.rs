//! The connection of one client to the upstream of its keys: bytes in both directions, on the thread of the client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::outward::{Stream, dial, encryption};
use crate::config::{EngineUrl, Settings};
use crate::relay::Relay;
use crate::server::Server;

/// How long it may take until one address of the upstream has taken a connection.
const LONGEST_DIAL: Duration = Duration::from_secs(3);

/// A connection that is made, or is there.
pub(super) struct Upstream {
    /// Which of those that its client has asked for.
    number: u64,
    state: State,
    /// Whether the upstream is to know that nothing more is asked for, and whether it has been told.
    finishing: bool,
    finished: bool,
}

enum State {
    Opening(Pin<Box<dyn Future<Output = Result<Opened, String>>>>),
    Open(Box<dyn Stream>),
}

/// A connection to this address.
struct Opened(Box<dyn Stream>, EngineUrl);

impl Upstream {
    /// Begins to make one.
    pub(super) fn open(number: u64, server: &Server) -> Self {
        let settings = server.settings();
        let current = server.backplane.as_ref().map(|backplane| backplane.status.condition());
        let current = current.filter(|condition| condition.is_connected()).map(|condition| condition.engine);
        // Keys are to be where messages are, as long as that is known.
        let is_candidate = |url: &&EngineUrl| current.as_ref().is_none_or(|current| url.to_string() == *current);
        let urls: Vec<EngineUrl> = settings.backplane.0.iter().filter(is_candidate).cloned().collect();
        let state = State::Opening(Box::pin(open_any(urls, settings)));
        Upstream { number, state, finishing: false, finished: false }
    }

    /// Whether it is the one of this number.
    pub(super) fn is_number(&self, number: u64) -> bool {
        self.number == number
    }

    /// Nothing more is asked for than what waits to be written. The upstream closes the connection behind what it answers of
    /// itself.
    pub(super) fn finish(&mut self) {
        self.finishing = true;
    }

    /// Whether nothing more is asked for.
    pub(super) fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// Writes what waits for it, and reads what has come to the front of `buffer` if more `may` come. Answers how much that is.
    ///
    /// # Errors
    ///
    /// Why it has ended, or cannot be made.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        relay: &mut Relay,
        may: bool,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, String>> {
        if let State::Opening(opening) = &mut self.state {
            let Opened(stream, url) = ready!(opening.as_mut().poll(context))?;
            let user = url.user.as_deref().unwrap_or("default");
            relay.greet(url.password.as_deref().map(|password| (user, password)));
            self.state = State::Open(stream);
        }
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        let mut stream = Pin::new(stream);
        let gone = |error: io::Error| error.to_string();
        while !relay.output().is_empty() {
            match stream.as_mut().poll_write(context, relay.output()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err("it takes nothing more".into())),
                Poll::Ready(count) => relay.note_given(count.map_err(gone)?),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(error)) = stream.as_mut().poll_flush(context) {
            return Poll::Ready(Err(gone(error)));
        }
        if self.finishing && !self.finished && relay.is_sent() {
            self.finished = stream.as_mut().poll_shutdown(context).map_err(gone)?.is_ready();
        }
        if !may {
            return Poll::Pending;
        }
        let mut room = ReadBuf::new(buffer);
        ready!(stream.poll_read(context, &mut room)).map_err(gone)?;
        match room.filled().len() {
            0 => Poll::Ready(Err("it has closed the connection".into())),
            count => Poll::Ready(Ok(count)),
        }
    }
}

async fn open_any(urls: Vec<EngineUrl>, settings: Arc<Settings>) -> Result<Opened, String> {
    let mut why = "there is no address".to_string();
    for url in urls {
        let opened = timeout(LONGEST_DIAL, open_one(&url, &settings)).await;
        match opened.unwrap_or_else(|_| Err(format!("no connection within {} s", LONGEST_DIAL.as_secs()))) {
            Ok(stream) => return Ok(Opened(stream, url)),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

async fn open_one(url: &EngineUrl, settings: &Arc<Settings>) -> Result<Box<dyn Stream>, String> {
    let (stream, _) = dial(url).await.map_err(|error| error.to_string())?;
    if !url.is_encrypted() {
        return Ok(stream);
    }
    let settings = settings.clone();
    // Files are read for each connection, and those of authorities can be many: not on this thread.
    let config = tokio::task::spawn_blocking(move || encryption::config(&settings)).await;
    let config = config.map_err(|error| error.to_string())?.map_err(|fault| fault.to_string())?;
    encryption::begin_with(stream, &url.host, config).await
}
