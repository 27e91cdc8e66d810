//! Clients that cache keys: CLIENT TRACKING.
//!
//! A client that tracks is remembered with every key that it reads, until the key changes: then it is told to forget the
//! key, once, and is not remembered with it until it reads it again. A client in broadcasting mode is remembered with
//! prefixes instead, and told of every change of a key that begins with one of them: once for each command or
//! transaction. Keys are known by their names alone, whatever their database, as in Redis.
//!
//! What clients are told goes through the mailboxes of their workers like everything that is published, so it follows the
//! answer that it makes invalid. It comes before any answer that shows this client a later state of the keys, because what
//! waits in its mailbox is delivered when its command has taken the lock: a cache is never older than what is read beside it.
//!
//! Source: tracking.c in Redis 7.2.

mod readers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Included, Unbounded};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::State;
use super::effects::Effects;
use crate::client::held::Holding;
use crate::client::notice::{Forgotten, Notice};
use crate::client::registry::{ClientInfo, Flag};
use crate::ids::ClientId;
use readers::Readers;

/// Keys that are dropped in one go at most because the table is too large: it bounds how long commands wait for that.
const DROPPED_AT_ONCE: usize = 100;

/// Which changes a client is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Those of keys that it has read.
    #[default]
    Reads,
    /// OPTIN: those of keys that it has read behind CLIENT CACHING YES.
    OptIn,
    /// OPTOUT: those of keys that it has read, but not behind CLIENT CACHING NO.
    OptOut,
    /// BCAST: those of keys that begin with one of its prefixes.
    Broadcast,
}

/// What a client has asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// Which changes it is told of.
    pub(crate) mode: Mode,
    /// NOLOOP: not of those that it makes itself.
    pub(crate) no_loop: bool,
    /// REDIRECT: who is told in its place.
    pub(crate) redirect: Option<Arc<ClientInfo>>,
    /// PREFIX, in broadcasting mode.
    pub(crate) prefixes: BTreeSet<Box<[u8]>>,
}

/// A client that tracks.
#[derive(Debug)]
struct Tracker {
    client: Arc<ClientInfo>,
    terms: Terms,
}

impl Tracker {
    /// Tells the client, or whoever is told in its place, to forget keys.
    fn tell(&self, keys: Forgotten, effects: &mut Effects) {
        match &self.terms.redirect {
            None => effects.tell(&self.client, Notice::Forget { keys, redirected: false }),
            Some(other) if !other.is_killed() => {
                effects.tell(other, Notice::Forget { keys, redirected: true });
            }
            Some(other) => {
                self.client.set_flag(Flag::TrackingBroken, true);
                effects.tell(&self.client, Notice::RedirectionBroken(other.id));
            }
        }
    }
}

/// What a prefix costs beside its bytes, which are kept twice, in bytes.
const PREFIX_BYTES: usize = 160;

/// What happens to the keys that begin with one prefix.
#[derive(Debug, Default)]
struct Audience {
    clients: BTreeSet<ClientId>,
    /// Keys that were changed since the clients were last told, with the client that changed each last, if one did.
    changed: BTreeMap<Box<[u8]>, Option<ClientId>>,
}

/// How much is tracked, for INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Clients that track.
    pub(crate) clients: usize,
    /// Keys that clients have read.
    pub(crate) keys: usize,
    /// The same, each as often as clients have read it.
    pub(crate) items: usize,
    /// Prefixes that clients have asked for.
    pub(crate) prefixes: usize,
}

/// All clients that track.
#[derive(Debug, Default)]
pub(crate) struct Tracking {
    trackers: HashMap<ClientId, Tracker, RandomState>,
    /// May name clients that do not track any more: they are found out when the key changes.
    readers: Readers,
    audiences: BTreeMap<Box<[u8]>, Audience>,
    /// The prefixes of those that are still to be told of changes.
    news: BTreeSet<Box<[u8]>>,
    /// How many prefixes have been looked at.
    #[cfg(test)]
    prefix_looks: std::cell::Cell<usize>,
}

impl Tracking {
    /// How much is tracked.
    pub(crate) fn size(&self) -> Size {
        Size {
            clients: self.trackers.len(),
            keys: self.readers.len(),
            items: self.readers.items(),
            prefixes: self.audiences.len(),
        }
    }

