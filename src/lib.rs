//! Pregon: a pub/sub server that speaks the Redis protocol.

pub mod cli;
pub mod config;
pub mod pattern;
