//! The server as a process: how it starts and ends, what it logs, and what it does when something reaches its limit.

#[path = "../support/mod.rs"]
pub mod support;

mod child;
mod client;
mod descriptors;
mod draining;
mod encryption;
mod ending;
mod files;
mod limits;
mod logging;
mod memory;
mod pages;
mod reloading;
mod requests;
mod scripts;
mod starting;
mod supervision;
mod tracking;
