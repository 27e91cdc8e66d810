//! Lists: deques of strings, packed into chunks of some kilobytes.

mod chunk;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use chunk::Chunk;
pub use chunk::Item;

/// More than this in one chunk is divided; a longer element has one of its own, in bytes. The size that Redis calls
/// `list-max-listpack-size -2`.
const CHUNK_BYTES: usize = 8192;
/// Neighbours that have together no more than this are joined, in bytes.
const SPARSE_BYTES: usize = CHUNK_BYTES / 2;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first element.
    Front,
    /// The last element.
    Back,
}

/// A list of strings.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// None is empty.
    chunks: VecDeque<Chunk>,
    len: usize,
    /// What the elements take in all chunks together, in bytes.
    packed: usize,
}

impl List {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What its elements take with their lengths, in bytes.
    pub fn packed_bytes(&self) -> usize {
        self.packed
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, element: &[u8]) {
        let item = Item::from(element);
        let chunk = match end {
            End::Front => self.chunks.front(),
            End::Back => self.chunks.back(),
        };
        if chunk.is_none_or(|chunk| chunk.packed() + item.packed_len() > CHUNK_BYTES) {
            if self.chunks.is_empty() {
                // Most lists stay small: one chunk is enough for them.
                self.chunks.reserve_exact(1);
            }
            match end {
                End::Front => self.chunks.push_front(Chunk::default()),
                End::Back => self.chunks.push_back(Chunk::default()),
            }
        }
        match end {
            End::Front => self.chunks[0].push_front(item),
            End::Back => {
                let last = self.chunks.len() - 1;
                self.chunks[last].push_back(item);
            }
        }
        self.len += 1;
        self.packed += item.packed_len();
    }

