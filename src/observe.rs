//! What is counted and kept for operators.

pub mod counters;
pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod seldom;
pub mod slowlog;
pub mod stats;

/// The target of log events that the level `verbose` shows, too: they are debug events otherwise.
pub(crate) const VERBOSE: &str = "pregon::verbose";
