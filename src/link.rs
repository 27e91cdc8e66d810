//! The thread that speaks with the engine of a [backplane](crate::backplane): messages out, messages in, and what is asked for.
//!
//! It takes what waits for its port and writes it, in the order in which it was published. What comes goes to this server's own
//! subscribers; while io-threads are behind with delivering, nothing more is read. What the engine does not take stays in the
//! mailbox, which is bounded: no publisher waits for it.
//!
//! | file | what it holds |
//! |---|---|
//! | `ears.rs`, `answers.rs` | what is done with what an engine and other nodes say; what other nodes ask |
//! | `engine.rs` | what is needed of an engine |
//! | `nats.rs` | NATS |
//! | `upstream.rs` | servers that speak the Redis protocol |
//! | `connection.rs`, `encryption.rs` | bytes to and from an engine |

mod answers;
mod connection;
mod ears;
mod encryption;
mod engine;
mod nats;
mod upstream;

use std::sync::Arc;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::backplane::Backplane;
use crate::backplane::status::Phase;
use crate::config::{EngineKind, EngineUrl, Settings, StartError};
use crate::mailbox::Sent;
use crate::server::Server;
use connection::{Broken, Connection};
use ears::Ears;
use engine::Engine;
use nats::Nats;
use upstream::Upstream;

/// When more than this waits for the socket, nothing is added, in bytes.
const MUCH_OUTPUT: usize = 256 * 1024;
/// When no more than this does, something is, in bytes.
const LITTLE_OUTPUT: usize = 64 * 1024;
/// What the engine is told of interest in one go.
const CHANGES_AT_ONCE: usize = 128;
/// The number of the probe that asks whether the engine has everything.
const PARTING: u64 = u64::MAX;
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
    if settings.backplane.0.is_empty() {
        return Ok(());
    }
    if usize::from(settings.io_threads.0) == crate::ids::MAX_WORKERS {
        let cure = format!("set io-threads to {} at most", crate::ids::MAX_WORKERS - 1);
        return Err(StartError::new("with so many io-threads there is no place for a backplane", cure));
    }
    let encrypts = settings.backplane.0.iter().any(|url| url.is_encrypted());
    match encrypts.then(|| encryption::config(settings)) {
        Some(Err(fault)) => {
            Err(StartError::new(fault.to_string(), "correct it, or use an address of backplane that is not encrypted"))
        }
        _ => Ok(()),
    }
}

/// Keeps a connection to the engine of `server`'s backplane until the process ends; does nothing without one.
pub(crate) async fn run(server: Arc<Server>) {
    let Some(backplane) = &server.backplane else { return };
    let (settings, origin) = (server.settings(), backplane.nodes.origin);
    match settings.backplane.kind() {
        EngineKind::Nats => Link::new(&server, backplane, Nats::new(&settings, origin)).run(&settings).await,
        EngineKind::Upstream => Link::new(&server, backplane, Upstream::new(&settings, origin)).run(&settings).await,
    }
}

/// What outlives a connection.
struct Link<'s, E> {
    engine: E,
    ears: Ears<'s>,
    backplane: &'s Backplane,
}

/// What belongs to a connection.
struct Talk {
    connection: Connection,
    /// The probe whose answer says that the engine knows everything, once it has been sent.
    last_of_restoring: Option<u64>,
    /// Whether the engine has been asked whether it has everything, and nothing has been sent since.
    asks_to_part: bool,
    /// When something was last heard, and when the engine was last asked whether it is there.
    heard: Instant,
    asked: Instant,
}

impl<'s, E: Engine> Link<'s, E> {
    fn new(server: &'s Server, backplane: &'s Backplane, engine: E) -> Self {
        Link { engine, ears: Ears::new(server, backplane), backplane }
    }

