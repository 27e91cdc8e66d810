//! A table that grows and shrinks a little at a time.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

/// Values at numbered places, in chunks of [`CHUNK`] places. However large the table is, one more value copies at most one
/// chunk, and a chunk's memory returns with its last value. New values go where others are, so that the rest empties.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks with a vacant place.
    open: BTreeSet<usize>,
    len: usize,
}

/// How many places a chunk has.
const CHUNK: usize = 256;

#[derive(Debug)]
struct Chunk<T> {
    places: Vec<Place<T>>,
    /// The first vacant place.
    vacant: Option<u16>,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    /// With the next vacant place.
    Vacant(Option<u16>),
}

impl<T> Chunks<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes a value in and answers its place.
    pub(super) fn insert(&mut self, value: T) -> usize {
        let number = self.open.first().copied().unwrap_or(self.chunks.len());
        if number == self.chunks.len() {
            self.chunks.push(Chunk::default());
            self.open.insert(number);
        }
        let chunk = &mut self.chunks[number];
        let place = chunk.insert(value);
        if chunk.len == CHUNK {
            self.open.remove(&number);
        }
        self.len += 1;
        number * CHUNK + place
    }

    /// Takes the value at this place out; `None` if there is none.
    pub(super) fn remove(&mut self, key: usize) -> Option<T> {
        let chunk = self.chunks.get_mut(key / CHUNK)?;
        let value = chunk.remove(key % CHUNK)?;
        self.open.insert(key / CHUNK);
        self.len -= 1;
        while self.chunks.pop_if(|last| last.len == 0).is_some() {
            self.open.remove(&self.chunks.len());
        }
        Some(value)
    }

    /// All values, by their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| &chunk.places).filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        })
    }

    /// For how many values there is memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.places.capacity()).sum()
    }

    /// The bytes of its places.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<Place<T>>() + self.chunks.capacity() * size_of::<Chunk<T>>()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Chunks { chunks: Vec::new(), open: BTreeSet::new(), len: 0 }
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, key: usize) -> &T {
        match &self.chunks[key / CHUNK].places[key % CHUNK] {
            Place::Taken(value) => value,
            Place::Vacant(_) => unreachable!("links lead to what exists"),
        }
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, key: usize) -> &mut T {
        match &mut self.chunks[key / CHUNK].places[key % CHUNK] {
            Place::Taken(value) => value,
            Place::Vacant(_) => unreachable!("links lead to what exists"),
        }
    }
}

impl<T> Default for Chunk<T> {
    fn default() -> Self {
        Chunk { places: Vec::new(), vacant: None, len: 0 }
    }
}

impl<T> Chunk<T> {
    fn insert(&mut self, value: T) -> usize {
        self.len += 1;
        let vacant = self.vacant.map(usize::from).and_then(|place| Some((place, self.places.get_mut(place)?)));
        let Some((place, vacant)) = vacant else {
            self.places.push(Place::Taken(value));
            return self.places.len() - 1;
        };
        if let Place::Vacant(next) = std::mem::replace(vacant, Place::Taken(value)) {
            self.vacant = next;
        }
        place
    }

    fn remove(&mut self, place: usize) -> Option<T> {
        let taken = self.places.get_mut(place).filter(|place| matches!(place, Place::Taken(_)))?;
        let Place::Taken(value) = std::mem::replace(taken, Place::Vacant(self.vacant)) else { return None };
        // CHUNK fits
        self.vacant = Some(place as u16);
        self.len -= 1;
        if self.len == 0 {
            *self = Chunk::default();
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_keep_their_places(steps in vec((0..3u8, any::<usize>()), 1..2_000)) {
            let (mut chunks, mut model) = (Chunks::default(), BTreeMap::new());
            for (number, (action, chosen)) in steps.into_iter().enumerate() {
                if action > 0 {
                    prop_assert_eq!(model.insert(chunks.insert(number), number), None);
                } else if let Some((&place, _)) = model.iter().nth(chosen % model.len().max(1)) {
                    prop_assert_eq!(chunks.remove(place), model.remove(&place));
                    prop_assert_eq!(chunks.remove(place), None);
                }
                prop_assert_eq!(chunks.len(), model.len());
            }
            prop_assert!(model.iter().all(|(&place, number)| chunks[place] == *number));
            prop_assert!(chunks.iter().eq(model.values()));
        }
    }

    #[test]
    fn memory_returns_a_chunk_at_a_time() {
        let mut chunks = Chunks::default();
        let places: Vec<usize> = (0..100 * CHUNK).map(|number| chunks.insert(number)).collect();
        let capacity = chunks.capacity();
        for &place in places.iter().filter(|&&place| (place / CHUNK).is_multiple_of(2)) {
            assert!(chunks.remove(place).is_some());
        }
        assert_eq!(chunks.capacity(), capacity / 2);
        assert_eq!(chunks.insert(0), 0, "the first chunks are filled first");
        for place in places {
            chunks.remove(place);
        }
        assert_eq!((chunks.len(), chunks.capacity()), (0, 0));
    }
}
