//! How busy each of the server's threads that serve clients is over time, as `/proc` tells it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity};

use super::usage::TICKS_PER_SECOND;

/// How long one step is.
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
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// Of each thread.
    shares: Vec<f64>,
    /// For how much of one core's time the cores of the process were idle.
    spare: f64,
}

impl Course {
    /// Watches the io-threads of process `pid` for so long.
    pub(super) fn watch(pid: u32, time: Duration) -> Self {
        let cores = cores_of(pid);
        let (mut before, mut idle_before) = (busy_ns(pid), idle_ns(&cores));
        let names: Vec<String> = before.keys().cloned().collect();
        let (start, mut steps) = (Instant::now(), Vec::new());
        let mut last = start;
        while start.elapsed() < time {
            thread::sleep(STEP);
            let (now, idle, at) = (busy_ns(pid), idle_ns(&cores), Instant::now());
            let step_ns = (at - last).as_nanos() as f64;
            let share = |name: &String| {
                let ns = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
                ns(&now).saturating_sub(ns(&before)) as f64 / step_ns
            };
            let spare = idle.saturating_sub(idle_before) as f64 / step_ns;
            steps.push(Step { shares: names.iter().map(share).collect(), spare });
            (before, idle_before, last) = (now, idle, at);
        }
        Course { names, steps }
    }

    /// For how long at a stretch, in seconds, one thread had all that it could do while another idled, and a core to run it on.
    pub(super) fn lopsided_s(&self) -> f64 {
        let is_lopsided = |Step { shares, spare }: &Step| {
            shares.iter().any(|share| *share >= SATURATED) && shares.iter().any(|share| *share < IDLE) && *spare > IDLE
        };
        let stretches = self.steps.split(|step| !is_lopsided(step));
        stretches.map(|steps| steps.len()).max().unwrap_or_default() as f64 * STEP.as_secs_f64()
    }

    /// How many threads did anything.
    pub(super) fn awake(&self) -> usize {
        let share = |thread: usize| self.steps.iter().map(|step| step.shares[thread]).sum::<f64>();
        let least = AWAKE * self.steps.len() as f64;
        (0..self.names.len()).filter(|thread| share(*thread) > least).count()
    }

    /// A line for each thread: its share of each step in percent.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for (thread, name) in self.names.iter().enumerate() {
            let _ = write!(text, "  {name:>8}");
            for step in &self.steps {
                let _ = write!(text, " {:>3.0}", 100.0 * step.shares[thread]);
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

/// The cores that process `pid` may use.
fn cores_of(pid: u32) -> Vec<usize> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Ok(set) = sched_getaffinity(pid) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// How long these cores have been idle.
fn idle_ns(cores: &[usize]) -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let idle = stat.lines().filter_map(|line| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let core = words.next()?.parse().ok()?;
        cores.contains(&core).then(|| words.nth(3)?.parse::<u64>().ok())?
    });
    idle.sum::<u64>() * (1_000_000_000 / TICKS_PER_SECOND)
}
