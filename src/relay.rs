//! What one client and the upstream of `backplane-keys forward` say to each other, without a socket: requests out, answers in.
//!
//! A client's first command on keys opens a connection of its own there. Requests are sent on as they are, one behind the
//! other, and answers come back as they are. What this server answers itself waits until all that was asked for before has been
//! answered, so a relay has only to know how many answers are due, and which of them nobody is to see: those to what the
//! upstream is told of the client beside its requests.
//!
//! Nothing is sent twice. What has not been answered when a connection ends is answered with an error; the next request opens
//! another connection.

mod credentials;
mod frames;
mod greeting;

use std::collections::VecDeque;

use zeroize::{Zeroize, Zeroizing};

use crate::client::outbox::Outbox;
use crate::resp::Proto;
use crate::resp::answer::Answer;
use crate::resp::encode::{Reply, bulk, header};
use crate::resp::errors::ReplyError;
pub(crate) use credentials::{Asker, Credentials};
use frames::Frames;
use greeting::{Greeting, Told};

/// Requests of one client that may wait for their answers.
const MOST_DUE: usize = 4096;
/// While more of a client's requests waits for the upstream, no more are taken, in bytes. One may be longer.
const MUCH_OUTPUT: usize = 256 * 1024;
/// Memory for requests that is kept while none waits, in bytes.
const KEPT_OUTPUT: usize = 4 * 1024;
/// How much of a refusal is passed on, in bytes.
const LONGEST_REFUSAL: usize = 256;

/// One client's side of a connection to the upstream.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    phase: Phase,
    /// How many connections have been asked for.
    number: u64,
    /// What the socket has not been given yet, behind the first bytes, which it has.
    output: Zeroizing<Vec<u8>>,
    given: usize,
    /// Requests that wait until the upstream knows who asks.
    waiting: Vec<u8>,
    /// What the upstream has still to answer to what it was told first.
    greeting: VecDeque<Greeting>,
    /// What it has to answer then.
    due: VecDeque<Due>,
    reading: Reading,
    frames: Frames,
    /// The beginning of what is being read, where it is to be looked at.
    beginning: Vec<u8>,
    /// Whether messages wait for the end of what is being read.
    holds: bool,
    /// What the upstream knows of the client, or is told first.
    told: Told,
    /// What it has refused of that.
    refusal: Option<ReplyError>,
    /// Whether it knew who asks.
    was_open: bool,
    /// The database that is selected there.
    db: u16,
    /// What the upstream calls the client; 0 before it has said so.
    id: u64,
    /// Whether keys are watched there, as far as is known.
    watches: bool,
    /// Whether keys were when a connection ended, so that the next transaction must not be executed.
    lost_watch: bool,
    /// By which request the upstream was told to say which keys to forget, to be said again on the next connection.
    tracking: Option<Box<[u8]>>,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nobody needs one.
    #[default]
    Absent,
    /// It is being made.
    Opening,
    /// The upstream is being told who asks.
    Greeting,
    /// Requests are sent on.
    Open,
}

/// An answer that has still to come.
#[derive(Debug)]
struct Due {
    /// Whether the client sees it.
    shown: bool,
    what: What,
}

/// What follows from an answer.
#[derive(Debug)]
pub(crate) enum What {
    /// Nothing.
    Nothing,
    /// Nothing, and it may come late, because the command waits for what others do.
    Late,
    /// To what nobody has asked for: it must not be refused.
    Told,
    /// If it is no error, this database is selected.
    Select(u16),
    /// If a transaction was executed, this database is selected, if it says so.
    Exec(Option<u16>),
    /// If it is no error, the upstream says from now on which keys to forget, asked for by this request; or no more.
    Tracking(Option<Box<[u8]>>),
    /// None is to come: this server has answered this already.
    Own(Answer),
}

/// What is being read.
#[derive(Debug, Default)]
enum Reading {
    #[default]
    Nothing,
    /// What nobody has asked for.
    Push,
    Greeting(Greeting),
    Answer(Due),
}

