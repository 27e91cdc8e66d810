//! Who caches which keys, and what they are told when these change: CLIENT TRACKING.
//!
//! A client that tracks is remembered with every key that it reads, until the key changes: then it is told so once, and
//! forgotten until it reads the key again. A client in broadcasting mode is remembered with prefixes instead, and told of
//! every change of a key that begins with one of them. Keys are known by their names alone, whatever their database, as
//! in Redis.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use indexmap::IndexMap;

use crate::clients::ClientId;

/// Which of the keys that it reads a client caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Caching {
    /// All.
    #[default]
    All,
    /// OPTIN: those of the command behind CLIENT CACHING YES.
    OptIn,
    /// OPTOUT: all but those of the command behind CLIENT CACHING NO.
    OptOut,
}

/// How a client tracks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    /// BCAST
    pub(crate) broadcast: bool,
    /// OPTIN or OPTOUT.
    pub(crate) caching: Caching,
    /// NOLOOP: it does not want to know of what it changes itself.
    pub(crate) no_loop: bool,
    /// REDIRECT: who is told instead.
    pub(crate) redirect: Option<ClientId>,
    /// What the keys begin with that it wants to know of, in broadcasting mode.
    pub(crate) prefixes: Vec<Box<[u8]>>,
    /// Whether the client that is told instead has gone.
    pub(crate) broken: bool,
}

/// Which keys a client is to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forget {
    /// These.
    Keys(Vec<Box<[u8]>>),
    /// All.
    All,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Clients that track.
    pub(crate) clients: usize,
    /// Keys that are remembered.
    pub(crate) keys: usize,
    /// Clients that are remembered with keys, each as often as it is.
    pub(crate) items: usize,
    /// Prefixes that clients want to know of.
    pub(crate) prefixes: usize,
}

/// Everybody who tracks.
#[derive(Debug, Default)]
pub(crate) struct Tracking {
    trackers: HashMap<ClientId, Tracker, RandomState>,
    /// Who has read a key since it last changed; clients that have gone may be among them.
    readers: IndexMap<Box<[u8]>, Vec<ClientId>, RandomState>,
    /// How many clients there are in `readers`, each as often as it is there.
    items: usize,
    /// Who wants to know of keys that begin with a prefix.
    prefixes: BTreeMap<Box<[u8]>, Vec<ClientId>>,
    /// Keys that have changed since clients in broadcasting mode were last told, and who changed them last.
    changed: BTreeMap<Box<[u8]>, ClientId>,
    /// What is to be sent.
    pending: Vec<(ClientId, Forget)>,
}

impl Tracking {
    /// How much there is.
    pub(crate) fn size(&self) -> Size {
        Size {
            clients: self.trackers.len(),
            keys: self.readers.len(),
            items: self.items,
            prefixes: self.prefixes.len(),
        }
    }

    /// How a client tracks, if it does.
    pub(crate) fn tracker(&self, client: ClientId) -> Option<&Tracker> {
        self.trackers.get(&client)
    }

    /// Lets a client track from now on, or in another way. Prefixes are added to those that it has.
    pub(crate) fn start(&mut self, client: ClientId, mut tracker: Tracker) {
        if tracker.broadcast && tracker.prefixes.is_empty() {
            tracker.prefixes.push(Box::default());
        }
        for prefix in &tracker.prefixes {
            let listening = self.prefixes.entry(prefix.clone()).or_default();
            if !listening.contains(&client) {
                listening.push(client);
            }
        }
        if let Some(before) = self.trackers.remove(&client) {
            let kept = before.prefixes.into_iter().filter(|prefix| !tracker.prefixes.contains(prefix));
            let kept: Vec<_> = kept.collect();
            tracker.prefixes.extend(kept);
        }
        self.trackers.insert(client, tracker);
    }

    /// Lets a client not track any more. The keys that it has read are forgotten when they change.
    pub(crate) fn stop(&mut self, client: ClientId) {
        let Some(tracker) = self.trackers.remove(&client) else { return };
        for prefix in tracker.prefixes {
            if let Some(listening) = self.prefixes.get_mut(&prefix) {
                listening.retain(|other| *other != client);
                if listening.is_empty() {
                    self.prefixes.remove(&prefix);
                }
            }
        }
    }

    /// Remembers that a client has read a key. Beyond `most` keys, others are forgotten as if they had changed.
    pub(crate) fn remember(
        &mut self,
        client: ClientId,
        key: &[u8],
        most: usize,
        mut random: impl FnMut(usize) -> usize,
    ) {
        match self.readers.get_mut(key) {
            Some(readers) if readers.contains(&client) => return,
            Some(readers) => readers.push(client),
            None => drop(self.readers.insert(key.into(), vec![client])),
        }
        self.items += 1;
        while most > 0 && self.readers.len() > most {
            // The one that was just added is the last.
            let index = random(self.readers.len() - 1);
            if let Some((key, readers)) = self.readers.swap_remove_index(index) {
                self.items -= readers.len();
                self.tell(&key, readers, None);
            }
        }
    }

