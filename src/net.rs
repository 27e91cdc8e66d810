//! Between the kernel and the clients' sessions: listeners, transports, encryption, and the loop that reads, runs and writes.

pub(crate) mod connection;
pub(crate) mod handover;
pub(crate) mod listen;
pub(crate) mod outward;
mod peer;
pub(crate) mod tls;
pub(crate) mod transport;
mod upstream;
