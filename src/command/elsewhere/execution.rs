//! EXEC of a transaction that takes long, in steps: what any thread can run is run elsewhere, what needs the thread of its
//! client here, and the keys' lock goes with it from the first command to the last.
//!
//! What is published within it is published as each command runs; messages of others may come in between where commands on
//! keys do. The answer goes out as it grows, and pushes to the client follow it. Where the transaction ends subscriptions,
//! the answer waits for its end instead, and what was published by then goes ahead of it: nothing may follow the
//! confirmation.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::job::RunQueued;
use super::loan::Borrower;
use super::task::{Done, Request, Slot, Task};
use crate::client::Closing;
use crate::client::held::Holding;
use crate::client::registry::ClientInfo;
use crate::clock::Now;
use crate::command::spec::{Flags, Run};
use crate::command::table;
use crate::command::{run, transaction};
use crate::ids::CommandIndex;
use crate::keyspace::access::{KeyAccess, Lent};
use crate::resp::Proto;
use crate::resp::answer::Answer;
use crate::server::Server;
use crate::session::{Conversation, Turn};

/// How far it has come.
#[derive(Debug)]
enum Phase {
    /// Nothing has run yet.
    Begin,
    /// Commands are to run.
    Between,
    /// Commands run elsewhere; whether they are the last ones.
    Elsewhere(Slot, bool),
}

/// What becomes of its client's session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits until it is rung for.
    Waits,
    /// It goes on when others have had their turns.
    Yields,
    /// The transaction has ended.
    Finished,
}

/// A transaction that is being executed.
pub(crate) struct Execution {
    /// The place of EXEC in the table.
    exec: CommandIndex,
    queue: VecDeque<Request>,
    total: usize,
    borrower: Option<Borrower>,
    /// The keys' lock, with the moment that all its commands see, in milliseconds since 1970-01-01.
    lent: Option<(Lent, i64)>,
    /// That moment, while the lock is in use here.
    now_ms: i64,
    phase: Phase,
    began: Now,
    /// What was answered, where that has to wait for the end.
    withheld: Option<Answer>,
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution").field("total", &self.total).field("left", &self.queue.len()).finish_non_exhaustive()
    }
}

impl Execution {
    /// Of these commands; asks for the keys if they are needed.
    pub(crate) fn new(turn: &Turn<'_>, exec: CommandIndex, queue: Vec<Request>, uses_keys: bool) -> Self {
        let server = &turn.worker.server;
        let ends_subscriptions = |(index, _): &Request| {
            let command = table::entry(*index).command;
            command.flags.has(Flags::PUBSUB) && command.run_here.is_some() && !command.flags.has(Flags::SUBSCRIBES)
        };
        Execution {
            exec,
            total: queue.len(),
            withheld: queue.iter().any(ends_subscriptions).then(Answer::default),
            queue: queue.into(),
            borrower: uses_keys.then(|| Borrower::ask(server, &turn.client.info)),
            lent: None,
            now_ms: 0,
            phase: Phase::Begin,
            began: turn.now,
        }
    }

