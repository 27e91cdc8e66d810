//! A published message, encoded as seldom as possible.
//!
//! All forms of a message end in the same bytes, `$<len> channel $<len> payload`; they differ only in the *head* before
//! them (`*3 $7 message`, `>4 $8 pmessage $<len> pattern`, ...). A large payload is therefore in memory once, whatever the
//! protocol versions and patterns of its subscribers; for a small one all is copied into one piece, because a second piece
//! to write costs more than the copy. A small message is one block of memory, which is what most of its subscribers receive.
//! A very large one is not copied at all: it stays where it was received.

mod form;

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::ids::Topic;
use crate::resp::Proto;
use crate::resp::encode;
pub(crate) use form::Form;

/// A tail of up to this many bytes is copied behind its head: that of a payload of 1 KiB, if its channel's name is not long.
const INLINE_TAIL: usize = 1280;

/// Which of the two families of channels a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PUBLISH: `message` and, to patterns, `pmessage`.
    Channel,
    /// SPUBLISH: `smessage`.
    ShardChannel,
}

impl Kind {
    /// Of the messages that come by a subscription of this kind.
    pub(crate) fn of(topic: Topic) -> Self {
        if topic == Topic::ShardChannel { Kind::ShardChannel } else { Kind::Channel }
    }
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
    head: Head,
    tail: Bytes,
    /// How many published messages it is; none if it is something else. Several lie in the head.
    messages: u32,
}

/// The first piece of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Head {
    /// A block of a small message: the message itself, or a form of it.
    Block(Arc<[u8]>),
    Bytes(Bytes),
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Head::Block(block) => block,
            Head::Bytes(bytes) => bytes,
        }
    }
}

