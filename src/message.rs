//! A published message, encoded as seldom as possible.
//!
//! All forms of a message end in the same bytes, `$<len> channel $<len> payload`; they differ only in the *head* before
//! them (`*3 $7 message`, `>4 $8 pmessage $<len> pattern`, ...). A large payload is therefore in memory once, whatever the
//! protocol versions and patterns of its subscribers; for a small one all is copied into one piece, because a second piece
//! to write costs more than the copy. A very large one is not copied at all: it stays where it was received.

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
    /// What stands between the head and the tail in all forms; nothing unless the tail is the publisher's own request.
    lead: Vec<u8>,
    /// What all forms end in and share if it is large.
    tail: Bytes,
    exact: [OnceLock<Frame>; Proto::ALL.len()],
}

impl Message {
    /// Copies channel and payload into a message.
    pub fn new(kind: Kind, channel: &[u8], payload: &[u8]) -> Self {
        let mut tail = Vec::with_capacity(channel.len() + payload.len() + 2 * LENGTH_AND_ENDS);
        encode::bulk(&mut tail, channel);
        encode::bulk(&mut tail, payload);
        Message { kind, lead: Vec::new(), tail: tail.into(), exact: Default::default() }
    }

    /// Makes a message of a payload that is not copied; `line` is the payload with the line end of a bulk.
    pub fn sharing(kind: Kind, channel: &[u8], line: Bytes) -> Self {
        let mut lead = Vec::with_capacity(channel.len() + 2 * LENGTH_AND_ENDS);
        encode::bulk(&mut lead, channel);
        encode::header(&mut lead, b'$', (line.len() - LINE_END.len()) as i64);
        Message { kind, lead, tail: line, exact: Default::default() }
    }

    /// Which family of channels it belongs to.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The channel and the payload.
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        let heads: &[u8] = if self.lead.is_empty() { &self.tail } else { &self.lead };
        let (channel, rest) = split_bulk(heads);
        let payload =
            if self.lead.is_empty() { split_bulk(rest).0 } else { &self.tail[..self.tail.len() - LINE_END.len()] };
        (channel, payload)
    }

    /// Its length in memory, in bytes.
    pub fn len(&self) -> usize {
        self.lead.len() + self.tail.len()
    }

    /// Never: even an empty payload has its lengths.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame for those who subscribed to the channel itself; encoded at its first use.
    pub fn exact_frame(&self, proto: Proto) -> &Frame {
        self.exact[proto.index()].get_or_init(|| match self.lead[..] {
            [] => self.frame(Bytes::from_static(self.exact_head(proto))),
            ref lead => self.frame([self.exact_head(proto), lead].concat().into()),
        })
    }

    /// One frame of several messages for those who subscribed to their channel, in this order.
    pub fn run_frame(messages: &[Arc<Message>], proto: Proto) -> Frame {
        let len = messages.iter().map(|message| message.exact_head(proto).len() + message.len()).sum();
        let mut bytes = Vec::with_capacity(len);
        for message in messages {
            bytes.extend_from_slice(message.exact_head(proto));
            message.append_to(&mut bytes);
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
        let is_inline = self.len() <= INLINE_TAIL;
        let rest = if is_inline { self.len() } else { self.lead.len() };
        let mut bytes = Vec::with_capacity(pattern.len() + PATTERN_START_AND_LENGTH + rest);
        self.append_pattern_head(&mut bytes, proto, pattern);
        if is_inline {
            self.append_to(&mut bytes);
            return Frame::whole(bytes);
        }
        bytes.extend_from_slice(&self.lead);
        Frame { head: bytes.into(), tail: self.tail.clone() }
    }

    /// One frame for a client that subscribed to all of `patterns`, in their order: a form of the message for each.
    pub fn patterns_frame<'p>(&self, proto: Proto, patterns: impl Iterator<Item = &'p [u8]> + Clone) -> Frame {
        let len = patterns.clone().map(|pattern| self.pattern_form_len(pattern)).sum();
        let mut bytes = Vec::with_capacity(len);
        for pattern in patterns {
            self.append_pattern_head(&mut bytes, proto, pattern);
            self.append_to(&mut bytes);
        }
        Frame::whole(bytes)
    }

    /// How long its form for those who subscribed to `pattern` is at most, in bytes.
    pub fn pattern_form_len(&self, pattern: &[u8]) -> usize {
        pattern.len() + PATTERN_START_AND_LENGTH + self.len()
    }

    fn append_pattern_head(&self, bytes: &mut Vec<u8>, proto: Proto, pattern: &[u8]) {
        let start: &[u8] = match proto {
            Proto::Resp2 => b"*4\r\n$8\r\npmessage\r\n",
            Proto::Resp3 => b">4\r\n$8\r\npmessage\r\n",
        };
        bytes.extend_from_slice(start);
        encode::bulk(bytes, pattern);
    }

    /// Appends what all its forms end in.
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.lead);
        bytes.extend_from_slice(&self.tail);
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
/// Room for what stands before a pattern, and behind it.
const PATTERN_START_AND_LENGTH: usize = 18 + LENGTH_AND_ENDS;
/// The content of the bulk that these bytes, which were encoded here, begin with, and what follows it.
fn split_bulk(bytes: &[u8]) -> (&[u8], &[u8]) {
    let line = bytes.iter().position(|byte| *byte == b'\r').unwrap_or(bytes.len());
    let digits = bytes.get(1..line).unwrap_or_default();
    let len = digits.iter().fold(0, |len, digit| len * 10 + usize::from(digit - b'0'));
    let begin = line + LINE_END.len();
    let content = bytes.get(begin..begin + len).unwrap_or_default();
    (content, bytes.get(begin + len + LINE_END.len()..).unwrap_or_default())
}

/// What ends a bulk.
const LINE_END: &[u8] = b"\r\n";

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
    fn a_message_that_shares_its_payload_has_the_same_forms() {
        for payload in [vec![], vec![b'x'; 10], vec![b'x'; 10 * INLINE_TAIL]] {
            let copied = Message::new(Kind::Channel, b"news", &payload);
            let sharing = Message::sharing(Kind::Channel, b"news", [&payload[..], LINE_END].concat().into());
            for proto in Proto::ALL {
                assert_eq!(bytes(copied.exact_frame(proto)), bytes(sharing.exact_frame(proto)));
                assert_eq!(bytes(&copied.pattern_frame(proto, b"*")), bytes(&sharing.pattern_frame(proto, b"*")));
            }
            assert_eq!(copied.len(), sharing.len());
            for message in [copied, sharing] {
                assert_eq!(message.parts(), (&b"news"[..], &payload[..]));
            }
        }
    }

    #[test]
    fn several_forms_for_one_client_follow_each_other() {
        let message = Message::new(Kind::Channel, b"news", b"hello");
        let patterns: [&[u8]; 3] = [b"n*", b"*", b"[a-z]ews"];
        for proto in Proto::ALL {
            let each = patterns.map(|pattern| bytes(&message.pattern_frame(proto, pattern)));
            assert_eq!(bytes(&message.patterns_frame(proto, patterns.into_iter())), each.concat());
            for (pattern, form) in patterns.iter().zip(each) {
                assert!(form.len() <= message.pattern_form_len(pattern));
            }
        }
    }

    #[test]
    fn a_large_payload_is_shared_by_all_forms() {
        for message in [
            Message::new(Kind::Channel, b"c", &[7; 10 * INLINE_TAIL]),
            Message::sharing(Kind::Channel, b"c", vec![7; 10 * INLINE_TAIL].into()),
        ] {
            check_shared(&message);
        }
    }

    fn check_shared(message: &Message) {
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
