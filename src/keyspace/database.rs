//! One database: entries by key, and the order of their deadlines.

use std::collections::BTreeSet;

use super::entry::{Entry, Value};
use super::table::{Place, Table};

/// Entries that are looked at to estimate what all of them take.
const ESTIMATED_FROM: usize = 64;

/// One database.
#[derive(Debug, Default)]
pub(crate) struct Database {
    table: Table,
    /// Deadlines in milliseconds since 1970-01-01, with the hashes of their keys.
    deadlines: BTreeSet<(i64, u64)>,
    /// All deadlines added up.
    deadline_sum_ms: i128,
}

impl Database {
    /// How many keys there are, those included whose time is over and that nobody has asked for since.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many keys have a deadline.
    pub(crate) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    /// The mean of all deadlines, in milliseconds since 1970-01-01.
    pub(crate) fn mean_deadline_ms(&self) -> Option<i64> {
        let mean_ms = self.deadline_sum_ms.checked_div(self.deadlines.len() as i128)?;
        i64::try_from(mean_ms).ok()
    }

    /// The first deadline, in milliseconds since 1970-01-01.
    pub(crate) fn first_deadline_ms(&self) -> Option<i64> {
        self.deadlines.first().map(|(deadline_ms, _)| *deadline_ms)
    }

    /// The key that expires first.
    pub(crate) fn first_to_expire(&self) -> Option<&Entry> {
        let (deadline_ms, hash) = *self.deadlines.first()?;
        self.table.with_hash(hash).find(|entry| entry.deadline_ms() == Some(deadline_ms))
    }

    /// Some key that has a deadline: the first behind a moment that `random` chooses.
    pub(crate) fn sample_expiring(&self, random: u64) -> Option<&Entry> {
        let ((first_ms, _), (last_ms, _)) = (*self.deadlines.first()?, *self.deadlines.last()?);
        let span_ms = last_ms.abs_diff(first_ms).max(1);
        let from = (first_ms.saturating_add_unsigned(random % span_ms), random);
        let (deadline_ms, hash) = *self.deadlines.range(from..).next().or(self.deadlines.first())?;
        self.table.with_hash(hash).find(|entry| entry.deadline_ms() == Some(deadline_ms))
    }

    /// The entry of `key`, whether or not its time is over.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.table.find(key).map(|place| self.table.at(place))
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<Place> {
        self.table.find(key)
    }

    pub(super) fn at(&self, place: Place) -> &Entry {
        self.table.at(place)
    }

    pub(super) fn at_mut(&mut self, place: Place) -> &mut Entry {
        self.table.at_mut(place)
    }

    /// Adds a key that is not there, without a deadline.
    pub(super) fn insert(&mut self, key: &[u8], value: Value, usage: u32) -> Place {
        self.table.insert(Entry::new(key, value, usage))
    }

    /// Takes the entry at `place` out; it still knows its deadline.
    pub(super) fn remove(&mut self, place: Place) -> Entry {
        let entry = self.table.remove(place);
        if let Some(deadline_ms) = entry.deadline_ms() {
            self.forget_deadline(deadline_ms, self.table.hash(entry.key()));
        }
        entry
    }

    /// Changes when the entry at `place` expires, in milliseconds since 1970-01-01.
    pub(super) fn set_deadline(&mut self, place: Place, deadline_ms: Option<i64>) {
        let entry = self.table.at_mut(place);
        let old_ms = entry.deadline_ms();
        if old_ms == deadline_ms {
            return;
        }
        entry.set_deadline_ms(deadline_ms);
        let hash = self.table.hash(self.table.at(place).key());
        if let Some(old_ms) = old_ms {
            self.forget_deadline(old_ms, hash);
        }
        if let Some(new_ms) = deadline_ms {
            self.deadlines.insert((new_ms, hash));
            self.deadline_sum_ms += i128::from(new_ms);
        }
    }

    fn forget_deadline(&mut self, deadline_ms: i64, hash: u64) {
        self.deadlines.remove(&(deadline_ms, hash));
        self.deadline_sum_ms -= i128::from(deadline_ms);
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// Shows some entries from `cursor` on and answers the next cursor, 0 behind the last. Every entry that stays while
    /// somebody goes from 0 to 0 is shown.
    pub(crate) fn scan<'d>(&'d self, cursor: u64, show: impl FnMut(&'d Entry)) -> u64 {
        self.table.scan(cursor, show)
    }

    /// How much it is to free (see [`Value::extent`]), and about how many bytes that will give back, from a few entries.
    pub(super) fn estimate(&self) -> (usize, u64) {
        let (mut seen, mut extent, mut bytes) = (0, 0, 0);
        for entry in self.iter().take(ESTIMATED_FROM) {
            seen += 1;
            extent += entry.extent();
            bytes += entry.estimated_bytes();
        }
        let all = self.len() as u64;
        (extent.max(self.len()), bytes.saturating_mul(all).checked_div(seen).unwrap_or(0))
    }

    /// An entry that `random` chooses.
    pub(crate) fn sample(&self, random: u64) -> Option<&Entry> {
        self.table.sample(random)
    }
}
