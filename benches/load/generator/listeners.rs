//! Subscribers that read as fast as they can, all on one thread, and count what arrives by its length.

use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::poll::Poll;
use super::sealed::Sealed;
use super::stream::Stream;
use super::wire::Verifier;

/// How much is read from a socket at once, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// How long missing deliveries are waited for since the last one arrived.
const PATIENCE: Duration = Duration::from_secs(5);

/// What publishers and listeners tell each other and whoever measures.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Deliveries that arrived.
    pub(crate) delivered: AtomicU64,
    /// Publishes that were answered.
    pub(crate) published: AtomicU64,
    /// Deliveries that were announced in replies to PUBLISH.
    pub(crate) announced: AtomicU64,
    /// How many deliveries must arrive in all; unknown (`u64::MAX`) until the publishers have ended.
    pub(crate) expected: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Progress {
            delivered: AtomicU64::new(0),
            published: AtomicU64::new(0),
            announced: AtomicU64::new(0),
            expected: AtomicU64::new(u64::MAX),
        }
    }
}

/// One subscriber.
#[derive(Debug)]
pub(crate) struct Listener {
    stream: Stream,
    /// Length of each frame it receives, in bytes.
    frame_len: usize,
    received_bytes: u64,
    verifier: Option<Verifier>,
    /// What counts what arrives over TLS, where nobody looks at it.
    sealed: Option<Sealed>,
}

impl Listener {
    /// A subscriber whose frames have this length; a `verifier` looks at each of them.
    pub(crate) fn new(stream: Stream, frame_len: usize, verifier: Option<Verifier>) -> io::Result<Self> {
        stream.socket().set_nonblocking(true)?;
        let counts_only = stream.is_encrypted() && verifier.is_none();
        let sealed = counts_only.then(|| Sealed::new(stream.version()));
        Ok(Listener { stream, frame_len, received_bytes: 0, verifier, sealed })
    }

    fn frames(&self) -> u64 {
        self.received_bytes / self.frame_len as u64
    }
}

/// What the listeners found.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Listeners whose connection ended.
    pub(crate) cut: u64,
    /// Frames that were not as they should have been.
    pub(crate) altered: u64,
    /// Delivery latencies in nanoseconds for each subscriber and each publisher, of those subscribers that measure them.
    pub(crate) latencies: Vec<Histogram<u64>>,
}

/// Listens until all expected deliveries have arrived, or none arrives any more.
pub(crate) fn listen(mut listeners: Vec<Listener>, progress: &Progress) -> io::Result<Heard> {
    let mut poll = Poll::new()?;
    for (number, listener) in listeners.iter().enumerate() {
        poll.add(&listener.stream, number)?;
    }
    let mut buffer = vec![0; READ_BYTES];
    let (mut delivered, mut cut, mut last_arrival) = (0, 0, Instant::now());
    loop {
        let mut ended = Vec::new();
        let before = delivered;
        for number in poll.wait(Duration::from_millis(20))? {
            match hear(&mut listeners[number], &mut buffer) {
                Some(frames) => delivered += frames,
                None => ended.push(number),
            }
        }
        for number in ended {
            cut += 1;
            poll.remove(&listeners[number].stream)?;
        }
        if delivered > before {
            progress.delivered.store(delivered, Relaxed);
            last_arrival = Instant::now();
        }
        let expected = progress.expected.load(Relaxed);
        if delivered >= expected || (expected != u64::MAX && last_arrival.elapsed() > PATIENCE) {
            return Ok(summary(&listeners, cut));
        }
    }
}

/// Reads once and answers how many frames that completed; nothing if the connection has ended.
fn hear(listener: &mut Listener, buffer: &mut [u8]) -> Option<u64> {
    let before = listener.frames();
    if listener.stream.is_encrypted() && listener.sealed.is_none() {
        return hear_encrypted(listener, buffer).then(|| listener.frames() - before);
    }
    // The kernel throws away what nobody looks at: copying it would make large payloads a measure of this program.
    let is_looked_at = listener.verifier.is_some() || listener.sealed.is_some();
    let flags = if is_looked_at { RecvFlags::empty() } else { RecvFlags::TRUNC };
    match recv(&listener.stream, &mut *buffer, flags) {
        Ok((_, 0)) => return None,
        Ok((_, count)) => {
            listener.received_bytes += match &mut listener.sealed {
                Some(sealed) => sealed.count(&buffer[..count]),
                None => count as u64,
            };
            if let Some(verifier) = &mut listener.verifier {
                verifier.take(&buffer[..count]);
            }
        }
        Err(Errno::AGAIN | Errno::INTR) => {}
        Err(_) => return None,
    }
    Some(listener.frames() - before)
}

/// The same over TLS, of what is looked at and so has to be decrypted. False if the connection has ended.
fn hear_encrypted(listener: &mut Listener, buffer: &mut [u8]) -> bool {
    match listener.stream.read(buffer) {
        Ok(0) => false,
        Ok(count) => {
            listener.received_bytes += count as u64;
            if let Some(verifier) = &mut listener.verifier {
                verifier.take(&buffer[..count]);
            }
            true
        }
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}

fn summary(listeners: &[Listener], cut: u64) -> Heard {
    let verifiers = || listeners.iter().filter_map(|listener| listener.verifier.as_ref());
    let latencies = verifiers().flat_map(Verifier::latencies).cloned().collect();
    Heard { cut, altered: verifiers().map(Verifier::altered).sum(), latencies }
}

/// An empty histogram of latencies from 1 us to 1 minute in nanoseconds, with three digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are in order and three digits are allowed")
}
