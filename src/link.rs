//! The thread that speaks with the engine of a [backplane](crate::backplane): messages out, messages in, and what is asked for.
//!
//! It takes what waits for its port and writes it, in the order in which it was published. What comes goes to this server's own
//! subscribers; while io-threads are behind with delivering, nothing more is read. What the engine does not take stays in the
//! mailbox, which is bounded: no publisher waits for it.
//!
//! | file | what it holds |
//! |---|---|
//! | `engine.rs` | what is needed of an engine |
//! | `nats.rs` | NATS |
//! | `upstream.rs` | servers that speak the Redis protocol |
//! | `connection.rs`, `encryption.rs` | bytes to and from an engine |

mod connection;
mod encryption;
mod engine;
mod nats;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::backplane::Backplane;
use crate::backplane::status::Phase;
use crate::client::registry::ClientInfo;
use crate::command::elsewhere::resume;
use crate::config::{EngineKind, EngineUrl, Settings, StartError};
use crate::mailbox::Sent;
use crate::message::{Kind, Message};
use crate::observe::seldom::Seldom;
use crate::server::Server;
use connection::{Broken, Connection};
use engine::{Engine, Heard, Payload};
use nats::Nats;
use upstream::Upstream;

/// When more than this waits for the socket, nothing is added, in bytes.
const MUCH_OUTPUT: usize = 256 * 1024;
/// When no more than this does, something is, in bytes.
const LITTLE_OUTPUT: usize = 64 * 1024;
/// What the engine is told of interest in one go.
const CHANGES_AT_ONCE: usize = 128;
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
    let settings = server.settings();
    match settings.backplane.kind() {
        EngineKind::Nats => Link::new(&server, backplane, Nats::new(&settings)).run(&settings).await,
        EngineKind::Upstream => Link::new(&server, backplane, Upstream::default()).run(&settings).await,
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
    /// When something was last heard, and when the engine was last asked whether it is there.
    heard: Instant,
    asked: Instant,
}

impl<'s, E: Engine> Link<'s, E> {
    fn new(server: &'s Server, backplane: &'s Backplane, engine: E) -> Self {
        let ears = Ears {
            server,
            backplane,
            expects_receivers: false,
            sent: Sent::default(),
            restored: None,
            refusals: Seldom::default(),
            damaged: Seldom::default(),
        };
        Link { engine, ears, backplane }
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
            self.ears.let_go_on(self.backplane.end());
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
    async fn wait(&self, delay: Duration) {
        let until = Instant::now() + delay;
        while Instant::now() < until {
            sleep(TICK).await;
            self.ears.expire();
        }
    }

    /// Speaks with the engine until the connection breaks.
    async fn serve(&mut self, connection: Connection, patience: Duration) -> Broken {
        self.backplane.begin();
        self.ears.restored = None;
        let now = Instant::now();
        let mut talk = Talk { connection, last_of_restoring: None, heard: now, asked: now };
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
        while talk.connection.output.len() < MUCH_OUTPUT {
            let told = self.tell(talk);
            let output = &mut talk.connection.output;
            let sent = self.engine.push_next(output, &self.backplane.status.figures)
                || self.engine.take(self.ears.server.hub.lock().take_some(self.backplane.port).0);
            if !told && !sent {
                break;
            }
        }
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

/// What is done with what an engine says.
struct Ears<'s> {
    server: &'s Server,
    backplane: &'s Backplane,
    /// Whether somebody here listened to the last message.
    expects_receivers: bool,
    /// What has become of the messages of this turn.
    sent: Sent,
    /// The last probe that was answered on this connection.
    restored: Option<u64>,
    refusals: Seldom,
    damaged: Seldom,
}

impl Ears<'_> {
    fn hear(&mut self, heard: Heard<'_>) {
        let figures = &self.backplane.status.figures;
        match heard {
            Heard::Message(kind, channel, payload) => {
                figures.received_messages.add_shared(1);
                self.publish(kind, channel, payload);
            }
            Heard::Answer(Some(probe)) => {
                self.let_go_on(self.backplane.note_answer(probe, self.now_ms()));
                self.restored = Some(probe);
            }
            Heard::Refusal(why) => {
                figures.refusals.add_shared(1);
                if let Some(not_shown) = self.refusals.show(self.now_ms()) {
                    tracing::warn!(why, not_shown, "the engine of the backplane refuses something");
                }
            }
            Heard::Damaged(bytes) => {
                figures.damaged_messages.add_shared(1);
                if let Some(not_shown) = self.damaged.show(self.now_ms()) {
                    tracing::warn!(bytes, not_shown, "the backplane has brought something that is no message");
                }
            }
            Heard::Answer(None) => {}
        }
    }

    /// Lets this server's subscribers hear what another has published.
    fn publish(&mut self, kind: Kind, channel: &[u8], payload: Payload<'_>) {
        let hub = &self.server.hub;
        // Whatever lies in a tree that was asked for comes, so many a message need not be copied: the last is the best guess.
        if !self.expects_receivers && hub.lock().receivers(kind, channel) == 0 {
            return;
        }
        let message = Arc::new(match payload {
            Payload::Within(bytes) => Message::new(kind, channel, bytes),
            Payload::Own(mut bytes) => {
                bytes.extend_from_slice(b"\r\n");
                Message::sharing(kind, channel, bytes.into())
            }
        });
        let published = hub.lock().publish_here(kind, channel, &message);
        self.expects_receivers = published.receivers > 0;
        self.sent.extend(published.sent);
    }

    /// Wakes io-threads, and waits for those that are behind.
    async fn give_way(&self, sent: Sent) {
        self.server.wake(sent.wake);
        if !sent.crowded.is_empty() {
            self.server.hub.relieved(sent.crowded).await;
        }
    }

    /// Does what is due.
    fn expire(&self) {
        let now_ms = self.now_ms();
        loop {
            let (impatient, more) = self.backplane.expire(now_ms);
            self.backplane.status.figures.late_confirmations.add_shared(impatient.len() as u64);
            self.let_go_on(impatient);
            if !more {
                break;
            }
        }
    }

    fn let_go_on(&self, clients: Vec<Arc<ClientInfo>>) {
        clients.iter().for_each(|client| resume(self.server, client));
    }

    fn now_ms(&self) -> u64 {
        self.server.clock.now().ms()
    }
}
