//! The protocol state of one client: bytes in, replies into its outbox. No socket, no waiting; time comes from the
//! server's clock.

mod state;
mod turn;

use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{Ordering::Acquire, Ordering::Relaxed};
use std::time::Duration;

use crate::client::held::Holding;
use crate::client::registry::Flag;
use crate::client::{Client, Closing};
use crate::clock::Now;
use crate::command::{gate, run};
use crate::hub::access::HubAccess;
use crate::keyspace::access::KeyAccess;
use crate::observe::stats::Counter;
use crate::resp::Proto;
use crate::resp::decode::{Decoder, Limits, Step};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::worker::Worker;
pub use state::{Blocked, Conversation, ReplyMode, Scope, SessionState, Transaction};
pub(crate) use turn::Turn;
pub use turn::TurnOutcome;

/// One client's session.
pub struct Session {
    client: Rc<Client>,
    worker: Rc<Worker>,
    /// In the middle of a request; otherwise the worker's is used, so that idle connections hold none.
    decoder: Option<Box<Decoder>>,
    /// Received and not yet consumed: an unfinished request, or whole ones while the session is blocked.
    input: Vec<u8>,
    conversation: Conversation,
    /// Answered, but not to be sent before the session goes on.
    withheld: Vec<u8>,
    outcome: TurnOutcome,
}

