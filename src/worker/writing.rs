//! When the outboxes of a worker are offered to their sockets, and when too much waits in them.

use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Worker;
use crate::client::held::Holding;
use crate::client::registry::Flag;
use crate::client::{Client, Closing, Flushed};
use crate::config::{ByteSize, OutputLimit};
use crate::observe::counters::Counter;

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

/// What a system call that writes costs, in nanoseconds; measured by `cargo bench --bench placement`, as what follows.
const WRITE_NS: u64 = 3500;
/// So many bytes are written in a nanosecond.
const BYTES_IN_NS: u64 = 3;

/// What may wait for a client that has not given the password, whatever the directive says: some error replies.
const UNPROVEN: OutputLimit = OutputLimit { hard: ByteSize(1024), soft: ByteSize(0), soft_for: Duration::ZERO };

impl Worker {
    /// Notes that `bytes` more wait in the outbox of `client` that its socket has not been offered: as soon as it can be, if that has
    /// still to come.
    pub(super) fn mark_dirty(&self, client: &Rc<Client>, bytes: usize) {
        self.unoffered_bytes.set(self.unoffered_bytes.get() + bytes);
        let before = client.unoffered_bytes.replace(client.unoffered_bytes.get() + bytes);
        if before == 0 && !client.is_arriving() {
            let mut dirty = self.dirty.borrow_mut();
            dirty.push_back(client.clone());
            self.marked_dirty.set(self.marked_dirty.get() + 1);
            if dirty.len() == 1 {
                self.flush_bell.ring();
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
            let offered = self.take_unoffered(&client);
            if offered == 0 {
                // It has moved to another worker.
                continue;
            }
            written += self.account(&client, client.flush(), offered);
            if written >= TURN_BYTES {
                break;
            }
        }
        self.end_following();
        !self.dirty.borrow().is_empty()
    }

    /// Nothing of what waits for `client` counts as not offered any more. Answers how much did, in bytes.
    pub(super) fn take_unoffered(&self, client: &Client) -> usize {
        let bytes = client.unoffered_bytes.take();
        self.unoffered_bytes.set(self.unoffered_bytes.get() - bytes);
        bytes
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
    fn account(&self, client: &Rc<Client>, written: io::Result<Flushed>, delivered: usize) -> usize {
        let Flushed { bytes: count, writes } = written.unwrap_or_else(|error| {
            client.close(Closing::of_failure(&error));
            Flushed::default()
        });
        let counters = &self.stats().counters;
        counters.net_output_bytes.add(count as u64);
        counters.writes.add(writes);
        Counter::add_to(&client.info.total_out, count as u64);
        client.spend(writes * WRITE_NS + count as u64 / BYTES_IN_NS);
        let (left, held) = {
            let outbox = client.outbox.borrow();
            (outbox.bytes(), outbox.held_bytes())
        };
        if count > 0 {
            self.excuse_message_under_way(client);
        }
        if client.is_congested() {
            client.info.slow.note_refusal(self.now().ms());
        }
        if left > 0 && !client.is_congested() {
            // Its socket would have taken more: it has another turn when others have had theirs.
            client.info.held.set(Holding::Output, left + held);
            if client.unoffered_bytes.get() == 0 {
                self.mark_dirty(client, left.min(delivered).max(1));
            }
        } else {
            self.enforce_output_limits(client);
        }
        count
    }

    /// Closes `client` if what waits for it has reached what its class allows. Only what its socket has refused counts:
    /// a client that reads is never closed because the server itself is busy; and what its own transaction keeps back. Of that, the hard limit is about what
    /// [`Outbox::counted_bytes`](crate::client::outbox::Outbox::counted_bytes) says.
    pub(crate) fn enforce_output_limits(&self, client: &Rc<Client>) {
        self.shed(client);
        let (bytes, counted, held, pieces) = {
            let outbox = client.outbox.borrow();
            (outbox.bytes(), outbox.counted_bytes(), outbox.held_bytes(), outbox.len())
        };
        client.info.held.set(Holding::Output, bytes + held);
        client.info.output_pieces.store(pieces, Relaxed);
        client.info.slow.note_behind(bytes > 0, || self.now().ms());
        let limit = self.output_limit(client);
        if reaches(counted + held, limit.hard) {
            client.close(Closing::HardLimit);
        } else if reaches(bytes, limit.soft) {
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

    /// Begins the time above the soft limit anew if `client` is above it only for a message that it is reading: also one
    /// that takes longer than that time is delivered, while a client that has stopped is closed in the midst of it.
    fn excuse_message_under_way(&self, client: &Client) {
        if client.over_soft_limit_since_ms.get().is_none() {
            return;
        }
        if !reaches(client.outbox.borrow().counted_bytes(), self.output_limit(client).soft) {
            client.over_soft_limit_since_ms.set(Some(self.now().ms()));
        }
    }

    /// What may wait for a client of its class.
    pub(crate) fn output_limit(&self, client: &Client) -> OutputLimit {
        let settings = self.settings();
        let limits = &settings.client_output_buffer_limit;
        if !client.is_proven() {
            UNPROVEN
        } else if client.is_subscriber() || client.info.has_flag(Flag::Tracer) {
            limits.pubsub
        } else {
            limits.normal
        }
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

/// Whether a limit is reached; 0 is none.
pub(super) fn reaches(bytes: usize, bound: ByteSize) -> bool {
    bound.0 > 0 && bytes as u64 >= bound.0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::IoSlice;
    use std::time::Duration;

    use super::*;
    use crate::client::sink::{Answers, Sink, Wrote};
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::hub::access::HubAccess;
    use crate::ids::{Address, Topic};
    use crate::message::{Kind, Message};
    use crate::process::upkeep;

    /// Takes what there is room for.
    #[derive(Debug, Default)]
    struct Measure {
        room: Cell<usize>,
        taken: Cell<usize>,
        answers: Cell<Option<Answers>>,
    }

    impl Sink for Measure {
        fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            let taken = offered.min(self.room.get());
            self.room.set(self.room.get() - taken);
            self.taken.set(self.taken.get() + taken);
            Ok(Wrote { taken, refused: offered - taken })
        }

        fn write_unannounced(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
            self.write(slices)
        }

        fn answers(&self) -> Option<Answers> {
            self.answers.get()
        }
    }

    /// A subscriber, under limits, and what takes its output.
    struct World {
        worker: Rc<Worker>,
        client: Rc<Client>,
        sink: Rc<Measure>,
    }

    impl World {
        fn new(limits: &str) -> Self {
            World::with(&[("client-output-buffer-limit", limits)])
        }

        fn with(directives: &[(&str, &str)]) -> Self {
            let config = Config::from_pairs(&[&[("io-threads", "1")], directives].concat());
            let server = new_server(config.expect("valid directives"), Clock::simulated());
            let worker = Worker::new(server.expect("nothing is renamed"), 0);
            let info = worker.server.clients.admit(0, Address::Unix("/x".into()), -1, worker.now());
            let sink = Rc::new(Measure::default());
            let client = worker.welcome(info, Some(sink.clone()));
            worker.join(&client, Topic::Channel, &[b"a"], &mut HubAccess::new(&worker.server.hub), |_| ());
            World { worker, client, sink }
        }

        fn publish(&self, len: usize) {
            let message = Message::new(Kind::Channel, b"a", &vec![b'x'; len]);
            self.worker.server.hub.publish(Kind::Channel, b"a", &message);
            self.worker.deliver_all();
            while self.worker.flush_dirty(1) {}
        }

        /// Lets the subscriber read so many bytes.
        fn read(&self, bytes: usize) {
            self.sink.room.set(self.sink.room.get() + bytes);
            self.worker.flush(&self.client);
            while self.worker.flush_dirty(1) {}
        }

        fn pass_second(&self) {
            self.worker.server.clock.advance(Duration::from_secs(1));
            upkeep::each_second(&self.worker, std::slice::from_ref(&self.client));
        }
    }

    const LIMIT: usize = 100_000;

    #[test]
    fn p7_messages_longer_than_the_hard_limit_reach_a_subscriber_that_reads() {
        for len in [LIMIT, 2 * LIMIT, 30 * LIMIT] {
            let world = World::new("pubsub 100000 0 0");
            for _ in 0..5 {
                world.publish(len);
                // Always one behind: the one before is not read to its end yet.
                world.read(len);
                assert_eq!(world.client.closing(), None, "of {len} bytes");
            }
            world.read(5 * len);
            assert!(world.sink.taken.get() > 5 * len);
            assert!(world.client.outbox.borrow().is_empty());
        }
    }

    #[test]
    fn p7_no_more_than_the_hard_limit_and_two_messages_wait_for_a_subscriber_that_stops() {
        for len in [LIMIT / 10, LIMIT / 2, LIMIT, 3 * LIMIT] {
            let world = World::new("pubsub 100000 0 0");
            world.publish(len);
            world.read(len / 2);
            let mut waiting = 0;
            while world.client.closing().is_none() {
                waiting = world.client.outbox.borrow().bytes();
                assert!(waiting < LIMIT + 2 * (len + 100), "{waiting} bytes with messages of {len}");
                world.publish(len);
            }
            assert_eq!(world.client.closing(), Some(Closing::HardLimit));
            assert!(waiting + 2 * (len + 100) >= LIMIT);
        }
    }

    #[test]
    fn p7_a_long_message_may_take_longer_than_the_soft_limit_allows_while_it_is_read() {
        let world = World::new("pubsub 0 100000 5");
        world.publish(30 * LIMIT);
        for _ in 0..20 {
            world.read(LIMIT);
            world.pass_second();
            assert_eq!(world.client.closing(), None);
        }
        (0..5).for_each(|_| world.pass_second());
        assert_eq!(world.client.closing(), Some(Closing::SoftLimit), "it has stopped in the midst of it");
    }

    #[test]
    fn p7_a_subscriber_that_lags_behind_by_messages_has_the_time_of_the_soft_limit_and_no_more() {
        let world = World::new("pubsub 0 100000 5");
        for _ in 0..30 {
            world.publish(LIMIT / 10);
        }
        for _ in 0..6 {
            assert_eq!(world.client.closing(), None);
            world.read(10);
            world.pass_second();
        }
        assert_eq!(world.client.closing(), Some(Closing::SoftLimit));
    }

    #[test]
    fn p7_a_subscriber_that_is_busy_for_minutes_keeps_its_messages_and_one_that_is_gone_is_closed() {
        let world = World::new("pubsub 0 0 0");
        world.publish(LIMIT);
        world.sink.answers.set(Some(Answers { are_owed: true, in_vain: 0, last_ms: 90_000 }));
        (0..300).for_each(|_| world.pass_second());
        assert_eq!(world.client.closing(), None, "its system answers, though seldom");
        world.sink.answers.set(Some(Answers { are_owed: true, in_vain: 4, last_ms: 90_000 }));
        (0..60).for_each(|_| world.pass_second());
        assert_eq!(world.client.closing(), None, "it may have lost a question or two");
        (0..30).for_each(|_| world.pass_second());
        assert_eq!(world.client.closing(), Some(Closing::DeadPeer));
        let left = world.client.take_left();
        assert!(left.output_bytes >= LIMIT && left.channels == 1 && left.patterns == 0, "{left:?}");
    }

    #[test]
    fn p7_a_subscriber_whose_socket_has_room_again_loses_nothing_because_its_worker_has_not_heard_of_it() {
        for policy in ["drop-oldest", "drop-newest", "conflate"] {
            let world = World::with(&[("slow-subscriber-policy", policy), ("slow-subscriber-limit", "250000 0")]);
            let lost = || world.client.info.slow.lost();
            world.publish(LIMIT);
            world.sink.room.set(50);
            world.publish(LIMIT);
            assert!(world.client.is_congested() && world.client.outbox.borrow().bytes() > LIMIT, "{policy}");
            // Nobody tells the worker of it.
            world.sink.room.set(usize::MAX / 2);
            (0..5).for_each(|_| world.publish(LIMIT));
            assert_eq!((lost(), world.client.outbox.borrow().bytes()), (0, 0), "{policy}");
            world.sink.room.set(0);
            (0..6).for_each(|_| world.publish(LIMIT));
            assert!(lost() > 0 && world.client.closing().is_none(), "{policy}");
        }
    }

    #[test]
    fn p7_a_policy_does_not_lift_the_hard_limit() {
        let limit = [("client-output-buffer-limit", "pubsub 100000 0 0")];
        let policy = [("slow-subscriber-policy", "drop-oldest"), ("slow-subscriber-limit", "1mb 0")];
        let world = World::with(&[&limit[..], &policy].concat());
        (0..5).for_each(|_| world.publish(LIMIT));
        assert_eq!(world.client.closing(), Some(Closing::HardLimit));
    }

    #[test]
    fn p11_messages_that_a_transaction_keeps_back_count_against_client_output_buffer_limit() {
        let world = World::new("pubsub 100000 0 0");
        world.read(usize::MAX / 2);
        world.client.outbox.borrow_mut().hold();
        for _ in 0..9 {
            world.publish(LIMIT / 10);
            assert_eq!(world.client.closing(), None);
        }
        world.publish(LIMIT / 10);
        assert_eq!(world.client.closing(), Some(Closing::HardLimit));
    }

    #[test]
    fn a_subscriber_is_behind_from_the_first_refusal_of_its_socket_until_that_has_taken_all() {
        let world = World::new("pubsub 0 0 0");
        let known = || (world.client.info.slow.behind_since_ms(), world.client.info.slow.refused_ms());
        world.pass_second();
        world.read(2 * LIMIT);
        world.publish(LIMIT);
        assert_eq!(known(), (None, None), "there was room");
        world.publish(2 * LIMIT);
        assert_eq!(known(), (Some(1000), Some(1000)));
        world.pass_second();
        world.read(1);
        assert_eq!(known(), (Some(1000), Some(2000)));
        world.pass_second();
        world.read(10 * LIMIT);
        assert_eq!(known(), (None, Some(2000)));
    }

    #[test]
    fn writes_are_counted_when_they_take_something() {
        let world = World::new("pubsub 0 0 0");
        let writes = || world.worker.stats().counters.writes.get();
        world.publish(LIMIT);
        assert_eq!(writes(), 0);
        world.read(LIMIT / 2);
        assert_eq!(writes(), 1);
        world.read(LIMIT);
        assert_eq!(writes(), 2);
    }
}