impl Reading {
    fn is_shown(&self) -> bool {
        match self {
            Reading::Nothing | Reading::Greeting(_) => false,
            Reading::Push => true,
            Reading::Answer(due) => due.shown,
        }
    }
}

/// What it means for a client that its connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// What was due has been answered with errors.
    Answered,
    /// It has a part of an answer of which the rest does not come.
    Torn,
}

impl Relay {
    /// The number of the connection that it needs; none if it needs none.
    pub(crate) fn wanted(&self) -> Option<u64> {
        (self.phase != Phase::Absent).then_some(self.number)
    }

    /// Whether all that was asked for has been answered, and nothing has come in part.
    pub(crate) fn is_settled(&self) -> bool {
        self.due.is_empty() && matches!(self.reading, Reading::Nothing | Reading::Greeting(_))
    }

    /// Whether what is due may come late.
    pub(crate) fn may_be_late(&self) -> bool {
        self.due.iter().any(|due| matches!(due.what, What::Late))
    }

    /// Whether it takes more requests.
    pub(crate) fn has_room(&self) -> bool {
        self.due.len() < MOST_DUE && self.output.len() - self.given + self.waiting.len() < MUCH_OUTPUT
    }

    /// What it occupies beside its own size, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        let tracking = self.tracking.as_ref().map_or(0, |request| request.len());
        self.output.capacity() + self.waiting.capacity() + self.due.capacity() * size_of::<Due>() + tracking
    }

    /// The database that is selected there.
    pub(crate) fn db(&self) -> u16 {
        self.db
    }

    /// What the upstream calls the client; 0 before it has said so.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether the next transaction is decided there, because keys are watched, or were.
    pub(crate) fn watches(&self) -> bool {
        self.watches || self.lost_watch
    }

    /// Whether keys that were watched are not any more, without the client's doing: its next transaction must fail.
    pub(crate) fn has_lost_watch(&self) -> bool {
        self.lost_watch
    }

    /// Says whether keys are watched from now on.
    pub(crate) fn set_watches(&mut self, watches: bool) {
        self.watches = watches;
        self.lost_watch &= watches;
    }

    /// Sends a request, of which the client has been [told](Relay::tell).
    pub(crate) fn request<'w>(&mut self, words: impl ExactSizeIterator<Item = &'w [u8]>, shown: bool, what: What) {
        encode(if self.phase == Phase::Open { &mut self.output } else { &mut self.waiting }, words);
        self.due.push_back(Due { shown, what });
    }

    /// Keeps what this server has answered to a request until what was asked for before has been answered.
    pub(crate) fn answer_later(&mut self, answer: Answer) {
        if !answer.is_empty() {
            self.due.push_back(Due { shown: true, what: What::Own(answer) });
        }
    }

    /// What the socket is to be given next.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output[self.given..]
    }

    /// Whether the socket has been given everything.
    pub(crate) fn is_sent(&self) -> bool {
        self.output().is_empty() && self.waiting.is_empty()
    }

    /// The socket has been given so many bytes.
    pub(crate) fn note_given(&mut self, count: usize) {
        self.given += count;
        if self.given == self.output.len() {
            if self.phase == Phase::Greeting {
                self.output.zeroize();
            }
            self.output.clear();
            self.output.shrink_to(KEPT_OUTPUT);
            self.given = 0;
        } else if self.given > MUCH_OUTPUT {
            self.output.drain(..std::mem::take(&mut self.given));
        }
    }

    /// Passes on what the upstream has said.
    ///
    /// # Errors
    ///
    /// Why the connection is of no use (any more).
    pub(crate) fn hear(&mut self, mut bytes: &[u8], outbox: &mut Outbox) -> Result<(), String> {
        while let Some(mark) = bytes.first() {
            if matches!(self.reading, Reading::Nothing) {
                self.begin(*mark)?;
            }
            let read = self.frames.read(bytes);
            let (used, ended) = read.map_err(|_| "what the upstream says is not understood".to_string())?;
            let (now, later) = bytes.split_at(used);
            if self.reading.is_shown() {
                outbox.push_own(now);
            } else if matches!(self.reading, Reading::Greeting(_)) {
                let room = LONGEST_REFUSAL.saturating_sub(self.beginning.len());
                self.beginning.extend_from_slice(&now[..now.len().min(room)]);
            }
            if ended {
                self.end()?;
                self.pass_own(outbox);
            }
            bytes = later;
        }
        let is_torn = self.reading.is_shown();
        if is_torn != std::mem::replace(&mut self.holds, is_torn) {
            if is_torn { outbox.hold() } else { outbox.release() }
        }
        Ok(())
    }

    /// The connection has ended, or cannot be made. All that is due is answered with errors.
    pub(crate) fn fail(&mut self, why: &str, outbox: &mut Outbox) -> Loss {
        if std::mem::take(&mut self.holds) {
            outbox.release();
        }
        let error = match (self.phase, self.refusal.take()) {
            (Phase::Open, _) => ReplyError::UPSTREAM_LOST,
            (_, Some(refusal)) if self.told.asker.is_client() => refusal,
            _ => ReplyError::upstream_away(why),
        };
        let reading = std::mem::take(&mut self.reading);
        let is_torn = reading.is_shown();
        if let Reading::Answer(due) = reading {
            self.due.push_front(due);
        }
        for due in std::mem::take(&mut self.due) {
            match due.what {
                What::Own(answer) => outbox.push_answer(answer),
                _ if due.shown => {
                    let mut reply = Reply::new(Vec::new(), self.told.proto);
                    reply.error(&error);
                    outbox.push_reply(&mut reply);
                }
                _ => {}
            }
        }
        if self.tracking.is_some() && self.was_open && self.told.proto == Proto::Resp3 {
            // It is not told any more which keys to forget, so it forgets all.
            outbox.push_own(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
        }
        self.end_connection();
        if is_torn { Loss::Torn } else { Loss::Answered }
    }

    /// Everything that the client has there is given up, as RESET and a new user do.
    pub(crate) fn part(&mut self) {
        self.tracking = None;
        self.end_connection();
        self.lost_watch = false;
    }

    fn end_connection(&mut self) {
        *self = Relay {
            number: self.number,
            db: self.db,
            lost_watch: self.lost_watch || self.watches,
            tracking: self.tracking.take(),
            ..Relay::default()
        };
    }

    /// Something begins with this mark.
    fn begin(&mut self, mark: u8) -> Result<(), String> {
        self.reading = if mark == b'>' {
            Reading::Push
        } else if let Some(greeting) = self.greeting.pop_front() {
            self.beginning.clear();
            Reading::Greeting(greeting)
        } else {
            let due = self.due.pop_front().ok_or("the upstream says what it was not asked for")?;
            Reading::Answer(due)
        };
        Ok(())
    }

    /// What is being read has ended: does what follows from it.
    fn end(&mut self) -> Result<(), String> {
        let mark = self.frames.mark();
        match std::mem::take(&mut self.reading) {
            Reading::Nothing | Reading::Push => {}
            Reading::Greeting(greeting) => self.end_greeting(greeting, mark)?,
            Reading::Answer(due) => match due.what {
                What::Told if mark == b'-' => return Err("the upstream refuses what it has to know".into()),
                What::Select(db) if mark == b'+' => self.db = db,
                What::Exec(Some(db)) if mark == b'*' => self.db = db,
                What::Tracking(request) if mark == b'+' => self.tracking = request,
                _ => {}
            },
        }
        Ok(())
    }

    /// Passes on what this server has answered itself, up to the next answer that has still to come.
    fn pass_own(&mut self, outbox: &mut Outbox) {
        while let Some(due) = self.due.pop_front_if(|due| matches!(due.what, What::Own(_))) {
            if let What::Own(answer) = due.what {
                outbox.push_answer(answer);
            }
        }
    }
}

/// A request of these words.
pub(crate) fn encoded<'w>(words: impl ExactSizeIterator<Item = &'w [u8]>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    encode(&mut bytes, words);
    bytes.into()
}

fn encode<'w>(output: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'w [u8]>) {
    header(output, b'*', i64::try_from(words.len()).unwrap_or(i64::MAX));
    words.for_each(|word| bulk(output, word));
}

#[cfg(test)]
mod tests;
