//! What every test that talks to a running server shares: [`TestServer`] runs the real binary, [`Peer`] is a socket
//! that speaks raw bytes.
//!
//! Declare it as `pub mod support;` (with `#[path]` where the file lies elsewhere): each test binary uses only a part
//! of it, and a public module is not searched for unused items.
//!
//! Nothing here sleeps for a fixed time, and every wait has a deadline ([`DEADLINE`]) after which it fails and shows
//! what the server printed.
//!
//! `PREGON_TEST_SERVER` names another server binary that takes the same command line, for example a `redis-server`: the
//! same suites then show how that one behaves.

use std::time::Duration;

pub use self::certificates::Authority;
pub use self::nats::NatsServer;
pub use self::nodes::{ThreeNodes, TwoNodes};
pub use self::peer::Peer;
pub use self::server::TestServer;

pub mod certificates;
pub mod encrypted;
pub mod engine;
pub mod language;
pub mod lines;
pub mod nats;
pub mod nodes;
pub mod peer;
pub mod redis;
pub mod server;
pub mod trial;

/// How long a test waits for anything before it fails.
pub const DEADLINE: Duration = Duration::from_secs(20);
