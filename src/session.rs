//! The protocol state of one client: bytes in, replies into its outbox. No socket, no waiting; time comes from the
//! server's clock.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed};
use std::time::Duration;

use crate::client::registry::Flag;
use crate::client::{Client, Closing};
use crate::clock::Now;
use crate::command::gate;
use crate::command::pubsub::Listing;
use crate::command::table::CommandIndex;
use crate::config::Settings;
use crate::hub::access::HubAccess;
use crate::ids::WorkerSet;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::watchers::Watch;
use crate::observe::stats::Counter;
use crate::pause::PauseMode;
use crate::process::shutdown::Round;
use crate::resp::Proto;
use crate::resp::decode::{Decoder, Limits, OwnedArgs, Step};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::worker::Worker;

/// Whether replies are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// They are.
    #[default]
    On,
    /// They are not.
    Off,
    /// This command's is, the next one's is not.
    SkipNext,
    /// This command's is not.
    Skip,
}

/// What MULTI has collected.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The commands, with their places in the table.
    pub queue: Vec<(CommandIndex, OwnedArgs)>,
    /// Whether a command was refused, so that EXEC must fail.
    pub failed: bool,
}

/// Why a client's commands wait.
#[derive(Debug)]
pub enum Blocked {
    /// A pause of this kind is in force; this command has still to run.
    Paused(OwnedArgs, PauseMode),
    /// Other workers have still to obey an order of its last command.
    Ordered(Arc<AtomicUsize>),
    /// DEBUG SLEEP, until this moment in milliseconds of the server's clock.
    Sleeping(u64),
    /// A blocking command: until one of its keys is fed, or this moment in milliseconds of the server's clock.
    OnKeys(Option<u64>),
    /// PUBSUB CHANNELS of very many, a little at a time.
    Listing(Box<Listing>),
    /// SHUTDOWN: until the connection ends, or the request of this round is withdrawn.
    ShuttingDown(Round),
}

/// What commands may know and change of the session.
#[derive(Debug, Default)]
pub struct SessionState {
    /// The selected database.
    pub db: u16,
    /// Whether it has given the password, or none was needed when it connected.
    pub authenticated: bool,
    /// Between MULTI and EXEC.
    pub transaction: Option<Box<Transaction>>,
    /// WATCH.
    pub(crate) watch: Option<Box<Watch>>,
    /// CLIENT CACHING: whether the next command is an exception from what is tracked.
    pub caching: bool,
    /// While EXEC runs.
    pub executing: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// Why its commands wait, if they do.
    pub blocked: Option<Blocked>,
    /// Whether the connection ends when its output has been written.
    pub close_after_reply: bool,
    /// Whether a command of this turn put something into the inboxes that its own client may be waiting for.
    pub published: bool,
    /// Whether its last message had receivers: then the next one is encoded before the hub is locked.
    pub expects_receivers: bool,
    /// Whether a worker is so far behind that this publisher should wait for it.
    pub crowded: bool,
    /// How long the command that just ran takes beside the time that its function took, in microseconds.
    pub slept_us: u64,
    /// Whether it has been decided which worker it subscribes on.
    pub settled: bool,
    /// Arguments that logs must not show.
    pub secret_args: Vec<usize>,
}

/// One client's session.
pub struct Session {
    client: Rc<Client>,
    worker: Rc<Worker>,
    /// In the middle of a request; otherwise the worker's is used, so that idle connections hold none.
    decoder: Option<Box<Decoder>>,
    /// Received and not yet consumed: an unfinished request, or whole ones while the session is blocked.
    input: Vec<u8>,
    state: SessionState,
    /// Answered, but not to be sent before the session goes on.
    withheld: Vec<u8>,
    wake: WorkerSet,
}

/// What a client takes along to another worker.
#[derive(Debug)]
pub struct Luggage {
    state: SessionState,
    proto: Proto,
    /// Received and not yet consumed.
    input: Vec<u8>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client", &self.client.info.id).field("state", &self.state).finish()
    }
}

