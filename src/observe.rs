//! What is counted, logged and kept for operators, and what this process uses.

pub(crate) mod channels;
pub mod counters;
pub(crate) mod delays;
pub(crate) mod incidents;
pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod resources;
pub(crate) mod seldom;
pub mod slowlog;
pub mod stats;

/// The target of log events that the level `verbose` shows, too: they are debug events otherwise.
pub(crate) const VERBOSE: &str = "pregon::verbose";
