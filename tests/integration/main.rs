//! Tests that run the real server and talk to it over sockets, in one binary so that they link once.

#[path = "../support/mod.rs"]
pub mod support;

mod caching;
mod exec;
mod harness;
mod placement;
mod reconfigure;
mod redis_rs;
mod slow_subscribers;
mod user_limits;
