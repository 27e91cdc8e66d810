//! How a session goes on whose commands had to wait: whether the reason has gone, and what is still to be done then.

use std::sync::atomic::Ordering::Acquire;

use super::{Blocked, ReplyMode, Session};
use crate::client::Closing;
use crate::client::held::Holding;
use crate::client::order::Returned;
use crate::client::registry::Flag;
use crate::clock::Now;
use crate::command::elsewhere::execution::{Execution, Progress};
use crate::command::elsewhere::job::GiveUp;
use crate::command::pubsub::subscribing::Subscribing;
use crate::command::{gate, run};
use crate::keyspace::access::KeyAccess;
use crate::resp::errors::ReplyError;

impl Session {
    /// Goes on with what it was blocked by; false if it has to wait on.
    pub(super) fn unblock(&mut self, now: Now) -> bool {
        if !self.may_go_on(now) {
            return false;
        }
        self.client.awaits_answer.set(false);
        self.client.info.set_flag(Flag::Blocked, false);
        self.client.outbox.borrow_mut().push_answer(std::mem::take(&mut self.withheld));
        let blocked = self.conversation.state.blocked.take();
        // Not what its command has begun to wait for elsewhere.
        let waited = if matches!(blocked, Some(Blocked::OnKeys(_))) { Holding::Awaited } else { Holding::Postponed };
        self.client.info.held.set(waited, 0);
        match blocked {
            Some(Blocked::Paused(args, _)) => {
                self.turn(now, None, |turn, conversation, _| gate::admit(turn, conversation, args.args()));
            }
            Some(Blocked::Gathering(slot, args)) => {
                self.conversation.scope.gathered = slot.lock().take().map(Box::new);
                self.turn(now, None, |turn, conversation, _| gate::admit(turn, conversation, args.args()));
            }
            Some(Blocked::Borrowing(borrower, args)) => {
                // Lent, because it may go on.
                let lent = borrower.take();
                self.turn(now, lent, |turn, conversation, _| gate::admit(turn, conversation, args.args()));
            }
            Some(Blocked::Governed { answer, muted }) => {
                let result = answer.lock().take().unwrap_or(Ok(()));
                self.turn(now, None, |turn, _, _| run::answer_late(turn, result, muted));
            }
            Some(Blocked::Asking(asked)) => self.turn(now, None, |turn, _, _| asked.answer(turn)),
            Some(Blocked::ShuttingDown(_)) => self.turn(now, None, |turn, conversation, _| {
                run::fail_late(turn, &conversation.scope, &ReplyError::SHUTDOWN_WITHDRAWN);
            }),
            Some(Blocked::Elsewhere(slot, keeps_caching)) => {
                self.client.outbox.borrow_mut().release();
                let done = slot.lock().take().unwrap_or_default();
                self.conversation.scope = done.scope;
                self.outcome.sent.crowded.extend(done.crowded);
                if done.overflowed {
                    self.client.close(Closing::HardLimit);
                }
                if let Some(until_ms) = done.waits {
                    self.client.info.set_flag(Flag::Blocked, true);
                    self.conversation.state.blocked = Some(Blocked::OnKeys(until_ms));
                    return self.unblock(now);
                }
                gate::conclude(&mut self.conversation, keeps_caching);
            }
            Some(Blocked::Executing(execution)) => self.execute(now, execution),
            Some(Blocked::Subscribing(subscribing)) => self.subscribe(now, subscribing),
            Some(Blocked::OnKeys(_)) => {
                if let Some(request) = self.client.take_returned() {
                    self.run_anew(now, &request);
                }
            }
            Some(Blocked::Ordered(_) | Blocked::Sleeping(_) | Blocked::Upstream(_)) | None => {}
        }
        true
    }

