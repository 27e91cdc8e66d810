//! Streams.

/// A log of entries.
#[derive(Clone, Debug, Default)]
pub struct Stream;
