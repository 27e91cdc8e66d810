//! Loads that are more work for some of the server's threads than for others, as long as it does not move it.

use std::io;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use super::draw::Weights;
use super::figures::{Figures, Metric};
use super::flow::{self, VERIFIED, WARM_UP, channel};
use super::listeners::{Listener, Progress};
use super::publishers::{self, Publisher};
use super::target::Target;
use super::threads::Course;
use super::wire::{self, Proto, Verifier};
use super::{FanOut, OpenLoop, Shape};

/// Descriptors that any of them needs.
pub(super) const DESCRIPTORS: usize = 10_100;
/// Publishers of those to channels that are drawn.
const PUBLISHERS: usize = 8;
/// Publishes that each of them has in flight.
const WINDOW: usize = 16;
/// What may be on its way where messages are large, in deliveries.
const PENDING: u64 = 8192;
const SMALL_BYTES: usize = 64;
const LARGE_BYTES: usize = 16 * 1024;

/// What is uneven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// 40 channels with 10 subscribers each, of which one gets 90 % of the messages
    Hot,
    /// 10,000 channels with a subscriber each, drawn by Zipf's law with exponent 1.1
    Zipf,
    /// 40 subscribers of messages of 16 KB beside 1,000 of such of 64 bytes
    Mixed,
    /// 7,000 subscribers that come all at once, and messages at once then
    Crowd,
    /// 100 subscribers at 500 messages a second: one thread can do it
    Quiet,
}

/// An uneven load.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Uneven {
    /// What is uneven
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// For how long to measure
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// Measures, and shows how busy the server's threads were from the first message on, if it runs here.
pub(crate) fn uneven(target: &Target, case: &Uneven) -> io::Result<Figures> {
    match case.kind {
        Kind::Hot => {
            let others = 0.1 / 39.0;
            drawn(target, case, 10, Weights::new((0..40).map(|number| if number == 0 { 0.9 } else { others })))
        }
        Kind::Zipf => drawn(target, case, 1, Weights::new((1..=10_000).map(|rank| f64::from(rank).powf(-1.1)))),
        Kind::Mixed => mixed(target, case),
        Kind::Crowd => {
            let (subscribers, window) = (7000, WINDOW);
            let case = FanOut { subscribers, window, seconds: case.seconds, shape: case.shape, ..FanOut::ONE };
            watched(target, case.seconds, || flow::fan_out(target, &case))
        }
        Kind::Quiet => {
            let (rate, subscribers, seconds) = (500, 100, case.seconds);
            let case = OpenLoop { rate, subscribers, payload: SMALL_BYTES, seconds, proto: Proto::Resp2 };
            watched(target, case.seconds, || flow::open_loop(target, &case))
        }
    }
}

/// Publishers that draw the channel of each message; those who listen to one channel come one after the other.
fn drawn(target: &Target, case: &Uneven, subscribers_each: usize, weights: Weights) -> io::Result<Figures> {
    let count = weights.channels() * subscribers_each;
    let streams = target.subscribers(count, Proto::Resp2, |number| channel(number / subscribers_each))?;
    let mut listeners = Vec::with_capacity(count);
    for (number, stream) in streams.into_iter().enumerate() {
        let name = channel(number / subscribers_each);
        let frame = target.words.message(Proto::Resp2, &name, &wire::payload(0, SMALL_BYTES));
        let frame_len = frame.len();
        let verifier = (number < VERIFIED).then(|| Verifier::new(frame, SMALL_BYTES, PUBLISHERS).with_gaps());
        listeners.push(Listener::new(stream, frame_len, verifier)?);
    }
    let publishers = target.connections(PUBLISHERS)?.into_iter().enumerate().map(|(id, stream)| {
        let publisher = Publisher::new(stream, target.words, id as u16, &channel(0), SMALL_BYTES, WINDOW)?;
        Ok(publisher.drawing(&weights, id as u64))
    });
    let publishers = publishers.collect::<io::Result<Vec<_>>>()?;
    flow_watched(target, case, listeners, publishers, None)
}

/// Large messages to some and small ones to many.
fn mixed(target: &Target, case: &Uneven) -> io::Result<Figures> {
    let (mut listeners, mut publishers) = (Vec::new(), Vec::new());
    for (id, (payload, subscribers)) in [(LARGE_BYTES, 40), (SMALL_BYTES, 1000)].into_iter().enumerate() {
        let name = channel(id);
        // The second publisher's number is in its payloads.
        let frame = target.words.message(Proto::Resp2, &name, &wire::payload(0, payload));
        for (number, stream) in target.subscribers(subscribers, Proto::Resp2, |_| name.clone())?.into_iter().enumerate()
        {
            let verifier = (number == 0).then(|| Verifier::new(frame.clone(), payload, id + 1));
            listeners.push(Listener::new(stream, frame.len(), verifier)?);
        }
        let stream = target.connections(1)?.remove(0);
        publishers.push(Publisher::new(stream, target.words, id as u16, &name, payload, 4)?);
    }
    flow_watched(target, case, listeners, publishers, Some(PENDING))
}

fn flow_watched(
    target: &Target,
    case: &Uneven,
    listeners: Vec<Listener>,
    publishers: Vec<Publisher>,
    pending: Option<u64>,
) -> io::Result<Figures> {
    let epoch = Instant::now();
    let publish = |progress: &Progress, stop: &AtomicBool| {
        publishers::closed_loops(publishers, progress, stop, pending, epoch, case.shape)
    };
    let measured = Duration::from_secs_f64(case.seconds);
    watched(target, case.seconds, || flow::flow(target, listeners, publish, measured, case.shape))
}

/// Runs a case and watches the server's threads meanwhile.
fn watched(target: &Target, seconds: f64, run: impl FnOnce() -> io::Result<Figures>) -> io::Result<Figures> {
    let Some(pid) = target.pid else { return run() };
    let time = WARM_UP + Duration::from_secs_f64(seconds);
    let (figures, course) = thread::scope(|scope| {
        let watching = scope.spawn(move || Course::watch(pid, time));
        (run(), watching.join())
    });
    let (mut figures, course) = (figures?, course.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    eprint!("{}", course.lines());
    figures.set(Metric::Lopsided, course.lopsided_s());
    figures.set(Metric::Awake, course.awake() as f64);
    Ok(figures)
}
