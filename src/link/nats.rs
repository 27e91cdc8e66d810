//! NATS as an engine: interest is a tree of subjects, a message is an [envelope](crate::backplane::envelope) and goes once to
//! every server that asks for it, but for the one that has sent it.
//!
//! It is spoken here and not by the client library async-nats, for two reasons that were measured. There, each subscription
//! has a queue of its own, so two messages to different channels may change their order (a quarter of 200,000 that were sent to
//! two channels in turn came out of order), while what one connection publishes is to stay in its order across channels.
//! And each subscription takes 4.9 kB, a server with a million channels 4.9 GB; here it takes about two hundred bytes.

pub(in crate::link) mod credentials;
mod greeting;
mod outgoing;
mod protocol;

use std::collections::VecDeque;

use bytes::BytesMut;

use super::connection::{Broken, Buffers, Connection};
use super::engine::{Engine, Heard, Payload};
use crate::backplane::envelope::{Class, Envelope, Origin};
use crate::backplane::interest::Change;
use crate::backplane::origins::{Origins, Received};
use crate::backplane::status::Figures;
use crate::backplane::subject::Subjects;
use crate::client::order::Order;
use crate::config::{EngineUrl, Settings};
use crate::hub::Entry;
use crate::message::Message;
use outgoing::Outgoing;
use protocol::Said;

/// What other nodes tell comes under numbers that no interest has: these are never given up.
const CONTROL_NUMBERS: [u64; 2] = [u64::MAX, u64::MAX - 1];

/// What a server of NATS is told and what it brings.
pub(super) struct Nats {
    subjects: Subjects,
    outgoing: Outgoing,
    origins: Origins,
    /// What has been asked and not answered: answers come in the order of the questions.
    probes: VecDeque<Option<u64>>,
}

impl Nats {
    /// For a server with these settings.
    pub(super) fn new(settings: &Settings, origin: Origin) -> Self {
        let pieces_limit = usize::try_from(settings.backplane_pieces_limit.0).unwrap_or(usize::MAX);
        Nats {
            subjects: Subjects::new(&settings.backplane_prefix.0),
            outgoing: Outgoing::new(origin),
            origins: Origins::new(pieces_limit),
            probes: VecDeque::new(),
        }
    }

    /// Judges a message.
    fn receive(&mut self, bytes: &[u8], figures: &Figures, now_ms: u64, hear: &mut dyn FnMut(Heard<'_>)) {
        let Some(envelope) = Envelope::read(bytes) else { return hear(Heard::Damaged(bytes.len())) };
        if envelope.origin == self.outgoing.origin() {
            // Sent on a connection that has ended, which the engine has read to its end only now.
            return figures.repeated_messages.add_shared(1);
        }
        if envelope.class != Class::Control {
            figures.received_bytes.add_shared(bytes.len() as u64);
        }
        match self.origins.receive(&envelope, now_ms) {
            Received::Message(Class::Message(kind), channel, payload) => {
                hear(Heard::Message(kind, channel, Payload::Within(payload)));
            }
            Received::Joined(Class::Message(kind), channel, payload) => {
                hear(Heard::Message(kind, channel, Payload::Own(payload)));
            }
            Received::Message(Class::Control, _, payload) => hear(Heard::Control(payload)),
            Received::Joined(Class::Control, _, payload) => hear(Heard::Control(&payload)),
            Received::Piece => {}
            Received::Repeated => figures.repeated_messages.add_shared(1),
            Received::Lost(class, channel, is_last) => {
                figures.lost_pieces.add_shared(1);
                if let (Class::Message(kind), true) = (class, is_last) {
                    hear(Heard::Missed(kind, channel));
                }
            }
        }
    }
}

impl Engine for Nats {
    const ECHOES: bool = false;

    async fn greet(
        &mut self,
        connection: Connection,
        url: &EngineUrl,
        settings: &Settings,
    ) -> Result<Connection, Broken> {
        self.probes.clear();
        let (mut connection, max_payload) = greeting::greet(connection, url, settings).await?;
        self.outgoing.begin(max_payload);
        for (to, number) in [None, Some(self.outgoing.origin())].into_iter().zip(CONTROL_NUMBERS) {
            protocol::push_subscribe(&mut connection.buffers.output, &self.subjects.of_control(to), number);
        }
        Ok(connection)
    }

    fn push_change(&mut self, change: &Change, output: &mut BytesMut) {
        match change {
            Change::Ask(number, subject) => protocol::push_subscribe(output, subject, *number),
            Change::Forget(number, _) => protocol::push_unsubscribe(output, *number),
        }
    }

    fn push_probe(&mut self, probe: Option<u64>, output: &mut BytesMut) {
        output.extend_from_slice(b"PING\r\n");
        self.probes.push_back(probe);
    }

    fn take(&mut self, entries: VecDeque<Entry<Order>>) -> bool {
        self.outgoing.take(entries)
    }

    fn take_control(&mut self, to: Option<Origin>, bytes: Vec<u8>) {
        self.outgoing.take_control(to, bytes);
    }

    fn push_next(&mut self, output: &mut BytesMut, figures: &Figures) -> bool {
        self.outgoing.push_next(&self.subjects, output, figures)
    }

    fn has_more(&self) -> bool {
        self.outgoing.has_more()
    }

    fn take_back(&mut self) -> Option<Message> {
        None
    }

    fn hear(
        &mut self,
        buffers: &mut Buffers,
        figures: &Figures,
        now_ms: u64,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<bool, Broken> {
        match protocol::take(&mut buffers.input)? {
            None => return Ok(false),
            Some(Said::Message(bytes)) => self.receive(&bytes, figures, now_ms, hear),
            Some(Said::Ping) => buffers.output.extend_from_slice(b"PONG\r\n"),
            Some(Said::Pong) => hear(Heard::Answer(self.probes.pop_front().flatten())),
            Some(Said::Info(info)) => {
                if let Some(max_payload) = greeting::max_payload(&info) {
                    self.outgoing.change_max_payload(max_payload);
                }
            }
            Some(Said::Refusal(why)) => hear(Heard::Refusal(why)),
            Some(Said::Ok) => {}
        }
        Ok(true)
    }
}
