//! What is done with what an engine says, and with what other nodes say through it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::answers::Answers;
use super::engine::{Heard, Payload};
use super::talk::PARTING;
use crate::backplane::Backplane;
use crate::backplane::control::{Control, Presence};
use crate::backplane::envelope::Origin;
use crate::backplane::members::News;
use crate::backplane::status::Phase;
use crate::client::order::{Listeners, Missed, Order};
use crate::client::outbox::gap;
use crate::client::registry::ClientInfo;
use crate::command::elsewhere::resume;
use crate::hub::name::Name;
use crate::mailbox::Sent;
use crate::message::{Kind, Message};
use crate::observe::channels::Published;
use crate::observe::seldom::Seldom;
use crate::server::Server;
use crate::version::VERSION;

/// How long other nodes have time to answer to one that joins, in milliseconds.
const ACQUAINTANCE_MS: u64 = 500;

/// What is done with what an engine says.
pub(super) struct Ears<'s> {
    pub(super) server: &'s Server,
    backplane: &'s Backplane,
    /// Whether somebody here listened to the last message.
    expects_receivers: bool,
    /// What has become of the messages of this turn.
    pub(super) sent: Sent,
    /// The last probe that was answered on this connection.
    pub(super) restored: Option<u64>,
    /// Whether the engine has said that it has everything that was sent.
    pub(super) may_part: bool,
    /// What other nodes ask.
    pub(super) answers: Answers,
    /// This node's own address, as far as the connection shows it.
    own: IpAddr,
    /// Where clients are told to reach it, and by which port if they encrypt.
    place: (String, u16),
    /// Whether the others are to be told that this node is there, and when they were the last time.
    presence_due: bool,
    /// Nodes that have come and are to be told.
    newcomers: Vec<Origin>,
    present_ms: u64,
    /// When slots are dealt out anew, because of who is there.
    deals_ms: Option<u64>,
    /// Which directives have been looked at.
    settings_version: u64,
    refusals: Seldom,
    damaged: Seldom,
    incomplete: Seldom,
}

impl<'s> Ears<'s> {
    pub(super) fn new(server: &'s Server, backplane: &'s Backplane) -> Self {
        Ears {
            server,
            backplane,
            expects_receivers: false,
            sent: Sent::default(),
            restored: None,
            may_part: false,
            answers: Answers::default(),
            own: Ipv4Addr::LOCALHOST.into(),
            place: (String::new(), 0),
            presence_due: false,
            newcomers: Vec::new(),
            present_ms: 0,
            deals_ms: None,
            settings_version: 0,
            refusals: Seldom::default(),
            damaged: Seldom::default(),
            incomplete: Seldom::default(),
        }
    }

    /// There is a new connection, from this address of this machine.
    pub(super) fn begin(&mut self, own: Option<IpAddr>) {
        self.own = own.unwrap_or(Ipv4Addr::LOCALHOST.into());
        self.find_place();
        (self.restored, self.presence_due, self.deals_ms) = (None, false, None);
        self.newcomers.clear();
    }

    /// Finds out where clients are told to reach this node. False if that is where it has been.
    fn find_place(&mut self) -> bool {
        let settings = self.server.settings();
        let announced = |announced: u16, port: u16| if announced > 0 { announced } else { port };
        let tls_port = match settings.tls_port {
            0 => 0,
            port if settings.port > 0 => announced(settings.cluster_announce_tls_port, port),
            port => announced(settings.cluster_announce_tls_port, announced(settings.cluster_announce_port, port)),
        };
        let is_plain = settings.port > 0 || tls_port == 0;
        let port = if is_plain { announced(settings.cluster_announce_port, settings.port) } else { tls_port };
        let address = match settings.cluster_announce_ip.as_str() {
            "" => SocketAddr::new(self.own, port).to_string(),
            host => format!("{host}:{port}"),
        };
        let place = (address, tls_port);
        if place == self.place {
            return false;
        }
        self.place = place;
        self.backplane.status.update(|condition| (condition.address, condition.tls_port) = self.place.clone());
        true
    }

