//! What is said to an engine, and what follows from what it says: all but the bytes' way, so that it needs no socket.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use bytes::BytesMut;

use super::connection::{Broken, Buffers};
use super::ears::Ears;
use super::engine::Engine;
use crate::backplane::Backplane;
use crate::backplane::control::Control;
use crate::backplane::status::Phase;
use crate::mailbox::Sent;
use crate::server::Server;

/// When more than this waits for the socket, nothing is added, in bytes.
const MUCH_OUTPUT: usize = 256 * 1024;
/// Messages that are sent until it is looked whether the engine or other nodes are to be told something.
const MESSAGES_AT_ONCE: usize = 128;
/// What the engine is told of interest in one go.
const CHANGES_AT_ONCE: usize = 128;
/// The number of the probe that asks whether the engine has everything.
pub(super) const PARTING: u64 = u64::MAX;

/// What a node and an engine have to say to each other.
pub(super) struct Talk<'s, E> {
    pub(super) engine: E,
    ears: Ears<'s>,
    backplane: &'s Backplane,
    /// The probe whose answer says that the engine knows everything, once it has been sent on this connection.
    last_of_restoring: Option<u64>,
    /// Whether the engine has been asked whether it has everything, and nothing has been sent since.
    asks_to_part: bool,
    /// Whether the engine has known everything before: what others have published since the connection ended was missed.
    was_up: bool,
    /// When something was last heard, and when the engine was last asked whether it is there, in milliseconds.
    heard_ms: u64,
    asked_ms: u64,
}

impl<'s, E: Engine> Talk<'s, E> {
    /// There is no connection yet.
    pub(super) fn new(server: &'s Server, backplane: &'s Backplane, engine: E) -> Self {
        let ears = Ears::new(server, backplane);
        Talk {
            engine,
            ears,
            backplane,
            last_of_restoring: None,
            asks_to_part: false,
            was_up: false,
            heard_ms: 0,
            asked_ms: 0,
        }
    }

    /// There is a connection to this engine, which has let this node in, from this address of this machine.
    pub(super) fn begin(&mut self, engine: String, own: Option<IpAddr>) {
        self.backplane.status.note_connection(engine);
        let version = self.engine.redis_version().map(str::to_owned);
        self.backplane.status.update(|condition| condition.redis_version = version);
        self.backplane.begin();
        self.ears.begin(own);
        (self.last_of_restoring, self.asks_to_part) = (None, false);
        (self.heard_ms, self.asked_ms) = (self.ears.now_ms(), self.ears.now_ms());
    }

    /// There is none (any more), for this reason. Call [`Talk::end_echo`] then.
    pub(super) fn end(&mut self, why: String) {
        self.backplane.status.note_end(why);
        self.ears.end();
    }

    /// Lets subscribers here hear some of what an engine that echoes has not been sent, and after all of it what is published
    /// from now on. Answers what has become of it; none when that was all.
    pub(super) fn end_echo(&mut self) -> Option<Sent> {
        if !E::ECHOES {
            return None;
        }
        let mut hub = self.ears.server.hub.lock();
        if let Some(message) = self.engine.take_back() {
            return Some(hub.publish_again(&message).sent);
        }
        let mut sent = Sent::default();
        let more = hub.end_echo(&mut sent);
        (more || sent != Sent::default()).then_some(sent)
    }

    /// Adds to what is to be sent, as long as that is not much.
    pub(super) fn fill(&mut self, output: &mut BytesMut) {
        let owes = &self.backplane.status.owes;
        owes.store(true, Release);
        while output.len() < MUCH_OUTPUT {
            let told = self.tell(output) | self.tell_nodes();
            let sent = self.send_some(output);
            // What asked whether the engine has everything was sent before this.
            self.asks_to_part &= !sent;
            if !told && !sent {
                break;
            }
        }
        let is_idle = output.is_empty() && !self.engine.has_more();
        owes.store(if self.backplane.nodes.leaves() { !self.may_part(output) } else { !is_idle }, Release);
    }

    /// Sends some of what was published, or takes some that is to be sent; false if there is nothing.
    fn send_some(&mut self, output: &mut BytesMut) -> bool {
        let figures = &self.backplane.status.figures;
        let mut count = 0;
        while count < MESSAGES_AT_ONCE && output.len() < MUCH_OUTPUT && self.engine.push_next(output, figures) {
            count += 1;
        }
        if count > 0 {
            return true;
        }
        // The lock is given back before they are looked at.
        let taken = self.ears.server.hub.lock().take_some(self.backplane.port, VecDeque::new()).0;
        self.engine.take(taken) || self.tell_dropped()
    }

