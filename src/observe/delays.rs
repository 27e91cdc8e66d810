//! How long messages take: a distribution that one thread writes and any may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::counters::Counter;

/// The upper bounds of its steps but the last, which has none: 1, 2, 4 and so on microseconds, up to 8.4 seconds.
pub(crate) const STEPS: usize = 24;

/// A distribution of times.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    /// How many lie within each step, and beyond the last.
    counts: [Counter; STEPS + 1],
    sum_ns: AtomicU64,
}

/// What it is at one moment, of one thread or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Distribution {
    pub(crate) counts: [u64; STEPS + 1],
    pub(crate) sum_ns: u64,
}

/// The upper bound of a step, in microseconds.
pub(crate) fn bound_us(step: usize) -> u64 {
    1 << step
}

impl Delays {
    /// Adds one; only the thread that it belongs to may do so.
    pub(crate) fn record(&self, ns: u64) {
        let us = ns.div_ceil(1000).max(1);
        let step = us.next_power_of_two().trailing_zeros() as usize;
        self.counts[step.min(STEPS)].add(1);
        Counter::add_to(&self.sum_ns, ns);
    }

    /// CONFIG RESETSTAT
    pub(crate) fn reset(&self) {
        self.counts.iter().for_each(Counter::reset);
        self.sum_ns.store(0, Relaxed);
    }

    /// Adds what it is to another.
    pub(crate) fn add_to(&self, distribution: &mut Distribution) {
        for (sum, count) in distribution.counts.iter_mut().zip(&self.counts) {
            *sum += count.get();
        }
        distribution.sum_ns += self.sum_ns.load(Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_lies_within_the_bounds_of_its_step() {
        let delays = Delays::default();
        let times_ns = [0, 1, 999, 1_000, 1_001, 2_000, 5_000_000, 8_388_608_000, 8_388_608_001, u64::MAX / 10];
        for ns in times_ns {
            delays.record(ns);
            let mut distribution = Distribution::default();
            delays.add_to(&mut distribution);
            let step = distribution.counts.iter().position(|count| *count > 0).expect("one is recorded");
            assert!(step == STEPS || ns <= bound_us(step) * 1000, "{ns} ns in step {step}");
            assert!(step == 0 || ns > bound_us(step - 1) * 1000, "{ns} ns in step {step}");
            assert_eq!((distribution.counts.iter().sum::<u64>(), distribution.sum_ns), (1, ns));
            delays.reset();
        }
    }
}
