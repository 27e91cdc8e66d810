//! Publishers: in a closed loop, each with a window of publishes in flight, on one thread or several, or in an open loop, at
//! a rate that does not wait for the server.

use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::Shape;
use super::draw::{Draw, Weights};
use super::flow::joined;
use super::listeners::Progress;
use super::poll::{Interest, Poll};
use super::stream::Stream;
use super::wire;
use super::words::Words;

/// How long the last replies are waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that an open loop sends at once at most, when it is late.
const BURST: usize = 64;
/// How long a publisher that must let deliveries arrive waits before it looks again.
const PAUSE: Duration = Duration::from_micros(100);

/// When publishers end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until<'a> {
    /// When they are told so.
    Stopped(&'a AtomicBool),
    /// When they have published so many messages together.
    Published(u64),
}

/// One connection that publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    stream: Stream,
    /// As many equal requests behind each other as may be in flight.
    requests: Vec<u8>,
    request_len: usize,
    /// Where the payload of a request begins, and how long it is.
    payload: Range<usize>,
    /// What of `requests` the socket has not taken yet.
    unsent: Range<usize>,
    number: u64,
    in_flight: usize,
    /// The digits of a reply that is still incomplete.
    reply: u64,
    /// Whether the line that comes is no reply but a question whether this client is there.
    is_asked: bool,
    /// How many hear each message, where replies do not say it.
    receivers: Option<u64>,
    /// Where each message goes, if not all go to one channel.
    draw: Option<Draw>,
}

impl Publisher {
    /// Publishes payloads of `payload_len` bytes to `channel`, with at most `window` in flight.
    pub(crate) fn new(
        stream: Stream,
        words: Words,
        id: u16,
        channel: &str,
        payload_len: usize,
        window: usize,
    ) -> io::Result<Self> {
        stream.socket().set_nonblocking(true)?;
        let payload = wire::payload(id, payload_len);
        let request = words.publish(channel, &payload);
        let payload_at = request.len() - payload_len - 2;
        Ok(Publisher {
            stream,
            requests: request.repeat(window),
            request_len: request.len(),
            payload: payload_at..payload_at + payload_len,
            unsent: 0..0,
            number: 0,
            in_flight: 0,
            reply: 0,
            is_asked: false,
            receivers: None,
            draw: None,
        })
    }

    /// One that publishes to channel 0 publishes to channels that are drawn for each message.
    pub(crate) fn drawing(mut self, weights: &Weights, seed: u64) -> Self {
        self.draw = Some(Draw::new(weights, seed, &self.requests[..self.request_len]));
        self
    }

    /// The same to so many receivers, whatever the replies count.
    pub(crate) fn to(mut self, receivers: u64) -> Self {
        self.receivers = Some(receivers);
        self
    }

    /// How many requests may be sent now.
    fn room(&self) -> usize {
        let window = self.requests.len() / self.request_len;
        if self.is_sent() { window - self.in_flight } else { 0 }
    }

    /// Sends `count` requests that are stamped with `ns`; the socket may take a part of them only.
    fn send(&mut self, count: usize, ns: u64) -> io::Result<()> {
        for request in self.requests.chunks_exact_mut(self.request_len).take(count) {
            wire::stamp(&mut request[self.payload.clone()], self.number, ns);
            if let Some(draw) = &mut self.draw {
                draw.put_next(request);
            }
            self.number += 1;
        }
        self.in_flight += count;
        self.unsent = 0..count * self.request_len;
        self.flush()
    }

    /// Whether the socket has taken everything.
    fn is_sent(&self) -> bool {
        self.unsent.is_empty() && !self.stream.has_output()
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.requests[self.unsent.clone()]) {
                Ok(count) => self.unsent.start += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads replies and answers how many there were, and how many deliveries they announce.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(u64, u64)> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(io::Error::other("the server closed a publisher's connection")),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        let (mut replies, mut announced) = (0, 0);
        for &byte in &buffer[..count] {
            match byte {
                b'0'..=b'9' => self.reply = self.reply * 10 + u64::from(byte - b'0'),
                b'\n' if std::mem::take(&mut self.is_asked) => {}
                b'\n' => {
                    replies += 1;
                    let counted = std::mem::take(&mut self.reply);
                    announced += self.receivers.unwrap_or(counted);
                }
                // PING, and +OK, of NATS.
                b'P' => self.is_asked = true,
                b':' | b'\r' | b'I' | b'N' | b'G' | b'+' | b'O' | b'K' => {}
                _ => return Err(io::Error::other("the server refused a PUBLISH")),
            }
        }
        self.in_flight -= replies as usize;
        Ok((replies, announced))
    }
}

