//! Commands of the server itself as clients see them.

mod answers;
mod debug;
mod monitor;
mod shutdown;