    /// What a client has asked for, if it tracks.
    pub(crate) fn terms(&self, client: ClientId) -> Option<&Terms> {
        self.trackers.get(&client).map(|tracker| &tracker.terms)
    }

    /// Lets a client track on these terms from now on. In broadcasting mode the prefixes that it had stay; none at all
    /// mean every key.
    pub(crate) fn start(&mut self, client: &Arc<ClientInfo>, mut terms: Terms) {
        let broadcasts = terms.mode == Mode::Broadcast;
        if broadcasts && terms.prefixes.is_empty() {
            terms.prefixes.insert(Box::default());
        }
        for prefix in &terms.prefixes {
            self.audiences.entry(prefix.clone()).or_default().clients.insert(client.id);
        }
        if let Some(before) = self.trackers.remove(&client.id) {
            terms.prefixes.extend(before.terms.prefixes);
        }
        let bytes = terms.prefixes.iter().map(|prefix| PREFIX_BYTES + 2 * prefix.len());
        client.held.set(Holding::Prefixes, bytes.sum());
        let redirection = terms.redirect.as_ref().map_or(0, |other| other.id as i64);
        client.redirect.store(redirection, Relaxed);
        client.set_flag(Flag::Tracking, true);
        client.set_flag(Flag::TrackingBroken, false);
        client.set_flag(Flag::TrackingBroadcast, broadcasts);
        client.set_flag(Flag::HearsOfKeys, true);
        if let Some(other) = &terms.redirect {
            other.set_flag(Flag::HearsOfKeys, true);
        }
        self.trackers.insert(client.id, Tracker { client: client.clone(), terms });
    }

    /// Lets a client not track any more.
    pub(crate) fn stop(&mut self, client: ClientId) {
        let Some(Tracker { client, terms }) = self.trackers.remove(&client) else { return };
        for prefix in terms.prefixes {
            if let Some(audience) = self.audiences.get_mut(&prefix) {
                audience.clients.remove(&client.id);
                if audience.clients.is_empty() {
                    self.audiences.remove(&prefix);
                }
            }
        }
        client.held.set(Holding::Prefixes, 0);
        client.redirect.store(-1, Relaxed);
        for flag in [Flag::Tracking, Flag::TrackingBroken, Flag::TrackingBroadcast] {
            client.set_flag(flag, false);
        }
    }

    /// Whether the keys that a client reads now are to be remembered. `caching` says whether it has just used CLIENT
    /// CACHING.
    pub(crate) fn remembers(&self, client: ClientId, caching: bool) -> bool {
        self.terms(client).is_some_and(|terms| match terms.mode {
            Mode::Reads => true,
            Mode::OptIn => caching,
            Mode::OptOut => !caching,
            Mode::Broadcast => false,
        })
    }

    /// Remembers that a client has read `key`.
    pub(crate) fn remember(&mut self, client: ClientId, key: &[u8]) {
        self.readers.add(key, client, |client| self.trackers.contains_key(&client));
    }

    /// Whether nobody wants to know of any key.
    fn is_idle(&self) -> bool {
        self.readers.len() == 0 && self.audiences.is_empty()
    }

    /// Tells those who have read `key` that it was changed during a command of the client `during`, and notes for those
    /// who want to know of its prefix that it was changed `by` that client, or by nobody because its time was over.
    fn change(&mut self, key: &[u8], during: Option<ClientId>, by: Option<ClientId>, effects: &mut Effects) {
        for len in self.prefix_lens(key) {
            let Some(audience) = self.audiences.get_mut(&key[..len]) else { continue };
            if audience.changed.is_empty() {
                self.news.insert(key[..len].into());
            }
            audience.changed.insert(key.into(), by);
        }
        if let Some(readers) = self.readers.take(key) {
            self.tell_readers(key, &readers, during, effects);
        }
    }