    /// Directives have changed since they were looked at.
    fn follow_settings(&mut self) {
        let version = self.server.settings_version();
        if std::mem::replace(&mut self.settings_version, version) == version {
            return;
        }
        let settings = self.server.settings();
        self.backplane.follow(&settings);
        self.server.hub.lock().bound_link(settings.backplane_queue_limit.0);
        if self.find_place() && self.backplane.status.phase() == Phase::Up {
            self.presence_due = true;
            self.deals_ms.get_or_insert(self.now_ms());
        }
    }

    /// The connection has ended.
    pub(super) fn end(&mut self) {
        self.answers.clear();
        self.let_go_on(self.backplane.end());
        self.let_go_on(self.backplane.nodes.end());
    }

    pub(super) fn hear(&mut self, heard: Heard<'_>) {
        let figures = &self.backplane.status.figures;
        match heard {
            Heard::Message(kind, channel, payload) => {
                figures.received_messages.add_shared(1);
                self.publish(kind, channel, payload);
            }
            Heard::Control(bytes) => match Control::unpack(bytes) {
                Some((origin, _)) if origin == self.backplane.nodes.origin => {}
                Some((origin, control)) => self.hear_node(origin, control),
                None => self.hear(Heard::Damaged(bytes.len())),
            },
            Heard::Answer(Some(PARTING)) => self.may_part = true,
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
            Heard::Missed(kind, channel) => self.tell_missed(Some((kind, channel)), 1),
            Heard::Answer(None) => {}
        }
    }

    /// Tells who listens to a channel here, or to anything, that they have missed so many messages at least.
    pub(super) fn tell_missed(&mut self, of: Option<(Kind, &[u8])>, messages: u64) {
        let mut hub = self.server.hub.lock();
        let Some((kind, channel)) = of else {
            let workers = 0..self.server.workers.len();
            let order = || Order::Missed(Missed { listeners: None, messages });
            return workers.for_each(|worker| hub.send(worker, order(), &mut self.sent));
        };
        let name = Name::from(channel);
        let missed = hub.send_to_listeners(kind, channel, |exact, patterns| {
            let listeners = Listeners { topic: kind.into(), channel: name.clone(), exact, patterns };
            Order::Missed(Missed { listeners: Some(listeners), messages })
        });
        self.sent.extend(missed.sent);
    }

    /// Does what follows from what another node tells.
    fn hear_node(&mut self, origin: Origin, control: Control) {
        let nodes = &self.backplane.nodes;
        match control {
            Control::Present(presence) => {
                let id = presence.id.clone();
                match nodes.note_presence(origin, presence, self.now_ms()) {
                    News::Nothing => return,
                    News::Moved => {
                        self.deals_ms.get_or_insert(self.now_ms());
                        return;
                    }
                    News::Joined => tracing::info!(id, "another node is there"),
                    News::Twice(id) => {
                        tracing::warn!(id, "two nodes call themselves the same: give each a backplane-id of its own")
                    }
                }
                self.deals_ms.get_or_insert(self.now_ms());
                // So that it need not wait to know of this one.
                self.newcomers.push(origin);
            }
            Control::Leaving => {
                let (id, waited) = nodes.note_leaving(origin);
                if let Some(id) = id {
                    tracing::info!(id, "a node goes");
                    self.deals_ms.get_or_insert(self.now_ms());
                }
                self.go_on_without(waited);
            }
            Control::Dropped(of, messages) => {
                self.tell_missed(of.as_ref().map(|(kind, channel)| (*kind, &channel[..])), messages);
            }
            Control::Ask(number, question) => self.answers.add(origin, number, question),
            Control::Tell(number, answer, last) => {
                let client = nodes.note_answer(number, origin, answer, last);
                self.let_go_on(client.into_iter().collect());
            }
        }
    }

    /// The engine knows everything: the others are told that this node is there, and answer at once. Until they have, nobody
    /// knows who has which slot.
    pub(super) fn join(&mut self) {
        self.presence_due = true;
        self.deals_ms = Some(self.now_ms() + ACQUAINTANCE_MS);
    }

