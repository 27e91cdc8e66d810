//! A published message, encoded as seldom as possible.
//!
//! All forms of a message end in the same bytes, `$<len> channel $<len> payload`, the *tail*; they differ only in the
//! *head* before it (`*3 $7 message`, `>4 $8 pmessage $<len> pattern`, ...). A large payload is therefore in memory
//! once, whatever the protocol versions and patterns of its subscribers; for a small one, head and tail are copied into
//! one piece, because a second piece to write costs more than the copy.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::ids::Topic;
use crate::resp::Proto;
use crate::resp::encode;

/// A tail of up to this many bytes is copied behind its head.
const INLINE_TAIL: usize = 1024;

/// Which of the two families of channels a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PUBLISH: `message` and, to patterns, `pmessage`.
    Channel,
    /// SPUBLISH: `smessage`.
    ShardChannel,
}

impl From<Kind> for Topic {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Channel => Topic::Channel,
            Kind::ShardChannel => Topic::ShardChannel,
        }
    }
}

/// What one subscriber receives: encoded, immutable, shared by all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    head: Bytes,
    tail: Bytes,
}

impl Frame {
    /// A frame of one piece.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Frame { head: bytes.into(), tail: Bytes::new() }
    }

    /// The pieces that follow each other on the wire; the second is empty for small messages.
    pub fn pieces(&self) -> [&[u8]; 2] {
        [&self.head, &self.tail]
    }

    /// Its length on the wire, in bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One message on its way from a publisher to all workers.
#[derive(Debug)]
pub struct Message {
    kind: Kind,
    tail: Bytes,
    exact: [OnceLock<Frame>; Proto::ALL.len()],
}

impl Message {
    /// Copies channel and payload into a message.
    pub fn new(kind: Kind, channel: &[u8], payload: &[u8]) -> Self {
        let mut tail = Vec::with_capacity(channel.len() + payload.len() + 2 * LENGTH_AND_ENDS);
        encode::bulk(&mut tail, channel);
        encode::bulk(&mut tail, payload);
        Message { kind, tail: tail.into(), exact: Default::default() }
    }

    /// Its length in memory, in bytes.
    pub fn len(&self) -> usize {
        self.tail.len()
    }

    /// Never: even an empty payload has its lengths.
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty()
    }

    /// The frame for those who subscribed to the channel itself; encoded at its first use.
    pub fn exact_frame(&self, proto: Proto) -> &Frame {
        self.exact[proto.index()].get_or_init(|| self.frame(Bytes::from_static(self.exact_head(proto))))
    }

    /// One frame of several messages for those who subscribed to their channel, in this order.
    pub fn run_frame(messages: &[Arc<Message>], proto: Proto) -> Frame {
        let len = messages.iter().map(|message| message.exact_head(proto).len() + message.tail.len()).sum();
        let mut bytes = Vec::with_capacity(len);
        for message in messages {
            bytes.extend_from_slice(message.exact_head(proto));
            bytes.extend_from_slice(&message.tail);
        }
        Frame::whole(bytes)
    }

    fn exact_head(&self, proto: Proto) -> &'static [u8] {
        match (self.kind, proto) {
            (Kind::Channel, Proto::Resp2) => b"*3\r\n$7\r\nmessage\r\n",
            (Kind::Channel, Proto::Resp3) => b">3\r\n$7\r\nmessage\r\n",
            (Kind::ShardChannel, Proto::Resp2) => b"*3\r\n$8\r\nsmessage\r\n",
            (Kind::ShardChannel, Proto::Resp3) => b">3\r\n$8\r\nsmessage\r\n",
        }
    }

    /// A frame for those who subscribed to `pattern`.
    pub fn pattern_frame(&self, proto: Proto, pattern: &[u8]) -> Frame {
        let start: &[u8] = match proto {
            Proto::Resp2 => b"*4\r\n$8\r\npmessage\r\n",
            Proto::Resp3 => b">4\r\n$8\r\npmessage\r\n",
        };
        let mut head = Vec::with_capacity(start.len() + pattern.len() + LENGTH_AND_ENDS);
        head.extend_from_slice(start);
        encode::bulk(&mut head, pattern);
        self.frame(head.into())
    }

    fn frame(&self, head: Bytes) -> Frame {
        if self.tail.len() > INLINE_TAIL {
            return Frame { head, tail: self.tail.clone() };
        }
        Frame::whole([&head[..], &self.tail].concat())
    }
}

/// Room for `$`, a length of 20 digits at most and the two line ends of a bulk.
const LENGTH_AND_ENDS: usize = 25;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(frame: &Frame) -> Vec<u8> {
        frame.pieces().concat()
    }

    #[test]
    fn the_forms_of_a_message_differ_in_their_heads_only() {
        let tail = b"$4\r\nnews\r\n$5\r\nhello\r\n";
        let message = Message::new(Kind::Channel, b"news", b"hello");
        for (proto, mark) in [(Proto::Resp2, "*"), (Proto::Resp3, ">")] {
            let exact = [mark.as_bytes(), b"3\r\n$7\r\nmessage\r\n", tail].concat();
            assert_eq!(bytes(message.exact_frame(proto)), exact);
            let by_pattern = [mark.as_bytes(), b"4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n", tail].concat();
            assert_eq!(bytes(&message.pattern_frame(proto, b"n*")), by_pattern);
            let worker = Message::new(Kind::ShardChannel, b"news", b"hello");
            assert_eq!(bytes(worker.exact_frame(proto)), [mark.as_bytes(), b"3\r\n$8\r\nsmessage\r\n", tail].concat());
        }
    }

    #[test]
    fn a_large_payload_is_shared_by_all_forms() {
        let message = Message::new(Kind::Channel, b"c", &[7; 10 * INLINE_TAIL]);
        let frames = [
            message.exact_frame(Proto::Resp2),
            message.exact_frame(Proto::Resp3),
            &message.pattern_frame(Proto::Resp2, b"*"),
        ];
        for frame in frames {
            assert_eq!(frame.tail.as_ptr(), message.tail.as_ptr());
        }
    }
}
