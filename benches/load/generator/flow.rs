//! Cases in which messages flow: publishers on some threads, subscribers on others, and this one measures.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::figures::{Figures, Metric};
use super::listeners::{self, Heard, Listener, Progress};
use super::publishers::{self, Publisher};
use super::stream::Stream;
use super::target::{LockWaits, Target};
use super::usage::CpuTime;
use super::wire::{self, Proto, Verifier};
use super::{FanOut, OpenLoop, Shape, patterns};

/// Runs before the measurement begins.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);
/// Of so many subscribers every byte is looked at.
pub(super) const VERIFIED: usize = 4;
/// Requests that an open loop may have in flight.
const OPEN_WINDOW: usize = 8192;

/// Publishes in a closed loop.
pub(crate) fn fan_out(target: &Target, case: &FanOut) -> io::Result<Figures> {
    let payload = case.payload.max(wire::FIELDS);
    let epoch = Instant::now();
    let streams = target.subscribers(case.subscribers, case.proto, |number| channel(number % case.channels))?;
    let mut listeners = Vec::with_capacity(streams.len());
    for (number, stream) in streams.into_iter().enumerate() {
        let name = channel(number % case.channels);
        let frame = target.words.message(case.proto, &name, &wire::payload(0, payload));
        let frame_len = frame.len();
        let verifier = (number < VERIFIED).then(|| Verifier::new(frame, payload, case.publishers));
        listeners.push(Listener::new(stream, frame_len, verifier)?);
    }
    let (hot, _cold) = patterns::subscribe(target, case, &channel(0))?;
    if let Some((stream, pattern)) = hot {
        let frame = wire::pattern_message(Proto::Resp2, &pattern, &channel(0), &wire::payload(0, payload));
        listeners.push(Listener::new(stream, frame.len(), None)?);
    }
    let publishers = target.connections(case.publishers)?.into_iter().enumerate().map(|(id, stream)| {
        let number = id % case.channels;
        let publisher = Publisher::new(stream, target.words, id as u16, &channel(number), payload, case.window)?;
        let receivers = (number..case.subscribers).step_by(case.channels).count();
        Ok(if target.counts_receivers() { publisher } else { publisher.to(receivers as u64) })
    });
    let publishers = publishers.collect::<io::Result<Vec<_>>>()?;
    let pending = case.pending_mb.map(|mb| mb * 1024 * 1024 / payload as u64);
    let publish = |progress: &Progress, stop: &AtomicBool| {
        publishers::closed_loops(publishers, progress, stop, pending, epoch, case.shape)
    };
    flow(target, listeners, publish, Duration::from_secs_f64(case.seconds), case.shape)
}

/// Publishes in an open loop and measures delivery latencies.
pub(crate) fn open_loop(target: &Target, case: &OpenLoop) -> io::Result<Figures> {
    let payload = case.payload.max(wire::FIELDS);
    let epoch = Instant::now();
    let name = channel(0);
    let frame = target.words.message(case.proto, &name, &wire::payload(0, payload));
    let mut listeners = Vec::with_capacity(case.subscribers);
    for stream in target.subscribers(case.subscribers, case.proto, |_| name.clone())? {
        let verifier = Verifier::new(frame.clone(), payload, 1);
        let verifier = verifier.with_latency(epoch, &listeners::new_histogram());
        listeners.push(Listener::new(stream, frame.len(), Some(verifier))?);
    }
    let stream = target.connections(1)?.remove(0);
    let publisher = Publisher::new(stream, target.words, 0, &name, payload, OPEN_WINDOW)?;
    let publisher = if target.counts_receivers() { publisher } else { publisher.to(case.subscribers as u64) };
    let publish = |progress: &Progress, stop: &AtomicBool| {
        publishers::open_loop(vec![publisher], progress, stop, case.rate, epoch)
    };
    flow(target, listeners, publish, Duration::from_secs_f64(case.seconds), Shape::PLAIN)
}

