//! When the outboxes of a worker are offered to their sockets, and when too much waits in them.

use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::Worker;
use crate::client::{Client, Closing};
use crate::config::{ByteSize, OutputLimit};
use crate::observe::stats::Counter;

/// A publisher lets the worker write first once this much has been queued and not yet offered to sockets, in bytes.
const UNOFFERED_BYTES: usize = 1024 * 1024;
/// The same for each outbox, where these are so many that it comes to more: what gathers in an outbox leaves by one system
/// call, and only from this size on does that cost less than the bytes that it moves.
const UNOFFERED_BYTES_EACH: usize = 32 * 1024;
/// The same for each, as long as it comes to no more than [`UNOFFERED_BYTES_OF_FEW`]: large messages leave several at once.
const UNOFFERED_BYTES_EACH_OF_FEW: usize = 256 * 1024;
/// How much that may be in all, in bytes.
const UNOFFERED_BYTES_OF_FEW: usize = 64 * 1024 * 1024;
/// After this much has been written others have their turn, in bytes: it takes about as long as to write a few messages to
/// a thousand clients.
const TURN_BYTES: usize = 1024 * 1024;
/// What a frame counts for beside its bytes: its entries in outboxes, and what a piece to write costs the kernel.
pub(super) const FRAME_BYTES: usize = 512;

impl Worker {
    /// Notes that `bytes` more wait in the outbox of `client` that its socket has not been offered.
    pub(super) fn mark_dirty(&self, client: &Rc<Client>, bytes: usize) {
        self.unoffered_bytes.set(self.unoffered_bytes.get() + bytes);
        if client.unoffered_bytes.replace(client.unoffered_bytes.get() + bytes) == 0 {
            let mut dirty = self.dirty.borrow_mut();
            dirty.push_back(client.clone());
            if dirty.len() == 1 {
                self.flush_bell.notify_one();
            }
        }
    }

    /// How many frames have been fanned out since the start, each to a list of clients.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Offers up to `most` outboxes to their sockets, each once, fewer if they are long; true if more are waiting.
    pub(crate) fn flush_dirty(&self, most: usize) -> bool {
        let most = most.min(self.dirty.borrow().len());
        let mut written = 0;
        for _ in 0..most {
            let Some(client) = self.dirty.borrow_mut().pop_front() else { break };
            let offered = client.unoffered_bytes.take();
            self.unoffered_bytes.set(self.unoffered_bytes.get() - offered);
            written += self.account(&client, client.flush(), offered);
            if written >= TURN_BYTES {
                break;
            }
        }
        !self.dirty.borrow().is_empty()
    }

    /// Offers the outbox of `client` to its socket and applies the output limits to what the socket does not take.
    pub(crate) fn flush(&self, client: &Rc<Client>) {
        self.account(client, client.flush(), 0);
    }

    /// As [`Worker::flush`], for a client whose socket was full when it was last tried.
    pub(crate) fn flush_unannounced(&self, client: &Rc<Client>) {
        self.account(client, client.flush_unannounced(), 0);
    }

    /// Notes what was written of the outbox of `client`, and what is to become of the rest. Publishers wait for no more of
    /// it than the `delivered` bytes of messages: the client's own replies, however long, are nobody else's burden.
    /// Answers how many bytes were written.
    fn account(&self, client: &Rc<Client>, written: io::Result<usize>, delivered: usize) -> usize {
        let count = written.unwrap_or_else(|_| {
            client.close(Closing::WriteFailed);
            0
        });
        self.stats().net_output_bytes.add(count as u64);
        Counter::add_to(&client.info.total_out, count as u64);
        let left = client.outbox.borrow().bytes();
        if left > 0 && !client.is_congested() {
            // Its socket would have taken more: it has another turn when others have had theirs.
            client.info.output_bytes.store(left, Relaxed);
            if client.unoffered_bytes.get() == 0 {
                self.mark_dirty(client, left.min(delivered).max(1));
            }
        } else {
            self.enforce_output_limits(client);
        }
        count
    }

    /// Closes `client` if what waits for it has reached what its class allows. Only what its socket has refused counts:
    /// a client that reads is never closed because the server itself is busy.
    pub(crate) fn enforce_output_limits(&self, client: &Rc<Client>) {
        let (bytes, pieces) = {
            let outbox = client.outbox.borrow();
            (outbox.bytes(), outbox.len())
        };
        client.info.output_bytes.store(bytes, Relaxed);
        client.info.output_pieces.store(pieces, Relaxed);
        let limit = self.output_limit(client);
        let reaches = |bound: ByteSize| bound.0 > 0 && bytes as u64 >= bound.0;
        if reaches(limit.hard) {
            client.close(Closing::HardLimit);
        } else if reaches(limit.soft) {
            let now_ms = self.now().ms();
            let since_ms = client.over_soft_limit_since_ms.get().unwrap_or(now_ms);
            client.over_soft_limit_since_ms.set(Some(since_ms));
            if u128::from(now_ms.saturating_sub(since_ms)) > limit.soft_for.as_millis() {
                client.close(Closing::SoftLimit);
            }
        } else {
            client.over_soft_limit_since_ms.set(None);
        }
    }

    /// What may wait for a client of its class.
    pub(super) fn output_limit(&self, client: &Client) -> OutputLimit {
        let settings = self.settings();
        let limits = &settings.client_output_buffer_limit;
        if client.is_subscriber() { limits.pubsub } else { limits.normal }
    }

    /// Whether publishers on this worker should let it write before they go on.
    pub(crate) fn is_crowded(&self) -> bool {
        let count = self.dirty.borrow().len();
        let of_few = (count * UNOFFERED_BYTES_EACH_OF_FEW).min(UNOFFERED_BYTES_OF_FEW);
        self.unoffered_bytes.get() > UNOFFERED_BYTES.max(of_few).max(count * UNOFFERED_BYTES_EACH)
    }

    /// Whether so much has been queued behind full sockets that the worker should look whether they have room again,
    /// which it only learns from the kernel when its tasks have yielded; asking resets it.
    pub(crate) fn take_blind(&self) -> bool {
        self.blind_bytes.get() > UNOFFERED_BYTES && self.blind_bytes.take() > 0
    }
}