impl Frame {
    /// A frame of one piece that is no published message.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::of_messages(bytes, 0)
    }

    /// A frame of one piece that is so many messages.
    fn of_messages(bytes: impl Into<Bytes>, messages: usize) -> Self {
        Frame { head: Head::Bytes(bytes.into()), tail: Bytes::new(), messages: messages as u32 }
    }

    /// A frame that is one message.
    fn of_pieces(head: impl Into<Bytes>, tail: Bytes) -> Self {
        Frame { head: Head::Bytes(head.into()), tail, messages: 1 }
    }

    /// A frame that is one small message, which lies in one block.
    pub(crate) fn of_block(block: Arc<[u8]>) -> Self {
        Frame { head: Head::Block(block), tail: Bytes::new(), messages: 1 }
    }

    /// The block, if it is a small message in one; otherwise itself.
    pub(crate) fn into_block(self) -> Result<Arc<[u8]>, Frame> {
        match self {
            Frame { head: Head::Block(block), .. } => Ok(block),
            other => Err(other),
        }
    }

    /// How many published messages it is.
    pub(crate) fn messages(&self) -> usize {
        self.messages as usize
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

/// One message on its way from a publisher to all workers. A clone is the same message, not a copy of it.
#[derive(Clone, Debug)]
pub struct Message {
    kind: Kind,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// A small one: its form for those who subscribed to the channel itself, in RESP2.
    Block(Arc<[u8]>),
    /// A large one.
    Parts(Arc<Parts>),
}

#[derive(Debug)]
struct Parts {
    /// What stands between the head and the tail in all forms; nothing unless the tail is the publisher's own request.
    lead: Vec<u8>,
    /// What all forms end in and share.
    tail: Bytes,
}

/// How much memory for that is kept, in bytes.
const KEPT_DRAFT: usize = 4 * INLINE_TAIL;

thread_local! {
    /// Where a block is put together: it is made when its length is known. A small message with a long pattern fits.
    static DRAFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A block of what `write` writes.
fn block(write: impl FnOnce(&mut Vec<u8>)) -> Arc<[u8]> {
    DRAFT.with_borrow_mut(|draft| {
        draft.clear();
        write(draft);
        let block = Arc::from(&draft[..]);
        draft.shrink_to(KEPT_DRAFT);
        block
    })
}

impl Message {
    /// Copies channel and payload into a message.
    pub fn new(kind: Kind, channel: &[u8], payload: &[u8]) -> Self {
        let most = channel.len() + payload.len() + 2 * LENGTH_AND_ENDS;
        let append = |bytes: &mut Vec<u8>| {
            encode::bulk(bytes, channel);
            encode::bulk(bytes, payload);
        };
        if most > INLINE_TAIL {
            let mut tail = Vec::with_capacity(most);
            append(&mut tail);
            return Message { kind, body: Body::Parts(Arc::new(Parts { lead: Vec::new(), tail: tail.into() })) };
        }
        let block = block(|draft| {
            draft.extend_from_slice(exact_head(kind, Proto::Resp2));
            append(draft);
        });
        Message { kind, body: Body::Block(block) }
    }

    /// Copies channel and payload as they have come, each [as a bulk](crate::resp::decode::Args::bulks), into a message.
    pub(crate) fn of_bulks(kind: Kind, bulks: &[u8]) -> Self {
        if bulks.len() > INLINE_TAIL {
            return Message {
                kind,
                body: Body::Parts(Arc::new(Parts { lead: Vec::new(), tail: bulks.to_vec().into() })),
            };
        }
        let block = block(|draft| {
            draft.extend_from_slice(exact_head(kind, Proto::Resp2));
            draft.extend_from_slice(bulks);
        });
        Message { kind, body: Body::Block(block) }
    }

    /// Makes a message of a payload that is not copied; `line` is the payload with the line end of a bulk.
    pub fn sharing(kind: Kind, channel: &[u8], line: Bytes) -> Self {
        let mut lead = Vec::with_capacity(channel.len() + 2 * LENGTH_AND_ENDS);
        encode::bulk(&mut lead, channel);
        encode::header(&mut lead, b'$', (line.len() - LINE_END.len()) as i64);
        Message { kind, body: Body::Parts(Arc::new(Parts { lead, tail: line })) }
    }

    /// Which family of channels it belongs to.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What all its forms end in, in two pieces, of which the first may be empty.
    fn endings(&self) -> (&[u8], &[u8]) {
        match &self.body {
            Body::Block(block) => (&[], &block[exact_head(self.kind, Proto::Resp2).len()..]),
            Body::Parts(parts) => (&parts.lead, &parts.tail),
        }
    }

    /// The channel and the payload.
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        match self.endings() {
            ([], tail) => {
                let (channel, rest) = split_bulk(tail);
                (channel, split_bulk(rest).0)
            }
            (lead, tail) => (split_bulk(lead).0, &tail[..tail.len() - LINE_END.len()]),
        }
    }

    /// Length of its payload, in bytes, to a channel whose name is so long: for who has no time to read it.
    pub(crate) fn payload_len(&self, channel_len: usize) -> usize {
        let framed = |len: usize| len + digits(len) + LENGTH_AND_ENDS - MOST_DIGITS;
        let rest = self.len() - framed(channel_len) - (LENGTH_AND_ENDS - MOST_DIGITS);
        // What is left is the payload and its digits: one digit less than that has, or as many.
        let fewest = rest - digits(rest);
        if fewest + digits(fewest) == rest { fewest } else { fewest + 1 }
    }

    /// Its length in memory, in bytes.
    pub fn len(&self) -> usize {
        let (lead, tail) = self.endings();
        lead.len() + tail.len()
    }

    /// Never: even an empty payload has its lengths.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame for those who subscribed to the channel itself.
    pub fn exact_frame(&self, proto: Proto) -> Frame {
        let head = exact_head(self.kind, proto);
        match &self.body {
            Body::Block(block) if proto == Proto::Resp2 => Frame::of_block(block.clone()),
            Body::Block(_) => Frame::of_block(block(|draft| {
                draft.extend_from_slice(head);
                self.append_to(draft);
            })),
            Body::Parts(parts) if parts.lead.is_empty() => {
                Frame::of_pieces(Bytes::from_static(head), parts.tail.clone())
            }
            Body::Parts(parts) => Frame::of_pieces([head, &parts.lead].concat(), parts.tail.clone()),
        }
    }

    /// The same of a message that nothing else is to be made of: a small one that nobody shares is its frame, whose first byte
    /// is all that differs between protocol versions.
    pub(crate) fn into_exact_frame(self, proto: Proto) -> Frame {
        match self.body {
            Body::Block(block) if proto == Proto::Resp2 => Frame::of_block(block),
            Body::Block(mut block) => {
                if let Some(bytes) = Arc::get_mut(&mut block) {
                    bytes[0] = exact_head(self.kind, proto)[0];
                    return Frame::of_block(block);
                }
                Message { body: Body::Block(block), ..self }.exact_frame(proto)
            }
            body => Message { body, ..self }.exact_frame(proto),
        }
    }

    /// One frame of several messages for those who subscribed to their channel, in this order.
    pub fn run_frame(messages: &[Message], proto: Proto) -> Frame {
        let len = messages.iter().map(|message| exact_head(message.kind, proto).len() + message.len()).sum();
        let mut bytes = Vec::with_capacity(len);
        for message in messages {
            match &message.body {
                Body::Block(block) if proto == Proto::Resp2 => bytes.extend_from_slice(block),
                _ => {
                    bytes.extend_from_slice(exact_head(message.kind, proto));
                    message.append_to(&mut bytes);
                }
            }
        }
        Frame::of_messages(bytes, messages.len())
    }

    /// A frame for those who subscribed to `pattern`.
    pub fn pattern_frame(&self, proto: Proto, pattern: &[u8]) -> Frame {
        if let Body::Parts(parts) = &self.body
            && self.len() > INLINE_TAIL
        {
            let Parts { lead, tail } = &**parts;
            let mut head = Vec::with_capacity(pattern.len() + PATTERN_START_AND_LENGTH + lead.len());
            append_pattern_head(&mut head, proto, pattern);
            head.extend_from_slice(lead);
            return Frame::of_pieces(head, tail.clone());
        }
        Frame::of_block(block(|draft| {
            append_pattern_head(draft, proto, pattern);
            self.append_to(draft);
        }))
    }

    /// One frame for a client that subscribed to all of `patterns`, in their order: a form of the message for each.
    pub fn patterns_frame<'p>(&self, proto: Proto, patterns: impl Iterator<Item = &'p [u8]> + Clone) -> Frame {
        let len = patterns.clone().map(|pattern| self.pattern_form_len(pattern)).sum();
        let mut bytes = Vec::with_capacity(len);
        let mut forms = 0;
        for pattern in patterns {
            append_pattern_head(&mut bytes, proto, pattern);
            self.append_to(&mut bytes);
            forms += 1;
        }
        Frame::of_messages(bytes, forms)
    }

    /// How long its form for those who subscribed to `pattern` is at most, in bytes.
    pub fn pattern_form_len(&self, pattern: &[u8]) -> usize {
        pattern.len() + PATTERN_START_AND_LENGTH + self.len()
    }

    /// Appends what all its forms end in.
    fn append_to(&self, bytes: &mut Vec<u8>) {
        let (lead, tail) = self.endings();
        bytes.extend_from_slice(lead);
        bytes.extend_from_slice(tail);
    }
}