    /// Tells other nodes, behind all that has waited, what there was no room for; false if that is nothing.
    fn tell_dropped(&mut self) -> bool {
        let Some(losses) = self.ears.server.hub.lock().take_losses() else { return false };
        let channels = losses.channels.into_iter().map(|(kind, channel, messages)| (Some((kind, channel)), messages));
        let others = (losses.others > 0).then_some((None, losses.others));
        for (of, messages) in channels.chain(others) {
            let named = of.as_ref().map(|(kind, channel)| (*kind, channel.to_vec()));
            self.engine.take_control(None, Control::Dropped(named, messages).pack(self.backplane.nodes.origin));
            if E::ECHOES {
                // Nobody has heard it here, either.
                self.ears.tell_missed(of.as_ref().map(|(kind, channel)| (*kind, &channel[..])), messages);
            }
        }
        true
    }

    /// This node goes: asks the engine whether it has everything that was sent, and answers whether it has said so.
    fn may_part(&mut self, output: &mut BytesMut) -> bool {
        if self.engine.has_more() {
            return false;
        }
        if !std::mem::replace(&mut self.asks_to_part, true) {
            self.ears.may_part = false;
            self.engine.push_probe(Some(PARTING), output);
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
        let presence = self.ears.take_presence();
        let greets = presence.is_some();
        presence.into_iter().for_each(|(to, bytes)| self.engine.take_control(to, bytes));
        tells || works || greets
    }

    /// Tells the engine some of what it is to know; false if there is nothing.
    fn tell(&mut self, output: &mut BytesMut) -> bool {
        let probes = self.last_of_restoring.is_none();
        let (changes, probe) = self.backplane.take_changes(CHANGES_AT_ONCE, probes, self.ears.now_ms());
        changes.iter().for_each(|change| self.engine.push_change(change, output));
        if probe.is_some() {
            self.engine.push_probe(probe, output);
            self.asked_ms = self.ears.now_ms();
            self.last_of_restoring = self.last_of_restoring.or(probe.filter(|_| !self.backplane.has_changes()));
        }
        !changes.is_empty() || probe.is_some()
    }

    /// Does what follows from all that the engine has said, and answers what has become of its messages.
    ///
    /// # Errors
    ///
    /// [`Broken`] where it is not understood.
    pub(super) fn hear(&mut self, buffers: &mut Buffers) -> Result<Sent, Broken> {
        self.heard_ms = self.ears.now_ms();
        let (figures, now_ms, ears) = (&self.backplane.status.figures, self.ears.now_ms(), &mut self.ears);
        while self.engine.hear(buffers, figures, now_ms, &mut |heard| ears.hear(heard))? {}
        if let Some(last) = self.last_of_restoring
            && self.ears.restored.is_some_and(|answered| answered >= last)
            && self.backplane.status.phase() != Phase::Up
        {
            if E::ECHOES {
                self.ears.server.hub.lock().begin_echo();
            }
            self.backplane.status.update(|condition| condition.phase = Phase::Up);
            self.ears.join();
            if std::mem::replace(&mut self.was_up, true) {
                self.ears.tell_missed(None, 0);
            }
            tracing::info!("the backplane knows of all subscriptions");
        }
        Ok(std::mem::take(&mut self.ears.sent))
    }

    /// Does what is due, and asks an engine that is silent whether it is there.
    ///
    /// # Errors
    ///
    /// [`Broken`] where it has been silent for longer than `patience`.
    pub(super) fn look_at_time(&mut self, output: &mut BytesMut, patience: Duration) -> Result<Sent, Broken> {
        self.expire();
        let (now_ms, patience_ms) = (self.ears.now_ms(), patience.as_millis() as u64);
        if now_ms - self.heard_ms > patience_ms {
            return Err(Broken(format!("nothing heard for {} s", patience.as_secs())));
        }
        if now_ms - self.asked_ms.max(self.heard_ms) > patience_ms / 3 {
            self.engine.push_probe(None, output);
            self.asked_ms = now_ms;
        }
        Ok(std::mem::take(&mut self.ears.sent))
    }

    /// Does what is due, whether there is a connection or not.
    pub(super) fn expire(&mut self) {
        self.ears.expire();
    }
}
