//! What waits to be written to one client: its own replies and the shared frames it is delivered, in order.
//!
//! An outbox belongs to its connection's thread, so nothing in it is atomic. A frame in it costs a pointer.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;

use bytes::Bytes;

use crate::message::Frame;
use crate::resp::answer::{Answer, Piece};
use crate::resp::encode::Reply;

/// Replies are gathered into pieces of up to this many bytes before a new piece is begun.
const OWN_PIECE: usize = 16 * 1024;
/// Entries for which the queue keeps its memory after it has become empty.
const KEPT_ENTRIES: usize = 16;

#[derive(Debug)]
enum Chunk {
    /// Of its own replies.
    Own(Vec<u8>),
    /// The same, of which others have a share.
    Value(Box<Bytes>),
    Shared(Rc<Frame>),
}

const _: () = assert!(size_of::<Chunk>() == 24);

impl Chunk {
    fn len(&self) -> usize {
        match self {
            Chunk::Own(bytes) => bytes.len(),
            Chunk::Value(bytes) => bytes.len(),
            Chunk::Shared(frame) => frame.len(),
        }
    }

    fn pieces(&self) -> [&[u8]; 2] {
        match self {
            Chunk::Own(bytes) => [bytes, &[]],
            Chunk::Value(bytes) => [bytes, &[]],
            Chunk::Shared(frame) => frame.pieces(),
        }
    }
}

/// The queue of one client.
#[derive(Debug, Default)]
pub struct Outbox {
    chunks: VecDeque<Chunk>,
    /// How much of the first chunk has been written.
    written: usize,
    /// Length of all that waits, in bytes.
    bytes: usize,
    /// Whether nothing has been taken since the newest frame was queued.
    stuck_since_newest: bool,
    /// Whether nothing was taken between the last two times that a frame was queued.
    stuck_before_newest: bool,
    /// While the client executes a transaction: frames that must follow its reply.
    held: Option<Vec<Rc<Frame>>>,
    /// Length of these, in bytes.
    held_bytes: usize,
}

impl Outbox {
    /// Queues a shared frame, behind the reply that is being written if there is one.
    pub fn push(&mut self, frame: Rc<Frame>) {
        match &mut self.held {
            Some(held) => {
                self.held_bytes += frame.len();
                held.push(frame);
            }
            None => {
                self.bytes += frame.len();
                self.chunks.push_back(Chunk::Shared(frame));
                self.stuck_before_newest = std::mem::replace(&mut self.stuck_since_newest, true);
            }
        }
    }

    /// Queues a reply. It does not wait for held frames: it is what they wait for.
    pub fn push_own(&mut self, reply: &[u8]) {
        if reply.is_empty() {
            return;
        }
        self.bytes += reply.len();
        match self.chunks.back_mut() {
            Some(Chunk::Own(last)) if last.len() + reply.len() <= OWN_PIECE => last.extend_from_slice(reply),
            _ => self.chunks.push_back(Chunk::Own(reply.to_vec())),
        }
    }

    /// Queues what has been answered so far, which the reply is rid of then. What is long of it is not copied.
    pub fn push_reply(&mut self, reply: &mut Reply) {
        self.push_answer(reply.take_pieces());
        self.push_own(reply.rest());
        reply.clear();
    }

    /// The same for an answer that was made elsewhere.
    pub fn push_answer(&mut self, answer: Answer) {
        for piece in answer {
            match piece {
                Piece::Written(bytes) if bytes.len() <= OWN_PIECE => self.push_own(&bytes),
                Piece::Written(bytes) => {
                    self.bytes += bytes.len();
                    self.chunks.push_back(Chunk::Own(bytes));
                }
                Piece::Shared(bytes) => {
                    self.bytes += bytes.len();
                    self.chunks.push_back(Chunk::Value(Box::new(bytes)));
                }
            }
        }
    }

    /// From now on frames wait for [`Outbox::release`].
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Queues the frames that were held.
    pub fn release(&mut self) {
        self.held_bytes = 0;
        for frame in self.held.take().unwrap_or_default() {
            self.push(frame);
        }
    }

    /// Length of the frames that are held, in bytes. They wait for the client's own transaction and not for its socket, but
    /// nobody else waits for that.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Length of all that waits to be written, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much of what waits counts against an output limit, in bytes.
    ///
    /// A message longer than the limit must reach a client that reads, so two do not count: the one of which a part has been
    /// taken, and the newest if anything has been taken since the one before it was queued. Of a client that takes nothing
    /// any more all counts but the rest of the first one. What waits is therefore less than the limit and two messages,
    /// which all their receivers share.
    pub fn counted_bytes(&self) -> usize {
        let first = match self.chunks.front() {
            Some(Chunk::Shared(frame)) if self.written > 0 => frame.len() - self.written,
            _ => 0,
        };
        let is_same = first > 0 && self.chunks.len() == 1;
        let newest = match self.chunks.back() {
            Some(Chunk::Shared(frame)) if !is_same && !self.is_stuck() => frame.len(),
            _ => 0,
        };
        self.bytes - first - newest
    }

