//! What Pregon has to reach where it is measured beside others.

use crate::generator::figures::Metric;

/// What a target compares with.
#[derive(Clone, Debug)]
pub(crate) enum Against {
    /// The same figure of the server of this name, or of each of the others that is there.
    Server(Option<&'static str>),
    /// The same figure of Pregon in another case.
    Case(&'static str),
    /// Nothing: the bound is the figure itself.
    Nothing,
}

/// A bound that a figure of Pregon's has to keep.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) metric: Metric,
    pub(crate) against: Against,
    pub(crate) bound: f64,
    /// Whether the bound is the least that is allowed, and not the most.
    pub(crate) at_least: bool,
}

/// What Redis is called, and a cluster of it.
pub(crate) const REDIS: &str = "redis";
pub(crate) const REDIS_CLUSTER: &str = "redis cluster";

/// What is zero where nothing went wrong.
pub(crate) const INTACT: [Metric; 3] = [Metric::Cut, Metric::Lost, Metric::Altered];