    /// Keeps a connection to one of the engine's servers, for ever.
    async fn run(&mut self, settings: &Settings) {
        let mut delay = SHORTEST_DELAY;
        for url in settings.backplane.0.iter().cycle() {
            let opened = timeout(LONGEST_GREETING, self.open(url, settings)).await;
            let late = || Broken(format!("no greeting within {} s", LONGEST_GREETING.as_secs()));
            let why = match opened.unwrap_or_else(|_| Err(late())) {
                Ok(connection) => {
                    delay = SHORTEST_DELAY;
                    tracing::info!(engine = %url, "connected to the backplane");
                    self.backplane.status.note_connection(url.to_string());
                    let Broken(why) = self.serve(connection, Duration::from_secs(settings.backplane_timeout.0)).await;
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
            self.backplane.status.note_end(why);
            self.ears.end();
            self.end_echo().await;
            self.wait(delay).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    async fn open(&mut self, url: &EngineUrl, settings: &Settings) -> Result<Connection, Broken> {
        self.engine.greet(Connection::open(url).await?, url, settings).await
    }

    /// Lets subscribers here hear what an engine that echoes has not been sent, and what is published from now on.
    async fn end_echo(&mut self) {
        if !E::ECHOES {
            return;
        }
        for message in self.engine.take_back() {
            let sent = self.ears.server.hub.lock().publish_here(message.kind(), message.parts().0, &message).sent;
            self.ears.give_way(sent).await;
        }
        loop {
            let mut sent = Sent::default();
            let more = self.ears.server.hub.lock().end_echo(&mut sent);
            self.ears.give_way(sent).await;
            if !more {
                return;
            }
        }
    }

    /// Waits for a while, in which what is due is done.
    async fn wait(&mut self, delay: Duration) {
        let until = Instant::now() + delay;
        while Instant::now() < until {
            sleep(TICK).await;
            self.ears.expire();
        }
    }

    /// Speaks with the engine until the connection breaks.
    async fn serve(&mut self, connection: Connection, patience: Duration) -> Broken {
        self.backplane.begin();
        self.ears.begin(connection.local_address());
        let now = Instant::now();
        let mut talk = Talk { connection, last_of_restoring: None, asks_to_part: false, heard: now, asked: now };
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.fill(&mut talk);
            let result = tokio::select! {
                result = talk.connection.go_on(LITTLE_OUTPUT) => match result {
                    Ok(()) => self.hear(&mut talk).await,
                    Err(broken) => Err(broken),
                },
                () = self.backplane.bell.notified() => Ok(()),
                _ = ticks.tick() => self.look_at_time(&mut talk, patience),
            };
            if let Err(broken) = result {
                return broken;
            }
        }
    }

    /// Adds to what is to be sent, as long as that is not much.
    fn fill(&mut self, talk: &mut Talk) {
        let owes = &self.backplane.status.owes;
        owes.store(true, Release);
        while talk.connection.output.len() < MUCH_OUTPUT {
            let told = self.tell(talk) | self.tell_nodes();
            let output = &mut talk.connection.output;
            let sent = self.engine.push_next(output, &self.backplane.status.figures)
                || self.engine.take(self.ears.server.hub.lock().take_some(self.backplane.port).0);
            // What asked whether the engine has everything was sent before this.
            talk.asks_to_part &= !sent;
            if !told && !sent {
                break;
            }
        }
        let is_idle = talk.connection.output.is_empty() && !self.engine.has_more();
        owes.store(if self.backplane.nodes.leaves() { !self.may_part(talk) } else { !is_idle }, Release);
    }

    /// This node goes: asks the engine whether it has everything that was sent, and answers whether it has said so.
    fn may_part(&mut self, talk: &mut Talk) -> bool {
        if self.engine.has_more() {
            return false;
        }
        if !std::mem::replace(&mut talk.asks_to_part, true) {
            self.ears.may_part = false;
            self.engine.push_probe(Some(PARTING), &mut talk.connection.output);
        }
        self.ears.may_part
    }

    /// Tells other nodes some of what they are to know; false if there is nothing.
    fn tell_nodes(&mut self) -> bool {
        let for_all = self.backplane.nodes.take_for_all();
        let tells = for_all.is_some();
        for_all.into_iter().for_each(|bytes| self.engine.take_control(None, bytes));
        let works = !self.ears.answers.is_empty();
        if let Some((to, control)) = self.ears.answers.step(self.ears.server) {
            self.engine.take_control(Some(to), control.pack(self.backplane.nodes.origin));
        }
        if let Some(presence) = self.ears.take_presence() {
            self.engine.take_control(None, presence);
        }
        tells || works
    }

    /// Tells the engine some of what it is to know; false if there is nothing.
    fn tell(&mut self, talk: &mut Talk) -> bool {
        let probes = talk.last_of_restoring.is_none();
        let (changes, probe) = self.backplane.take_changes(CHANGES_AT_ONCE, probes, self.ears.now_ms());
        let output = &mut talk.connection.output;
        changes.iter().for_each(|change| self.engine.push_change(change, output));
        if probe.is_some() {
            self.engine.push_probe(probe, output);
            talk.asked = Instant::now();
            talk.last_of_restoring = talk.last_of_restoring.or(probe.filter(|_| !self.backplane.has_changes()));
        }
        !changes.is_empty() || probe.is_some()
    }

    /// Does what follows from all that the engine has said.
    async fn hear(&mut self, talk: &mut Talk) -> Result<(), Broken> {
        talk.heard = Instant::now();
        let (figures, now_ms) = (&self.backplane.status.figures, self.ears.now_ms());
        let ears = &mut self.ears;
        while self.engine.hear(&mut talk.connection, figures, now_ms, &mut |heard| ears.hear(heard))? {}
        if let Some(last) = talk.last_of_restoring
            && self.ears.restored.is_some_and(|answered| answered >= last)
            && self.backplane.status.condition().phase != Phase::Up
        {
            if E::ECHOES {
                self.ears.server.hub.lock().begin_echo();
            }
            self.backplane.status.update(|condition| condition.phase = Phase::Up);
            self.ears.join();
            tracing::info!("the backplane knows of all subscriptions");
        }
        let sent = std::mem::take(&mut self.ears.sent);
        self.ears.give_way(sent).await;
        Ok(())
    }

    fn look_at_time(&mut self, talk: &mut Talk, patience: Duration) -> Result<(), Broken> {
        self.ears.expire();
        let now = Instant::now();
        if now - talk.heard > patience {
            return Err(Broken(format!("nothing heard for {} s", patience.as_secs())));
        }
        if now - talk.asked.max(talk.heard) > patience / 3 {
            self.engine.push_probe(None, &mut talk.connection.output);
            talk.asked = now;
        }
        Ok(())
    }
}
