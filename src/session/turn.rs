//! A turn: what one client's commands have at their disposal until others have theirs.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::acl::User;
use crate::client::Client;
use crate::client::order::HubAccess;
use crate::clock::Now;
use crate::command::pubsub::batch::Batch;
use crate::config::Settings;
use crate::keyspace::access::KeyAccess;
use crate::mailbox::Sent;
use crate::resp::encode::Reply;
use crate::worker::Worker;

/// What the commands of one turn share.
pub(crate) struct Turn<'s> {
    pub(crate) client: &'s Rc<Client>,
    pub(crate) worker: &'s Worker,
    pub(crate) settings: Rc<Settings>,
    pub(crate) reply: Reply,
    pub(crate) keys: KeyAccess<'s>,
    pub(crate) hub: HubAccess<'s>,
    pub(crate) outcome: &'s mut TurnOutcome,
    pub(crate) now: Now,
    /// When it began.
    pub(crate) began: Now,
    /// What had been answered before it and has not been written, in bytes.
    pub(crate) unwritten: usize,
    /// How much may be answered in it, in bytes.
    enough: usize,
    /// When other threads were last rung for what it has given them to do.
    pub(crate) rang: Now,
    /// The user for whom the next message is counted, if it is counted for one.
    pub(crate) metered: Option<Arc<User>>,
    /// Whether more was received behind the request that runs now.
    pub(crate) more_follows: bool,
    /// Commands that are posted and answered together, before anything else happens.
    pub(crate) batch: Option<Batch>,
}

/// After so much time others have their turn: messages wait for no longer than for a few such turns.
const LONGEST: Duration = Duration::from_micros(500);
/// After so much has been answered others have their turn, in bytes.
const ANSWERED: usize = 256 * 1024;
/// An answer of up to this many bytes is given whatever the limits say.
const SHORT_ANSWER: usize = 16 * 1024;
/// For how long other threads are not told that they have something to do, so that more gathers.
const SILENCE: Duration = Duration::from_micros(100);

impl<'s> Turn<'s> {
    /// A turn of `client` that begins now, with this memory for replies.
    pub(crate) fn new(
        client: &'s Rc<Client>,
        worker: &'s Worker,
        outcome: &'s mut TurnOutcome,
        buffer: Vec<u8>,
        now: Now,
    ) -> Self {
        let mut turn = Turn {
            client,
            worker,
            settings: worker.settings(),
            reply: Reply::new(buffer, client.proto()),
            keys: KeyAccess::new(&worker.server.keyspace),
            hub: HubAccess::new(&worker.server.hub),
            outcome,
            now,
            began: now,
            unwritten: client.outbox.borrow().bytes(),
            enough: ANSWERED,
            rang: now,
            metered: None,
            more_follows: false,
            batch: None,
        };
        let room = turn.room();
        turn.enough = ANSWERED.min(room / 2);
        turn.reply.set_room(room);
        turn
    }

    /// The most that may be answered in one piece, in bytes: a client whose answer is longer than its class allows is closed,
    /// as in Redis, whether or not it would have read it. As there, short answers are sent to everybody.
    pub(crate) fn room(&self) -> usize {
        match self.worker.output_limit(self.client).hard.0 {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX).max(SHORT_ANSWER),
        }
    }

    /// Queues what has been answered so far.
    pub(crate) fn queue_reply(&mut self) {
        self.client.outbox.borrow_mut().push_reply(&mut self.reply);
    }

    /// Whether others are to have their turn before the client's next command.
    pub(crate) fn is_over(&self) -> bool {
        let answered = self.client.outbox.borrow().bytes() + self.reply.len();
        !self.outcome.sent.crowded.is_empty()
            || self.now.since(self.began) >= LONGEST
            || answered.saturating_sub(self.unwritten) >= self.enough
    }

    /// Tells other threads what they have to do if they have waited long enough for that, or if what runs next may be long.
    pub(crate) fn ring(&mut self, next_is_slow: bool) {
        if next_is_slow || self.now.since(self.rang) >= SILENCE {
            self.rang = self.now;
            self.outcome.wake_others(self.worker);
        }
    }
}

/// What the commands of a turn leave to be done.
#[derive(Debug, Default)]
pub struct TurnOutcome {
    /// What becomes of what was sent to workers: whom to wake, and for whom the client must wait.
    pub sent: Sent,
    /// Whether something was put into the mailboxes that the client itself may be waiting for.
    pub published: bool,
    /// That the client waits for keys, and until which moment in milliseconds of the server's clock, if for a time only.
    pub waits: Option<Option<u64>>,
    /// How a script is run.
    pub(crate) script: ScriptRun,
}

/// How a script is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ScriptRun {
    /// It may take as long as it takes.
    #[default]
    Any,
    /// On the thread of its client, because it is short.
    Short,
    /// It has turned out not to be, before it did anything, and is to be run elsewhere.
    TooLong,
}

impl TurnOutcome {
    /// Wakes the workers that have been sent something, but for the client's own.
    pub(super) fn wake_others(&mut self, worker: &Worker) {
        let wake = &mut self.sent.wake;
        let own = wake.remove(worker.id());
        worker.server.wake(std::mem::take(wake));
        if own {
            wake.insert(worker.id());
        }
    }
}