/// What a client takes along to another worker.
#[derive(Debug)]
pub struct Luggage {
    conversation: Conversation,
    proto: Proto,
    /// Received and not yet consumed.
    input: Vec<u8>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client", &self.client.info.id).field("state", &self.conversation).finish()
    }
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
            conversation: Conversation {
                state: SessionState { authenticated, ..SessionState::default() },
                scope: Scope::default(),
            },
            withheld: Vec::new(),
            outcome: TurnOutcome::default(),
        }
    }

    /// The session of `client`, which has just come to `worker` from another one. Call [`Session::resume`] then.
    pub(crate) fn unpack(worker: Rc<Worker>, client: Rc<Client>, luggage: Luggage) -> Self {
        client.set_proto(luggage.proto);
        worker.handle().load.count_arriving(false);
        let Luggage { conversation, input, .. } = luggage;
        Session { conversation, input, ..Session::new(worker, client) }
    }

    /// What `client` takes along to another worker, unless something is under way that has to end here. To be called
    /// after [`Session::spread`]. The session is over then.
    pub(crate) fn pack(&mut self) -> Option<Luggage> {
        let Conversation { state, scope } = &self.conversation;
        let busy = state.blocked.is_some() || state.transaction.is_some() || scope.watch.is_some();
        let ending = state.close_after_reply || self.worker.is_draining();
        if busy || ending || !self.client.is_at_rest() {
            return None;
        }
        let (conversation, input) = (std::mem::take(&mut self.conversation), std::mem::take(&mut self.input));
        Some(Luggage { conversation, proto: self.client.proto(), input })
    }

    /// Runs the commands in `bytes` and queues the replies in the client's outbox. Call [`Session::spread`] when they
    /// have been offered to the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        let now = self.worker.now();
        self.client.info.active_ms.store(now.ms(), Relaxed);
        Counter::add_to(&self.client.info.total_in, bytes.len() as u64);
        self.worker.stats().net_input_bytes.add(bytes.len() as u64);
        let waits = self.conversation.state.blocked.is_some();
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
        if let Some(Blocked::Listing(listing)) = &mut self.conversation.state.blocked
            && !listing.go_on(&self.worker)
        {
            self.client.info.held.set(Holding::Listed, listing.size_bytes());
            return;
        }
        match &self.conversation.state.blocked {
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
        for waited in [Holding::Postponed, Holding::Awaited, Holding::Listed] {
            self.client.info.held.set(waited, 0);
        }
        match self.conversation.state.blocked.take() {
            Some(Blocked::Paused(args, _)) => {
                self.turn(now, |turn, conversation, _| {
                    // Its bytes have gone, so that it cannot be read again elsewhere.
                    conversation.state.placed = true;
                    gate::admit(turn, conversation, args.args());
                });
            }
            Some(Blocked::ShuttingDown(_)) => {
                self.turn(now, |turn, conversation, _| {
                    run::fail_late(turn, &conversation.scope, &ReplyError::SHUTDOWN_WITHDRAWN)
                });
            }
            Some(Blocked::Listing(listing)) => listing.answer(&mut self.client.outbox.borrow_mut()),
            Some(Blocked::Ordered(_) | Blocked::Sleeping(_) | Blocked::OnKeys(_)) | None => {}
        }
        if self.conversation.state.blocked.is_none() {
            self.catch_up(self.worker.now());
        }
    }

    /// Hands what this turn published and ordered to the workers concerned, this one included.
    pub fn spread(&mut self) {
        self.alert();
        if self.outcome.wake.remove(self.worker.id()) {
            self.worker.deliver_inbox();
        }
    }

    /// Wakes the other workers concerned, ahead of [`Session::spread`]: they can deliver while this thread still answers.
    pub fn alert(&mut self) {
        let own = self.outcome.wake.remove(self.worker.id());
        self.worker.server.wake(std::mem::take(&mut self.outcome.wake));
        if own {
            self.outcome.wake.insert(self.worker.id());
        }
    }

    /// Whether nothing more is to be read: the connection ends when its output has been written. A withheld reply is
    /// still to become output.
    pub fn is_finished(&self) -> bool {
        let answered = self.conversation.state.close_after_reply && self.withheld.is_empty();
        answered || self.client.closing().is_some()
    }

    /// Whether a worker is so far behind that this publisher should wait for it; asking resets it.
    pub fn take_crowded(&mut self) -> bool {
        std::mem::take(&mut self.outcome.crowded)
    }

    /// Whether its commands wait.
    pub fn is_blocked(&self) -> bool {
        self.conversation.state.blocked.is_some()
    }

    /// Whether it goes on by itself as soon as others have had their turns.
    pub fn is_listing(&self) -> bool {
        matches!(self.conversation.state.blocked, Some(Blocked::Listing(_)))
    }

    /// How long it stays blocked if nothing else lets it go on, where time does.
    pub fn wakes_in(&self) -> Option<Duration> {
        let until_ms = match &self.conversation.state.blocked {
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
        self.worker.server.wake(std::mem::take(&mut self.outcome.wake));
        run::end(&self.worker, &self.client, &mut self.conversation);
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
        self.turn(now, |turn, conversation, decoder| {
            let goes_on = |client: &Client, state: &SessionState| {
                let ends = state.close_after_reply || client.closing().is_some();
                state.blocked.is_none() && !ends && !client.is_leaving()
            };
            while goes_on(turn.client, &conversation.state) {
                let password_missing =
                    turn.settings.requirepass.password().is_some() && !conversation.state.authenticated;
                let max_bulk = usize::try_from(turn.settings.proto_max_bulk_len.0).unwrap_or(usize::MAX);
                match decoder.next(&input[used..], Limits { max_bulk, authenticated: !password_missing }) {
                    Ok(Step::Request(args, taken)) => {
                        gate::admit(turn, conversation, args);
                        if !turn.client.is_leaving() {
                            used += taken;
                        }
                    }
                    Ok(Step::Nothing(taken)) => used += taken,
                    Ok(Step::Incomplete(_)) => break,
                    Err(error) => {
                        let error = ReplyError::protocol(&error.text());
                        run::refuse_protocol(turn, conversation, &error);
                    }
                }
            }
        });
        used
    }

    /// Runs `commands` with everything they need, and queues what they answered.
    fn turn(&mut self, now: Now, commands: impl FnOnce(&mut Turn<'_>, &mut Conversation, &mut Decoder)) {
        let buffer = std::mem::take(&mut *self.worker.reply_buffer.borrow_mut());
        let mut turn = Turn {
            client: &self.client,
            worker: &self.worker,
            settings: self.worker.settings(),
            reply: Reply::new(buffer, self.client.proto()),
            keys: KeyAccess::new(&self.worker.server.keyspace),
            hub: HubAccess::new(&self.worker.server.hub),
            outcome: &mut self.outcome,
            now,
        };
        let mut decoder = self.decoder.take().unwrap_or_else(|| self.worker.spare_decoder.take());
        commands(&mut turn, &mut self.conversation, &mut decoder);
        turn.keys.release();
        if decoder.is_between_requests() {
            self.worker.spare_decoder.replace(decoder);
        } else {
            self.decoder = Some(decoder);
        }
        let reply = turn.reply;
        if self.client.closing().is_some() {
            // Closed at once: what it would have been answered goes with it.
        } else if matches!(self.conversation.state.blocked, Some(Blocked::Ordered(_) | Blocked::Sleeping(_))) {
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
        let held = &self.client.info.held;
        held.set(Holding::Input, self.input.len());
        held.set(Holding::InputRoom, self.input.capacity() - self.input.len());
        held.set(Holding::Spans, self.decoder.as_ref().map_or(0, |decoder| decoder.size_bytes()));
        let waiting = self.input.len() + held.get(Holding::Spans) + held.get(Holding::Queued);
        if waiting as u64 > self.worker.settings().client_query_buffer_limit.0 {
            self.client.close(Closing::QueryBuffer);
        }
    }
}

/// Memory for replies that a worker keeps between turns, in bytes.
const KEPT_REPLY: usize = 64 * 1024;
