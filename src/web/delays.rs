//! How long messages take, as histograms.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::observe::delays::{Delays, Distribution, STEPS, bound_us};
use crate::observe::stats::WorkerStats;
use crate::server::Server;

/// The distributions of all io-threads together.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    fan_out: Distribution,
    written: Distribution,
}

impl Times {
    pub(super) fn of(server: &Server) -> Self {
        let sum = |part: fn(&WorkerStats) -> &Delays| {
            let mut sum = Distribution::default();
            server.workers.iter().for_each(|worker| part(&worker.stats).add_to(&mut sum));
            sum
        };
        Times { fan_out: sum(|stats| &stats.fan_out), written: sum(|stats| &stats.written) }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let fan_out = "From when a message was published until an io-thread had put it into the outboxes of its subscribers; \
                       of some messages";
        let written = "From when the command of a message began until an io-thread had offered it to the sockets of its \
                       subscribers; of some messages";
        for (name, help, distribution) in
            [("pregon_fan_out_seconds", fan_out, &self.fan_out), ("pregon_delivery_seconds", written, &self.written)]
        {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
            let bound = |step| if step < STEPS { bound_us(step) as f64 / 1e6 } else { f64::MAX };
            let buckets: Vec<(f64, u64)> =
                distribution.counts.iter().enumerate().map(|(step, count)| (bound(step), *count)).collect();
            let count = distribution.counts.iter().sum();
            metric.encode_histogram::<NoLabelSet>(distribution.sum_ns as f64 / 1e9, count, &buckets, None)?;
        }
        Ok(())
    }
}
