//! One command's view of its database.

use super::address::Address;
use super::database::Database;
use super::effects::Outlet;
use super::entry::{Entry, Kind, Value};
use super::list::List;
use super::stream::Stream;
use super::table::Place;
use super::text::Text;
use super::{DatabaseId, Rules, State};
use crate::config::KeyspaceEvents;
use crate::ids::ClientId;
use crate::resp::errors::ReplyError;

/// The keys of one database at one moment, for one command.
///
/// Every look-up removes the key first if its time is over, so a command never sees such a key. A command that changes a
/// key says so with [`Keys::changed`] (or [`Keys::touch`] and [`Keys::notify`]); the rest follows from that.
#[derive(Debug)]
pub(crate) struct Keys<'k> {
    pub(crate) state: &'k mut State,
    /// The selected database.
    pub(crate) db: DatabaseId,
    /// This moment, in milliseconds since 1970-01-01; the same for all commands of a transaction.
    pub(crate) now_ms: i64,
    rules: Rules,
    /// Whether look-ups count as use; CLIENT NO-TOUCH says that they do not.
    pub(crate) counts_use: bool,
    /// The client that the command is executed for, if it is for one.
    pub(crate) caller: Option<ClientId>,
}

impl<'k> Keys<'k> {
    pub(crate) fn new(state: &'k mut State, db: DatabaseId, now_ms: i64, rules: Rules) -> Self {
        Keys { state, db, now_ms, rules, counts_use: true, caller: None }
    }

