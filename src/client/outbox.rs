//! What waits to be written to one client: its own replies and the shared frames it is delivered, in order.
//!
//! An outbox belongs to its connection's thread, so nothing in it is atomic. A frame in it costs a pointer.

mod backlog;
mod chunk;
pub(crate) mod gap;
mod list;
mod shedding;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;

use crate::message::{Form, Frame};
use crate::resp::answer::{Answer, Piece};
use crate::resp::encode::Reply;
use backlog::Backlog;
pub(crate) use backlog::Lost;
use chunk::Chunk;
pub(crate) use shedding::Bound;

/// Replies are gathered into pieces of up to this many bytes before a new piece is begun.
const OWN_PIECE: usize = 16 * 1024;
/// Entries for which the queue keeps its memory after it has become empty.
const KEPT_ENTRIES: usize = 16;

/// What waits, in its order.
#[derive(Debug)]
enum Queue {
    Row(VecDeque<Chunk>),
    /// While the client may lose messages and its socket is full.
    Backlog(Box<Backlog>),
}

impl Default for Queue {
    fn default() -> Self {
        Queue::Row(VecDeque::new())
    }
}

impl Queue {
    fn len(&self) -> usize {
        match self {
            Queue::Row(row) => row.len(),
            Queue::Backlog(backlog) => backlog.list.len(),
        }
    }

    fn front(&self) -> Option<&Chunk> {
        match self {
            Queue::Row(row) => row.front(),
            Queue::Backlog(backlog) => backlog.list.first().map(|place| backlog.list.get(place)),
        }
    }

    fn back(&self) -> Option<&Chunk> {
        match self {
            Queue::Row(row) => row.back(),
            Queue::Backlog(backlog) => backlog.list.last().map(|place| backlog.list.get(place)),
        }
    }

    /// The first of the messages in the newest chunk that has some.
    fn newest_message(&self) -> Option<Form<'_>> {
        match self {
            Queue::Row(row) => row.iter().rev().find_map(|chunk| chunk.form_at(0)),
            Queue::Backlog(backlog) => {
                let list = &backlog.list;
                let mut places = std::iter::successors(list.last(), |place| list.before(*place));
                places.find_map(|place| list.get(place).form_at(0))
            }
        }
    }

    fn push(&mut self, chunk: Chunk) {
        match self {
            Queue::Row(row) => row.push_back(chunk),
            Queue::Backlog(backlog) => backlog.push(chunk),
        }
    }

    /// Adds to the client's own replies at the end, if there are some and they have room; answers whether it has.
    fn append(&mut self, reply: &[u8]) -> bool {
        let last = match self {
            Queue::Row(row) => row.back_mut(),
            Queue::Backlog(backlog) => backlog.list.last().map(|place| backlog.list.get_mut(place)),
        };
        let Some(Chunk::Own(last)) = last.filter(|last| last.len() + reply.len() <= OWN_PIECE) else { return false };
        last.extend_from_slice(reply);
        if let Queue::Backlog(backlog) = self {
            backlog.bytes += reply.len();
        }
        true
    }
}

/// The queue of one client.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Queue,
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
            None => self.queue_message(Chunk::Shared(frame)),
        }
    }

    /// Queues a small message that is this client's alone, behind the reply that is being written if there is one.
    pub(crate) fn push_alone(&mut self, block: Arc<[u8]>) {
        if self.held.is_none() && matches!(self.queue, Queue::Row(_)) {
            self.queue_message(Chunk::Alone(block));
        } else {
            self.push(Rc::new(Frame::of_block(block)));
        }
    }

    fn queue_message(&mut self, chunk: Chunk) {
        self.bytes += chunk.len();
        self.queue.push(chunk);
        self.stuck_before_newest = std::mem::replace(&mut self.stuck_since_newest, true);
    }

    /// The newest message that waits, if there is one; of several that lie together the first.
    pub(crate) fn newest_message(&self) -> Option<Form<'_>> {
        let held = self.held.iter().flatten().rev().find_map(|frame| frame.form_at(0));
        held.or_else(|| self.queue.newest_message())
    }

    /// Queues a reply. It does not wait for held frames: it is what they wait for.
    pub fn push_own(&mut self, reply: &[u8]) {
        if reply.is_empty() {
            return;
        }
        self.bytes += reply.len();
        if !self.queue.append(reply) {
            self.queue.push(Chunk::Own(reply.to_vec()));
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
                    self.queue.push(Chunk::Own(bytes));
                }
                Piece::Shared(bytes) => {
                    self.bytes += bytes.len();
                    self.queue.push(Chunk::Value(Box::new(bytes)));
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
        let first = match self.queue.front() {
            Some(first) if self.written > 0 && first.is_pushed() => first.len() - self.written,
            _ => 0,
        };
        let is_same = first > 0 && self.queue.len() == 1;
        let newest = match self.queue.back() {
            Some(newest) if !is_same && newest.is_pushed() && !self.is_stuck() => newest.len(),
            _ => 0,
        };
        self.bytes - first - newest
    }

    fn is_stuck(&self) -> bool {
        self.stuck_since_newest && self.stuck_before_newest
    }

    /// How many pieces wait to be written.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.queue.len() == 0
    }

    /// Fills `slices` with what is to be written next, `most` bytes in all, and answers how many it used.
    pub fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>], most: usize) -> usize {
        match &self.queue {
            Queue::Row(row) => fill(slices, row.iter(), self.written, most),
            Queue::Backlog(backlog) => fill(slices, backlog.list.iter(), self.written, most),
        }
    }

    /// Takes the first `count` bytes off, which have been written.
    pub fn advance(&mut self, count: usize) {
        self.stuck_since_newest &= count == 0;
        self.bytes -= count;
        match &mut self.queue {
            Queue::Backlog(backlog) => {
                backlog.advance(count, &mut self.written);
                if backlog.list.len() == 0 {
                    self.queue = Queue::default();
                }
            }
            Queue::Row(row) => {
                self.written += count;
                while let Some(first) = row.front() {
                    if self.written < first.len() {
                        return;
                    }
                    self.written -= first.len();
                    row.pop_front();
                }
                row.shrink_to(KEPT_ENTRIES);
            }
        }
    }

    /// Takes all that waits, of which nothing has been written and which was pushed by others, as what other threads can write, too.
    pub(crate) fn take_frames(&mut self) -> Vec<Frame> {
        let Queue::Row(row) = std::mem::take(self).queue else { return Vec::new() };
        row.into_iter().map(Chunk::into_frame).collect()
    }

    /// Queues these before all that waits, of which nothing has been written.
    pub(crate) fn put_before(&mut self, frames: Vec<Frame>) {
        let Queue::Row(row) = &mut self.queue else { return };
        for frame in frames.into_iter().rev() {
            self.bytes += frame.len();
            row.push_front(Chunk::Shared(Rc::new(frame)));
        }
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = Outbox::default();
    }
}

/// Fills `slices` with what follows the first `skip` bytes of `chunks`, `most` bytes in all, and answers how many it used.
fn fill<'a>(
    slices: &mut [IoSlice<'a>],
    chunks: impl Iterator<Item = &'a Chunk>,
    mut skip: usize,
    most: usize,
) -> usize {
    let mut used = 0;
    let mut room = most;
    for piece in chunks.flat_map(Chunk::pieces) {
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