    /// The element at an end.
    pub fn first(&self, end: End) -> Option<Item<'_>> {
        match end {
            End::Front => self.chunks.front().map(|chunk| chunk.at(chunk.first()).0),
            End::Back => self.chunks.back().map(|chunk| chunk.at(chunk.before(chunk.end())).0),
        }
    }

    /// Takes the element at an end out, if there is one.
    pub fn drop_first(&mut self, end: End) {
        let chunk = match end {
            End::Front => self.chunks.front_mut(),
            End::Back => self.chunks.back_mut(),
        };
        let Some(chunk) = chunk else { return };
        let (from, to) = match end {
            End::Front => (chunk.first(), chunk.at(chunk.first()).1),
            End::Back => (chunk.before(chunk.end()), chunk.end()),
        };
        self.packed -= to - from;
        chunk.remove(from, to, 1);
        chunk.shrink();
        if chunk.count() == 0 {
            match end {
                End::Front => self.chunks.pop_front(),
                End::Back => self.chunks.pop_back(),
            };
        }
        self.len -= 1;
        self.shrink();
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        self.iter_from(index).next()
    }

    /// All elements, from the front.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        self.iter_from(0)
    }

    /// The elements from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = Item<'_>> {
        let mut at = self.locate(index);
        std::iter::from_fn(move || {
            let (chunk, place) = at?;
            let (item, next) = self.chunks[chunk].at(place);
            at = if next < self.chunks[chunk].end() {
                Some((chunk, next))
            } else {
                self.chunks.get(chunk + 1).map(|following| (chunk + 1, following.first()))
            };
            Some(item)
        })
    }

    /// The elements up to `index`, that one first, towards the front.
    pub fn iter_back_from(&self, index: usize) -> impl Iterator<Item = Item<'_>> {
        let mut at = self.locate(index);
        std::iter::from_fn(move || {
            let (chunk, place) = at?;
            let item = self.chunks[chunk].at(place).0;
            at = if place > self.chunks[chunk].first() {
                Some((chunk, self.chunks[chunk].before(place)))
            } else {
                let before = chunk.checked_sub(1);
                before.map(|before| (before, self.chunks[before].before(self.chunks[before].end())))
            };
            Some(item)
        })
    }

    /// Replaces the element at `index`; false if there is none.
    pub fn set(&mut self, index: usize, element: &[u8]) -> bool {
        let Some((i, place)) = self.locate(index) else { return false };
        let item = Item::from(element);
        let chunk = &mut self.chunks[i];
        let behind = chunk.at(place).1;
        if chunk.packed() - (behind - place) + item.packed_len() <= CHUNK_BYTES || chunk.count() == 1 {
            self.packed = self.packed - (behind - place) + item.packed_len();
            chunk.replace(place, behind, item);
            chunk.shrink();
        } else {
            self.insert(index, element);
            self.remove_range(index + 1, 1);
        }
        true
    }

    /// Puts an element before the one at `index`, or at the end for the length.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        let Some((i, place)) = self.locate(index) else { return self.push(End::Back, element) };
        let item = Item::from(element);
        let chunk = &mut self.chunks[i];
        if chunk.packed() + item.packed_len() <= CHUNK_BYTES {
            chunk.insert(place, item);
        } else {
            let before: usize = self.chunks.iter().take(i).map(Chunk::count).sum();
            let rest = self.chunks[i].split_off(place, index - before);
            let mut own = Chunk::default();
            own.push_back(item);
            self.chunks.insert(i + 1, own);
            self.chunks.insert(i + 2, rest);
            self.join(i + 1);
            self.join(i);
            self.chunks.retain(|chunk| chunk.count() > 0);
        }
        self.len += 1;
        self.packed += item.packed_len();
    }

    /// Takes out up to `count` elements from `index` on. Answers those of them that filled whole chunks, which may take long
    /// to free.
    pub fn remove_range(&mut self, index: usize, count: usize) -> List {
        let mut left = count.min(self.len.saturating_sub(index));
        let mut removed = List::default();
        let Some((first, place)) = self.locate(index).filter(|_| left > 0) else { return removed };
        self.len -= left;
        let before: usize = self.chunks.iter().take(first).map(Chunk::count).sum();
        let (mut i, mut skipped, mut from) = (first, index - before, place);
        while left > 0 {
            let chunk = &mut self.chunks[i];
            let taken = left.min(chunk.count() - skipped);
            let to = if skipped + taken == chunk.count() { chunk.end() } else { chunk.place(skipped + taken) };
            self.packed -= to - from;
            if taken == chunk.count() {
                removed.take_chunk(std::mem::take(chunk));
            } else {
                chunk.remove(from, to, taken);
                chunk.shrink();
            }
            left -= taken;
            i += 1;
            skipped = 0;
            from = self.chunks.get(i).map_or(0, Chunk::first);
        }
        // Those that were emptied stand together.
        let emptied = (first..i).filter(|i| self.chunks[*i].count() == 0);
        let (start, end) = emptied.fold((i, first), |(start, end), i| (start.min(i), end.max(i + 1)));
        if start < end {
            self.chunks.drain(start..end);
            self.shrink();
        }
        self.join(first);
        if let Some(before) = first.checked_sub(1) {
            self.join(before);
        }
        removed
    }

    /// Takes out elements that are equal to `element`: the first `skip` of them stay, as do those behind the next `most`.
    /// Answers how many have gone.
    pub fn remove_equal(&mut self, element: &[u8], mut skip: usize, most: usize) -> usize {
        let (wanted, mut removed) = (Item::from(element), 0);
        for chunk in &mut self.chunks {
            let mut place = chunk.first();
            let mut kept = Chunk::default();
            let before = removed;
            while place < chunk.end() {
                let (item, next) = chunk.at(place);
                let equal = item == wanted;
                if equal && skip == 0 && removed < most {
                    removed += 1;
                } else {
                    skip -= usize::from(equal && skip > 0);
                    kept.push_back(item);
                }
                place = next;
            }
            if removed > before {
                self.packed -= chunk.packed() - kept.packed();
                *chunk = kept;
            }
            if removed == most {
                break;
            }
        }
        self.chunks.retain(|chunk| chunk.count() > 0);
        self.shrink();
        self.len -= removed;
        removed
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        if self.chunks.len() <= 1 && self.chunks.iter().all(|chunk| chunk.packed() <= CHUNK_BYTES) {
            "listpack"
        } else {
            "quicklist"
        }
    }

    /// What it has on the heap, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Chunk::heap_bytes).sum();
        size_of::<Self>() + self.chunks.capacity() * size_of::<Chunk>() + chunks
    }

    fn take_chunk(&mut self, chunk: Chunk) {
        self.len += chunk.count();
        self.packed += chunk.packed();
        self.chunks.push_back(chunk);
    }

    /// The chunk and the place of the element at `index`, from the nearer end.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        let (mut before, mut i) = (0, 0);
        if index <= self.len / 2 {
            while before + self.chunks[i].count() <= index {
                before += self.chunks[i].count();
                i += 1;
            }
        } else {
            i = self.chunks.len() - 1;
            before = self.len - self.chunks[i].count();
            while before > index {
                i -= 1;
                before -= self.chunks[i].count();
            }
        }
        Some((i, self.chunks[i].place(index - before)))
    }

    /// Gives memory back when most places for chunks are empty.
    fn shrink(&mut self) {
        if self.chunks.capacity() > 64 && self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }

    /// Joins a chunk with the next one if both have little.
    fn join(&mut self, i: usize) {
        let [Some(one), Some(two)] = [i, i + 1].map(|i| self.chunks.get(i)) else { return };
        if one.packed() + two.packed() <= SPARSE_BYTES
            && let Some(two) = self.chunks.remove(i + 1)
        {
            self.chunks[i].append(&two);
        }
    }
}

#[cfg(test)]
impl List {
    /// Whether all counts are right and no chunk is empty.
    fn is_sound(&self) -> bool {
        let counted: usize = self.chunks.iter().map(Chunk::count).sum();
        let packed: usize = self.chunks.iter().map(Chunk::packed).sum();
        (counted, packed) == (self.len, self.packed)
            && self.chunks.iter().all(|chunk| chunk.count() > 0)
            && self.iter().count() == self.len
    }
}
