//! A message as it travels between nodes: from whom, which of theirs, to which channel.
//!
//! ```text
//! byte 0      version, 1
//! byte 1      flags: 1 for a sharded channel, 2 for a piece, 4 for what nodes tell each other
//! 2..10       the origin: a number that a node draws when it starts
//! 10..18      the number of this message, or piece, among those of its origin
//! 18..22      length of the channel's name
//! then, of a piece only: where it stands in the payload, and how long that is, 8 bytes each
//! then        the channel's name, and the payload or the piece of it
//! ```
//!
//! Numbers are big-endian. What an engine brings is trusted for nothing but this: whatever else it is, it is refused.

use bytes::BytesMut;

use crate::message::Kind;

const VERSION: u8 = 1;
const SHARDED: u8 = 1;
const PIECE: u8 = 2;
const CONTROL: u8 = 4;
/// Bytes before the channel's name where there are no pieces.
const HEAD: usize = 22;
/// Bytes more where there are.
const PIECE_HEAD: usize = 16;

/// Which node has sent something, since it was started.
pub(crate) type Origin = u64;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A message of this kind.
    Message(Kind),
    /// What [nodes tell each other](super::control).
    Control,
}

impl Class {
    fn flags(self) -> u8 {
        match self {
            Class::Message(Kind::Channel) => 0,
            Class::Message(Kind::ShardChannel) => SHARDED,
            Class::Control => CONTROL,
        }
    }
}

/// Which part of a payload this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
    /// How long the payload is, in bytes.
    pub(crate) total: u64,
}

/// What an engine carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope<'b> {
    pub(crate) class: Class,
    pub(crate) origin: Origin,
    /// Rises with everything that its origin sends.
    pub(crate) number: u64,
    /// None for all of a payload.
    pub(crate) piece: Option<Piece>,
    pub(crate) channel: &'b [u8],
    pub(crate) payload: &'b [u8],
}

impl<'b> Envelope<'b> {
    /// How long it is on the wire, in bytes.
    pub(crate) fn len(&self) -> usize {
        Self::overhead(self.channel, self.piece.is_some()) + self.payload.len()
    }

    /// How much longer it is than its payload, in bytes.
    pub(crate) fn overhead(channel: &[u8], is_piece: bool) -> usize {
        HEAD + if is_piece { PIECE_HEAD } else { 0 } + channel.len()
    }

    /// Appends it as it is on the wire.
    pub(crate) fn append_to(&self, bytes: &mut BytesMut) {
        bytes.extend_from_slice(&[VERSION, self.class.flags() | if self.piece.is_some() { PIECE } else { 0 }]);
        bytes.extend_from_slice(&self.origin.to_be_bytes());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        // Names are bounded far lower by a directive.
        bytes.extend_from_slice(&(self.channel.len() as u32).to_be_bytes());
        if let Some(piece) = self.piece {
            bytes.extend_from_slice(&piece.offset.to_be_bytes());
            bytes.extend_from_slice(&piece.total.to_be_bytes());
        }
        bytes.extend_from_slice(self.channel);
        bytes.extend_from_slice(self.payload);
    }

    /// What was appended, if these bytes are such.
    pub(crate) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let number = |at: usize| Some(u64::from_be_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let flags = head[1];
        let classes = [Class::Message(Kind::Channel), Class::Message(Kind::ShardChannel), Class::Control];
        let class = classes.into_iter().find(|class| class.flags() == flags & !PIECE)?;
        if head[0] != VERSION {
            return None;
        }
        let channel_len = u32::from_be_bytes(head[18..22].try_into().ok()?) as usize;
        let (piece, rest) = if flags & PIECE == 0 { (None, rest) } else { read_piece(rest)? };
        let (channel, payload) = rest.split_at_checked(channel_len)?;
        let fits = piece.is_none_or(|piece: Piece| {
            let end = piece.offset.checked_add(payload.len() as u64);
            !payload.is_empty() && end.is_some_and(|end| end <= piece.total)
        });
        fits.then_some(Envelope { class, origin: number(2)?, number: number(10)?, piece, channel, payload })
    }
}

fn read_piece(bytes: &[u8]) -> Option<(Option<Piece>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(PIECE_HEAD)?;
    let number = |range: std::ops::Range<usize>| Some(u64::from_be_bytes(head[range].try_into().ok()?));
    Some((Some(Piece { offset: number(0..8)?, total: number(8..16)? }), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(envelope: &Envelope<'_>) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        envelope.append_to(&mut bytes);
        bytes.to_vec()
    }

    #[test]
    fn what_was_written_is_read() {
        let classes = [Class::Message(Kind::Channel), Class::Message(Kind::ShardChannel), Class::Control];
        let pieces = [None, Some(Piece { offset: 3, total: 8 })];
        for (class, piece) in classes.into_iter().flat_map(|class| pieces.map(|piece| (class, piece))) {
            let payload = b"hello";
            let envelope = Envelope { class, origin: u64::MAX - 1, number: 77, piece, channel: b"ne\0ws", payload };
            let bytes = written(&envelope);
            assert_eq!(Envelope::read(&bytes), Some(envelope));
            assert_eq!(bytes.len(), envelope.len());
            for cut in 0..bytes.len() - payload.len() {
                assert_eq!(Envelope::read(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn a_piece_that_does_not_fit_into_its_payload_is_refused() {
        for (offset, total) in [(4, 8), (u64::MAX, 8), (0, 4)] {
            let piece = Some(Piece { offset, total });
            let envelope = Envelope {
                class: Class::Message(Kind::Channel),
                origin: 1,
                number: 1,
                piece,
                channel: b"c",
                payload: b"hello",
            };
            assert_eq!(Envelope::read(&written(&envelope)), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_anything_else_than_an_envelope_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(envelope) = Envelope::read(&bytes) {
                prop_assert_eq!(written(&envelope), bytes);
            }
        }
    }
}