/// What the commands of one turn (one call of [`Session::feed`]) share.
pub(crate) struct Turn<'s> {
    pub(crate) client: &'s Rc<Client>,
    pub(crate) worker: &'s Worker,
    pub(crate) settings: Rc<Settings>,
    pub(crate) reply: Reply,
    pub(crate) keys: KeyAccess<'s>,
    pub(crate) hub: HubAccess<'s>,
    pub(crate) wake: &'s mut WorkerSet,
    pub(crate) now: Now,
}

impl Session {
    /// The session of `client`, which has just connected to `worker`.
    pub fn new(worker: Rc<Worker>, client: Rc<Client>) -> Self {
        let authenticated = worker.settings().requirepass.password().is_none();
        Session {
            client,
            worker,
            decoder: None,
            input: Vec::new(),
            state: SessionState { authenticated, ..SessionState::default() },
            withheld: Vec::new(),
            wake: WorkerSet::default(),
        }
    }

    /// The session of `client`, which has just come to `worker` from another one. Call [`Session::resume`] then.
    pub(crate) fn unpack(worker: Rc<Worker>, client: Rc<Client>, luggage: Luggage) -> Self {
        client.set_proto(luggage.proto);
        worker.handle().load.count_arriving(false);
        let Luggage { state, input, .. } = luggage;
        Session { state, input, ..Session::new(worker, client) }
    }

    /// What `client` takes along to another worker, unless something is under way that has to end here. To be called
    /// after [`Session::spread`]. The session is over then.
    pub(crate) fn pack(&mut self) -> Option<Luggage> {
        let state = &self.state;
        let busy = state.blocked.is_some() || state.transaction.is_some() || state.watch.is_some();
        let ending = state.close_after_reply || self.worker.is_draining();
        if busy || ending || !self.client.is_at_rest() {
            return None;
        }
        let (state, input) = (std::mem::take(&mut self.state), std::mem::take(&mut self.input));
        Some(Luggage { state, proto: self.client.proto(), input })
    }

