//! Which messages a backlog loses.

use hashbrown::HashTable;

use super::{Backlog, Chunk, Place, Telling, hash_of, is_same};
use crate::ids::Topic;
use crate::message::Form;

/// By how much a backlog is longer than it may be.
#[derive(Clone, Copy, Debug)]
pub(in crate::client::outbox) struct Excess {
    pub(in crate::client::outbox) bytes: usize,
    pub(in crate::client::outbox) messages: usize,
}

/// Messages of one channel, and of one subscription, that a client does not get.
#[derive(Debug)]
pub(crate) struct Lost(Chunk);

impl Lost {
    /// How many they are.
    pub(crate) fn messages(&self) -> usize {
        self.0.messages()
    }

    /// How long they are, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// What they are.
    pub(crate) fn form(&self) -> Option<Form<'_>> {
        self.0.form_at(0)
    }
}

impl Backlog {
    /// Loses the oldest message that waits whole, and those behind it in the same chunk as long as that is still too long, but
    /// not the newest of all. None if there is none.
    pub(in crate::client::outbox) fn lose_oldest(&mut self, excess: Excess, telling: Telling) -> Option<Lost> {
        let place = self.find_oldest()?;
        let chunk = self.list.get(place);
        let most = self.most_of(chunk);
        let (mut count, mut end) = (0, 0);
        while count < most && (count == 0 || end < excess.bytes || count < excess.messages) {
            (count, end) = (count + 1, chunk.form_at(end)?.end);
        }
        let behind = if count == chunk.messages() { self.list.behind(place) } else { Some(place) };
        let lost = self.cut_front(place, end, count)?;
        self.tell_of(behind, &lost, telling);
        Some(lost)
    }

    /// How many messages of a chunk may be lost at once.
    fn most_of(&self, chunk: &Chunk) -> usize {
        // Joined messages came by one subscription; the forms of one message for several patterns are told apart.
        let is_run = chunk.form_at(0).is_some_and(|form| form.topic != Topic::Pattern);
        if is_run { chunk.messages().min(self.messages - 1) } else { 1 }
    }

    fn find_oldest(&mut self) -> Option<Place> {
        let mut place = self.oldest.filter(|_| self.messages > 1)?;
        while self.list.get(place).messages() == 0 || self.has_begun(place) {
            self.oldest = self.list.behind(place);
            place = self.oldest?;
        }
        Some(place)
    }

    /// Loses the newest message, if it stands at the end of the queue and is not the only one that waits whole, and those
    /// before it in the same chunk as long as that is still too long.
    pub(in crate::client::outbox) fn lose_newest(&mut self, excess: Excess, telling: Telling) -> Option<Lost> {
        let last = self.list.last()?;
        let place = if self.is_open(last) { self.list.before(last)? } else { last };
        let chunk = self.list.get(place);
        let all = chunk.messages();
        if all == 0 || self.has_begun(place) || self.messages < 2 {
            return None;
        }
        let most = self.most_of(chunk);
        let starts = std::iter::successors(Some(0), |start| chunk.form_at(*start).map(|form| form.end));
        let starts: Vec<usize> = starts.take(all).collect();
        let (mut count, mut start) = (0, chunk.len());
        while count < most && (count == 0 || chunk.len() - start < excess.bytes || count < excess.messages) {
            count += 1;
            start = starts[all - count];
        }
        let lost = if count == all { Lost(self.take_back(place)) } else { self.cut_back(place, start, count)? };
        self.tell_of(None, &lost, telling);
        Some(lost)
    }

    /// Takes the first messages of a chunk back.
    fn cut_front(&mut self, place: Place, end: usize, count: usize) -> Option<Lost> {
        if count == self.list.get(place).messages() {
            return Some(Lost(self.take_back(place)));
        }
        let front = self.list.get_mut(place).split_off_front(end, count)?;
        self.messages -= count;
        self.bytes -= front.len();
        Some(Lost(front))
    }

    /// Takes the last messages of a chunk back, but not all.
    fn cut_back(&mut self, place: Place, start: usize, count: usize) -> Option<Lost> {
        let chunk = self.list.get_mut(place);
        let front = chunk.split_off_front(start, chunk.messages() - count)?;
        let back = std::mem::replace(chunk, front);
        chunk.shrink();
        self.messages -= count;
        self.bytes -= back.len();
        Some(Lost(back))
    }

