//! What is counted and kept for operators.

pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod seldom;
pub mod slowlog;
pub mod stats;
