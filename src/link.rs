//! The thread that speaks with the engine of a [backplane](crate::backplane): messages out, messages in, and what is asked for.
//!
//! It takes what waits for its port and writes it, in the order in which it was published; a payload that is larger than the
//! engine takes goes in pieces. What comes is judged by its [origin](crate::backplane::origins) and goes to this server's own
//! subscribers; while io-threads are behind with delivering, nothing more is read. What the engine does not take stays in the
//! mailbox, which is bounded: no publisher waits for it.
//!
//! NATS is spoken here and not by the client library async-nats, for two reasons that were measured. There, each subscription
//! has a queue of its own, so two messages to different channels may change their order (a quarter of 200,000 that were sent to
//! two channels in turn came out of order), while what one connection publishes is to stay in its order across channels.
//! And each subscription takes 4.9 kB, a server with a million channels 4.9 GB; here it takes a hundred bytes.

mod encryption;
mod nats;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::backplane::Backplane;
use crate::backplane::envelope::Envelope;
use crate::backplane::interest::Change;
use crate::backplane::origins::{Origins, Received};
use crate::backplane::status::Phase;
use crate::client::registry::ClientInfo;
use crate::command::elsewhere::resume;
use crate::config::{Settings, StartError};
use crate::mailbox::Sent;
use crate::message::{Kind, Message};
use crate::observe::seldom::Seldom;
use crate::server::Server;
use nats::connection::{Broken, Connection};
use nats::outgoing::Outgoing;
use nats::protocol::{self, Said};

/// What a connection's bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// When more than this waits for the socket, nothing is added, in bytes.
const MUCH_OUTPUT: usize = 256 * 1024;
/// When no more than this does, something is, in bytes.
const LITTLE_OUTPUT: usize = 64 * 1024;
/// What the engine is told of interest in one go.
const CHANGES_AT_ONCE: usize = 128;
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
        Some(Err(fault)) => Err(StartError::new(fault.to_string(), "correct it, or use nats:// for backplane")),
        _ => Ok(()),
    }
}

/// Keeps a connection to the engine of `server`'s backplane until the process ends; does nothing without one.
pub(crate) async fn run(server: Arc<Server>) {
    let (Some(backplane), settings) = (&server.backplane, server.settings()) else { return };
    let mut link = Link {
        server: &server,
        backplane,
        outgoing: Outgoing::new(fastrand::u64(..)),
        origins: Origins::new(usize::try_from(settings.backplane_pieces_limit.0).unwrap_or(usize::MAX)),
        expects_receivers: false,
        refusals: Seldom::default(),
        damaged: Seldom::default(),
    };
    let mut delay = SHORTEST_DELAY;
    for url in settings.backplane.0.iter().cycle() {
        let why = match Connection::open(url, &settings).await {
            Ok(connection) => {
                delay = SHORTEST_DELAY;
                tracing::info!(engine = %url, "connected to the backplane");
                backplane.status.figures.connections.add_shared(1);
                backplane.status.update(|condition| {
                    condition.phase = Phase::Restoring;
                    condition.engine = url.to_string();
                });
                let Broken(why) = link.serve(connection, Duration::from_secs(settings.backplane_timeout.0)).await;
                tracing::warn!(engine = %url, why, "lost the backplane: messages are heard at this server only");
                why
            }
            Err(Broken(why)) => {
                let known = backplane.status.condition().last_error == why;
                if !known {
                    tracing::warn!(engine = %url, why, "no connection to the backplane: trying on");
                }
                why
            }
        };
        backplane.status.update(|condition| {
            condition.phase = Phase::Down;
            condition.last_error = why;
        });
        link.let_go_on(backplane.end());
        link.wait(delay).await;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}

/// What outlives a connection.
struct Link<'s> {
    server: &'s Arc<Server>,
    backplane: &'s Backplane,
    outgoing: Outgoing,
    origins: Origins,
    /// Whether somebody here listened to the last message.
    expects_receivers: bool,
    refusals: Seldom,
    damaged: Seldom,
}

/// What belongs to a connection.
struct Talk {
    connection: Connection,
    /// What has been asked whether it is there and has not answered: the numbers of probes, and none for signs of life.
    pings: VecDeque<Option<u64>>,
    /// The probe whose answer says that the engine knows everything, once it has been sent.
    last_of_restoring: Option<u64>,
    heard: Instant,
    pinged: Instant,
}

