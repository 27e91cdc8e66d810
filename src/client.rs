//! One connected client as its own worker sees it: the outbox and the subscriptions that deliveries and orders reach,
//! beside the session, which only the client's own commands reach.

pub(crate) mod bell;
mod closing;
pub(crate) mod following;
pub mod held;
mod login;
mod memberships;
pub mod notice;
pub mod order;
pub mod outbox;
mod permitted;
pub mod registry;
mod silence;
pub(crate) mod sink;
mod slow;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::acl::User;
use crate::ids::{Topic, WorkerId};
use crate::message::{Frame, Kind};
use crate::resp::Proto;
use crate::resp::answer::Answer;
use bell::Bell;
pub use closing::Closing;
pub(crate) use memberships::{Membership, Memberships};
use order::Returned;
use outbox::Outbox;
use permitted::Permitted;
use registry::{ClientInfo, Flag};
use silence::Silence;
use sink::{Sink, Wrote};

/// What a client that was closed had at that moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Left {
    /// What waited to be written, in bytes.
    pub(crate) output_bytes: usize,
    /// Channels that it listened to.
    pub(crate) channels: usize,
    /// Patterns that it listened to.
    pub(crate) patterns: usize,
    /// The channel of the newest message that waited.
    pub(crate) newest: Option<(Kind, Box<[u8]>)>,
}

/// What has left an outbox.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flushed {
    /// Length of it, in bytes.
    pub(crate) bytes: usize,
    /// How many writes took something of it.
    pub(crate) writes: u64,
}

/// A client on its worker.
#[derive(Debug)]
pub struct Client {
    /// What other threads may know of it.
    pub info: Arc<ClientInfo>,
    /// What takes its output; none in tests of the core, and when it has moved.
    sink: RefCell<Option<Rc<dyn Sink>>>,
    pub(crate) outbox: RefCell<Outbox>,
    /// By topic; none until the first subscription, because most clients have none.
    memberships: RefCell<Option<Box<[Memberships; 3]>>>,
    /// Rung when the connection's task has something to do beside reading.
    pub(crate) bell: Bell,
    proto: Cell<Proto>,
    closing: Cell<Option<Closing>>,
    /// Whether it ends as soon as nothing of it is under way.
    departing: Cell<bool>,
    /// Whether its connection has ended.
    abandoned: Cell<bool>,
    /// What it left when it was closed.
    left: RefCell<Option<Box<Left>>>,
    /// The worker that it should live on from now on, if it is at rest when its connection next looks.
    destination: Cell<Option<WorkerId>>,
    /// What it has cost its worker lately: see [`Client::spend`].
    cost: Cell<u64>,
    /// Whether it is expected from another worker, and what takes its output has still to come.
    arriving: Cell<bool>,
    /// Whether its sink took less than it was offered and has not become writable since.
    congested: Cell<bool>,
    /// What its socket has not been offered, as its worker counts it; while there is anything, it stands in the worker's
    /// list of outboxes to flush.
    pub(crate) unoffered_bytes: Cell<usize>,
    /// How many of the answers that it waited for have come and were not noticed yet.
    pub(crate) served: Cell<u32>,
    /// A request that has waited, and is to be executed anew.
    returned: RefCell<Option<Box<Returned>>>,
    /// Whether its last command is still to be answered: it runs elsewhere, or waits for its turn there.
    pub(crate) awaits_answer: Cell<bool>,
    /// Whether it has given the password, or needs to give none.
    proven: Cell<bool>,
    /// Whether it is still to be said whether its user may listen to all that it listens to.
    in_doubt: Cell<bool>,
    /// The user that it has logged in as, as others may see it in what they know of the client, too.
    user: RefCell<Option<Arc<User>>>,
    /// Subscriptions that its command is about to begin, and that count for its user already.
    claim: Cell<usize>,
    /// Channels to which it may publish; none until it has to be judged whether it may.
    permitted: RefCell<Option<Box<Permitted>>>,
    silence: Silence,
    /// How much had been sent to it in all when that was last looked at, in bytes, and since when it has been so much, in
    /// milliseconds of the server's clock.
    pub(crate) quiet: Cell<(u64, u64)>,
    /// Since when the soft limit has been exceeded, in milliseconds of the server's clock.
    pub(crate) over_soft_limit_since_ms: Cell<Option<u64>>,
}

