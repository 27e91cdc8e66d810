//! What is counted and kept for operators.

pub mod counters;
pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod seldom;
pub mod slowlog;
pub mod stats;
