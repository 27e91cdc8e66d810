//! The queue of a client that does not keep up and may lose messages: what of it waits whole, and what is under way.
//!
//! Every step takes a time that does not depend on how much waits.

pub(super) mod losing;

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::chunk::Chunk;
use super::gap::{Gap, Telling};
use super::list::{List, Place};
use crate::hub::name::hash;
use crate::ids::Topic;
use crate::message::Form;
pub(crate) use losing::Lost;

/// A queue of which messages may be taken back.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) list: List,
    /// Length of all of it that has not been written, in bytes.
    pub(super) bytes: usize,
    /// Messages of which nothing has been written.
    pub(super) messages: usize,
    /// Notices of what was lost of which nothing has been written.
    notices: usize,
    /// Whether the first chunk is a message or a notice of which some has been written; it is this alone then.
    is_under_way: bool,
    /// How much of that is left, in bytes.
    left_under_way: usize,
    /// No message that waits whole stands before this place.
    oldest: Option<Place>,
    /// While of each channel only the newest message waits: where that is.
    newest: Option<HashTable<Place>>,
    /// From here on messages are not in that yet.
    fresh: Option<Place>,
    /// Whether the socket was tried since it last took something.
    pub(super) was_tried: bool,
}

/// The queue as such.
impl Backlog {
    /// These chunks, of whose first so much has been written.
    pub(super) fn of(chunks: VecDeque<Chunk>, written: &mut usize) -> Self {
        let mut backlog = Backlog::default();
        chunks.into_iter().for_each(|chunk| backlog.push(chunk.shared()));
        backlog.bytes -= *written;
        backlog.advance(0, written);
        backlog
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        let messages = chunk.messages();
        self.bytes += chunk.len();
        self.messages += messages;
        self.notices += usize::from(matches!(chunk, Chunk::Gap(_)));
        let place = self.list.push_back(chunk);
        if messages > 0 {
            self.oldest.get_or_insert(place);
            self.fresh.get_or_insert(place);
        }
    }

    /// Takes off what has been written: so much more, and of the first chunk so much.
    pub(super) fn advance(&mut self, count: usize, written: &mut usize) {
        self.was_tried &= count == 0;
        self.bytes -= count;
        *written += count;
        while let Some(first) = self.list.first()
            && *written >= self.list.get(first).len()
        {
            *written -= self.list.get(first).len();
            if !std::mem::take(&mut self.is_under_way) {
                self.count_out(first);
            }
            self.unlink(first);
        }
        let Some(first) = self.list.first().filter(|_| *written > 0) else { return self.left_under_way = 0 };
        if !self.is_under_way {
            self.begin(first, written);
        }
        let rest = self.list.first().map_or(0, |first| self.list.get(first).len() - *written);
        self.left_under_way = if self.is_under_way { rest } else { 0 };
    }

    /// Some of the first chunk has been written: what of it is under way is a chunk of its own from now on.
    fn begin(&mut self, first: Place, written: &mut usize) {
        let chunk = self.list.get(first);
        let (messages, is_notice) = (chunk.messages(), matches!(chunk, Chunk::Gap(_)));
        let (mut done, mut start, mut end) = (0, 0, 0);
        while let Some(form) = chunk.form_at(start).filter(|_| done < messages) {
            end = form.end;
            if end > *written {
                break;
            }
            (done, start) = (done + 1, end);
        }
        if start > 0 {
            self.list.get_mut(first).split_off_front(start, done);
            self.messages -= done;
            *written -= start;
        }
        if *written == 0 || (messages == 0 && !is_notice) {
            return;
        }
        self.is_under_way = true;
        if messages - done > 1
            && let Some(front) = self.list.get_mut(first).split_off_front(end - start, 1)
        {
            self.messages -= 1;
            self.list.insert_before(first, front);
        } else {
            self.count_out(first);
        }
    }

    /// What is at `place` waits whole no more.
    fn count_out(&mut self, place: Place) {
        let chunk = self.list.get(place);
        self.messages -= chunk.messages();
        self.notices -= usize::from(matches!(chunk, Chunk::Gap(_)));
        if let Some(newest) = &mut self.newest
            && let Some(form) = chunk.form_at(0)
            && let Ok(entry) = newest.find_entry(hash_of(&form), |other| *other == place)
        {
            entry.remove();
        }
    }

    /// Takes what is at `place` out, and nothing else.
    fn unlink(&mut self, place: Place) -> Chunk {
        let behind = self.list.behind(place);
        for cursor in [&mut self.oldest, &mut self.fresh] {
            if *cursor == Some(place) {
                *cursor = behind;
            }
        }
        self.list.remove(place)
    }

    /// Takes what is at `place` back, of which nothing has been written.
    fn take_back(&mut self, place: Place) -> Chunk {
        self.count_out(place);
        let chunk = self.unlink(place);
        self.bytes -= chunk.len();
        chunk
    }

    /// Length of what waits whole, in bytes, and of the client's own replies.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes - self.left_under_way
    }

    /// How many messages and notices wait whole.
    pub(super) fn waiting(&self) -> usize {
        self.messages + self.notices
    }

    /// Whether some of what is there has been written.
    fn has_begun(&self, place: Place) -> bool {
        self.is_under_way && self.list.first() == Some(place)
    }
}

/// What is told of losses.
impl Backlog {
    /// Tells of messages that were lost before what is at `behind`, or at the end.
    pub(super) fn tell(&mut self, behind: Option<Place>, of: Option<(Topic, &[u8])>, messages: u64, telling: Telling) {
        if telling == Telling::Silent {
            return;
        }
        let before = |list: &List, place: Option<Place>| match place {
            Some(place) => list.before(place),
            None => list.last(),
        };
        let place = match before(&self.list, behind).filter(|place| self.is_open(*place)) {
            Some(place) => place,
            None => {
                self.notices += 1;
                let gap = Chunk::Gap(Box::new(Gap::new(telling)));
                match behind {
                    Some(behind) => self.list.insert_before(behind, gap),
                    None => self.list.push_back(gap),
                }
            }
        };
        self.change(place, |gap| gap.add(of, messages));
        if let Some(front) = self.list.before(place).filter(|front| self.is_open(*front))
            && let Chunk::Gap(other) = self.take_back(place)
        {
            self.change(front, |gap| gap.absorb(&other));
        }
    }

    fn change(&mut self, place: Place, change: impl FnOnce(&mut Gap)) {
        if let Chunk::Gap(gap) = self.list.get_mut(place) {
            self.bytes -= gap.len();
            change(gap);
            self.bytes += gap.len();
        }
    }

    /// Whether there is a notice to which can be added.
    fn is_open(&self, place: Place) -> bool {
        matches!(self.list.get(place), Chunk::Gap(_)) && !self.has_begun(place)
    }
}

/// The hash of what of the newest message alone waits: a channel, as one subscription brings it.
fn hash_of(form: &Form<'_>) -> u64 {
    match form.topic {
        Topic::Channel => hash(form.channel),
        Topic::ShardChannel => !hash(form.channel),
        Topic::Pattern => hash(form.channel).rotate_left(1) ^ hash(form.name),
    }
}

/// Whether two messages are of one channel, and came by one subscription.
fn is_same(one: &Form<'_>, other: &Form<'_>) -> bool {
    (one.topic, one.channel, one.name) == (other.topic, other.channel, other.name)
}