/// Several publishers and what they wait for.
struct Loop<'a> {
    publishers: Vec<Publisher>,
    poll: Poll,
    buffer: Vec<u8>,
    progress: &'a Progress,
    epoch: Instant,
}

impl<'a> Loop<'a> {
    fn new(publishers: Vec<Publisher>, progress: &'a Progress, epoch: Instant) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (number, publisher) in publishers.iter().enumerate() {
            poll.add(&publisher.stream, number)?;
        }
        Ok(Loop { publishers, poll, buffer: vec![0; 64 * 1024], progress, epoch })
    }

    /// Waits for replies and room, takes both, and answers which publishers had any.
    fn turn(&mut self, timeout: Duration) -> io::Result<Vec<usize>> {
        let ready: Vec<usize> = self.poll.wait(timeout)?.collect();
        let (mut published, mut announced) = (0, 0);
        for &number in &ready {
            let (replies, deliveries) = self.take(number)?;
            published += replies;
            announced += deliveries;
        }
        self.count(published, announced);
        Ok(ready)
    }

    /// The same, and lets each publisher that had any fill its window at once.
    fn turn_and_refill(&mut self, timeout: Duration) -> io::Result<()> {
        let ready: Vec<usize> = self.poll.wait(timeout)?.collect();
        for number in ready {
            let (published, announced) = self.take(number)?;
            self.count(published, announced);
            self.refill(number)?;
        }
        Ok(())
    }

    /// Reads once what a publisher was answered, and sends what its socket has room for.
    fn take(&mut self, number: usize) -> io::Result<(u64, u64)> {
        let publisher = &mut self.publishers[number];
        let taken = publisher.receive(&mut self.buffer)?;
        if !publisher.is_sent() {
            publisher.flush()?;
            if publisher.is_sent() {
                self.poll.set(&publisher.stream, number, Interest::Input)?;
            }
        }
        Ok(taken)
    }

    fn count(&self, published: u64, announced: u64) {
        self.progress.published.fetch_add(published, Relaxed);
        self.progress.announced.fetch_add(announced, Relaxed);
    }

    fn refill(&mut self, number: usize) -> io::Result<()> {
        let ns = self.epoch.elapsed().as_nanos() as u64;
        self.send(number, self.publishers[number].room(), ns)
    }

    /// Whether more is on its way than may be.
    fn has_too_much(&self, pending: Option<u64>) -> bool {
        let Progress { announced, delivered, .. } = self.progress;
        let on_the_way = announced.load(Relaxed).saturating_sub(delivered.load(Relaxed));
        pending.is_some_and(|pending| on_the_way > pending)
    }

    /// Gives what is on its way a little time.
    fn pause(&mut self) -> io::Result<()> {
        self.turn(PAUSE)?;
        thread::sleep(PAUSE);
        Ok(())
    }

    fn send(&mut self, number: usize, count: usize, ns: u64) -> io::Result<()> {
        let publisher = &mut self.publishers[number];
        if count > 0 {
            publisher.send(count, ns)?;
            if !publisher.is_sent() {
                self.poll.set(&publisher.stream, number, Interest::InputAndRoom)?;
            }
        }
        Ok(())
    }

    /// Waits for the replies that are missing.
    fn finish(mut self) -> io::Result<()> {
        let start = Instant::now();
        while self.publishers.iter().any(|publisher| publisher.in_flight > 0) {
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other("the server does not answer PUBLISH any more"));
            }
            self.turn(Duration::from_millis(20))?;
        }
        Ok(())
    }
}

/// Publishes with full windows until the end, on one thread, and lets everybody know then how many deliveries there must be.
///
/// With `pending`, publishers wait while more than so many announced deliveries have not arrived: a bound for what is
/// on its way in cases whose messages are large.
pub(crate) fn closed_loop(
    publishers: Vec<Publisher>,
    progress: &Progress,
    until: Until<'_>,
    pending: Option<u64>,
    epoch: Instant,
) -> io::Result<()> {
    gathering(publishers, progress, until, pending, epoch)?;
    progress.complete();
    Ok(())
}