/// The name of a channel; all have the same length.
pub(crate) fn channel(number: usize) -> String {
    format!("news:sports:{number:07}")
}

/// A point in time and what had happened until then.
struct Sample {
    at: Instant,
    delivered: u64,
    published: u64,
    cpu: Option<CpuTime>,
    lock_waits: Option<LockWaits>,
}

impl Sample {
    fn take(target: &Target, progress: &Progress) -> io::Result<Self> {
        Ok(Sample {
            lock_waits: target.lock_waits()?,
            cpu: target.cpu_time()?,
            at: Instant::now(),
            delivered: progress.delivered.load(Relaxed),
            published: progress.published.load(Relaxed),
        })
    }
}

/// Lets messages flow and measures for a while. Ends when all that was announced has arrived or is lost.
pub(super) fn flow(
    target: &Target,
    listeners: Vec<Listener>,
    publish: impl FnOnce(&Progress, &AtomicBool) -> io::Result<()> + Send,
    measured: Duration,
    shape: Shape,
) -> io::Result<Figures> {
    let (progress, stop) = (&Progress::default(), &AtomicBool::new(false));
    let with_listeners = !listeners.is_empty();
    let (start, end, heard) = thread::scope(|scope| {
        let publishing = scope.spawn(move || {
            let done = publish(progress, stop);
            if done.is_err() {
                // Nothing more is to be waited for.
                progress.expected.store(0, Relaxed);
            }
            done
        });
        let listening = scope.spawn(move || listeners::listen(listeners, progress, shape));
        thread::sleep(WARM_UP);
        let start = Sample::take(target, progress);
        thread::sleep(measured);
        let end = Sample::take(target, progress);
        stop.store(true, Relaxed);
        joined(publishing.join())?;
        let heard = joined(listening.join())?;
        Ok::<_, io::Error>((start?, end?, heard))
    })?;
    let last = Sample::take(target, progress)?;
    let count = |sample: &Sample| if with_listeners { sample.delivered } else { sample.published };
    let cpu = end.cpu.zip(start.cpu).map(|(end, start)| end.since(start));
    let mut figures = Figures::default();
    figures.set_rate(count(&end) - count(&start), end.at - start.at, cpu);
    figures.set(Metric::Total, count(&last) as f64);
    let publishes = (end.published - start.published) as f64;
    if let Some((end, start)) = end.lock_waits.zip(start.lock_waits) {
        figures.set(Metric::LockWaits, (end.count - start.count) as f64 / publishes.max(1.0));
        figures.set(Metric::LockWait, (end.us - start.us) as f64 * 1000.0 / publishes.max(1.0));
    }
    if with_listeners {
        figures.set(Metric::Publishes, publishes / (end.at - start.at).as_secs_f64());
        set_heard(&mut figures, &heard, progress);
    }
    Ok(figures)
}

/// What is zero where nothing went wrong.
pub(crate) fn set_intact(figures: &mut Figures, heard: &Heard, progress: &Progress) {
    let announced = progress.announced.load(Relaxed);
    figures.set(Metric::Lost, announced.saturating_sub(progress.delivered.load(Relaxed)) as f64);
    figures.set(Metric::Cut, heard.cut as f64);
    figures.set(Metric::Altered, heard.altered as f64);
}

fn set_heard(figures: &mut Figures, heard: &Heard, progress: &Progress) {
    set_intact(figures, heard, progress);
    let mut latencies = listeners::new_histogram();
    heard.latencies.iter().for_each(|of_one| {
        // All have the same bounds.
        let _ = latencies.add(of_one);
    });
    if !latencies.is_empty() {
        figures.set_latencies(&latencies);
    }
}

/// What a thread ended with; its panic goes on here.
pub(crate) fn joined<T>(result: thread::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Keeps connections open.
pub(crate) type Held = Vec<Stream>;
