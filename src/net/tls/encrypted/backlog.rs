//! Bytes that wait to be taken.

use bytes::BufMut;

/// Bytes in the order in which they came; no memory while there are none.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How many of them have been taken.
    taken: usize,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All that wait.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Lets go of the first `count`.
    pub(super) fn drop_first(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.bytes.len() {
            *self = Backlog::default();
        }
    }

    /// How many bytes of memory it has.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves as many as there is room for, and answers how many.
    pub(super) fn move_to(&mut self, room: &mut impl BufMut) -> usize {
        let count = self.bytes().len().min(room.remaining_mut());
        room.put_slice(&self.bytes()[..count]);
        self.drop_first(count);
        count
    }
}
