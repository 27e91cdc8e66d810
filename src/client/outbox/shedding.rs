//! What becomes of messages when more waits for a client than may: the policies of `slow-subscriber-policy`.

use std::collections::VecDeque;
use std::rc::Rc;

use super::backlog::losing::Excess;
use super::gap::{Gap, Telling};
use super::{Backlog, Chunk, Lost, Outbox, Queue};
use crate::config::{SlowLimit, SlowPolicy};
use crate::ids::Topic;
use crate::message::Frame;

/// What may wait for a client that may lose messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Which messages go. Never [`SlowPolicy::Disconnect`].
    pub(crate) policy: SlowPolicy,
    pub(crate) limit: SlowLimit,
}

impl Bound {
    /// By how much a backlog is too long. The message that is being written does not count, and notices of what was lost do.
    fn excess(&self, backlog: &Backlog) -> Option<Excess> {
        let SlowLimit { bytes, messages } = self.limit;
        let beyond = |there: usize, most: u64| if most == 0 { 0 } else { (there as u64).saturating_sub(most) as usize };
        let (bytes, messages) = (beyond(backlog.waiting_bytes(), bytes.0), beyond(backlog.waiting(), messages));
        (bytes > 0 || messages > 0).then_some(Excess { bytes, messages })
    }
}

impl Outbox {
    /// Whether messages are to be lost before the next one waits for a socket that has not been tried since: call
    /// [`Outbox::note_try`] then, and try it.
    pub(crate) fn is_to_be_tried(&mut self, bound: &Bound) -> bool {
        let backlog = self.backlog();
        !backlog.was_tried && (bound.policy == SlowPolicy::Conflate || bound.excess(backlog).is_some())
    }

    /// Notes that the socket is tried.
    pub(crate) fn note_try(&mut self) {
        if let Queue::Backlog(backlog) = &mut self.queue {
            backlog.was_tried = true;
        }
    }

    /// Loses messages until no more waits than may, and tells the client of it in their place. Never lost are: the message that
    /// is being written, the newest one where it alone waits, and what is no published message. What is lost is passed to `note`.
    pub(crate) fn shed(&mut self, bound: &Bound, telling: Telling, note: &mut dyn FnMut(&Lost)) {
        let backlog = self.backlog();
        if bound.policy == SlowPolicy::Conflate {
            backlog.conflate(telling, note);
        } else {
            backlog.stop_conflating();
        }
        while let Some(excess) = bound.excess(backlog) {
            let lost = match bound.policy {
                SlowPolicy::DropNewest => backlog.lose_newest(excess, telling),
                _ => backlog.lose_oldest(excess, telling),
            };
            let Some(lost) = lost else { break };
            note(&lost);
        }
        self.bytes = backlog.bytes;
    }

    /// Tells the client behind all that waits that messages were lost elsewhere, and of which subscription if that is known.
    /// Answers how many bytes more wait then.
    pub(crate) fn push_gap(&mut self, of: Option<(Topic, &[u8])>, messages: u64, telling: Telling) -> usize {
        let before = self.bytes + self.held_bytes;
        let is_open = self.written == 0 || self.queue.len() > 1;
        match &mut self.queue {
            _ if self.held.is_some() => {
                let mut gap = Gap::new(telling);
                gap.add(of, messages);
                self.push(Rc::new(Frame::whole(gap.bytes().to_vec())));
            }
            Queue::Backlog(backlog) => {
                backlog.tell(None, of, messages, telling);
                self.bytes = backlog.bytes;
            }
            Queue::Row(row) => {
                if !(is_open && matches!(row.back(), Some(Chunk::Gap(_)))) {
                    row.push_back(Chunk::Gap(Box::new(Gap::new(telling))));
                }
                if let Some(Chunk::Gap(gap)) = row.back_mut() {
                    self.bytes -= gap.len();
                    gap.add(of, messages);
                    self.bytes += gap.len();
                }
            }
        }
        (self.bytes + self.held_bytes).saturating_sub(before)
    }

    fn backlog(&mut self) -> &mut Backlog {
        if let Queue::Row(row) = &mut self.queue {
            let row: VecDeque<_> = std::mem::take(row);
            self.queue = Queue::Backlog(Box::new(Backlog::of(row, &mut self.written)));
        }
        match &mut self.queue {
            Queue::Backlog(backlog) => backlog,
            Queue::Row(_) => unreachable!("it has just been made a backlog"),
        }
    }
}
