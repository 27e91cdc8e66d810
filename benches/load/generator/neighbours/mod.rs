//! Clients that ask for more than their share, and what the messages of others notice of it.
//!
//! While a neighbour does what it does, two publishers send messages to two subscribers, 1,000 a second in all. Where the
//! server has several threads, one of each is on the first thread and one on another, so that every choice of threads for
//! neighbour, publisher and subscriber occurs; the figures are those of the pair that is worst off.

mod client;
mod connections;
mod keys;
mod names;
mod slow;
mod stage;
mod unread;
mod waiting;

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

use super::figures::{Figures, Metric};
use super::flow::{self, WARM_UP, joined};
use super::listeners::{self, Heard, Listener, Progress};
use super::publishers::{self, Publisher};
use super::target::Target;
use super::usage::Memory;
use super::wire::{self, Proto, Verifier};
use super::{NeighbourOf, Shape};
use crate::generator::stream::Stream;
use stage::Stage;

/// Messages in a second.
const RATE: u64 = 1000;
/// Publishers and as many subscribers, each pair of them on its own thread.
const PAIRS: usize = 2;
/// Subscribers that Pregon gives to its first thread before another one gets any.
const CROWD: usize = 48;
/// Requests that a publisher may have in flight: it waits for nobody.
const WINDOW: usize = 32 * 1024;
/// The channel of the messages, and the one that brings publishers to their threads.
const CHANNEL: &str = "measured";
const QUIET: &str = "quiet";
/// How much lower the priority of the neighbour's thread is than that of those who measure.
const NICENESS: i32 = 10;
/// The descriptors that the largest of them needs.
pub(super) const DESCRIPTORS: usize = 12_000;

const MB: u64 = 1024 * 1024;

