//! What has come from each of the other nodes: no message twice, none torn, none out of its order.
//!
//! Everything that a node sends has a number that rises. An engine may bring a message for each of several things that it was
//! asked for, or bring late what went another way; what is not newer than the last is dropped. A payload that comes in pieces is
//! put together while its pieces follow each other without a gap, and forgotten otherwise: a lost piece is a lost message.

use std::collections::HashMap;

use super::envelope::{Class, Envelope, Origin, Piece};

/// Nodes that are remembered at once. A node that starts anew is another one; who has been silent longest is forgotten.
const MOST_ORIGINS: usize = 4096;
/// How much more room is made for a payload than has come of it, in bytes.
const ROOM_AHEAD: usize = 1024 * 1024;

/// What became of something that an engine has brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'b> {
    /// A whole message that came in one.
    Message(Class, &'b [u8], &'b [u8]),
    /// A whole message of which this was the last piece.
    Joined(Class, &'b [u8], Vec<u8>),
    /// A piece, and more is to come.
    Piece,
    /// It has been heard before, or is older than what has.
    Repeated,
    /// A piece of a payload of which another one is missing, or for which there is no room; and whether it is the last one.
    Lost(Class, &'b [u8], bool),
}

/// A payload of which some has come.
#[derive(Debug)]
struct Parts {
    class: Class,
    channel: Vec<u8>,
    total: u64,
    payload: Vec<u8>,
}

#[derive(Debug, Default)]
struct Heard {
    number: u64,
    at_ms: u64,
    parts: Option<Parts>,
}

/// All nodes that have been heard from.
#[derive(Debug)]
pub(crate) struct Origins {
    heard: HashMap<Origin, Heard>,
    /// What has come of payloads that are not whole, in bytes, and the most that may have.
    waiting: usize,
    limit: usize,
}

impl Origins {
    /// None so far; parts of payloads take up to so many bytes together.
    pub(crate) fn new(limit: usize) -> Self {
        Origins { heard: HashMap::new(), waiting: 0, limit }
    }

    /// Judges what an engine has brought at this moment, in milliseconds.
    pub(crate) fn receive<'b>(&mut self, envelope: &Envelope<'b>, now_ms: u64) -> Received<'b> {
        if self.heard.len() >= MOST_ORIGINS && !self.heard.contains_key(&envelope.origin) {
            self.forget_one();
        }
        let heard = self.heard.entry(envelope.origin).or_default();
        if envelope.number <= heard.number {
            return Received::Repeated;
        }
        let follows = envelope.number == heard.number + 1;
        (heard.number, heard.at_ms) = (envelope.number, now_ms);
        let parts = heard.parts.take();
        self.waiting -= parts.as_ref().map_or(0, |parts| parts.payload.len());
        let Some(piece) = envelope.piece else {
            return Received::Message(envelope.class, envelope.channel, envelope.payload);
        };
        let is_last = piece.offset.saturating_add(envelope.payload.len() as u64) == piece.total;
        let Some(mut parts) = Parts::expecting(envelope, piece, parts.filter(|_| follows)) else {
            return Received::Lost(envelope.class, envelope.channel, is_last);
        };
        if self.waiting + parts.payload.len() + envelope.payload.len() > self.limit {
            return Received::Lost(envelope.class, envelope.channel, is_last);
        }
        parts.push(envelope.payload);
        if parts.payload.len() as u64 == parts.total {
            return Received::Joined(envelope.class, envelope.channel, parts.payload);
        }
        self.waiting += parts.payload.len();
        heard.parts = Some(parts);
        Received::Piece
    }

    fn forget_one(&mut self) {
        let silent = self.heard.iter().min_by_key(|(_, heard)| heard.at_ms).map(|(origin, _)| *origin);
        let forgotten = silent.and_then(|origin| self.heard.remove(&origin));
        self.waiting -= forgotten.and_then(|heard| heard.parts).map_or(0, |parts| parts.payload.len());
    }
}

impl Parts {
    /// What this piece is to be added to: what has come, or nothing if it is the first one; none if it belongs to neither.
    fn expecting(envelope: &Envelope<'_>, piece: Piece, come: Option<Parts>) -> Option<Parts> {
        if piece.offset == 0 {
            let (class, channel) = (envelope.class, envelope.channel.to_vec());
            return Some(Parts { class, channel, total: piece.total, payload: Vec::new() });
        }
        come.filter(|parts| {
            let is_next = (piece.offset, piece.total) == (parts.payload.len() as u64, parts.total);
            is_next && parts.class == envelope.class && parts.channel == envelope.channel
        })
    }

