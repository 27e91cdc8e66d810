//! One client's session: bytes in, replies into its outbox. No socket, no waiting; time comes from the server's clock.
//!
//! | module | what it is |
//! |---|---|
//! | `wire` | from bytes to requests, in one protocol |
//! | `state` | what is remembered from one command to the next, and why commands wait |
//! | `moving` | how it goes to another worker |
//! | `waiting` | how commands that had to wait go on |
//! | `upstream` | what comes from the upstream that has the client's keys, where one has |
//! | `turn` | what commands have at their disposal until others have their turn |

mod moving;
mod state;
mod turn;
mod upstream;
mod waiting;
mod wire;

use std::fmt;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;

use crate::client::held::Holding;
use crate::client::{Client, Closing};
use crate::clock::Now;
use crate::command::pubsub::batch;
use crate::command::{gate, leaving, run};
use crate::ids::PortSet;
use crate::keyspace::access::{KeyAccess, Lent};
use crate::observe::counters::Counter;
use crate::resp::answer::Answer;
use crate::resp::decode::{Decoder, Step};
use crate::worker::Worker;
pub use moving::Luggage;
pub(crate) use state::{Blocked, Transaction};
pub use state::{Conversation, ReplyMode, Scope, SessionState};
pub(crate) use turn::ScriptRun;
pub(crate) use turn::Turn;
pub use turn::TurnOutcome;
pub(crate) use upstream::Awaited;
use wire::Wire;

/// One client's session.
pub struct Session {
    client: Rc<Client>,
    worker: Rc<Worker>,
    wire: Wire,
    conversation: Conversation,
    /// Answered, but not to be sent before the session goes on.
    withheld: Answer,
    outcome: TurnOutcome,
    /// Whether its last turn ended before its work did.
    has_more: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client", &self.client.info.id).field("state", &self.conversation).finish()
    }
}

/// How much a client may have sent that waits to be run before it has given the password, in bytes: more than all that it
/// may send by then is long.
const UNPROVEN_INPUT: u64 = 256 * 1024;

impl Session {
    /// The session of `client`, which has just connected to `worker`.
    pub fn new(worker: Rc<Worker>, client: Rc<Client>) -> Self {
        // It may have come with a certificate that says who it is.
        let authenticated = worker.server.acl.default.is_open() || client.info.own_user().is_some();
        client.set_proven(authenticated);
        let state = SessionState { authenticated, ..SessionState::default() };
        Session {
            client,
            worker,
            wire: Wire::default(),
            conversation: Conversation { state, scope: Scope::default() },
            withheld: Answer::default(),
            outcome: TurnOutcome::default(),
            has_more: false,
        }
    }

