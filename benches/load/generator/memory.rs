//! What a server's memory grows by, and whether it comes back.

use std::io::{self, Read as _};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::figures::{Figures, Metric};
use super::flow::{self, Held, channel};
use super::listeners::{self, Listener, Progress};
use super::patterns;
use super::publishers::{self, Publisher, Until};
use super::stream::Stream;
use super::target::Target;
use super::usage::Memory;
use super::wire::{self, Proto, Verifier};
use super::{Idle, Names, Shape, Stuck};

/// How long after the clients have come what they made grow is measured: allocators keep what was needed in between for
/// a while, Pregon's for half a second.
const AT_REST: Duration = Duration::from_millis(1500);
/// How long a server may take to give memory back.
const SETTLE: Duration = Duration::from_secs(3);
/// Publishes in flight while subscribers are stuck.
const WINDOW: usize = 64;

/// Connections that do nothing, with or without a subscription.
pub(crate) fn idle(target: &Target, case: &Idle) -> io::Result<Figures> {
    growth(target, case.connections, || match case.subscribed {
        true => target.subscribers(case.connections, Proto::Resp2, |_| channel(0)),
        false => target.connections(case.connections),
    })
}

/// Subscriptions to channels or patterns of which each has its own name.
pub(crate) fn names(target: &Target, case: &Names) -> io::Result<Figures> {
    let names = match &case.shape {
        Some(shape) => patterns::cold(shape, case.count),
        None => (0..case.count).map(|number| format!("{number:032}")).collect(),
    };
    let command = if case.shape.is_some() { "PSUBSCRIBE" } else { "SUBSCRIBE" };
    growth(target, case.count, || target.subscribe_many(command, &names))
}

/// Subscribers that never read, beside one that does and must get everything.
pub(crate) fn stuck(target: &Target, case: &Stuck) -> io::Result<Figures> {
    let payload = case.payload.max(wire::FIELDS);
    let before = settled(target, None)?;
    let mut stuck = target.subscribers(case.subscribers, Proto::Resp2, |_| channel(0))?;
    let reading = target.subscribers(1, Proto::Resp2, |_| channel(0))?.remove(0);
    let frame = target.words.message(Proto::Resp2, &channel(0), &wire::payload(0, payload));
    let listener = Listener::new(reading, frame.len(), Some(Verifier::new(frame, payload, 1)))?;
    let publisher = Publisher::new(target.connections(1)?.remove(0), target.words, 0, &channel(0), payload, WINDOW)?;
    let progress = Progress::default();
    let until = Until::Published((case.megabytes * 1024 * 1024 / payload) as u64);
    let heard = thread::scope(|scope| {
        let listening = scope.spawn(|| listeners::listen(vec![listener], &progress, Shape::PLAIN));
        let published = publishers::closed_loop(vec![publisher], &progress, until, None, Instant::now());
        // What the stuck ones are owed does not arrive: the reading one gets each message once.
        progress.expected.store(progress.published.load(Relaxed), Relaxed);
        let heard = flow::joined(listening.join());
        published.and(heard)
    })?;
    let mut figures = Figures::default();
    let peak = measure(target)?.peak;
    let cut = stuck.iter_mut().map(has_ended).collect::<io::Result<Vec<_>>>()?;
    figures.set(Metric::Peak, peak);
    figures.set(Metric::Added, peak - before.resident);
    figures.set(Metric::StuckCut, cut.into_iter().filter(|cut| *cut).count() as f64);
    figures.set(Metric::Cut, heard.cut as f64);
    figures.set(Metric::Altered, heard.altered as f64);
    let missing = progress.published.load(Relaxed) - progress.delivered.load(Relaxed);
    figures.set(Metric::Lost, missing as f64);
    drop(stuck);
    figures.set(Metric::After, settled(target, Some(before.resident))?.resident / before.resident);
    Ok(figures)
}

/// What `clients` add to the memory, for each of `count` things, and what stays when they have gone.
fn growth(target: &Target, count: usize, clients: impl FnOnce() -> io::Result<Held>) -> io::Result<Figures> {
    // The first client makes the server prepare what it needs once.
    drop(target.connections(1)?);
    let before = settled(target, None)?;
    let held = clients()?;
    thread::sleep(AT_REST);
    let with = measure(target)?;
    drop(held);
    let after = settled(target, Some(before.resident))?;
    let mut figures = Figures::default();
    figures.set(Metric::Added, with.proportional - before.proportional);
    figures.set(Metric::Each, (with.proportional - before.proportional) / count as f64);
    figures.set(Metric::After, after.resident / before.resident);
    Ok(figures)
}

/// Memory when nothing moves any more, or as soon as no more than `goal` is resident.
fn settled(target: &Target, goal: Option<f64>) -> io::Result<Memory> {
    let patience = if goal.is_some() { SETTLE } else { SETTLE / 10 };
    let start = Instant::now();
    loop {
        let memory = measure(target)?;
        if start.elapsed() > patience || goal.is_some_and(|goal| memory.resident <= goal) {
            return Ok(memory);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn measure(target: &Target) -> io::Result<Memory> {
    let pid = target.pid.ok_or_else(|| io::Error::other("the memory of a server is measured by its --pid"))?;
    Memory::of(pid)
}

/// Whether the server has closed a connection; reads what it sent before.
fn has_ended(stream: &mut Stream) -> io::Result<bool> {
    stream.socket().set_nonblocking(true)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(_) => return Ok(true),
        }
    }
}