/// The same until `stopped`, in this shape; the publishers are dealt out to its threads.
pub(crate) fn closed_loops(
    publishers: Vec<Publisher>,
    progress: &Progress,
    stopped: &AtomicBool,
    pending: Option<u64>,
    epoch: Instant,
    shape: Shape,
) -> io::Result<()> {
    let publish = |group| match shape.eager {
        true => eager(group, progress, stopped, pending, epoch),
        false => gathering(group, progress, Until::Stopped(stopped), pending, epoch),
    };
    let publish = &publish;
    thread::scope(|scope| {
        let groups = shape.dealt(publishers).into_iter();
        let publishing: Vec<_> = groups.map(|group| scope.spawn(move || publish(group))).collect();
        publishing.into_iter().try_for_each(|one| joined(one.join()))
    })?;
    progress.complete();
    Ok(())
}

/// Refills each publisher as soon as replies of its own have come.
fn eager(
    publishers: Vec<Publisher>,
    progress: &Progress,
    stopped: &AtomicBool,
    pending: Option<u64>,
    epoch: Instant,
) -> io::Result<()> {
    let mut all = Loop::new(publishers, progress, epoch)?;
    let mut has_paused = true;
    while !stopped.load(Relaxed) {
        if all.has_too_much(pending) {
            all.pause()?;
            has_paused = true;
            continue;
        }
        if std::mem::take(&mut has_paused) {
            (0..all.publishers.len()).try_for_each(|number| all.refill(number))?;
        }
        all.turn_and_refill(Duration::from_millis(20))?;
    }
    all.finish()
}

/// Takes the replies of all that have any, and refills all of those then.
fn gathering(
    publishers: Vec<Publisher>,
    progress: &Progress,
    until: Until<'_>,
    pending: Option<u64>,
    epoch: Instant,
) -> io::Result<()> {
    let mut all = Loop::new(publishers, progress, epoch)?;
    let mut ready: Vec<usize> = (0..all.publishers.len()).collect();
    let mut sent = 0;
    loop {
        let left = match until {
            Until::Stopped(stopped) if stopped.load(Relaxed) => 0,
            Until::Stopped(_) => u64::MAX,
            Until::Published(count) => count - sent,
        };
        if left == 0 {
            return all.finish();
        }
        if all.has_too_much(pending) {
            all.pause()?;
            ready = (0..all.publishers.len()).collect();
            continue;
        }
        let ns = all.epoch.elapsed().as_nanos() as u64;
        for &number in &ready {
            let count = all.publishers[number].room().min(usize::try_from(left).unwrap_or(usize::MAX));
            all.send(number, count, ns)?;
            sent += count as u64;
        }
        ready = all.turn(Duration::from_millis(20))?;
    }
}

/// Publishes `per_second` messages, evenly spread over time and over the publishers, whatever the server does. A message
/// that the socket had no room for when it was due is stamped with the time when it was.
pub(crate) fn open_loop(
    publishers: Vec<Publisher>,
    progress: &Progress,
    stopped: &AtomicBool,
    per_second: u64,
    epoch: Instant,
) -> io::Result<()> {
    // Without it the kernel wakes this thread up to 50 us late.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let interval_ns = 1_000_000_000 / per_second;
    let mut all = Loop::new(publishers, progress, epoch)?;
    let mut next = 0;
    let mut due_ns = epoch.elapsed().as_nanos() as u64;
    while !stopped.load(Relaxed) {
        let now_ns = epoch.elapsed().as_nanos() as u64;
        if now_ns < due_ns {
            all.turn(Duration::from_nanos(due_ns - now_ns))?;
            continue;
        }
        if all.publishers[next].room() == 0 {
            all.turn(Duration::from_millis(1))?;
            continue;
        }
        // Later than an interval: the socket had no room.
        let stamp_ns = if now_ns - due_ns > interval_ns * BURST as u64 { due_ns } else { now_ns };
        all.send(next, 1, stamp_ns)?;
        next = (next + 1) % all.publishers.len();
        due_ns += interval_ns;
    }
    all.finish()?;
    progress.complete();
    Ok(())
}