    fn is_stuck(&self) -> bool {
        self.stuck_since_newest && self.stuck_before_newest
    }

    /// How many pieces wait to be written.
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Fills `slices` with what is to be written next, `most` bytes in all, and answers how many it used.
    pub fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>], most: usize) -> usize {
        let mut used = 0;
        let mut room = most;
        let mut skip = self.written;
        for piece in self.chunks.iter().flat_map(Chunk::pieces) {
            if used == slices.len() || room == 0 {
                break;
            }
            let skipped = skip.min(piece.len());
            skip -= skipped;
            let next = &piece[skipped..piece.len().min(skipped.saturating_add(room))];
            if !next.is_empty() {
                slices[used] = IoSlice::new(next);
                used += 1;
                room -= next.len();
            }
        }
        used
    }

    /// Takes the first `count` bytes off, which have been written.
    pub fn advance(&mut self, count: usize) {
        self.stuck_since_newest &= count == 0;
        self.bytes -= count;
        self.written += count;
        while let Some(first) = self.chunks.front() {
            if self.written < first.len() {
                return;
            }
            self.written -= first.len();
            self.chunks.pop_front();
        }
        self.chunks.shrink_to(KEPT_ENTRIES);
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = Outbox::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &'static [u8]) -> Rc<Frame> {
        Rc::new(Frame::whole(bytes))
    }

    /// Takes everything off, at most `step` bytes at a time.
    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); 2];
            let used = outbox.gather(&mut slices, step);
            let next: Vec<u8> = slices[..used].iter().flat_map(|s| s.iter().copied()).collect();
            assert!((1..=step).contains(&next.len()));
            outbox.advance(next.len());
            all.extend(next);
        }
        all
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_size_of_the_writes() {
        for step in 1..12 {
            let mut outbox = Outbox::default();
            outbox.push_own(b"+OK\r\n");
            outbox.push(frame(b"first"));
            outbox.push(frame(b"second"));
            outbox.push_own(b":1\r\n");
            outbox.push_own(b":2\r\n");
            assert_eq!(outbox.bytes(), 24);
            assert_eq!(drain(&mut outbox, step), b"+OK\r\nfirstsecond:1\r\n:2\r\n");
            assert_eq!(outbox.bytes(), 0);
        }
    }

    #[test]
    fn the_message_under_way_and_the_newest_of_a_client_that_reads_do_not_count() {
        let mut outbox = Outbox::default();
        let counted = |outbox: &Outbox| (outbox.bytes(), outbox.counted_bytes());
        outbox.push(frame(&[b'x'; 100]));
        assert_eq!(counted(&outbox), (100, 0), "nothing says that it would not take it");
        outbox.advance(10);
        assert_eq!(counted(&outbox), (90, 0), "the first is under way");
        outbox.push(frame(&[b'x'; 200]));
        assert_eq!(counted(&outbox), (290, 0), "something was taken since the first was queued");
        outbox.push(frame(&[b'x'; 400]));
        assert_eq!(counted(&outbox), (690, 600), "nothing was taken since the second was queued");
        outbox.advance(1);
        assert_eq!(counted(&outbox), (689, 200), "it goes on");
        outbox.advance(289);
        assert_eq!(counted(&outbox), (400, 0), "the newest is the next, and nothing of it is under way");
        outbox.push_own(b"reply");
        assert_eq!(counted(&outbox), (405, 405), "the client's own replies count, and what they wait for");
    }

    #[test]
    fn what_is_long_of_an_answer_is_not_copied_and_counts_in_full() {
        let value = Bytes::from(vec![b'v'; 3 * OWN_PIECE]);
        let mut reply = Reply::default();
        reply.raw(&[b'l'; 5 * OWN_PIECE]);
        reply.shared_bulk(&value);
        let (len, mut outbox) = (reply.len(), Outbox::default());
        outbox.push_reply(&mut reply);
        assert!(reply.is_empty());
        assert_eq!((outbox.bytes(), outbox.counted_bytes()), (len, len));
        let mut slices = [IoSlice::new(&[]); 8];
        let used = outbox.gather(&mut slices, usize::MAX);
        assert!(slices[..used].iter().any(|slice| slice.as_ptr() == value.as_ptr()));
        outbox.advance(1);
        assert_eq!(outbox.counted_bytes(), len - 1, "what is under way of it counts, too");
        let rest = drain(&mut outbox, usize::MAX);
        assert!(rest.ends_with(&[&value[..], b"\r\n"].concat()) && rest.len() == len - 1);
    }

    #[test]
    fn held_frames_follow_the_reply() {
        let mut outbox = Outbox::default();
        outbox.hold();
        outbox.push(frame(b"push"));
        assert_eq!((outbox.held_bytes(), outbox.bytes()), (4, 0));
        outbox.push_own(b"reply ");
        outbox.release();
        assert_eq!((outbox.held_bytes(), outbox.bytes()), (0, 10));
        assert_eq!(drain(&mut outbox, 100), b"reply push");
    }
}