    /// Runs the commands in `bytes` and queues the replies in the client's outbox. Call [`Session::spread`] when they
    /// have been offered to the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        let now = self.worker.now();
        self.client.info.active_ms.store(now.ms(), Relaxed);
        Counter::add_to(&self.client.info.total_in, bytes.len() as u64);
        self.worker.stats().net_input_bytes.add(bytes.len() as u64);
        let waits = self.state.blocked.is_some();
        if self.input.is_empty() && !waits {
            let used = self.run(bytes, now);
            if !self.is_finished() {
                self.input.extend_from_slice(&bytes[used..]);
            }
        } else {
            self.input.extend_from_slice(bytes);
            if !waits {
                self.run_input(now);
            }
        }
        self.enforce_input_limit();
    }

    /// Goes on after it was blocked, if the reason has gone. Does nothing otherwise.
    pub fn resume(&mut self) {
        let now = self.worker.now();
        let now_ms = now.ms();
        if let Some(Blocked::Listing(listing)) = &mut self.state.blocked
            && !listing.go_on(&self.worker)
        {
            return;
        }
        match &self.state.blocked {
            _ if self.worker.is_draining() => return,
            None if self.input.is_empty() => return,
            None => return self.catch_up(now),
            Some(Blocked::Ordered(missing)) if missing.load(Acquire) > 0 => return,
            Some(Blocked::Sleeping(until_ms)) if *until_ms > now_ms => return,
            // A stricter pause may have ended while a laxer one is still in force.
            Some(Blocked::Paused(_, mode)) if self.worker.server.pause.mode(now_ms) >= Some(*mode) => return,
            Some(Blocked::ShuttingDown(round)) if !self.worker.server.shutdown.is_withdrawn(*round) => return,
            Some(Blocked::OnKeys(until_ms)) if !self.is_served(*until_ms, now_ms) => return,
            Some(_) => {}
        }
        self.client.info.set_flag(Flag::Blocked, false);
        self.client.outbox.borrow_mut().push_own(&std::mem::take(&mut self.withheld));
        match self.state.blocked.take() {
            Some(Blocked::Paused(args, _)) => {
                self.client.info.postponed_bytes.store(0, Relaxed);
                self.turn(now, |turn, state, _| {
                    // Its bytes have gone, so that it cannot be read again elsewhere.
                    state.settled = true;
                    gate::admit(turn, state, args.args());
                });
            }
            Some(Blocked::ShuttingDown(_)) => {
                self.turn(now, |turn, state, _| gate::fail_late(turn, state, &ReplyError::SHUTDOWN_WITHDRAWN));
            }
            Some(Blocked::Listing(listing)) => listing.answer(&mut self.client.outbox.borrow_mut()),
            Some(Blocked::Ordered(_) | Blocked::Sleeping(_) | Blocked::OnKeys(_)) | None => {}
        }
        if self.state.blocked.is_none() {
            self.catch_up(self.worker.now());
        }
    }

    /// Hands what this turn published and ordered to the workers concerned, this one included.
    pub fn spread(&mut self) {
        self.alert();
        if self.wake.remove(self.worker.id()) {
            self.worker.deliver_inbox();
        }
    }

    /// Wakes the other workers concerned, ahead of [`Session::spread`]: they can deliver while this thread still answers.
    pub fn alert(&mut self) {
        let own = self.wake.remove(self.worker.id());
        self.worker.server.wake(std::mem::take(&mut self.wake));
        if own {
            self.wake.insert(self.worker.id());
        }
    }

    /// Whether nothing more is to be read: the connection ends when its output has been written. A withheld reply is
    /// still to become output.
    pub fn is_finished(&self) -> bool {
        let answered = self.state.close_after_reply && self.withheld.is_empty();
        answered || self.client.closing().is_some()
    }

    /// Whether a worker is so far behind that this publisher should wait for it; asking resets it.
    pub fn take_crowded(&mut self) -> bool {
        std::mem::take(&mut self.state.crowded)
    }

    /// Whether its commands wait.
    pub fn is_blocked(&self) -> bool {
        self.state.blocked.is_some()
    }

    /// Whether it goes on by itself as soon as others have had their turns.
    pub fn is_listing(&self) -> bool {
        matches!(self.state.blocked, Some(Blocked::Listing(_)))
    }

    /// How long it stays blocked if nothing else lets it go on, where time does.
    pub fn wakes_in(&self) -> Option<Duration> {
        let until_ms = match &self.state.blocked {
            // A withdrawn end lets all clients go on, nothing else does.
            _ if self.worker.is_draining() => return None,
            Some(Blocked::Sleeping(until_ms)) => *until_ms,
            Some(Blocked::Paused(_, mode)) => self.worker.server.pause.until_ms(*mode),
            Some(Blocked::OnKeys(Some(until_ms))) => *until_ms,
            Some(Blocked::Ordered(_) | Blocked::OnKeys(None) | Blocked::Listing(_) | Blocked::ShuttingDown(_))
            | None => return None,
        };
        Some(Duration::from_millis(until_ms.saturating_sub(self.worker.now().ms())))
    }

    /// Lets go of what outlives the connection's socket, and wakes the workers that a panic has kept it from waking: their
    /// inboxes are not empty, so no other publisher would.
    pub fn end(&mut self) {
        self.worker.server.wake(std::mem::take(&mut self.wake));
        gate::end(&self.worker, &self.client, &mut self.state);
    }

    /// Whether a client that waits for keys has its answer. If its time is up it takes itself out and answers that,
    /// unless it turns out to have been answered just before.
    fn is_served(&self, until_ms: Option<u64>, now_ms: u64) -> bool {
        if !self.client.served.get() && until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            let given_up = self.worker.server.keyspace.lock().waiters.give_up(self.client.info.id, None);
            match given_up {
                Some(answer) => {
                    self.client.outbox.borrow_mut().push_own(answer.bytes());
                    return true;
                }
                None => self.worker.deliver_inbox(),
            }
        }
        self.client.served.take()
    }

    /// Runs what was received while it could not.
    fn catch_up(&mut self, now: Now) {
        self.run_input(now);
        self.enforce_input_limit();
    }

    fn run_input(&mut self, now: Now) {
        let input = std::mem::take(&mut self.input);
        let used = self.run(&input, now);
        if self.is_finished() || used == input.len() {
            // The buffer goes: idle connections hold none.
            return;
        }
        self.input = input;
        self.input.drain(..used);
        if self.input.len() < self.input.capacity() / 4 {
            self.input.shrink_to(self.input.len() * 2);
        }
    }

    /// Runs the requests at the front of `input` and answers how many bytes they took.
    fn run(&mut self, input: &[u8], now: Now) -> usize {
        let mut used = 0;
        self.turn(now, |turn, state, decoder| {
            let goes_on = |client: &Client, state: &SessionState| {
                let ends = state.close_after_reply || client.closing().is_some();
                state.blocked.is_none() && !ends && !client.is_leaving()
            };
            while goes_on(turn.client, state) {
                let password_missing = turn.settings.requirepass.password().is_some() && !state.authenticated;
                let max_bulk = usize::try_from(turn.settings.proto_max_bulk_len.0).unwrap_or(usize::MAX);
                match decoder.next(&input[used..], Limits { max_bulk, authenticated: !password_missing }) {
                    Ok(Step::Request(args, taken)) => {
                        gate::admit(turn, state, args);
                        if !turn.client.is_leaving() {
                            used += taken;
                        }
                    }
                    Ok(Step::Nothing(taken)) => used += taken,
                    Ok(Step::Incomplete) => break,
                    Err(error) => {
                        let error = ReplyError::protocol(&error.text());
                        gate::refuse_protocol(turn, state, &error);
                    }
                }
            }
        });
        used
    }

    /// Runs `commands` with everything they need, and queues what they answered.
    fn turn(&mut self, now: Now, commands: impl FnOnce(&mut Turn<'_>, &mut SessionState, &mut Decoder)) {
        let buffer = std::mem::take(&mut *self.worker.reply_buffer.borrow_mut());
        let mut turn = Turn {
            client: &self.client,
            worker: &self.worker,
            settings: self.worker.settings(),
            reply: Reply::new(buffer, self.client.proto()),
            keys: KeyAccess::new(&self.worker.server.keyspace),
            hub: HubAccess::new(&self.worker.server.hub),
            wake: &mut self.wake,
            now,
        };
        let mut decoder = self.decoder.take().unwrap_or_else(|| self.worker.spare_decoder.take());
        commands(&mut turn, &mut self.state, &mut decoder);
        gate::release_keys(&mut turn);
        if decoder.is_between_requests() {
            self.worker.spare_decoder.replace(decoder);
        } else {
            self.decoder = Some(decoder);
        }
        let reply = turn.reply;
        if self.client.closing().is_some() {
            // Closed at once: what it would have been answered goes with it.
        } else if matches!(self.state.blocked, Some(Blocked::Ordered(_) | Blocked::Sleeping(_))) {
            self.withheld.extend_from_slice(reply.bytes());
        } else {
            self.client.outbox.borrow_mut().push_own(reply.bytes());
        }
        let mut buffer = reply.into_bytes();
        buffer.clear();
        buffer.shrink_to(KEPT_REPLY);
        *self.worker.reply_buffer.borrow_mut() = buffer;
    }

    /// Closes a client that has sent too much which still waits to be run: unfinished, or queued by MULTI.
    fn enforce_input_limit(&mut self) {
        let info = &self.client.info;
        info.input_bytes.store(self.input.len(), Relaxed);
        info.input_room.store(self.input.capacity() - self.input.len(), Relaxed);
        let waiting = self.input.len() + info.queued_bytes.load(Relaxed);
        if waiting as u64 > self.worker.settings().client_query_buffer_limit.0 {
            self.client.close(Closing::QueryBuffer);
        }
    }
}

/// Memory for replies that a worker keeps between turns, in bytes.
const KEPT_REPLY: usize = 64 * 1024;
