//! What is counted beside the [table](super::counters): of each command, of error codes, and rates. Workers write without
//! contention; it is added up when somebody asks.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::channels::Sampler;
use super::counters::{Counter, Counters};
use super::delays::Delays;

/// What is known of one command's executions.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// Executions.
    pub calls: Counter,
    /// Time spent in them, in microseconds.
    pub us: Counter,
    /// Refused before execution.
    pub rejected: Counter,
    /// Executions that answered an error.
    pub failed: Counter,
    /// Distribution of the time of an execution in nanoseconds, from its first execution on.
    pub latency: Mutex<Option<Box<Histogram<u64>>>>,
}

/// The longest execution that a histogram tells from longer ones, in nanoseconds.
const LONGEST_NS: u64 = 1_000_000_000;

impl CommandStats {
    /// Adds so many executions of `ns` nanoseconds each to the distribution.
    pub fn record_latencies(&self, ns: u64, count: u64) {
        let mut latency = self.latency.lock();
        let histogram = latency.get_or_insert_with(|| Box::new(new_histogram()));
        histogram.saturating_record_n(ns.clamp(1, LONGEST_NS), count);
    }
}

/// An empty distribution with the bounds and the precision that LATENCY HISTOGRAM promises.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 2).expect("the bounds are valid: 1 < 2 * 1 <= LONGEST_NS, precision 2")
}

/// What one worker counts.
#[derive(Debug)]
pub struct WorkerStats {
    /// What the table lists.
    pub counters: Counters,
    /// By the command's place in the table.
    pub by_command: Box<[CommandStats]>,
    /// Messages that it has not published because nobody would have heard them, since the start.
    pub(crate) unheard: Counter,
    /// The busiest of the channels that it publishes to.
    pub(crate) channels: Sampler,
    /// Of messages whose way was followed: from when they were published until they had been put into the outboxes of this
    /// worker's subscribers.
    pub(crate) fan_out: Delays,
    /// Until those had been offered to their sockets.
    pub(crate) written: Delays,
}

impl WorkerStats {
    /// Nothing yet, for a table of `commands` commands.
    pub fn new(commands: usize) -> Self {
        let by_command = (0..commands).map(|_| CommandStats::default()).collect();
        WorkerStats {
            counters: Counters::default(),
            by_command,
            unheard: Counter::default(),
            channels: Sampler::default(),
            fan_out: Delays::default(),
            written: Delays::default(),
        }
    }

    /// CONFIG RESETSTAT
    pub fn reset(&self) {
        self.counters.reset();
        for command in &self.by_command {
            [&command.calls, &command.us, &command.rejected, &command.failed].into_iter().for_each(Counter::reset);
            *command.latency.lock() = None;
        }
        [&self.fan_out, &self.written].into_iter().for_each(Delays::reset);
    }
}

/// What is counted of the whole server.
#[derive(Debug, Default)]
pub struct ServerStats {
    /// What happens to no worker; several threads write it.
    pub counters: Counters,
    /// Error replies by their code; the number of codes is bounded, see [`ServerStats::count_error`].
    pub errors: Mutex<BTreeMap<String, u64>>,
    /// Throughput over the last moments.
    pub rates: Mutex<Rates>,
    /// The busiest of the channels to which other servers publish.
    pub(crate) channels: Sampler,
}

/// The most different error codes that are counted, as in Redis.
const MAX_ERROR_CODES: usize = 128;

impl ServerStats {
    /// Counts an error reply under its code. A code that is new when there are too many already is not counted, because
    /// codes may come from peers.
    pub fn count_error(&self, code: &[u8]) {
        let code = String::from_utf8_lossy(code);
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(&*code) {
            *count += 1;
        } else if errors.len() < MAX_ERROR_CODES {
            errors.insert(code.into_owned(), 1);
        }
    }

    /// CONFIG RESETSTAT
    pub fn reset(&self) {
        self.counters.reset();
        self.errors.lock().clear();
        *self.rates.lock() = Rates::default();
    }
}

/// How many samples a rate is the mean of.
const SAMPLES: usize = 16;

/// Rates of commands and bytes, from totals sampled at regular times.
#[derive(Debug, Default)]
pub struct Rates {
    last: Option<(u64, [u64; 3])>,
    samples: [[u64; 3]; SAMPLES],
    next: usize,
}

impl Rates {
    /// Takes a sample of the totals of commands, bytes received and bytes sent.
    pub fn sample(&mut self, now_ms: u64, totals: [u64; 3]) {
        if let Some((then_ms, before)) = self.last {
            let elapsed_ms = now_ms.saturating_sub(then_ms).max(1);
            let rate = |i: usize| totals[i].saturating_sub(before[i]) * 1000 / elapsed_ms;
            self.samples[self.next] = [rate(0), rate(1), rate(2)];
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last = Some((now_ms, totals));
    }

    /// Commands, bytes received and bytes sent, each for one second.
    pub fn per_second(&self) -> [u64; 3] {
        let mean = |i: usize| self.samples.iter().map(|sample| sample[i]).sum::<u64>() / SAMPLES as u64;
        [mean(0), mean(1), mean(2)]
    }
}