    /// How long the prefixes of `key` are that anybody wants to know of. It costs a look-up for each of them, and one for
    /// each place at which others part from the key, however many these are.
    fn prefix_lens(&self, key: &[u8]) -> Vec<usize> {
        let (mut lens, mut rest) = (Vec::new(), Some(key));
        while let Some(bound) = rest {
            #[cfg(test)]
            self.prefix_looks.set(self.prefix_looks.get() + 1);
            let Some((prefix, _)) = self.audiences.range::<[u8], _>((Unbounded, Included(bound))).next_back() else {
                break;
            };
            let common = bound.iter().zip(prefix).take_while(|(one, other)| one == other).count();
            if common == prefix.len() {
                lens.push(common);
                rest = common.checked_sub(1).map(|shorter| &key[..shorter]);
            } else {
                // Whatever is longer than what they have in common and a prefix of the key comes behind this one.
                rest = Some(&key[..common]);
            }
        }
        lens
    }

    fn tell_readers(&self, key: &[u8], readers: &[ClientId], during: Option<ClientId>, effects: &mut Effects) {
        let keys = Forgotten::keys([key].into_iter());
        for id in readers {
            let Some(tracker) = self.trackers.get(id) else { continue };
            let Terms { mode, no_loop, .. } = tracker.terms;
            if mode != Mode::Broadcast && !(no_loop && during == Some(*id)) {
                tracker.tell(keys.clone(), effects);
            }
        }
    }

    /// Tells those who want to know of prefixes what was changed since they were last told.
    fn broadcast(&mut self, effects: &mut Effects) {
        let Tracking { trackers, audiences, .. } = self;
        for prefix in std::mem::take(&mut self.news) {
            let Some(audience) = audiences.get_mut(&prefix).filter(|audience| !audience.changed.is_empty()) else {
                continue;
            };
            let changed = std::mem::take(&mut audience.changed);
            let all = Forgotten::keys(changed.keys().map(|key| &**key));
            for tracker in audience.clients.iter().filter_map(|id| trackers.get(id)) {
                if !tracker.terms.no_loop {
                    tracker.tell(all.clone(), effects);
                    continue;
                }
                let of_others = changed.iter().filter(|(_, by)| **by != Some(tracker.client.id));
                let of_others: Vec<&[u8]> = of_others.map(|(key, _)| &**key).collect();
                if !of_others.is_empty() {
                    tracker.tell(Forgotten::keys(of_others.into_iter()), effects);
                }
            }
        }
    }

    /// Tells everybody to forget all keys, and answers who had read them.
    fn flush(&mut self, effects: &mut Effects) -> Readers {
        self.trackers.values().for_each(|tracker| tracker.tell(Forgotten::All, effects));
        std::mem::take(&mut self.readers)
    }

    /// Drops some keys, which chance chooses, if more than `most` are remembered and that is not zero; those who have
    /// read them are told to forget them. Answers whether more will have to go.
    fn trim(&mut self, most: u64, random: &mut fastrand::Rng, effects: &mut Effects) -> bool {
        let exceeds = |readers: &Readers| most > 0 && readers.len() as u64 > most;
        for _ in 0..DROPPED_AT_ONCE {
            if !exceeds(&self.readers) {
                return false;
            }
            if let Some((key, readers)) = self.readers.take_any(random) {
                self.tell_readers(&key, &readers, None, effects);
            }
        }
        exceeds(&self.readers)
    }
}

impl State {
    /// As [`Tracking::change`].
    pub(super) fn tell_of_change(&mut self, key: &[u8], during: Option<ClientId>, by: Option<ClientId>) {
        if !self.tracking.is_idle() {
            self.tracking.change(key, during, by, &mut self.effects);
        }
    }

    /// Tells those who want to know of prefixes what the command or transaction that ends has changed.
    pub(super) fn broadcast_changes(&mut self) {
        self.tracking.broadcast(&mut self.effects);
    }

    /// Tells all clients that track to forget everything, because a database was emptied.
    pub(crate) fn tell_of_flush(&mut self) {
        let readers = self.tracking.flush(&mut self.effects);
        let (extent, bytes) = (readers.items(), readers.estimated_bytes());
        self.garbage.add(readers, extent, bytes);
    }

    /// Keeps what is remembered of readers within `most` keys, or brings it closer to that; 0 is no limit. Answers
    /// whether more will have to go.
    pub(crate) fn trim_tracked(&mut self, most: u64) -> bool {
        self.tracking.trim(most, &mut self.random, &mut self.effects)
    }
}
