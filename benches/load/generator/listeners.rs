//! Subscribers that read as fast as they can, on one thread or several, and count what arrives by its length.

use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::Shape;
use super::flow::joined;
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

impl Progress {
    /// Lets the listeners know that nothing more will be announced.
    pub(crate) fn complete(&self) {
        self.expected.store(self.announced.load(Relaxed), Relaxed);
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

/// What one read of a socket brought.
#[derive(Clone, Copy, Debug)]
enum Arrived {
    /// So many frames are complete now that were not before.
    Frames(u64),
    /// There was nothing to be read.
    Nothing,
    /// The connection has ended.
    End,
}

/// What the listeners found.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Listeners whose connection ended.
    pub(crate) cut: u64,
    /// Frames that were not as they should have been.
    pub(crate) altered: u64,
    /// Delivery latencies in nanoseconds for each subscriber and each publisher, of those subscribers that measure them.
    pub(crate) latencies: Vec<Histogram<u64>>,
}

impl Heard {
    /// This and what those on another thread have found.
    fn and(mut self, other: Heard) -> Heard {
        self.latencies.extend(other.latencies);
        Heard { cut: self.cut + other.cut, altered: self.altered + other.altered, latencies: self.latencies }
    }
}

/// Listens until all expected deliveries have arrived, or none arrives any more. The connections are dealt out to the threads
/// of this shape.
pub(crate) fn listen(listeners: Vec<Listener>, progress: &Progress, shape: Shape) -> io::Result<Heard> {
    thread::scope(|scope| {
        let groups = shape.dealt(listeners).into_iter();
        let listening: Vec<_> =
            groups.map(|group| scope.spawn(move || listen_on_one(group, progress, shape.eager))).collect();
        listening.into_iter().try_fold(Heard::default(), |all, one| Ok(all.and(joined(one.join())?)))
    })
}

fn listen_on_one(mut listeners: Vec<Listener>, progress: &Progress, eager: bool) -> io::Result<Heard> {
    let mut poll = Poll::new()?;
    for (number, listener) in listeners.iter().enumerate() {
        if eager { poll.add_for_edges(&listener.stream, number)? } else { poll.add(&listener.stream, number)? }
    }
    let mut buffer = vec![0; READ_BYTES];
    let (mut cut, mut seen, mut last_arrival) = (0, 0, Instant::now());
    loop {
        let mut ended = Vec::new();
        let mut arrived = 0;
        for number in poll.wait(Duration::from_millis(20))? {
            let listener = &mut listeners[number];
            let last = if eager { drain(listener, &mut buffer, progress) } else { hear(listener, &mut buffer) };
            match last {
                Arrived::Frames(frames) => arrived += frames,
                Arrived::Nothing => {}
                Arrived::End => ended.push(number),
            }
        }
        for number in ended {
            cut += 1;
            poll.remove(&listeners[number].stream)?;
        }
        if arrived > 0 {
            progress.delivered.fetch_add(arrived, Relaxed);
        }
        // What arrives at other threads counts, too: nobody ends while the server still sends.
        let delivered = progress.delivered.load(Relaxed);
        if delivered > seen {
            (seen, last_arrival) = (delivered, Instant::now());
        }
        let expected = progress.expected.load(Relaxed);
        if delivered >= expected || (expected != u64::MAX && last_arrival.elapsed() > PATIENCE) {
            return Ok(summary(&listeners, cut));
        }
    }
}

/// Reads until there is nothing more, and counts meanwhile: a subscriber that is sent to as fast as it reads is never empty.
fn drain(listener: &mut Listener, buffer: &mut [u8], progress: &Progress) -> Arrived {
    loop {
        match hear(listener, buffer) {
            Arrived::Frames(frames) => progress.delivered.fetch_add(frames, Relaxed),
            last => return last,
        };
    }
}

/// Reads once.
fn hear(listener: &mut Listener, buffer: &mut [u8]) -> Arrived {
    let before = listener.frames();
    if listener.stream.is_encrypted() && listener.sealed.is_none() {
        return hear_encrypted(listener, buffer);
    }
    // The kernel throws away what nobody looks at: copying it would make large payloads a measure of this program.
    let is_looked_at = listener.verifier.is_some() || listener.sealed.is_some();
    let flags = if is_looked_at { RecvFlags::empty() } else { RecvFlags::TRUNC };
    match recv(&listener.stream, &mut *buffer, flags) {
        Ok((_, 0)) => return Arrived::End,
        Ok((_, count)) => {
            listener.received_bytes += match &mut listener.sealed {
                Some(sealed) => sealed.count(&buffer[..count]),
                None => count as u64,
            };
            if let Some(verifier) = &mut listener.verifier {
                verifier.take(&buffer[..count]);
            }
        }
        Err(Errno::AGAIN) => return Arrived::Nothing,
        Err(Errno::INTR) => {}
        Err(_) => return Arrived::End,
    }
    Arrived::Frames(listener.frames() - before)
}

/// The same over TLS, of what is looked at and so has to be decrypted.
fn hear_encrypted(listener: &mut Listener, buffer: &mut [u8]) -> Arrived {
    let before = listener.frames();
    match listener.stream.read(buffer) {
        Ok(0) => return Arrived::End,
        Ok(count) => {
            listener.received_bytes += count as u64;
            if let Some(verifier) = &mut listener.verifier {
                verifier.take(&buffer[..count]);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Arrived::Nothing,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(_) => return Arrived::End,
    }
    Arrived::Frames(listener.frames() - before)
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