impl Link<'_> {
    /// Waits for a while, in which what is due is done.
    async fn wait(&self, delay: Duration) {
        let until = Instant::now() + delay;
        while Instant::now() < until {
            sleep(TICK).await;
            self.expire();
        }
    }

    /// Speaks with the engine until the connection breaks.
    async fn serve(&mut self, connection: Connection, patience: Duration) -> Broken {
        self.backplane.begin();
        self.outgoing.begin(connection.max_payload);
        let now = Instant::now();
        let mut talk = Talk { connection, pings: VecDeque::new(), last_of_restoring: None, heard: now, pinged: now };
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
        while talk.connection.output().len() < MUCH_OUTPUT {
            let told = self.tell(talk);
            let output = talk.connection.output();
            let sent = self.outgoing.push_next(&self.backplane.subjects, output, &self.backplane.status.figures)
                || self.outgoing.take(self.server.hub.lock().take_some(self.backplane.port).0);
            if !told && !sent {
                break;
            }
        }
    }

    /// Tells the engine some of what it is to know; false if there is nothing.
    fn tell(&self, talk: &mut Talk) -> bool {
        let probes = talk.last_of_restoring.is_none();
        let (changes, probe) = self.backplane.take_changes(CHANGES_AT_ONCE, probes, self.now_ms());
        let output = talk.connection.output();
        for change in &changes {
            match change {
                Change::Ask(number, subject) => protocol::push_subscribe(output, subject, *number),
                Change::Forget(number) => protocol::push_unsubscribe(output, *number),
            }
        }
        if probe.is_some() {
            talk.ping(probe);
            talk.last_of_restoring = talk.last_of_restoring.or(probe.filter(|_| !self.backplane.has_changes()));
        }
        !changes.is_empty() || probe.is_some()
    }

    fn now_ms(&self) -> u64 {
        self.server.clock.now().ms()
    }

    /// Does what follows from all that the engine has said.
    async fn hear(&mut self, talk: &mut Talk) -> Result<(), Broken> {
        talk.heard = Instant::now();
        let mut sent = Sent::default();
        while let Some(said) = talk.connection.take_said()? {
            match said {
                Said::Message(bytes) => self.receive(&bytes, &mut sent),
                Said::Ping => talk.connection.output().extend_from_slice(b"PONG\r\n"),
                Said::Pong => self.note_answer(talk),
                Said::Info(info) => {
                    talk.connection.note(&info);
                    self.outgoing.begin(talk.connection.max_payload);
                }
                Said::Refusal(why) => {
                    if let Some(not_shown) = self.refusals.show(self.now_ms()) {
                        tracing::warn!(why, not_shown, "the engine of the backplane refuses something");
                    }
                }
                Said::Ok => {}
            }
        }
        self.server.wake(sent.wake);
        if !sent.crowded.is_empty() {
            self.server.hub.relieved(sent.crowded).await;
        }
        Ok(())
    }

    fn note_answer(&self, talk: &mut Talk) {
        let Some(Some(probe)) = talk.pings.pop_front() else { return };
        self.let_go_on(self.backplane.note_answer(probe, self.now_ms()));
        if talk.last_of_restoring.is_some_and(|last| last == probe) {
            self.backplane.status.update(|condition| {
                condition.phase = Phase::Up;
                condition.last_error.clear();
            });
            tracing::info!("the backplane knows of all subscriptions");
        }
    }

    /// Lets this server's subscribers hear what another has published.
    fn receive(&mut self, bytes: &[u8], sent: &mut Sent) {
        let figures = &self.backplane.status.figures;
        figures.received_bytes.add_shared(bytes.len() as u64);
        let envelope = Envelope::read(bytes).filter(|envelope| envelope.origin != self.outgoing.origin());
        let Some(envelope) = envelope else {
            figures.damaged_messages.add_shared(1);
            if let Some(not_shown) = self.damaged.show(self.now_ms()) {
                tracing::warn!(
                    bytes = bytes.len(),
                    not_shown,
                    "the backplane has brought something that is no message"
                );
            }
            return;
        };
        let (kind, channel, payload) = match self.origins.receive(&envelope, self.now_ms()) {
            Received::Message(kind, channel, payload) => (kind, channel, Payload::Within(payload)),
            Received::Joined(kind, channel, payload) => (kind, channel, Payload::Own(payload)),
            Received::Piece => return,
            Received::Repeated => return figures.repeated_messages.add_shared(1),
            Received::Lost => return figures.lost_pieces.add_shared(1),
        };
        figures.received_messages.add_shared(1);
        self.publish(kind, channel, payload, sent);
    }

    fn publish(&mut self, kind: Kind, channel: &[u8], payload: Payload<'_>, sent: &mut Sent) {
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
        sent.extend(published.sent);
    }

    fn look_at_time(&self, talk: &mut Talk, patience: Duration) -> Result<(), Broken> {
        self.expire();
        let now = Instant::now();
        if now - talk.heard > patience {
            return Err(Broken(format!("nothing heard for {} s", patience.as_secs())));
        }
        if now - talk.pinged.max(talk.heard) > patience / 3 {
            talk.ping(None);
        }
        Ok(())
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
}

/// What is to be published: within what was received, or put together.
enum Payload<'b> {
    Within(&'b [u8]),
    Own(Vec<u8>),
}

impl Talk {
    fn ping(&mut self, probe: Option<u64>) {
        self.connection.output().extend_from_slice(b"PING\r\n");
        self.pings.push_back(probe);
        self.pinged = Instant::now();
    }
}
