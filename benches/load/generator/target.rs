//! The server under load, and connections to it.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::stream::Stream;
use super::wire::{self, Proto};

/// How long a server may take for one step of the preparation: 100,000 patterns are slow in some.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections that are opened before their answers are read: fewer than servers let wait for being accepted.
const AT_ONCE: usize = 100;
/// Names that one client subscribes to: some servers look through all patterns of a client for each new one.
pub(crate) const NAMES_EACH: usize = 1000;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Its process, if it runs on this machine and its processor time and memory are to be measured.
    pub(crate) pid: Option<u32>,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Whether they go on with the sessions of earlier ones then.
    pub(crate) resumed: bool,
}

impl Target {
    /// A connection that speaks RESP2.
    pub(crate) fn connect(&self) -> io::Result<Stream> {
        let mut stream = self.begin()?;
        stream.complete()?;
        Ok(stream)
    }

    /// The same, whose handshake has only begun if it has one.
    fn begin(&self) -> io::Result<Stream> {
        let stream = Stream::connect(self.address, self.tls.as_ref())?;
        stream.socket().set_read_timeout(Some(PATIENCE))?;
        stream.socket().set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// `count` connections that were answered to a PING.
    pub(crate) fn connections(&self, count: usize) -> io::Result<Vec<Stream>> {
        self.opened(count, |_| b"PING\r\n".to_vec(), "PONG\r\n")
    }

    /// `count` connections, each subscribed to the channel that `channel` names for it.
    pub(crate) fn subscribers(
        &self,
        count: usize,
        proto: Proto,
        channel: impl Fn(usize) -> String,
    ) -> io::Result<Vec<Stream>> {
        let subscribe = |number| {
            let hello: &[u8] = if proto == Proto::Resp3 { b"HELLO 3\r\n" } else { b"" };
            let channel = channel(number);
            let request = wire::request([b"SUBSCRIBE", channel.as_bytes()].into_iter());
            [hello, &request].concat()
        };
        self.opened(count, subscribe, ":1\r\n")
    }

    /// Subscribes to many names with `command`, each client to 1,000 of them at most, and waits until all are confirmed.
    pub(crate) fn subscribe_many(&self, command: &str, names: &[String]) -> io::Result<Vec<Stream>> {
        let subscribe = |names: &[String]| {
            let mut stream = self.connect()?;
            let names_of_it = names.iter().map(String::as_bytes);
            let args: Vec<&[u8]> = [command.as_bytes()].into_iter().chain(names_of_it).collect();
            stream.write_all(&wire::request(args.into_iter()))?;
            read_until(&mut stream, &format!(":{}\r\n", names.len()))?;
            Ok(stream)
        };
        names.chunks(NAMES_EACH).map(subscribe).collect()
    }

    /// The handshakes of connections that are opened together go on together: one after the other, they would measure how
    /// long two processes wait for each other.
    fn opened(&self, count: usize, request: impl Fn(usize) -> Vec<u8>, answer_end: &str) -> io::Result<Vec<Stream>> {
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            let first = streams.len();
            for number in first..count.min(first + AT_ONCE) {
                let mut stream = self.begin()?;
                if !stream.is_encrypted() {
                    stream.write_all(&request(number))?;
                }
                streams.push(stream);
            }
            for (number, stream) in
                streams.iter_mut().enumerate().skip(first).filter(|(_, stream)| stream.is_encrypted())
            {
                stream.complete()?;
                stream.write_all(&request(number))?;
            }
            streams[first..].iter_mut().try_for_each(|stream| read_until(stream, answer_end))?;
        }
        Ok(streams)
    }
}

/// Reads until what was received ends with `end`.
fn read_until(stream: &mut Stream, end: &str) -> io::Result<()> {
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while !received.ends_with(end.as_bytes()) {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::Error::other("the server closed a connection while the load was prepared"));
        }
        received.extend_from_slice(&buffer[..count]);
        if received.starts_with(b"-") {
            let line = received.split(|&byte| byte == b'\r').next().unwrap_or_default();
            return Err(io::Error::other(format!("the server answered {}", String::from_utf8_lossy(line))));
        }
        // The end is all that counts.
        received.drain(..received.len().saturating_sub(end.len()));
    }
    Ok(())
}