    /// The same keys, seen from another database.
    pub(crate) fn in_database(&mut self, db: DatabaseId) -> Keys<'_> {
        Keys { state: &mut *self.state, db, ..*self }
    }

    /// The selected database.
    pub(crate) fn database(&mut self) -> &mut Database {
        self.state.database(self.db)
    }

    /// The entry of `key` for reading: counts for the statistics and for eviction, and a miss is an event.
    pub(crate) fn get(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.find_counted(key)?;
        Some(self.used(place))
    }

    /// The entry of `key` for a look at what is not its value: counts for the statistics, and a miss is an event, but it
    /// is no use.
    pub(crate) fn look(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.find_counted(key)?;
        Some(self.database().at(place))
    }

    /// Like [`Keys::look`], but a miss is no event.
    pub(crate) fn glance(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.find(key);
        self.count(place.is_some());
        place.map(|place| self.database().at(place))
    }

    /// The entry of `key` for changing: counts for eviction.
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let place = self.find(key)?;
        Some(self.used(place))
    }

    /// The entry of `key`, which counts for nothing.
    pub(crate) fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.find(key)?;
        Some(self.database().at(place))
    }

    /// Whether there is such a key.
    pub(crate) fn contains(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The string at `key` for reading.
    ///
    /// # Errors
    ///
    /// [`ReplyError::WRONG_TYPE`] if it holds something else; likewise for the other types.
    pub(crate) fn text(&mut self, key: &[u8]) -> Result<Option<&Text>, ReplyError> {
        match self.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// The string at `key` for changing.
    pub(crate) fn text_mut(&mut self, key: &[u8]) -> Result<Option<&mut Text>, ReplyError> {
        match self.get_mut(key).map(|entry| &mut entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// The list at `key` for reading.
    pub(crate) fn list(&mut self, key: &[u8]) -> Result<Option<&List>, ReplyError> {
        match self.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// The list at `key` for changing.
    pub(crate) fn list_mut(&mut self, key: &[u8]) -> Result<Option<&mut List>, ReplyError> {
        match self.get_mut(key).map(|entry| &mut entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// The stream at `key` for reading.
    pub(crate) fn stream(&mut self, key: &[u8]) -> Result<Option<&Stream>, ReplyError> {
        match self.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// The stream at `key` for changing.
    pub(crate) fn stream_mut(&mut self, key: &[u8]) -> Result<Option<&mut Stream>, ReplyError> {
        match self.get_mut(key).map(|entry| &mut entry.value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// The stream at `key` for changing its groups, which counts as reading.
    pub(crate) fn stream_read(&mut self, key: &[u8]) -> Result<Option<&mut Stream>, ReplyError> {
        let Some(place) = self.find_counted(key) else { return Ok(None) };
        match &mut self.used(place).value {
            Value::Stream(stream) => Ok(Some(stream)),
            _ => Err(ReplyError::WRONG_TYPE),
        }
    }

    /// Puts `value` at `key` instead of what was there, without a deadline; true if nothing was. A new key is an event,
    /// and who waits for it is served when the command has ended. That it changed is the caller's to say.
    pub(crate) fn put(&mut self, key: &[u8], value: Value) -> bool {
        match self.find(key) {
            Some(place) => {
                let kind = value.kind();
                self.set_deadline_at(place, None);
                let before = std::mem::replace(&mut self.used(place).value, value);
                if before.kind() != kind {
                    self.unfeed(key, before.kind());
                    self.feed(key, kind);
                }
                self.state.discard_value(before);
                false
            }
            None => {
                self.add(key, value);
                true
            }
        }
    }

    /// Adds a key that is known not to be there, and answers its entry.
    pub(crate) fn add(&mut self, key: &[u8], value: Value) -> &mut Entry {
        self.feed(key, value.kind());
        self.notify(KeyspaceEvents::NEW, "new", key);
        let usage = self.rules.usage.first(self.now_ms);
        let place = self.database().insert(key, value, usage);
        self.database().at_mut(place)
    }

    /// Adds a stream at a key that is known not to be there.
    pub(crate) fn add_stream(&mut self, key: &[u8]) -> &mut Stream {
        match &mut self.add(key, Value::Stream(Box::default())).value {
            Value::Stream(stream) => stream,
            other => unreachable!("a stream was added, not {other:?}"),
        }
    }

    /// Adds a key that is known not to be there, with the value, the deadline and the use that `entry` had elsewhere.
    pub(crate) fn bring(&mut self, key: &[u8], entry: Entry) {
        let (usage, deadline_ms) = (entry.usage, entry.deadline_ms());
        self.add(key, entry.value).usage = usage;
        self.set_deadline(key, deadline_ms);
    }

    /// Removes `key`; false if there is none. That it is gone is the caller's to say.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let taken = self.take(key);
        let removed = taken.is_some();
        if let Some(entry) = taken {
            self.state.discard(entry);
        }
        removed
    }

    /// Takes `key` out. That it is gone is the caller's to say.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let place = self.find(key)?;
        let entry = self.database().remove(place);
        self.unfeed(key, entry.value.kind());
        Some(entry)
    }

    /// Takes out a list (or another collection) that has become empty, and says so.
    pub(crate) fn remove_emptied(&mut self, key: &[u8]) {
        self.remove(key);
        self.notify(KeyspaceEvents::GENERIC, "del", key);
    }

    /// Sets or, with none, ends the deadline of `key`, in milliseconds since 1970-01-01; false if there is no such key.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline_ms: Option<i64>) -> bool {
        let place = self.find(key);
        if let Some(place) = place {
            self.set_deadline_at(place, deadline_ms);
        }
        place.is_some()
    }

    /// Says that `key` was changed, and by what.
    pub(crate) fn changed(&mut self, class: KeyspaceEvents, event: &'static str, key: &[u8]) {
        self.touch(key);
        self.notify(class, event, key);
    }

    /// Says that `key` was changed: transactions of clients that watch it fail, clients that cache it are told.
    pub(crate) fn touch(&mut self, key: &[u8]) {
        self.touch_by(self.caller, key);
    }

    fn touch_by(&mut self, client: Option<ClientId>, key: &[u8]) {
        self.state.counts.changes += 1;
        self.state.watchers.touch(self.db, key);
        self.state.tell_of_change(key, self.caller, client);
    }

    /// Publishes an event of `key` when the command has ended, if its class is wanted.
    pub(crate) fn notify(&mut self, class: KeyspaceEvents, event: &'static str, key: &[u8]) {
        if self.rules.classes.has(class) {
            self.state.effects.notify(event, self.db, key);
        }
    }

    /// Publishes what has happened so far.
    pub(super) fn publish(&mut self, outlet: &mut Outlet<'_, '_>) {
        self.state.effects.publish(self.rules, outlet);
    }

    /// Says that those who wait for `key`, which holds a value of `kind`, may find there what they want; they are served
    /// when the command has ended.
    pub(crate) fn feed(&mut self, key: &[u8], kind: Kind) {
        if self.state.waiters.feed(self.db, key, kind) {
            self.state.effects.feed(Address::new(self.db, key));
        }
    }

    /// Says to those who want to know that `key` is not there any more.
    fn unfeed(&mut self, key: &[u8], kind: Kind) {
        if self.state.waiters.unfeed(self.db, key, kind) {
            self.state.effects.feed(Address::new(self.db, key));
        }
    }

    /// Removes the first key whose time is over; false if there is none.
    pub(super) fn expire_first(&mut self) -> bool {
        let now_ms = self.now_ms;
        let due = self.database().first_to_expire().filter(|entry| entry.is_due(now_ms));
        let Some(key) = due.map(|entry| entry.key().to_vec()) else { return false };
        let place = self.database().find(&key);
        place.map(|place| self.expire(place, &key)).is_some()
    }

    fn find(&mut self, key: &[u8]) -> Option<Place> {
        let now_ms = self.now_ms;
        let database = self.database();
        let place = database.find(key)?;
        if !database.at(place).is_due(now_ms) {
            return Some(place);
        }
        self.expire(place, key);
        None
    }

    fn find_counted(&mut self, key: &[u8]) -> Option<Place> {
        let place = self.find(key);
        self.count(place.is_some());
        if place.is_none() {
            self.notify(KeyspaceEvents::MISS, "keymiss", key);
        }
        place
    }

    fn count(&mut self, hit: bool) {
        let counts = &mut self.state.counts;
        *(if hit { &mut counts.hits } else { &mut counts.misses }) += 1;
    }

    fn expire(&mut self, place: Place, key: &[u8]) {
        let entry = self.database().remove(place);
        self.unfeed(key, entry.value.kind());
        self.state.discard(entry);
        self.state.counts.expired += 1;
        self.touch_by(None, key);
        self.notify(KeyspaceEvents::EXPIRED, "expired", key);
    }

    /// The entry at `place`, noted as used.
    fn used(&mut self, place: Place) -> &mut Entry {
        let (db, now_ms, rule) = (usize::from(self.db), self.now_ms, self.rules.usage);
        // Where there is a place there is a database.
        let State { databases, random, .. } = &mut *self.state;
        let entry = databases[db].at_mut(place);
        if self.counts_use {
            entry.usage = rule.next(entry.usage, now_ms, || random.f64());
        }
        entry
    }

    fn set_deadline_at(&mut self, place: Place, deadline_ms: Option<i64>) {
        self.database().set_deadline(place, deadline_ms);
        if let Some(deadline_ms) = deadline_ms {
            self.state.effects.note_deadline(deadline_ms);
        }
    }
}
