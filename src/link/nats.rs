//! NATS as an engine.

pub(super) mod connection;
pub(super) mod outgoing;
pub(super) mod protocol;