    /// What tells others that this node is there, if that is due: all of them, or one.
    pub(super) fn take_presence(&mut self) -> Option<(Option<Origin>, Vec<u8>)> {
        if self.backplane.status.phase() != Phase::Up || self.backplane.nodes.leaves() {
            return None;
        }
        let now_ms = self.now_ms();
        if self.presence_due || now_ms - self.present_ms >= self.backplane.nodes.presence_ms() {
            (self.presence_due, self.present_ms) = (false, now_ms);
            self.newcomers.clear();
            return Some((None, self.presence()));
        }
        self.newcomers.pop().map(|origin| (Some(origin), self.presence()))
    }

    fn presence(&self) -> Vec<u8> {
        let names = {
            let hub = self.server.hub.lock();
            hub.channel_count(Kind::Channel) + hub.channel_count(Kind::ShardChannel) + hub.pattern_count()
        };
        let presence = Presence {
            id: self.backplane.nodes.id.clone(),
            address: self.place.0.clone(),
            tls_port: self.place.1,
            version: VERSION.into(),
            clients: self.server.connections.load(Relaxed) as u64,
            names: names as u64,
            has_slots: self.backplane.cluster.is_some(),
        };
        Control::Present(presence).pack(self.backplane.nodes.origin)
    }

    /// These clients get answers without what some node has.
    fn go_on_without(&mut self, waited: Vec<Arc<ClientInfo>>) {
        self.backplane.status.figures.incomplete_answers.add_shared(waited.len() as u64);
        if !waited.is_empty()
            && let Some(not_shown) = self.incomplete.show(self.now_ms())
        {
            tracing::warn!(
                not_shown,
                "a node has not answered in time: what clients are told of all nodes lacks what it has"
            );
        }
        self.let_go_on(waited);
    }

    /// Lets this server's subscribers hear what another has published.
    fn publish(&mut self, kind: Kind, channel: &[u8], payload: Payload<'_>) {
        let hub = &self.server.hub;
        if *channel == *gap::CHANNEL {
            // No node says this to others: each tells its own subscribers.
            return self.hear(Heard::Damaged(channel.len()));
        }
        // Whatever lies in a tree that was asked for comes, so many a message need not be copied: the last is the best guess.
        if !self.expects_receivers && hub.lock().receivers(kind, channel) == 0 {
            return;
        }
        let message = match payload {
            Payload::Within(bytes) => Message::new(kind, channel, bytes),
            Payload::Own(mut bytes) => {
                bytes.extend_from_slice(b"\r\n");
                Message::sharing(kind, channel, bytes.into())
            }
        };
        let bytes = message.payload_len(channel.len());
        let published = hub.lock().publish_here(kind, channel, message);
        self.expects_receivers = published.receivers > 0;
        self.sent.extend(published.sent);
        let sampler = &self.server.stats.channels;
        if !sampler.passes() {
            let seen = Published { kind, channel, bytes, receivers: published.receivers };
            sampler.look_at(&seen, &self.server.settings(), self.now_ms());
        }
    }

    /// Does what is due.
    pub(super) fn expire(&mut self) {
        self.follow_settings();
        let now_ms = self.now_ms();
        let (gone, waited) = self.backplane.nodes.expire(now_ms);
        gone.iter().for_each(|id| tracing::warn!(id, "a node has not been heard any more and counts as gone"));
        if !gone.is_empty() {
            self.deals_ms.get_or_insert(now_ms);
        }
        if self.deals_ms.is_some_and(|due_ms| due_ms <= now_ms) {
            self.deals_ms = None;
            self.backplane.deal(now_ms);
        }
        self.go_on_without(waited);
        loop {
            let (impatient, more) = self.backplane.expire(now_ms);
            self.backplane.status.figures.late_confirmations.add_shared(impatient.len() as u64);
            self.let_go_on(impatient);
            if !more {
                break;
            }
        }
    }

    pub(super) fn let_go_on(&self, clients: Vec<Arc<ClientInfo>>) {
        clients.iter().for_each(|client| resume(self.server, client));
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.server.clock.now().ms()
    }
}
