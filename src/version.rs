//! Which version this is, and whose behaviour it has.

/// Our own version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Redis whose behaviour clients may expect.
pub(crate) const REDIS_VERSION: &str = "7.4.2";