    /// Goes on as far as it can within this turn.
    pub(crate) fn go_on(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> Progress {
        if let Some(borrower) = &self.borrower
            && self.lent.is_none()
        {
            self.lent = borrower.take();
            if self.lent.is_none() {
                return Progress::Waits;
            }
        }
        loop {
            match &self.phase {
                Phase::Begin => {
                    if !self.begin(turn, conversation) {
                        return Progress::Finished;
                    }
                }
                Phase::Elsewhere(slot, last) => {
                    let (done, last) = (slot.lock().take(), *last);
                    let Some(done) = done else { return Progress::Waits };
                    if self.take_back(turn, conversation, done) && last {
                        self.finish(turn, conversation);
                        return Progress::Finished;
                    }
                }
                Phase::Between => {
                    if turn.client.closing().is_some() {
                        // The rest runs when its connection ends.
                        return Progress::Waits;
                    }
                    if turn.is_over() {
                        return Progress::Yields;
                    }
                    if let Some(progress) = self.next(turn, conversation) {
                        return progress;
                    }
                }
            }
        }
    }

    /// Ends it because its client has gone: what is left of it is run all the same, and nobody is answered.
    pub(crate) fn abandon(mut self, server: &Server, client: &Arc<ClientInfo>, conversation: &mut Conversation) {
        let slot = match &self.phase {
            Phase::Begin | Phase::Between => Slot::default(),
            Phase::Elsewhere(slot, _) => slot.clone(),
        };
        conversation.scope.executing = true;
        let requests = std::mem::take(&mut self.queue);
        let mut rest = self.task(client, conversation, requests, Proto::default(), 0, true);
        rest.slot = slot;
        match self.borrower.take() {
            Some(borrower) => borrower.abandon(self.lent.take().map(|(lent, _)| lent), rest),
            None => server.executors.others.add(RunQueued(rest)),
        }
    }

    /// Answers the length of the array and keeps pushes back from now on. False if a watched key was changed: then that is
    /// the answer.
    fn begin(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> bool {
        self.give_lock(turn);
        let changed = transaction::end_watch(
            &turn.worker.server,
            &turn.client.info,
            &mut conversation.scope,
            &mut turn.keys,
            turn.now,
        );
        self.take_lock(turn);
        if changed {
            turn.reply.null_array();
            self.leave(turn, conversation);
            return false;
        }
        turn.queue_reply();
        turn.worker.deliver(&mut turn.hub);
        turn.client.outbox.borrow_mut().hold();
        conversation.scope.executing = true;
        turn.reply.array(self.total);
        self.answer(turn);
        self.phase = Phase::Between;
        true
    }

    /// Runs the next command here, or those that any thread can run elsewhere.
    fn next(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) -> Option<Progress> {
        let runs_here = |(index, _): &Request| matches!(table::entry(*index).command.runner(), Some(Run::Here(_)));
        let Some(first) = self.queue.front() else {
            self.finish(turn, conversation);
            return Some(Progress::Finished);
        };
        if runs_here(first) {
            let request = self.queue.pop_front()?;
            self.run_here(turn, conversation, &request);
            return None;
        }
        let count = self.queue.iter().take_while(|request| !runs_here(request)).count();
        let last = count == self.queue.len();
        // Mostly all of them, as they are: to copy what is left with each step would cost more than to run it.
        let requests = if last { std::mem::take(&mut self.queue) } else { self.queue.drain(..count).collect() };
        let slot = self.send(turn, conversation, requests, last);
        self.phase = Phase::Elsewhere(slot, last);
        Some(Progress::Waits)
    }

    fn run_here(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation, request: &Request) {
        if self.withheld.is_some() {
            turn.worker.deliver(&mut turn.hub);
            let mut outbox = turn.client.outbox.borrow_mut();
            outbox.release();
            outbox.hold();
        }
        self.give_lock(turn);
        run::run_queued_here(turn, conversation, request);
        self.take_lock(turn);
        self.answer(turn);
    }

    /// Sends commands to the executor, with the lock if there is one.
    fn send(
        &mut self,
        turn: &Turn<'_>,
        conversation: &mut Conversation,
        requests: VecDeque<Request>,
        last: bool,
    ) -> Slot {
        let task = self.task(&turn.client.info, conversation, requests, turn.reply.proto(), turn.room(), last);
        let (slot, server) = (task.slot.clone(), &turn.worker.server);
        match (&self.borrower, self.lent.take()) {
            (Some(borrower), Some((lent, _))) => borrower.hand_over(lent, task),
            _ => server.executors.others.add(RunQueued(task)),
        }
        slot
    }

    fn task(
        &self,
        client: &Arc<ClientInfo>,
        conversation: &mut Conversation,
        requests: VecDeque<Request>,
        proto: Proto,
        room: usize,
        last: bool,
    ) -> Box<Task> {
        let scope = std::mem::take(&mut conversation.scope);
        Box::new(Task { client: client.clone(), requests, scope, proto, room, last, slot: Slot::default() })
    }

    /// Takes what has come back; answers whether all that was sent has run.
    fn take_back(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation, done: Done) -> bool {
        conversation.scope = done.scope;
        turn.outcome.sent.crowded.extend(done.crowded);
        // It may go on for another reason than what comes behind that.
        turn.outcome.published |= done.published;
        if done.overflowed {
            turn.client.close(Closing::HardLimit);
        }
        self.give(turn, done.reply);
        let whole = done.rest.is_empty();
        if self.queue.is_empty() {
            self.queue = done.rest;
        } else {
            done.rest.into_iter().rev().for_each(|request| self.queue.push_front(request));
        }
        self.phase = Phase::Between;
        whole
    }

    /// Ends the transaction: those who wait for its keys are served, and what was kept back follows its answer.
    fn finish(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) {
        self.give_lock(turn);
        run::settle_transaction(&turn.settings, &mut turn.keys, &mut turn.hub, turn.outcome);
        turn.keys.release();
        self.leave(turn, conversation);
        turn.client.info.held.set(Holding::Withheld, 0);
        if let Some(withheld) = self.withheld.take() {
            turn.client.outbox.borrow_mut().push_answer(withheld);
        }
        turn.client.outbox.borrow_mut().release();
    }

    fn leave(&mut self, turn: &mut Turn<'_>, conversation: &mut Conversation) {
        self.lent = None;
        self.borrower = None;
        conversation.scope.executing = false;
        transaction::forget_queue(&turn.client.info, &mut conversation.state);
        run::count_execution(turn, conversation, self.exec, self.began);
    }

    /// Lets what runs on this thread use the keys.
    fn give_lock(&mut self, turn: &mut Turn<'_>) {
        if let Some((lent, now_ms)) = self.lent.take() {
            turn.keys = KeyAccess::lent(&turn.worker.server.keyspace, lent, now_ms);
            self.now_ms = now_ms;
        }
    }

    fn take_lock(&mut self, turn: &mut Turn<'_>) {
        self.lent = turn.keys.return_lent().map(|lent| (lent, self.now_ms));
    }

    /// Queues what has been answered on this thread, or keeps it for the end.
    fn answer(&mut self, turn: &mut Turn<'_>) {
        if self.withheld.is_none() {
            return turn.queue_reply();
        }
        let answer = turn.reply.take();
        self.give(turn, answer);
    }

    /// The same for what was answered elsewhere.
    fn give(&mut self, turn: &Turn<'_>, answer: Answer) {
        let Some(withheld) = &mut self.withheld else {
            return turn.client.outbox.borrow_mut().push_answer(answer);
        };
        withheld.append(answer);
        turn.client.info.held.set(Holding::Withheld, withheld.len());
        if withheld.len() > turn.room() {
            turn.client.close(Closing::HardLimit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::test_support::World;
    use crate::resp::Proto as Version;

    #[test]
    fn p11_what_a_transaction_keeps_back_for_its_end_counts_against_client_output_buffer_limit() {
        let world = World::with(&[("client-output-buffer-limit", "pubsub 100000 0 0")]);
        world.server.executors.keys.attach();
        world.server.executors.others.attach();
        let client = world.client().speaking(Version::Resp3);
        client.say("SUBSCRIBE a");
        client.say("MULTI");
        for _ in 0..20 {
            // What runs on the client's own thread parts what runs elsewhere, each less than the limit.
            client.say("UNSUBSCRIBE b");
            client.say(&format!("ECHO {}\r\n", "x".repeat(4000)).repeat(10));
        }
        assert_eq!(client.say("EXEC"), "");
        let mut most = 0;
        for _ in 0..100 {
            world.server.executors.others.work(&world.server, Duration::ZERO);
            world.settle();
            if client.client.closing().is_some() {
                break;
            }
            assert_eq!(client.resume(), "");
            most = most.max(client.client.info.held.get(Holding::Withheld));
        }
        assert_eq!(client.client.closing(), Some(Closing::HardLimit));
        assert!((40_000..200_000).contains(&most), "{most}");
    }
}