impl Client {
    pub(crate) fn new(info: Arc<ClientInfo>, sink: Option<Rc<dyn Sink>>) -> Rc<Self> {
        let user = info.own_user();
        let proto = Proto::numbered(info.proto.load(Relaxed));
        Rc::new(Client {
            info,
            proto: Cell::new(proto),
            sink: RefCell::new(sink),
            outbox: RefCell::default(),
            memberships: RefCell::default(),
            bell: Bell::default(),
            closing: Cell::new(None),
            departing: Cell::new(false),
            abandoned: Cell::new(false),
            left: RefCell::default(),
            destination: Cell::new(None),
            cost: Cell::new(0),
            arriving: Cell::new(false),
            congested: Cell::new(false),
            unoffered_bytes: Cell::new(0),
            served: Cell::new(0),
            returned: RefCell::default(),
            awaits_answer: Cell::new(false),
            proven: Cell::new(true),
            in_doubt: Cell::new(false),
            user: RefCell::new(user),
            claim: Cell::new(0),
            permitted: RefCell::default(),
            silence: Silence::default(),
            quiet: Cell::default(),
            over_soft_limit_since_ms: Cell::new(None),
        })
    }

    /// The protocol version of what it is sent.
    pub fn proto(&self) -> Proto {
        self.proto.get()
    }

    pub(crate) fn set_proto(&self, proto: Proto) {
        self.proto.set(proto);
        self.info.proto.store(proto.number(), Relaxed);
    }

    /// Whether it has asked for MONITOR.
    pub(crate) fn is_monitor(&self) -> bool {
        self.info.has_flag(Flag::Monitor)
    }

    /// Whether an answer that it waited for has come.
    pub(crate) fn is_served(&self) -> bool {
        self.served.get() > 0
    }

    /// The same; takes note of one.
    pub(crate) fn take_served(&self) -> bool {
        let served = self.served.get();
        self.served.set(served.saturating_sub(1));
        served > 0
    }

