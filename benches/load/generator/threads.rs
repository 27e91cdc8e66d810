//! How busy each of the server's threads that serve clients is over time, as `/proc` tells it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// One step.
const STEP: Duration = Duration::from_millis(250);
/// From this share of a step on a thread has as much to do as it can, and up to that one it idles.
const SATURATED: f64 = 0.9;
const IDLE: f64 = 0.5;
/// A thread that is busy for a smaller share of the whole time has not done anything.
const AWAKE: f64 = 0.01;

/// The shares of each thread, step by step. A thread is busy while it runs and while it waits for a core: where it shares its
/// core with the load generator, it has too much to do with less than the whole of it.
#[derive(Debug)]
pub(super) struct Course {
    names: Vec<String>,
    /// For each step the share of each thread.
    steps: Vec<Vec<f64>>,
}

impl Course {
    /// Watches the io-threads of process `pid` for so long.
    pub(super) fn watch(pid: u32, time: Duration) -> Self {
        let mut before = busy_ns(pid);
        let names: Vec<String> = before.keys().cloned().collect();
        let (start, mut steps) = (Instant::now(), Vec::new());
        let mut last = start;
        while start.elapsed() < time {
            thread::sleep(STEP);
            let (now, at) = (busy_ns(pid), Instant::now());
            let step_ns = (at - last).as_nanos() as f64;
            let share = |name: &String| {
                let ns = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
                ns(&now).saturating_sub(ns(&before)) as f64 / step_ns
            };
            steps.push(names.iter().map(share).collect());
            (before, last) = (now, at);
        }
        Course { names, steps }
    }

    /// For how long at a stretch, in seconds, one thread had all that it could do while another idled.
    pub(super) fn lopsided_s(&self) -> f64 {
        let is_lopsided = |shares: &Vec<f64>| {
            shares.iter().any(|share| *share >= SATURATED) && shares.iter().any(|share| *share < IDLE)
        };
        let stretches = self.steps.split(|shares| !is_lopsided(shares));
        stretches.map(|steps| steps.len()).max().unwrap_or_default() as f64 * STEP.as_secs_f64()
    }

    /// How many threads did anything.
    pub(super) fn awake(&self) -> usize {
        let share = |thread: usize| self.steps.iter().map(|shares| shares[thread]).sum::<f64>();
        let least = AWAKE * self.steps.len() as f64;
        (0..self.names.len()).filter(|thread| share(*thread) > least).count()
    }

    /// A line for each thread: its share of each step in percent.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for (thread, name) in self.names.iter().enumerate() {
            let _ = write!(text, "  {name:>8}");
            for shares in &self.steps {
                let _ = write!(text, " {:>3.0}", 100.0 * shares[thread]);
            }
            text.push('\n');
        }
        text
    }
}

/// How long each io-thread has run or waited for a core, by its name. Nothing of a process that has ended.
fn busy_ns(pid: u32) -> BTreeMap<String, u64> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let name = read("comm").trim().to_owned();
        if name.starts_with("io-") {
            let times = read("schedstat");
            let busy = times.split_ascii_whitespace().take(2).filter_map(|ns| ns.parse::<u64>().ok()).sum();
            threads.insert(name, busy);
        }
    }
    threads
}