/// One of them.
pub(crate) struct Neighbour {
    pub(crate) name: &'static str,
    /// What it does, for readers.
    pub(crate) what: &'static str,
    /// What the configuration allows to grow by it, in bytes; 0 where it names no limit.
    pub(crate) limit: u64,
    /// Whether nobody reads the server's log.
    pub(crate) log_stalls: bool,
    /// Whether it subscribes to the same messages, which PUBLISH counts for it whether it gets them or not.
    listens_too: bool,
    run: fn(&Stage<'_>) -> io::Result<()>,
}

const fn neighbour(name: &'static str, what: &'static str, run: fn(&Stage<'_>) -> io::Result<()>) -> Neighbour {
    Neighbour { name, what, limit: 0, log_stalls: false, listens_too: false, run }
}

impl Neighbour {
    const fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    const fn that_listens_too(mut self) -> Self {
        self.listens_too = true;
        self
    }

    const fn without_log(mut self) -> Self {
        self.log_stalls = true;
        self
    }
}

/// All of them.
pub(crate) const ALL: [Neighbour; 58] = [
    neighbour("nobody", "nothing", slow::nobody),
    neighbour("KEYS", "KEYS of a million", keys::keys),
    neighbour("SORT", "SORT of a list of a million", keys::sort),
    neighbour("LCS", "LCS of two strings of 11 KB", keys::lcs),
    neighbour("LRANGE", "LRANGE of a list of a million", keys::lrange),
    neighbour("XRANGE", "XRANGE of a stream of 300,000", keys::xrange),
    neighbour("DEL lists", "DEL of lists of a million, one after the other", keys::del_lists),
    neighbour("DEL names", "DEL of a million names", keys::del_names),
    neighbour("FLUSHALL", "FLUSHALL of a million keys", keys::flushall),
    neighbour("MSET", "MSET of 500,000", keys::mset),
    neighbour("EXEC of SET", "EXEC of 100,000 SETs", keys::exec_many),
    neighbour("EXEC of LCS", "EXEC of 20 LCS of 11 KB", keys::exec_lcs),
    neighbour("read of KEYS", "64 KB of KEYS in 10,000 keys in one write", keys::read_of_keys),
    neighbour("PUBLISH and KEYS", "a message to 100 subscribers and 300 KEYS in one write", keys::publish_and_keys),
    neighbour("SETRANGE", "SETRANGE that makes 500 MB", keys::setrange).limit(512 * MB),
    neighbour("SET", "SET of 400 MB", keys::set_huge).limit(512 * MB),
    neighbour("PUBLISH", "PUBLISH of 400 MB", keys::publish_huge).limit(512 * MB),
    neighbour("empty arguments", "EXISTS with 5 million empty arguments", keys::empty_arguments),
    neighbour("waiters", "100 LPUSHes at once, while 10,000 clients wait for the queue", waiting::waiters),
    neighbour("FLUSHALL beside BLPOP", "FLUSHALL, while a client waits for 100,000 queues", waiting::flush_waited),
    neighbour("EXEC of LPUSH", "EXEC of 30,000 LPUSHes to queues that a client waits for", waiting::push_waited),
    neighbour("WATCH", "WATCH of 20,000 keys", waiting::watch),
    neighbour("prefixes", "SET, while a client is told of 8,000 prefixes", waiting::prefixes),
    neighbour("redirect", "CLIENT TRACKING redirected to who has just connected", waiting::redirect),
    neighbour("PUBSUB CHANNELS", "PUBSUB CHANNELS of a million", names::channels),
    neighbour("PUBSUB NUMSUB", "PUBSUB NUMSUB of a million names", names::numsub),
    neighbour("SUBSCRIBE", "SUBSCRIBE to 100,000 names", names::subscribe),
    neighbour("UNSUBSCRIBE", "UNSUBSCRIBE from 100,000 names", names::unsubscribe),
    neighbour("RESET", "RESET of a client with 400,000 subscriptions", names::reset),
    neighbour("leaving", "a client with 400,000 subscriptions goes", names::leave),
    neighbour(
        "long pattern",
        "PUBLISH to a name of 40 KB, while one listens to a pattern of 20 KB",
        names::long_pattern,
    ),
    neighbour("many patterns", "PUBLISH beside 20,000 patterns that nearly match", names::many_patterns),
    neighbour("patterns of sets", "PUBLISH beside 16,384 patterns that differ by their sets", names::sets),
    neighbour("large patterns", "pairs of patterns of 1 MB that differ at their end", names::large_patterns),
    neighbour("events", "SET of names of 1 KB, for one who listens to events and does not read", names::events)
        .limit(32 * MB),
    neighbour("deaf subscribers", "messages of 64 KB for 100 subscribers that do not read", names::deaf_subscribers)
        .limit(32 * MB),
    neighbour("stuck, disconnect", "100 subscribers of the same messages that have stopped reading", slow::disconnect)
        .that_listens_too(),
    neighbour("stuck, drop-oldest", "the same, who lose the oldest messages beyond 1 MB or 1,000", slow::drop_oldest)
        .that_listens_too(),
    neighbour("stuck, drop-newest", "the same, who lose the newest", slow::drop_newest).that_listens_too(),
    neighbour("stuck, conflate", "the same, who lose all but the newest of each channel", slow::conflate)
        .that_listens_too(),
    neighbour("CLIENT LIST", "CLIENT LIST of 10,000", connections::client_list),
    neighbour("CLIENT KILL", "CLIENT KILL of 10,000", connections::client_kill),
    neighbour("all leave", "10,000 clients go at once", connections::all_leave),
    neighbour("storm", "100 clients at once connect, ask and go, again and again", connections::storm),
    neighbour("stalled log", "the same with every connection in a log that nobody reads", connections::stalled_log)
        .without_log(),
    neighbour(
        "another protocol",
        "POST without the password, with a log that nobody reads",
        connections::other_protocol,
    )
    .without_log(),
    neighbour("rubbish", "rubbish without the password, answers unread", connections::rubbish).limit(MB),
    neighbour("CONFIG SET bind", "CONFIG SET bind with a name that nobody knows", connections::unknown_host),
    neighbour("COMMAND DOCS", "50 COMMAND DOCS in one write", connections::command_docs),
    neighbour("SLOWLOG GET", "SLOWLOG GET of 100,000", connections::slowlog),
    neighbour("LATENCY HISTOGRAM", "LATENCY HISTOGRAM of 5,000 times the same command", connections::histograms),
    neighbour("GET unread", "120 GETs of 1 MB in one write, answers unread, limit 2 MB", unread::gets_of_1mb)
        .limit(2 * MB),
    neighbour(
        "9,000 GET unread",
        "9,000 GETs of 300 KB in one write, answers unread, limit 1 MB",
        unread::gets_of_300kb,
    )
    .limit(MB),
    neighbour("EXEC unread", "EXEC of 5,000 GETs of 300 KB, answers unread, limit 1 MB", unread::exec_of_gets)
        .limit(MB),
    neighbour("MGET unread", "MGET of 5,000 times 300 KB, answer unread, limit 1 MB", unread::mget).limit(MB),
    neighbour("KEYS unread", "100 KEYS of 100,000 in one write, answers unread, limit 2 MB", unread::keys)
        .limit(2 * MB),
    neighbour("half requests", "500 halves of requests of 2 MB, where all clients may hold 64 MB", unread::unfinished)
        .limit(64 * MB),
    neighbour("MULTI without EXEC", "10 MB of requests queued by MULTI, limit 1 MB", unread::queued).limit(MB),
];

/// Runs a neighbour beside the messages of others.
pub(super) fn neighbours(target: &Target, case: &NeighbourOf) -> io::Result<Figures> {
    let found = ALL.iter().find(|neighbour| neighbour.name == case.name);
    let neighbour = found.ok_or_else(|| {
        let all = ALL.iter().map(|neighbour| format!("\n  {}: {}", neighbour.name, neighbour.what));
        io::Error::other(format!("there is no neighbour `{}`, but{}", case.name, all.collect::<String>()))
    })?;
    let (subscribers, publishers) = measuring(target)?;
    let epoch = Instant::now();
    let frame = target.words.message(Proto::Resp2, CHANNEL, &wire::payload(0, wire::FIELDS));
    let verifier = || Verifier::new(frame.clone(), wire::FIELDS, PAIRS);
    let listener =
        |stream| Listener::new(stream, frame.len(), Some(verifier().with_latency(epoch, &listeners::new_histogram())));
    let listeners = subscribers.into_iter().map(listener).collect::<io::Result<Vec<_>>>()?;
    let publishers = publishers.into_iter().enumerate();
    let publishers = publishers
        .map(|(id, stream)| Publisher::new(stream, target.words, id as u16, CHANNEL, wire::FIELDS, WINDOW))
        .collect::<io::Result<Vec<_>>>()?;
    beside(target, neighbour, Duration::from_secs_f64(case.seconds), listeners, publishers, epoch)
}

/// Subscribers and publishers of which each has its own thread, if the server has as many. A publisher listens, too: only
/// such clients are dealt out to all threads.
fn measuring(target: &Target) -> io::Result<(Vec<Stream>, Vec<Stream>)> {
    let (mut subscribers, mut publishers, mut crowd) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        subscribers.extend(target.subscribers(1, Proto::Resp2, |_| CHANNEL.into())?);
        publishers.extend(target.subscribers(1, Proto::Resp3, |_| QUIET.into())?);
        crowd.extend(target.subscribers(CROWD - 2, Proto::Resp2, |_| QUIET.into())?);
    }
    Ok((subscribers, publishers))
}

/// Lets messages flow, and the neighbour do what it does once it has prepared it.
fn beside(
    target: &Target,
    neighbour: &Neighbour,
    time: Duration,
    listeners: Vec<Listener>,
    publishers: Vec<Publisher>,
    epoch: Instant,
) -> io::Result<Figures> {
    let (progress, stop) = (&Progress::default(), &AtomicBool::new(false));
    let (prepared, is_prepared) = mpsc::sync_channel(0);
    let (start, may_start) = mpsc::sync_channel(0);
    thread::scope(|scope| {
        let acting = scope.spawn(move || {
            setpriority_process(None, NICENESS)?;
            (neighbour.run)(&Stage::new(target, time, prepared, may_start))
        });
        if is_prepared.recv().is_err() {
            joined(acting.join())?;
            return Err(io::Error::other("the neighbour did not begin"));
        }
        let before = begin_peak(target)?;
        let listening = scope.spawn(move || listeners::listen(listeners, progress, Shape::PLAIN));
        let publishing = scope.spawn(move || {
            let done = publishers::open_loop(publishers, progress, stop, RATE, epoch);
            if done.is_err() {
                progress.expected.store(0, Relaxed);
            }
            done
        });
        thread::sleep(WARM_UP);
        // It has ended only if it failed.
        let _ = start.send(());
        let acted = joined(acting.join());
        thread::sleep(WARM_UP);
        stop.store(true, Relaxed);
        let published = joined(publishing.join());
        let heard = joined(listening.join())?;
        acted.and(published)?;
        let mut figures = figures(target, before, &heard, progress)?;
        if neighbour.listens_too {
            let due = progress.published.load(Relaxed) * PAIRS as u64;
            figures.set(Metric::Lost, due.saturating_sub(progress.delivered.load(Relaxed)) as f64);
        }
        Ok(figures)
    })
}

/// Forgets the most memory that the server ever had, where it runs here, and answers what it has now.
fn begin_peak(target: &Target) -> io::Result<Option<Memory>> {
    let Some(pid) = target.pid else { return Ok(None) };
    fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    Memory::of(pid).map(Some)
}

fn figures(target: &Target, before: Option<Memory>, heard: &Heard, progress: &Progress) -> io::Result<Figures> {
    let mut figures = Figures::default();
    let worst = heard.latencies.iter().max_by_key(|of_pair| of_pair.value_at_quantile(0.999));
    worst.iter().for_each(|of_pair| figures.set_latencies(of_pair));
    let longest_ns = heard.latencies.iter().map(|of_pair| of_pair.max()).max().unwrap_or(0);
    figures.set(Metric::Max, longest_ns as f64 / 1000.0);
    flow::set_intact(&mut figures, heard, progress);
    if let Some((before, pid)) = before.zip(target.pid) {
        let peak = Memory::of(pid)?.peak;
        figures.set(Metric::Peak, peak);
        figures.set(Metric::Added, peak - before.resident);
    }
    Ok(figures)
}