    /// Adds the bytes of a piece. Room is made as they come, whatever was said of how many there will be.
    fn push(&mut self, bytes: &[u8]) {
        let missing = usize::try_from(self.total).unwrap_or(usize::MAX) - self.payload.len();
        if self.payload.capacity() - self.payload.len() < bytes.len() {
            self.payload.reserve_exact(missing.min(bytes.len() + self.payload.len().max(ROOM_AHEAD)));
        }
        self.payload.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Kind;

    const NEWS: Class = Class::Message(Kind::Channel);

    fn whole(origin: Origin, number: u64) -> Envelope<'static> {
        Envelope { class: NEWS, origin, number, piece: None, channel: b"c", payload: b"hello" }
    }

    fn piece(number: u64, offset: u64, payload: &[u8], total: u64) -> Envelope<'_> {
        Envelope { piece: Some(Piece { offset, total }), payload, ..whole(1, number) }
    }

    const HELLO: Received<'static> = Received::Message(NEWS, b"c", b"hello");

    #[test]
    fn no_message_is_heard_twice_nor_behind_a_newer_one() {
        let mut origins = Origins::new(100);
        for (origin, number, received) in [
            (1, 1, HELLO),
            (1, 1, Received::Repeated),
            (2, 1, HELLO),
            (1, 5, HELLO),
            (1, 4, Received::Repeated),
            (1, 6, HELLO),
        ] {
            assert_eq!(origins.receive(&whole(origin, number), 0), received, "{number} of {origin}");
        }
    }

    #[test]
    fn pieces_that_follow_each_other_become_one_message() {
        let mut origins = Origins::new(100);
        assert_eq!(origins.receive(&piece(1, 0, b"he", 5), 0), Received::Piece);
        assert_eq!(origins.receive(&piece(1, 0, b"he", 5), 0), Received::Repeated, "it came for something else, too");
        assert_eq!(origins.receive(&whole(2, 1), 0), HELLO, "of another node");
        assert_eq!(origins.receive(&piece(2, 2, b"ll", 5), 0), Received::Piece);
        let joined = Received::Joined(NEWS, b"c", b"hello".to_vec());
        assert_eq!(origins.receive(&piece(3, 4, b"o", 5), 0), joined);
        assert_eq!(origins.waiting, 0);
    }

    #[test]
    fn a_lost_piece_is_a_lost_message_and_never_a_torn_one() {
        let pieces = |second: Envelope<'static>| {
            let mut origins = Origins::new(100);
            assert_eq!(origins.receive(&piece(1, 0, b"he", 5), 0), Received::Piece);
            let received = origins.receive(&second, 0);
            assert_eq!(origins.waiting, 0);
            (received, origins.receive(&piece(9, 4, b"o", 5), 0))
        };
        let lost = |channel: &'static [u8], is_last: bool| Received::Lost(NEWS, channel, is_last);
        let end = || lost(b"c", true);
        let other_channel = Envelope { channel: b"d", ..piece(2, 2, b"ll", 5) };
        for second in [piece(3, 2, b"ll", 5), piece(2, 3, b"l", 5), piece(2, 2, b"ll", 6), other_channel] {
            let of = second.channel;
            assert_eq!(pieces(second), (lost(of, false), end()));
        }
        assert_eq!(pieces(whole(1, 2)), (HELLO, end()));
    }

    #[test]
    fn p11_what_is_not_whole_is_bounded_and_so_are_those_who_send_it() {
        let mut origins = Origins::new(10);
        assert_eq!(origins.receive(&piece(1, 0, b"123456", 1 << 40), 0), Received::Piece);
        assert!(origins.heard[&1].parts.as_ref().is_some_and(|parts| parts.payload.capacity() <= 2 * ROOM_AHEAD));
        let other = Envelope { origin: 2, ..piece(1, 0, b"12345", 9) };
        assert_eq!(origins.receive(&other, 0), Received::Lost(NEWS, b"c", false));
        assert_eq!(origins.receive(&piece(2, 6, b"1234", 1 << 40), 0), Received::Piece);
        assert_eq!(origins.receive(&piece(3, 10, b"1", 1 << 40), 0), Received::Lost(NEWS, b"c", false));
        assert_eq!(origins.waiting, 0);
        for origin in 0..2 * MOST_ORIGINS as u64 {
            origins.receive(&whole(origin, 10), origin);
        }
        assert_eq!(origins.heard.len(), MOST_ORIGINS);
    }
}