    /// Executes a request that has waited from the beginning: its user may not do that any more, or did so for a moment.
    fn run_anew(&mut self, now: Now, request: &Returned) {
        let scope = &mut self.conversation.scope;
        if request.muted && scope.reply_mode == ReplyMode::On {
            scope.reply_mode = ReplyMode::Skip;
        }
        self.turn(now, None, |turn, conversation, _| gate::admit(turn, conversation, request.args.args()));
    }

    /// Goes on with EXEC.
    fn execute(&mut self, now: Now, mut execution: Box<Execution>) {
        let mut progress = Progress::Waits;
        self.turn(now, None, |turn, conversation, _| {
            progress = execution.go_on(turn, conversation);
            if progress == Progress::Finished {
                gate::conclude(conversation, false);
                run::deliver_to_oneself(turn);
            }
        });
        self.has_more = progress == Progress::Yields;
        if progress != Progress::Finished {
            self.conversation.state.blocked = Some(Blocked::Executing(execution));
        }
    }

    /// Goes on with a command that begins or ends subscriptions.
    fn subscribe(&mut self, now: Now, mut subscribing: Box<Subscribing>) {
        let mut finished = false;
        self.turn(now, None, |turn, conversation, _| {
            finished = subscribing.go_on(turn, conversation);
            if finished {
                gate::conclude(conversation, false);
                run::deliver_to_oneself(turn);
            }
        });
        self.has_more = !finished && subscribing.may_go_on();
        if self.client.closing().is_some() {
            subscribing.abandon(&self.worker.server);
        } else if !finished {
            self.conversation.state.blocked = Some(Blocked::Subscribing(subscribing));
        }
    }

    /// Whether the reason for which it is blocked has gone.
    fn may_go_on(&mut self, now: Now) -> bool {
        let now_ms = now.ms();
        match &self.conversation.state.blocked {
            Some(Blocked::Ordered(missing)) => missing.load(Acquire) == 0,
            Some(Blocked::Sleeping(until_ms)) => *until_ms <= now_ms,
            Some(Blocked::Governed { answer, .. }) => answer.lock().is_some(),
            Some(Blocked::Asking(asked)) => asked.is_answered(),
            // A stricter pause may have ended while a laxer one is still in force.
            Some(Blocked::Paused(_, mode)) => self.worker.server.pause.mode(now_ms) < Some(*mode),
            Some(Blocked::ShuttingDown(round)) => self.worker.server.shutdown.is_withdrawn(*round),
            Some(Blocked::OnKeys(until_ms)) => {
                let until_ms = *until_ms;
                self.is_served(until_ms, now)
            }
            Some(Blocked::Gathering(slot, _)) => slot.lock().is_some(),
            Some(Blocked::Upstream(awaited)) => self.conversation.state.has_come(*awaited),
            Some(Blocked::Elsewhere(..)) => self.client.take_served(),
            Some(Blocked::Borrowing(borrower, _)) => borrower.is_offered(),
            Some(Blocked::Subscribing(subscribing)) => subscribing.may_go_on(),
            Some(Blocked::Executing(_)) | None => true,
        }
    }

    /// Whether a client that waits for keys has its answer. If its time is up it takes itself out and answers that,
    /// unless it turns out to have been answered just before.
    fn is_served(&mut self, until_ms: Option<u64>, now: Now) -> bool {
        if !self.client.is_served() && until_ms.is_some_and(|until_ms| until_ms <= now.ms()) {
            let server = &self.worker.server;
            let (executor, mut keys) = (&server.executors.keys, KeyAccess::new(&server.keyspace));
            if executor.is_attached() && !(executor.is_idle() && keys.try_hold(now)) {
                executor.add(GiveUp(self.client.info.clone()));
                self.conversation.state.blocked = Some(Blocked::OnKeys(None));
                return false;
            }
            let given_up = keys.hold(now).0.waiters.give_up(self.client.info.id, None);
            keys.release();
            match given_up {
                Some(answer) => {
                    self.client.outbox.borrow_mut().push_answer(answer.into_answer());
                    return true;
                }
                None => self.worker.deliver_all(),
            }
        }
        self.client.take_served()
    }
}
