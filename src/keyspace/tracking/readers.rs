//! Who has read which keys.

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use crate::ids::ClientId;

/// Up to so many readers of a key nobody looks whether they are still there.
const FEW: usize = 8;

/// Keys with the clients that have read them since they last changed.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// The clients of each key in rising order, so that many of them are found fast; the youngest usually comes last.
    keys: IndexMap<Box<[u8]>, Vec<ClientId>, RandomState>,
    items: usize,
}

impl Readers {
    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many clients there are, each as often as it has read another key.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// At least how many bytes it takes.
    pub(super) fn estimated_bytes(&self) -> u64 {
        (self.items * size_of::<ClientId>() + self.len() * size_of::<(Box<[u8]>, Vec<ClientId>)>()) as u64
    }

    /// Adds a reader of `key`; the same one twice is there once. Clients that are not `known` any more are taken out
    /// whenever so many more readers have come, so that there are never more than a few of them for each that is known.
    pub(super) fn add(&mut self, key: &[u8], client: ClientId, known: impl Fn(ClientId) -> bool) {
        match self.keys.get_mut(key) {
            Some(clients) => {
                let Err(mut place) = clients.binary_search(&client) else { return };
                if clients.len() >= FEW && clients.len() == clients.capacity() {
                    let before = clients.len();
                    clients.retain(|client| known(*client));
                    self.items -= before - clients.len();
                    if clients.len() > before / 2 {
                        clients.reserve(before);
                    }
                    place = clients.partition_point(|other| *other < client);
                }
                clients.insert(place, client);
            }
            None => {
                self.keys.insert(key.into(), vec![client]);
            }
        }
        self.items += 1;
    }

    /// Whether anybody has read `key`.
    #[cfg(test)]
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// Takes out who has read `key`.
    pub(super) fn take(&mut self, key: &[u8]) -> Option<Vec<ClientId>> {
        let clients = self.keys.swap_remove(key)?;
        self.items -= clients.len();
        Some(clients)
    }

    /// Takes out a key that chance chooses, each as likely as any other.
    pub(super) fn take_any(&mut self, random: &mut fastrand::Rng) -> Option<(Box<[u8]>, Vec<ClientId>)> {
        if self.keys.is_empty() {
            return None;
        }
        let (key, clients) = self.keys.swap_remove_index(random.usize(..self.keys.len()))?;
        self.items -= clients.len();
        Some((key, clients))
    }
}