    /// Notes that a key was changed, by `by` if that is a client.
    pub(crate) fn touch(&mut self, key: &[u8], by: Option<ClientId>) {
        if self.trackers.is_empty() && self.readers.is_empty() {
            return;
        }
        if !self.prefixes.is_empty() {
            self.changed.insert(key.into(), by.unwrap_or_default());
        }
        if let Some(readers) = self.readers.swap_remove(key) {
            self.items -= readers.len();
            self.tell(key, readers, by);
        }
    }

    /// Notes that all keys of a database have gone: everybody forgets everything.
    pub(crate) fn flush(&mut self) {
        self.pending.extend(self.trackers.keys().map(|client| (*client, Forget::All)));
        self.readers.clear();
        self.items = 0;
    }

    /// Marks a client whose messages reach nobody, because the client that was told instead has gone.
    pub(crate) fn mark_broken(&mut self, client: ClientId) {
        if let Some(tracker) = self.trackers.get_mut(&client) {
            tracker.broken = true;
        }
    }

    /// Takes what is to be sent. Clients in broadcasting mode are told when a transaction has `ended`, not within.
    pub(crate) fn take_pending(&mut self, ended: bool) -> Vec<(ClientId, Forget)> {
        if ended && !self.changed.is_empty() {
            self.tell_broadcasting();
        }
        std::mem::take(&mut self.pending)
    }

    fn tell(&mut self, key: &[u8], readers: Vec<ClientId>, by: Option<ClientId>) {
        for client in readers {
            let tracker = self.trackers.get(&client).filter(|tracker| !tracker.broadcast);
            if tracker.is_some_and(|tracker| !tracker.no_loop || by != Some(client)) {
                self.pending.push((client, Forget::Keys(vec![key.into()])));
            }
        }
    }

    fn tell_broadcasting(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        for (prefix, clients) in &self.prefixes {
            for client in clients {
                let no_loop = self.trackers.get(client).is_some_and(|tracker| tracker.no_loop);
                let wanted = changed.iter().filter(|(key, by)| key.starts_with(prefix) && !(no_loop && *by == client));
                let keys: Vec<_> = wanted.map(|(key, _)| key.clone()).collect();
                if !keys.is_empty() {
                    self.pending.push((*client, Forget::Keys(keys)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tracking: &mut Tracking) -> Vec<(ClientId, Vec<String>)> {
        let text = |keys: Vec<Box<[u8]>>| keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        let pending = tracking.take_pending(true).into_iter();
        let told = pending.map(|(client, forget)| match forget {
            Forget::Keys(keys) => (client, text(keys)),
            Forget::All => (client, vec!["*".into()]),
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    #[test]
    fn a_reader_is_told_once() {
        let mut tracking = Tracking::default();
        tracking.start(1, Tracker::default());
        tracking.remember(1, b"a", 0, |_| 0);
        tracking.touch(b"a", Some(2));
        tracking.touch(b"a", Some(2));
        assert_eq!(told(&mut tracking), [(1, vec!["a".into()])]);
        assert_eq!(tracking.size(), Size { clients: 1, ..Size::default() });
    }

    #[test]
    fn who_has_gone_or_changed_the_key_itself_is_not_told() {
        let mut tracking = Tracking::default();
        for client in [1, 2, 3] {
            tracking.start(client, Tracker { no_loop: client == 2, ..Tracker::default() });
            tracking.remember(client, b"a", 0, |_| 0);
        }
        tracking.stop(1);
        tracking.touch(b"a", Some(2));
        assert_eq!(told(&mut tracking), [(3, vec!["a".into()])]);
    }

    #[test]
    fn prefixes_gather_keys_until_a_command_has_ended() {
        let mut tracking = Tracking::default();
        let broadcast = |prefixes: &[&str]| Tracker {
            broadcast: true,
            prefixes: prefixes.iter().map(|prefix| prefix.as_bytes().into()).collect(),
            ..Tracker::default()
        };
        tracking.start(1, broadcast(&["user:"]));
        tracking.start(2, broadcast(&[]));
        for key in ["user:2", "user:1", "user:2", "x"] {
            tracking.touch(key.as_bytes(), None);
        }
        assert!(tracking.take_pending(false).is_empty());
        let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(&mut tracking), [(1, keys(&["user:1", "user:2"])), (2, keys(&["user:1", "user:2", "x"]))]);
    }

    #[test]
    fn a_full_table_forgets_other_keys_and_says_so() {
        let mut tracking = Tracking::default();
        tracking.start(1, Tracker::default());
        for key in [b"a", b"b", b"c"] {
            tracking.remember(1, key, 2, |_| 0);
        }
        assert_eq!(told(&mut tracking), [(1, vec!["a".into()])]);
        assert_eq!(tracking.size(), Size { clients: 1, keys: 2, items: 2, prefixes: 0 });
    }
}
