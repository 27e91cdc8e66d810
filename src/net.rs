//! Between the kernel and the clients' sessions: listeners, sockets, and the loop that reads, runs and writes.

pub(crate) mod connection;
pub(crate) mod listen;
pub(crate) mod socket;
