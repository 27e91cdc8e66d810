//! Pregon: a pub/sub server that speaks the Redis protocol.

pub mod cli;
pub mod client;
pub mod clients;
pub mod clock;
pub mod command;
pub mod config;
pub mod hub;
pub mod latency;
pub mod message;
pub mod outbox;
pub mod pattern;
pub mod pause;
pub mod quoting;
pub mod resp;
pub mod server;
pub mod session;
pub mod shard;
pub mod shutdown;
pub mod slowlog;
pub mod stats;
pub mod stream;
