//! The server under load, and connections to it.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::stream::Stream;
use super::usage::CpuTime;
use super::wire::{self, Proto};
use super::words::Words;

/// How long a server may take for one step of the preparation: 100,000 patterns are slow in some.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections that are opened before their answers are read: fewer than servers let wait for being accepted.
const AT_ONCE: usize = 100;
/// Names that one client subscribes to: some servers look through all patterns of a client for each new one.
pub(crate) const NAMES_EACH: usize = 1000;

/// What a server has waited for the lock that orders its messages, since its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockWaits {
    pub(crate) count: u64,
    pub(crate) us: u64,
}

/// A server, or several that act as one.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where publishers come to.
    pub(crate) address: SocketAddr,
    /// Where subscribers come to, dealt out in turn, if not to the same.
    pub(crate) subscribed_at: Vec<SocketAddr>,
    pub(crate) words: Words,
    /// Its process, if it runs on this machine and its processor time and memory are to be measured.
    pub(crate) pid: Option<u32>,
    /// Further processes whose processor time is added to its own.
    pub(crate) helpers: Vec<u32>,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Whether they go on with the sessions of earlier ones then.
    pub(crate) resumed: bool,
    /// Whether it is asked how long it has waited for its lock.
    pub(crate) tells_lock_waits: bool,
}

impl Target {
    /// One server.
    pub(crate) fn new(address: SocketAddr, pid: Option<u32>, tls: Option<Arc<ClientConfig>>) -> Self {
        let (subscribed_at, helpers) = (Vec::new(), Vec::new());
        Target {
            address,
            subscribed_at,
            words: Words::default(),
            pid,
            helpers,
            tls,
            resumed: false,
            tells_lock_waits: false,
        }
    }

    /// What its processes have used so far, if they are to be measured.
    pub(crate) fn cpu_time(&self) -> io::Result<Option<CpuTime>> {
        let pids = self.pid.iter().chain(&self.helpers);
        let times = pids.map(|pid| CpuTime::of(*pid)).collect::<io::Result<Vec<_>>>()?;
        Ok(times.into_iter().reduce(CpuTime::plus))
    }

    /// How often and how long it has waited for its lock, if it is asked and says it.
    pub(super) fn lock_waits(&self) -> io::Result<Option<LockWaits>> {
        if !self.tells_lock_waits {
            return Ok(None);
        }
        let mut stream = self.connect()?;
        stream.write_all(b"INFO stats\r\nQUIT\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let field =
            |name| answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse::<f64>().ok());
        let (count, seconds) = (field("hub_lock_waits"), field("hub_lock_wait_seconds"));
        Ok(count.zip(seconds).map(|(count, seconds)| LockWaits { count: count as u64, us: (seconds * 1e6) as u64 }))
    }

    /// Whether replies to those who publish count all who hear it.
    pub(super) fn counts_receivers(&self) -> bool {
        self.subscribed_at.is_empty() && self.words != Words::Nats
    }

    /// A connection that speaks RESP2.
    pub(crate) fn connect(&self) -> io::Result<Stream> {
        let mut stream = self.begin(self.address)?;
        stream.complete()?;
        Ok(stream)
    }

    /// The same, whose handshake has only begun if it has one.
    fn begin(&self, address: SocketAddr) -> io::Result<Stream> {
        let stream = Stream::connect(address, self.tls.as_ref())?;
        stream.socket().set_read_timeout(Some(PATIENCE))?;
        stream.socket().set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// `count` connections that were answered to a PING.
    pub(crate) fn connections(&self, count: usize) -> io::Result<Vec<Stream>> {
        self.opened(count, &[self.address], |_| (self.words.greeting().to_vec(), "PONG\r\n"))
    }

    /// `count` connections, each subscribed to the channel that `channel` names for it.
    pub(crate) fn subscribers(
        &self,
        count: usize,
        proto: Proto,
        channel: impl Fn(usize) -> String,
    ) -> io::Result<Vec<Stream>> {
        let places = if self.subscribed_at.is_empty() { &[self.address][..] } else { &self.subscribed_at };
        self.opened(count, places, |number| self.words.subscribe(proto, &channel(number)))
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

    /// Connections to these places in turn, each of which says something and waits for an answer that ends so. The handshakes of connections that are opened together go on together: one after the other, they would measure how
    /// long two processes wait for each other.
    fn opened(
        &self,
        count: usize,
        places: &[SocketAddr],
        request: impl Fn(usize) -> (Vec<u8>, &'static str),
    ) -> io::Result<Vec<Stream>> {
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            let first = streams.len();
            for number in first..count.min(first + AT_ONCE) {
                let mut stream = self.begin(places[number % places.len()])?;
                if !stream.is_encrypted() {
                    stream.write_all(&request(number).0)?;
                }
                streams.push(stream);
            }
            for (number, stream) in
                streams.iter_mut().enumerate().skip(first).filter(|(_, stream)| stream.is_encrypted())
            {
                stream.complete()?;
                stream.write_all(&request(number).0)?;
            }
            for (number, stream) in streams.iter_mut().enumerate().skip(first) {
                read_until(stream, request(number).1)?;
            }
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
