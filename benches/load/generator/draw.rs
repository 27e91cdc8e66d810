//! Channels that are drawn for each message, some more often than others.

use std::ops::Range;
use std::sync::Arc;

use super::flow::channel;

/// Digits at the end of a channel's name.
const DIGITS: usize = 7;

/// How often each of some channels is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    /// For each channel its weight and those of all before it.
    up_to: Arc<[f64]>,
}

impl Weights {
    /// A weight for each channel.
    pub(crate) fn new(weights: impl Iterator<Item = f64>) -> Self {
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Weights { up_to: sums.collect() }
    }

    pub(crate) fn channels(&self) -> usize {
        self.up_to.len()
    }

    fn total(&self) -> f64 {
        self.up_to.last().copied().unwrap_or_default()
    }
}

/// What one publisher draws; the same in each run.
#[derive(Debug)]
pub(crate) struct Draw {
    weights: Weights,
    chance: fastrand::Rng,
    /// Where the digits of the channel are in a request.
    digits: Range<usize>,
}

impl Draw {
    /// For a publisher whose requests look like this one, to channel 0.
    pub(crate) fn new(weights: &Weights, seed: u64, request: &[u8]) -> Self {
        let name = channel(0);
        let at = request.windows(name.len()).position(|part| part == name.as_bytes());
        let end = at.expect("the request is to channel 0") + name.len();
        Draw { weights: weights.clone(), chance: fastrand::Rng::with_seed(seed), digits: end - DIGITS..end }
    }

    /// Writes the channel of the next message into its request.
    pub(crate) fn put_next(&mut self, request: &mut [u8]) {
        let drawn = self.chance.f64() * self.weights.total();
        let mut number = self.weights.up_to.partition_point(|up_to| *up_to <= drawn);
        for digit in request[self.digits.clone()].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}