    fn tell_of(&mut self, behind: Option<Place>, lost: &Lost, telling: Telling) {
        if let Some(form) = lost.form() {
            self.tell(behind, Some((form.topic, form.name)), lost.messages() as u64, telling);
        }
    }
}

/// Of each channel only the newest message waits.
impl Backlog {
    /// Loses every message that waits whole and behind which a newer one of the same channel and subscription waits.
    pub(in crate::client::outbox) fn conflate(&mut self, telling: Telling, note: &mut dyn FnMut(&Lost)) {
        if self.newest.is_none() {
            self.newest = Some(HashTable::new());
            self.fresh = self.list.first();
        }
        while let Some(place) = self.fresh {
            if self.list.get(place).messages() == 0 || self.has_begun(place) {
                self.fresh = self.list.behind(place);
            } else if let Some((place, older)) = self.single_out(place) {
                self.supersede(place, older, telling, note);
            }
        }
    }

    /// Says that other messages than the newest may wait from now on.
    pub(in crate::client::outbox) fn stop_conflating(&mut self) {
        self.newest = None;
        self.fresh = None;
    }

    /// Makes the last message of the first channel in a chunk a chunk of its own. Answers where that is, and those of the same
    /// channel before it.
    fn single_out(&mut self, place: Place) -> Option<(Place, Option<Lost>)> {
        let chunk = self.list.get(place);
        let all = chunk.messages();
        let mut form = chunk.form_at(0)?;
        let (mut before, mut start) = (0, 0);
        while before + 1 < all
            && let Some(next) = chunk.form_at(form.end).filter(|next| is_same(&form, next))
        {
            (before, start, form) = (before + 1, form.end, next);
        }
        let end = form.end;
        let older = if before > 0 { Some(self.cut_front(place, start, before)?) } else { None };
        if before + 1 == all {
            self.fresh = self.list.behind(place);
            self.list.get_mut(place).shrink();
            return Some((place, older));
        }
        let mut front = self.list.get_mut(place).split_off_front(end - start, 1)?;
        front.shrink();
        let own = self.list.insert_before(place, front);
        if self.oldest == Some(place) {
            self.oldest = Some(own);
        }
        Some((own, older))
    }

    /// Loses what the message at `place` makes old: what came together with it, and what has waited.
    fn supersede(&mut self, place: Place, older: Option<Lost>, telling: Telling, note: &mut dyn FnMut(&Lost)) {
        let Some(oldest) = self.enter(place) else {
            if let Some(lost) = &older {
                self.tell_of(Some(place), lost, telling);
                note(lost);
            }
            return;
        };
        let told = self.list.before(oldest).filter(|told| self.is_open(*told));
        let lost = Lost(self.take_back(oldest));
        // What was said of those lost before goes where the newest is.
        let is_its_own =
            |gap: &Chunk, form: Form<'_>| matches!(gap, Chunk::Gap(gap) if gap.is_of(form.topic, form.name, telling));
        if let Some(told) = told
            && lost.form().is_some_and(|form| is_its_own(self.list.get(told), form))
        {
            let gap = self.take_back(told);
            self.bytes += gap.len();
            self.notices += 1;
            self.list.insert_before(place, gap);
        }
        for lost in [Some(lost), older].iter().flatten() {
            self.tell_of(Some(place), lost, telling);
            note(lost);
        }
    }

    /// Notes that the message at `place` is the newest of its channel; answers where the one is that was before.
    fn enter(&mut self, place: Place) -> Option<Place> {
        let Backlog { list, newest, .. } = self;
        let (newest, form) = (newest.as_mut()?, list.get(place).form_at(0)?);
        let hash = hash_of(&form);
        let same = |other: &Place| list.get(*other).form_at(0).is_some_and(|other| is_same(&form, &other));
        let hash_at = |other: &Place| list.get(*other).form_at(0).map_or(0, |form| hash_of(&form));
        let before = newest.find_entry(hash, same).ok().map(|entry| entry.remove().0);
        newest.insert_unique(hash, place, hash_at);
        before
    }
}