/// Digits of a length at most.
const MOST_DIGITS: usize = 20;
/// Room for `$`, a length and the two line ends of a bulk.
const LENGTH_AND_ENDS: usize = MOST_DIGITS + 5;

/// How many digits a number has.
fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}
/// Room for what stands before a pattern, and behind it.
const PATTERN_START_AND_LENGTH: usize = 18 + LENGTH_AND_ENDS;

/// What the form for those who subscribed to the channel itself begins with.
fn exact_head(kind: Kind, proto: Proto) -> &'static [u8] {
    match (kind, proto) {
        (Kind::Channel, Proto::Resp2) => b"*3\r\n$7\r\nmessage\r\n",
        (Kind::Channel, Proto::Resp3) => b">3\r\n$7\r\nmessage\r\n",
        (Kind::ShardChannel, Proto::Resp2) => b"*3\r\n$8\r\nsmessage\r\n",
        (Kind::ShardChannel, Proto::Resp3) => b">3\r\n$8\r\nsmessage\r\n",
    }
}

fn append_pattern_head(bytes: &mut Vec<u8>, proto: Proto, pattern: &[u8]) {
    let start: &[u8] = match proto {
        Proto::Resp2 => b"*4\r\n$8\r\npmessage\r\n",
        Proto::Resp3 => b">4\r\n$8\r\npmessage\r\n",
    };
    bytes.extend_from_slice(start);
    encode::bulk(bytes, pattern);
}

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
            assert_eq!(bytes(&message.exact_frame(proto)), exact);
            let by_pattern = [mark.as_bytes(), b"4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n", tail].concat();
            assert_eq!(bytes(&message.pattern_frame(proto, b"n*")), by_pattern);
            let worker = Message::new(Kind::ShardChannel, b"news", b"hello");
            assert_eq!(bytes(&worker.exact_frame(proto)), [mark.as_bytes(), b"3\r\n$8\r\nsmessage\r\n", tail].concat());
        }
    }

    #[test]
    fn the_length_of_a_payload_is_told_without_reading_it() {
        for len in (0..120).chain(980..1020).chain([9_994, 9_995, 9_999, 10_000, 10_001, 99_995, 99_999, 100_000]) {
            for name in [0, 1, 9, 10, 99, 100, 2_000] {
                let (name, payload) = (vec![b'n'; name], vec![b'x'; len]);
                let copied = Message::new(Kind::Channel, &name, &payload);
                let sharing = Message::sharing(Kind::ShardChannel, &name, [&payload[..], LINE_END].concat().into());
                assert_eq!([copied, sharing].map(|message| message.payload_len(name.len())), [len; 2]);
            }
        }
    }

    #[test]
    fn a_message_that_shares_its_payload_has_the_same_forms() {
        for payload in [vec![], vec![b'x'; 10], vec![b'x'; 10 * INLINE_TAIL]] {
            let copied = Message::new(Kind::Channel, b"news", &payload);
            let sharing = Message::sharing(Kind::Channel, b"news", [&payload[..], LINE_END].concat().into());
            for proto in Proto::ALL {
                assert_eq!(bytes(&copied.exact_frame(proto)), bytes(&sharing.exact_frame(proto)));
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
            message.pattern_frame(Proto::Resp2, b"*"),
        ];
        for frame in frames {
            assert_eq!(frame.pieces()[1].as_ptr(), message.endings().1.as_ptr());
        }
    }
}
