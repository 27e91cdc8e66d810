//! The thread that speaks with the engine of a [backplane](crate::backplane): messages out, messages in, and what is asked for.
//!
//! It takes what waits for its port and writes it, in the order in which it was published. What comes goes to this server's own
//! subscribers; while io-threads are behind with delivering, nothing more is read. What the engine does not take stays in the
//! mailbox, which is bounded: no publisher waits for it.
//!
//! | file | what it holds |
//! |---|---|
//! | `talk.rs` | what is said to an engine and follows from what it says, without sockets |
//! | `ears.rs`, `answers.rs` | what is done with what an engine and other nodes say; what other nodes ask |
//! | `engine.rs` | what is needed of an engine |
//! | `nats.rs` | NATS |
//! | `upstream.rs` | servers that speak the Redis protocol |
//! | `connection.rs` | bytes to and from an engine |

mod answers;
mod connection;
mod ears;
mod engine;
mod nats;
mod talk;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::backplane::Backplane;
use crate::config::{EngineKind, EngineUrl, Settings, StartError};
use crate::mailbox::Sent;
use crate::net::outward::encryption;
use crate::server::Server;
use connection::{Broken, Connection};
use engine::Engine;
use nats::Nats;
use talk::Talk;
use upstream::Upstream;

/// When no more than this waits for the socket, something is added, in bytes.
const LITTLE_OUTPUT: usize = 64 * 1024;
/// How long it may take until an engine has let a node in.
const LONGEST_GREETING: Duration = Duration::from_secs(10);
/// How often time is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long after a connection has failed another one is tried: the first time, and at most.
const SHORTEST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Finds what would keep a server from having a backplane with these settings.
///
/// # Errors
///
/// [`StartError`] for the first of it.
pub(crate) fn check(settings: &Settings) -> Result<(), StartError> {
    check_forwarding(settings)?;
    if settings.backplane.0.is_empty() {
        return Ok(());
    }
    if usize::from(settings.io_threads.0) == crate::ids::MAX_WORKERS {
        let cure = format!("set io-threads to {} at most", crate::ids::MAX_WORKERS - 1);
        return Err(StartError::new("with so many io-threads there is no place for a backplane", cure));
    }
    if let Err(fault) = nats::credentials::of(settings) {
        return Err(StartError::new(fault.to_string(), "correct it, or name no such file"));
    }
    let encrypts = settings.backplane.0.iter().any(|url| url.is_encrypted());
    match encrypts.then(|| encryption::config(settings)) {
        Some(Err(fault)) => {
            Err(StartError::new(fault.to_string(), "correct it, or use an address of backplane that is not encrypted"))
        }
        _ => Ok(()),
    }
}

/// The same of what has the keys.
fn check_forwarding(settings: &Settings) -> Result<(), StartError> {
    if !settings.forwards_keys() {
        return Ok(());
    }
    if settings.backplane.0.is_empty() || settings.backplane.kind() != EngineKind::Upstream {
        let cure = "set backplane to the address of an upstream that speaks the Redis protocol, such as redis://host:6379, or backplane-keys to refuse or local";
        return Err(StartError::new("backplane-keys forward: there is no upstream that could have the keys", cure));
    }
    if settings.cluster_enabled {
        let text =
            "backplane-keys forward beside cluster-enabled: keys are on an upstream or on the nodes of a cluster";
        return Err(StartError::new(text, "set cluster-enabled to no, or backplane-keys to refuse"));
    }
    Ok(())
}

/// Keeps a connection to the engine of `server`'s backplane until the process ends; does nothing without one.
pub(crate) async fn run(server: Arc<Server>) {
    let Some(backplane) = &server.backplane else { return };
    let (settings, origin) = (server.settings(), backplane.nodes.origin);
    let addresses = &settings.backplane.0;
    match settings.backplane.kind() {
        EngineKind::Nats => Link::new(&server, backplane, Nats::new(&settings, origin)).run(addresses).await,
        EngineKind::Upstream => Link::new(&server, backplane, Upstream::new(&settings, origin)).run(addresses).await,
    }
}

/// What keeps a connection.
struct Link<'s, E> {
    talk: Talk<'s, E>,
    server: &'s Server,
    backplane: &'s Backplane,
}

impl<'s, E: Engine> Link<'s, E> {
    fn new(server: &'s Server, backplane: &'s Backplane, engine: E) -> Self {
        Link { talk: Talk::new(server, backplane, engine), server, backplane }
    }

    /// Keeps a connection to one of the engine's servers, for ever.
    async fn run(&mut self, addresses: &[EngineUrl]) {
        let mut delay = SHORTEST_DELAY;
        for url in addresses.iter().cycle() {
            let settings = self.server.settings();
            let opened = timeout(LONGEST_GREETING, self.open(url, &settings)).await;
            let late = || Broken(format!("no greeting within {} s", LONGEST_GREETING.as_secs()));
            let why = match opened.unwrap_or_else(|_| Err(late())) {
                Ok(connection) => {
                    delay = SHORTEST_DELAY;
                    tracing::info!(engine = %url, "connected to the backplane");
                    let own = connection.local_address().map(|address| address.ip());
                    self.talk.begin(url.to_string(), own);
                    let Broken(why) = self.serve(connection).await;
                    tracing::warn!(engine = %url, why, "lost the backplane: messages are heard at this server only");
                    why
                }
                Err(Broken(why)) => {
                    if self.backplane.status.condition().last_error != why {
                        tracing::warn!(engine = %url, why, "no connection to the backplane: trying on");
                    }
                    why
                }
            };
            self.talk.end(why);
            while let Some(sent) = self.talk.end_echo() {
                self.give_way(sent).await;
            }
            self.wait(delay).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    async fn open(&mut self, url: &EngineUrl, settings: &Settings) -> Result<Connection, Broken> {
        self.talk.engine.greet(Connection::open(url).await?, url, settings).await
    }

    /// Waits for a while, in which what is due is done.
    async fn wait(&mut self, delay: Duration) {
        let until = Instant::now() + delay;
        while Instant::now() < until {
            sleep(TICK).await;
            self.talk.expire();
        }
    }

    /// Speaks with the engine until the connection breaks.
    async fn serve(&mut self, mut connection: Connection) -> Broken {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.talk.fill(&mut connection.buffers.output);
            let result = tokio::select! {
                result = connection.go_on(LITTLE_OUTPUT) => result.and_then(|()| self.talk.hear(&mut connection.buffers)),
                () = self.backplane.bell.notified() => Ok(Sent::default()),
                _ = ticks.tick() => {
                    let patience = Duration::from_secs(self.server.settings().backplane_timeout.0);
                    self.talk.look_at_time(&mut connection.buffers.output, patience)
                }
            };
            match result {
                Ok(sent) => self.give_way(sent).await,
                Err(broken) => return broken,
            }
        }
    }

    /// Wakes io-threads, and waits for those that are behind.
    async fn give_way(&self, sent: Sent) {
        self.server.wake(sent.wake);
        if !sent.crowded.is_empty() {
            self.server.hub.relieved(sent.crowded).await;
        }
    }
}

#[cfg(test)]
mod tests;