    /// Runs the commands in `bytes` and queues the replies in the client's outbox, until the turn is over: see
    /// [`Session::has_more`]. Call [`Session::spread`] when they have been offered to the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        let now = self.note_received(bytes.len());
        // What is behind the end of an argument that is kept need not be kept.
        let (end, rest) = bytes.split_at(self.wire.missing().min(bytes.len()));
        for part in [end, rest] {
            if !part.is_empty() && !self.is_finished() {
                self.receive(part, now);
            }
        }
        self.enforce_input_limit();
    }

    /// Where what comes next is to be received, and how much of it, unless it is to be [fed](Session::feed).
    pub(crate) fn room(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        self.wire.room()
    }

    /// As [`Session::feed`], for what was received where [`Session::room`] said.
    pub(crate) fn feed_in_place(&mut self, count: usize) {
        let now = self.note_received(count);
        self.wire.note_come(count);
        if self.wire.missing() == 0 {
            self.run_input(now);
        }
        self.enforce_input_limit();
    }

    /// Counts so many bytes that were received at this moment, which is the answer.
    fn note_received(&mut self, count: usize) -> Now {
        let now = self.worker.now();
        self.client.info.active_ms.store(now.ms(), Relaxed);
        Counter::add_to(&self.client.info.total_in, count as u64);
        self.worker.stats().counters.net_input_bytes.add(count as u64);
        now
    }

    fn receive(&mut self, bytes: &[u8], now: Now) {
        let waits = self.is_blocked() || self.has_more;
        if self.wire.is_empty() && !waits {
            let used = self.run(bytes, None, now);
            if !self.is_finished() {
                self.wire.keep(&bytes[used..]);
            }
        } else {
            self.wire.push(bytes);
            if !waits && self.wire.missing() == 0 {
                self.run_input(now);
            }
        }
    }

    /// Goes on after its turn was over, or after it was blocked if the reason has gone. Does nothing otherwise.
    pub fn resume(&mut self) {
        // While the server is ending it does not go on by itself: it is rung for if the end is called off.
        self.has_more = false;
        if self.worker.is_draining() {
            return;
        }
        let now = self.worker.now();
        if self.is_blocked() && !self.unblock(now) {
            return;
        }
        if !self.is_blocked() && !self.wire.is_empty() && !self.has_more {
            self.run_input(self.worker.now());
            self.enforce_input_limit();
        }
    }

    /// Hands what this turn published and ordered to the workers concerned, this one included.
    pub fn spread(&mut self) {
        self.alert();
        if self.outcome.sent.wake.remove(self.worker.id()) {
            self.worker.deliver_own();
        }
    }

    /// Wakes the other workers concerned, ahead of [`Session::spread`]: they can deliver while this thread still answers.
    pub fn alert(&mut self) {
        self.outcome.wake_others(&self.worker);
    }

    /// Whether nothing more is to be read: the connection ends when its output has been written. A withheld reply is
    /// still to become output.
    pub fn is_finished(&self) -> bool {
        let answered = self.conversation.state.close_after_reply && self.withheld.is_empty();
        answered || self.client.closing().is_some()
    }

    /// Ends it if nothing of it is under way; what it waits for at keys has not begun. Otherwise it is to be asked again.
    pub(crate) fn depart(&mut self) {
        let state = &mut self.conversation.state;
        let is_under_way = !matches!(state.blocked, None | Some(Blocked::OnKeys(_)));
        if !is_under_way && !self.has_more && self.wire.is_empty() {
            run::close_after_reply(&self.worker, &self.client, state);
        }
    }

    /// Workers that are so far behind that this client must wait for them before it goes on; asking resets it.
    pub fn take_crowded(&mut self) -> PortSet {
        std::mem::take(&mut self.outcome.sent.crowded)
    }

    /// Whether its commands wait.
    pub fn is_blocked(&self) -> bool {
        self.conversation.state.blocked.is_some()
    }

    /// Whether it has more to do as soon as others have had their turns: call [`Session::resume`] then.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Whether answers to what was received come by themselves, so that a client that sends nothing more has still to be sent them.
    /// Not of what waits for others: as in Redis, that ends with what its client sends.
    pub(crate) fn owes(&self) -> bool {
        let goes_on = match self.conversation.state.blocked {
            None | Some(Blocked::OnKeys(_) | Blocked::Paused(..) | Blocked::ShuttingDown(_)) => false,
            Some(_) => true,
        };
        self.has_more || goes_on || self.has_answers_due()
    }

    /// How long it stays blocked if nothing else lets it go on, where time does.
    pub fn wakes_in(&self) -> Option<Duration> {
        let until_ms = match &self.conversation.state.blocked {
            // A withdrawn end lets all clients go on, nothing else does.
            _ if self.worker.is_draining() => return None,
            Some(Blocked::Sleeping(until_ms)) => *until_ms,
            Some(Blocked::Paused(_, mode)) => self.worker.server.pause.until_ms(*mode),
            Some(Blocked::OnKeys(Some(until_ms))) => *until_ms,
            _ => return None,
        };
        Some(Duration::from_millis(until_ms.saturating_sub(self.worker.now().ms())))
    }

    /// Lets go of what outlives the connection's socket, and wakes the workers that a panic has kept it from waking: their
    /// mailboxes are not empty, so no other publisher would.
    pub fn end(&mut self) {
        self.worker.server.wake(std::mem::take(&mut self.outcome.sent.wake));
        leaving::end(&self.worker, &self.client, &mut self.conversation);
    }

    /// Runs what was received while it could not.
    fn run_input(&mut self, now: Now) {
        if let Some(input) =
            self.wire.take_long(self.conversation.limits(&self.worker.settings(), &self.worker.server.acl))
        {
            let used = self.run(&input, Some(&input), now);
            return self.wire.put_back_long(input, if self.is_finished() { usize::MAX } else { used });
        }
        let (input, consumed) = self.wire.take();
        let used = self.run(&input[consumed..], None, now);
        if !self.is_finished() {
            self.wire.put_back(input, consumed + used);
        }
    }

    /// Runs the requests at the front of `input` until the turn is over, and answers how many bytes they took. What is long
    /// is not copied if `input` lies in `owner`.
    fn run(&mut self, input: &[u8], owner: Option<&Bytes>, now: Now) -> usize {
        let (mut used, mut missing, mut has_more) = (0, 0, false);
        self.turn(now, None, |turn, conversation, decoder| {
            let goes_on = |client: &Client, state: &SessionState| {
                let ends = state.close_after_reply || client.closing().is_some();
                state.blocked.is_none() && !ends && !client.is_leaving()
            };
            while goes_on(turn.client, &conversation.state) {
                has_more = used < input.len() && turn.is_over();
                if has_more {
                    break;
                }
                match decoder.next(&input[used..], conversation.limits(&turn.settings, &turn.worker.server.acl)) {
                    Ok(Step::Request(args, taken)) => {
                        turn.more_follows = used + taken < input.len();
                        gate::admit(turn, conversation, owner.map_or(args, |owner| args.owned_by(owner)));
                        if !conversation.state.awaits_upstream() {
                            used += taken;
                        }
                    }
                    Ok(Step::Nothing(taken)) => used += taken,
                    Ok(Step::Incomplete(at_least)) => {
                        missing = if at_least > 1 { at_least } else { 0 };
                        break;
                    }
                    Err(_) if conversation.state.has_answers_due() => {
                        conversation.state.blocked = Some(Blocked::Upstream(Awaited::Answers));
                    }
                    Err(error) => run::refuse_protocol(turn, conversation, &error),
                }
            }
        });
        self.has_more |= has_more;
        self.wire.expect(missing);
        used
    }

    /// Runs `commands` with everything they need, the keys' lock included if it was lent, and queues what they answered.
    fn turn(
        &mut self,
        now: Now,
        lent: Option<(Lent, i64)>,
        commands: impl FnOnce(&mut Turn<'_>, &mut Conversation, &mut Decoder),
    ) {
        let buffer = std::mem::take(&mut *self.worker.reply_buffer.borrow_mut());
        let mut turn = Turn::new(&self.client, &self.worker, &mut self.outcome, buffer, now);
        if let Some((lent, now_ms)) = lent {
            turn.keys = KeyAccess::lent(&self.worker.server.keyspace, lent, now_ms);
        }
        let mut decoder = self.wire.take_decoder(&self.worker);
        commands(&mut turn, &mut self.conversation, &mut decoder);
        batch::post(&mut turn, &mut self.conversation);
        turn.keys.release();
        self.wire.keep_decoder(decoder, &self.worker);
        let mut reply = turn.reply;
        // EXEC that has just been begun goes on at once, unless it waits for the keys, which it finds out then.
        self.has_more = self.conversation.state.blocked.as_ref().is_some_and(Blocked::goes_on);
        if self.client.closing().is_some() {
            // Closed at once: what it would have been answered goes with it.
            reply.clear();
        } else if matches!(self.conversation.state.blocked, Some(Blocked::Ordered(_) | Blocked::Sleeping(_))) {
            self.withheld.append(reply.take());
        } else {
            self.client.outbox.borrow_mut().push_reply(&mut reply);
        }
        let mut buffer = reply.into_bytes();
        buffer.clear();
        buffer.shrink_to(KEPT_REPLY);
        *self.worker.reply_buffer.borrow_mut() = buffer;
    }

    /// Closes a client that has sent too much which still waits to be run: unfinished, or queued by MULTI.
    fn enforce_input_limit(&mut self) {
        let held = &self.client.info.held;
        self.wire.declare(held);
        if self.has_more {
            // Whole requests, of one read, which are about to be run.
            return;
        }
        let waiting = (held.get(Holding::Input) + held.get(Holding::Spans) + held.get(Holding::Queued)) as u64;
        let limit = self.worker.settings().client_query_buffer_limit.0;
        if waiting > if self.client.is_proven() { limit } else { limit.min(UNPROVEN_INPUT) } {
            self.client.close(Closing::QueryBuffer);
        }
    }
}

/// Memory for replies that a worker keeps between turns, in bytes.
const KEPT_REPLY: usize = 64 * 1024;

#[cfg(test)]
mod tests;