    /// Whether it has given the password, or needs to give none.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven.get()
    }

    pub(crate) fn set_proven(&self, proven: bool) {
        self.proven.set(proven);
    }

    /// Whether it is still to be said whether its user may listen to all that it listens to.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt.get()
    }

    pub(crate) fn set_in_doubt(&self, in_doubt: bool) {
        self.in_doubt.set(in_doubt);
    }

    /// Why it is being closed, if it is.
    pub fn closing(&self) -> Option<Closing> {
        self.closing.get()
    }

    /// Closes the connection as soon as its task runs. The first reason stays.
    pub(crate) fn close(&self, why: Closing) {
        if self.closing.get().is_none() {
            self.closing.set(Some(why));
            let mut outbox = self.outbox.borrow_mut();
            let channels = self.subscriptions(Topic::Channel) + self.subscriptions(Topic::ShardChannel);
            let patterns = self.subscriptions(Topic::Pattern);
            let newest = outbox.newest_message().map(|form| (Kind::of(form.topic), form.channel.into()));
            let left = Left { output_bytes: outbox.bytes(), channels, patterns, newest };
            *self.left.borrow_mut() = Some(Box::new(left));
            outbox.clear();
            self.bell.ring();
        }
    }

    /// What it left when it was closed.
    pub(crate) fn take_left(&self) -> Left {
        self.left.take().map_or(Left::default(), |left| *left)
    }

    /// Ends the connection as soon as nothing of it is under way, with what waits for it.
    pub(crate) fn depart(&self) {
        self.departing.set(true);
        self.bell.ring();
    }

    /// Whether it ends so.
    pub(crate) fn is_departing(&self) -> bool {
        self.departing.get()
    }

    /// Lets it move to another worker as soon as its connection looks, if nothing of it is under way then. It runs no
    /// commands until that is decided.
    pub(crate) fn send_away(&self, destination: WorkerId) {
        self.destination.set(Some(destination));
        self.bell.ring();
    }

    /// Whether it is to move.
    pub(crate) fn is_leaving(&self) -> bool {
        self.destination.get().is_some()
    }

    /// Where it is to move, if it is; asking resets it.
    pub(crate) fn take_destination(&self) -> Option<WorkerId> {
        self.destination.take()
    }

    /// Notes that it has cost its worker about so many nanoseconds.
    pub(crate) fn spend(&self, cost_ns: u64) {
        self.cost.set(self.cost.get() + cost_ns);
    }

    /// What it has cost its worker, of which half has been forgotten each second.
    pub(crate) fn cost(&self) -> u64 {
        self.cost.get()
    }

    /// Forgets half of what it has cost; to be called once a second.
    pub(crate) fn forget_cost(&self) {
        self.cost.set(self.cost.get() / 2);
    }

    /// Whether it may move as far as others have to do with it: nobody is about to send it something beside what it listens to, and
    /// of that there is little enough.
    pub(crate) fn may_move(&self) -> bool {
        let awaits = [Flag::Monitor, Flag::HearsOfKeys, Flag::Blocked].into_iter().any(|flag| self.info.has_flag(flag));
        let ends = self.closing.get().is_some() || self.departing.get();
        !awaits && !ends && !self.in_doubt.get() && self.all_subscriptions() <= MOST_MOVED
    }

    /// Whether it may move at this moment: nothing waits for its socket either.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.may_move() && self.outbox.borrow().is_empty() && !self.congested.get()
    }

    /// Whether what takes its output has still to come. Until then all waits for that, and counts against no limit.
    pub(crate) fn is_arriving(&self) -> bool {
        self.arriving.get()
    }

    pub(crate) fn set_arriving(&self, arriving: bool) {
        self.arriving.set(arriving);
    }

    /// Is sent what comes from now on through `sink`, and before that what it was sent where it has been.
    pub(crate) fn arrive(&self, sink: Option<Rc<dyn Sink>>, unsent: Vec<Frame>) {
        self.arriving.set(false);
        *self.sink.borrow_mut() = sink;
        if self.takes_output() {
            self.outbox.borrow_mut().put_before(unsent);
        }
    }

    /// Lets go of its connection, which has ended. It receives nothing any more.
    pub(crate) fn abandon(&self) {
        self.abandoned.set(true);
        self.sink.take();
        self.outbox.borrow_mut().clear();
    }

    /// Whether it is sent anything any more.
    pub(super) fn takes_output(&self) -> bool {
        self.closing.get().is_none() && !self.abandoned.get()
    }

    /// Queues a frame.
    pub(crate) fn push(&self, frame: &Rc<Frame>) {
        if self.takes_output() {
            self.outbox.borrow_mut().push(frame.clone());
        }
    }

    /// Queues a small message that is its alone.
    pub(crate) fn push_alone(&self, block: Arc<[u8]>) {
        if self.takes_output() {
            self.outbox.borrow_mut().push_alone(block);
        }
    }

    /// Queues the answer that it has waited for, and lets its session go on.
    pub(crate) fn serve(&self, answer: Answer) {
        if self.takes_output() {
            self.outbox.borrow_mut().push_answer(answer);
        }
        self.served.set(self.served.get() + 1);
        self.bell.ring();
    }

    /// Gives it a request back that has waited, for its session to execute anew.
    pub(crate) fn give_back(&self, request: Box<Returned>) {
        *self.returned.borrow_mut() = Some(request);
        self.served.set(self.served.get() + 1);
        self.bell.ring();
    }

    /// The request that it was given back, if it was.
    pub(crate) fn take_returned(&self) -> Option<Box<Returned>> {
        self.returned.take()
    }

    /// Whether its sink has not taken all that it was offered. A client without one takes nothing.
    pub(crate) fn is_congested(&self) -> bool {
        self.congested.get() || self.sink.borrow().is_none()
    }

    /// Writes nothing any more: what took its output, as new, is its connection's alone then.
    pub(crate) fn let_go_of_sink(&self) {
        self.sink.take();
    }

    /// Writes as much of the outbox as its sink takes and answers what that was.
    ///
    /// # Errors
    ///
    /// Those of the sink. To be full is none: the rest stays, and the connection's task waits for room.
    pub(crate) fn flush(&self) -> io::Result<Flushed> {
        self.flush_with(|sink, slices| sink.write(slices))
    }

    /// As [`Client::flush`], for a sink that was full when it was last tried: it may have room that this thread has had no
    /// time to hear of.
    ///
    /// # Errors
    ///
    /// As [`Client::flush`].
    pub(crate) fn flush_unannounced(&self) -> io::Result<Flushed> {
        self.flush_with(|sink, slices| sink.write_unannounced(slices))
    }

    fn flush_with(&self, write: impl Fn(&dyn Sink, &[io::IoSlice<'_>]) -> io::Result<Wrote>) -> io::Result<Flushed> {
        let sink = self.sink.borrow();
        let mut flushed = Flushed::default();
        let Some(sink) = sink.as_deref() else { return Ok(flushed) };
        let mut outbox = self.outbox.borrow_mut();
        let mut full = false;
        // A sink that encrypts may hold what its socket has refused, also when nothing else waits.
        let mut owed = self.congested.get();
        while (owed || !outbox.is_empty()) && !full && flushed.bytes < MOST_BYTES {
            owed = false;
            let most = MOST_BYTES - flushed.bytes;
            // To prepare room for many pieces takes longer than to write a small one.
            let wrote = if outbox.len() <= FEW_CHUNKS {
                offer::<{ 2 * FEW_CHUNKS }>(&outbox, most, |slices| write(sink, slices))
            } else {
                offer::<SLICES>(&outbox, most, |slices| write(sink, slices))
            }?;
            outbox.advance(wrote.taken);
            flushed.bytes += wrote.taken;
            flushed.writes += u64::from(wrote.taken > 0);
            full = wrote.refused > 0;
        }
        self.set_congested(full);
        Ok(flushed)
    }

    /// Whether its peer has been silent for `limit`, although it owes answers.
    pub(crate) fn is_peer_dead(&self, now_ms: u64, limit: Duration) -> bool {
        let sink = self.sink.borrow();
        let more = !self.outbox.borrow().is_empty();
        sink.as_ref()
            .is_some_and(|sink| self.silence.lasts(&**sink, self.info.total_out.load(Relaxed), more, now_ms, limit))
    }

    /// Takes all that waits to be written, for a client without a sink.
    pub fn take_output(&self) -> Vec<u8> {
        self.over_soft_limit_since_ms.set(None);
        let mut outbox = self.outbox.borrow_mut();
        let mut output = Vec::with_capacity(outbox.bytes());
        while !outbox.is_empty() {
            let mut slices = [io::IoSlice::new(&[])];
            outbox.gather(&mut slices, usize::MAX);
            output.extend_from_slice(&slices[0]);
            let taken = slices[0].len();
            outbox.advance(taken);
        }
        output
    }

    fn set_congested(&self, congested: bool) {
        if congested && !self.congested.get() {
            // The task must wait for room beside input.
            self.bell.ring();
        }
        self.congested.set(congested);
    }
}

/// Writes what waits in `outbox`, as `COUNT` pieces and `most` bytes at most.
fn offer<const COUNT: usize>(
    outbox: &Outbox,
    most: usize,
    write: impl FnOnce(&[io::IoSlice<'_>]) -> io::Result<Wrote>,
) -> io::Result<Wrote> {
    let mut slices = [io::IoSlice::new(&[]); COUNT];
    let used = outbox.gather(&mut slices, most);
    write(&slices[..used])
}

/// After this much a client's turn to be written to is over, in bytes: others wait.
const MOST_BYTES: usize = 1024 * 1024;

/// Who listens to more names than this does not move: publishers wait while all of them are counted elsewhere.
const MOST_MOVED: usize = 64;

/// How many pieces one system call writes at most.
const SLICES: usize = 128;
/// So many chunks, of two pieces at most, are few.
const FEW_CHUNKS: usize = 4;
