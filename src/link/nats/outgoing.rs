//! What this node publishes, on its way to the engine.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::protocol::push_publish;
use crate::backplane::envelope::{Class, Envelope, Origin, Piece};
use crate::backplane::status::Figures;
use crate::backplane::subject::Subjects;
use crate::client::order::Order;
use crate::hub::Entry;
use crate::message::Message;

/// The largest piece of a payload, in bytes: others have their turn in between.
const LARGEST_PIECE: usize = 256 * 1024;

/// Something that is to be sent.
#[derive(Debug)]
enum Item {
    Message(Message),
    /// For one node or all, from one to another.
    Control(Option<Origin>, Vec<u8>),
}

/// What was taken from the mailbox, or is for other nodes, and is to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    origin: Origin,
    /// The number of what is sent next.
    number: u64,
    items: VecDeque<Item>,
    /// How much of the first one has been sent.
    sent: usize,
    /// The most that the engine takes at once, in bytes.
    max_payload: usize,
    /// Room for the subject of what is sent, so that it is made once.
    subject: Vec<u8>,
}

impl Outgoing {
    /// Nothing yet, from this origin.
    pub(super) fn new(origin: Origin) -> Self {
        Outgoing { origin, number: 1, items: VecDeque::new(), sent: 0, max_payload: 0, subject: Vec::new() }
    }

    /// Who sends it.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// The engine takes so many bytes at once from now on. Of a message of which the last connection has got a part, all is
    /// sent again: those who have that part forget it.
    pub(super) fn begin(&mut self, max_payload: usize) {
        (self.max_payload, self.sent) = (max_payload, 0);
    }

    /// The engine takes so many bytes at once from now on.
    pub(super) fn change_max_payload(&mut self, max_payload: usize) {
        self.max_payload = max_payload;
    }

    /// Whether there is something to be sent.
    pub(super) fn has_more(&self) -> bool {
        !self.items.is_empty()
    }

    /// Adds what was taken from the mailbox; false if that was nothing.
    pub(super) fn take(&mut self, entries: VecDeque<Entry<Order>>) -> bool {
        let any = !entries.is_empty();
        self.items.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Publication(publication) => Some(Item::Message(publication.message)),
            // Nobody orders the link to do anything.
            Entry::Other(_) => None,
        }));
        any
    }

    /// Adds something that is for another node, or all of them.
    pub(super) fn take_control(&mut self, to: Option<Origin>, bytes: Vec<u8>) {
        self.items.push_back(Item::Control(to, bytes));
    }

    /// Appends the next message, or the next piece of it; false if there is none.
    pub(super) fn push_next(&mut self, subjects: &Subjects, output: &mut BytesMut, figures: &Figures) -> bool {
        self.subject.clear();
        let (class, channel, payload) = match self.items.front() {
            None => return false,
            Some(Item::Message(message)) => {
                let ((channel, payload), kind) = (message.parts(), message.kind());
                subjects.push_channel(&mut self.subject, kind.into(), channel);
                (Class::Message(kind), channel, payload)
            }
            Some(Item::Control(to, bytes)) => {
                self.subject.extend_from_slice(&subjects.of_control(*to));
                (Class::Control, &b""[..], &bytes[..])
            }
        };
        let whole = Envelope { class, origin: self.origin, number: self.number, piece: None, channel, payload };
        let room = self.max_payload.saturating_sub(Envelope::overhead(channel, true)).min(LARGEST_PIECE);
        let envelope = if self.sent == 0 && whole.len() <= self.max_payload.min(LARGEST_PIECE) {
            whole
        } else {
            let end = (self.sent + room.max(1)).min(payload.len());
            let piece = Some(Piece { offset: self.sent as u64, total: payload.len() as u64 });
            Envelope { piece, payload: &payload[self.sent..end], ..whole }
        };
        if room == 0 && envelope.len() > self.max_payload {
            // Not even the name fits.
            figures.oversized_messages.add_shared(1);
            self.items.pop_front();
            return true;
        }
        let before = output.len();
        push_publish(output, &self.subject, envelope.len());
        envelope.append_to(output);
        output.extend_from_slice(b"\r\n");
        if class != Class::Control {
            figures.sent_bytes.add_shared((output.len() - before) as u64);
        }
        self.number += 1;
        self.sent += envelope.payload.len();
        if self.sent >= payload.len() {
            figures.sent_messages.add_shared(u64::from(class != Class::Control));
            self.sent = 0;
            self.items.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::super::protocol::{Said, take};
    use super::*;
    use crate::backplane::origins::{Origins, Received};
    use crate::hub::Publication;
    use crate::message::Kind;

    /// What the other side gets of these messages.
    fn received(payloads: &[Vec<u8>], max_payload: usize) -> Vec<Vec<u8>> {
        let mut outgoing = Outgoing::new(7);
        outgoing.begin(max_payload);
        let entry = |payload: &Vec<u8>| {
            let message = Message::new(Kind::Channel, b"news", payload);
            Entry::Publication(Publication { message, exact: None, patterns: Vec::new() })
        };
        assert!(outgoing.take(payloads.iter().map(entry).collect()));
        let (mut output, figures) = (BytesMut::new(), Figures::default());
        while outgoing.push_next(&Subjects::new("p"), &mut output, &figures) {}
        assert_eq!(figures.sent_messages.get(), payloads.len() as u64);
        let mut origins = Origins::new(usize::MAX);
        let mut received = Vec::new();
        while output.has_remaining() {
            // It is sent under the word of those who send, and comes under that of those who receive.
            let line_end = output.iter().position(|byte| *byte == b'\r').expect("a line");
            let line = String::from_utf8(output.split_to(line_end).to_vec()).expect("text");
            let [_, subject, len] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let mut input = BytesMut::from(format!("MSG {subject} 1 {len}").as_bytes());
            input.unsplit(std::mem::take(&mut output));
            let Ok(Some(Said::Message(bytes))) = take(&mut input) else { panic!("{line}") };
            assert!(bytes.len() <= max_payload);
            output = input;
            match origins.receive(&Envelope::read(&bytes).expect("an envelope"), 0) {
                Received::Message(_, _, payload) => received.push(payload.to_vec()),
                Received::Joined(_, _, payload) => received.push(payload),
                Received::Piece => {}
                other => panic!("{other:?}"),
            }
        }
        received
    }

    #[test]
    fn messages_of_every_length_arrive_whole_and_in_their_order() {
        let lens = [0, 1, 200, 201, 202, 5000, 0, 300_000, 2_000_000];
        let payloads: Vec<Vec<u8>> = lens.iter().map(|len| (0..*len).map(|index| index as u8).collect()).collect();
        for max_payload in [224, 1000, 1024 * 1024] {
            assert!(received(&payloads, max_payload) == payloads, "{max_payload}");
        }
    }

    #[test]
    fn a_name_that_the_engine_does_not_take_keeps_nothing_else_from_being_sent() {
        let mut outgoing = Outgoing::new(7);
        outgoing.begin(100);
        let figures = Figures::default();
        for name in [&[b'x'; 200][..], b"short"] {
            let message = Message::new(Kind::Channel, name, b"");
            outgoing.take([Entry::Publication(Publication { message, exact: None, patterns: Vec::new() })].into());
        }
        let mut output = BytesMut::new();
        while outgoing.push_next(&Subjects::new("p"), &mut output, &figures) {}
        assert_eq!((figures.oversized_messages.get(), figures.sent_messages.get()), (1, 1));
        assert!(output.starts_with(b"PUB p.c.s.short.= "), "{}", output.escape_ascii());
    }
}
