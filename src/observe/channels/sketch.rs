//! The heaviest of very many names, counted in bounded memory.
//!
//! *Space-Saving* (Metwally, Agrawal, El Abbadi, 2005): of so many names as there is room for each is counted; a new one takes
//! the place of the lightest, and its count goes on from there. So no count is too small, and none is too large by more than it
//! says; a name whose true count is more than the total divided by the room is among them.

use hashbrown::HashMap;

/// What a counted name is told apart by, and what is shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted<T> {
    pub(crate) id: u64,
    pub(crate) label: T,
    /// Never smaller than the truth.
    pub(crate) count: u64,
    /// By how much it may be too large.
    pub(crate) error: u64,
}

/// The heaviest names, each known by a number, with a label.
#[derive(Debug)]
pub(crate) struct Sketch<T> {
    /// A heap: none is lighter than the one at `(its place - 1) / 2`.
    heap: Vec<Counted<T>>,
    /// Where in the heap a name is.
    places: HashMap<u64, usize>,
    /// All that was added.
    total: u64,
}

impl<T> Default for Sketch<T> {
    fn default() -> Self {
        Sketch { heap: Vec::new(), places: HashMap::new(), total: 0 }
    }
}

impl<T> Sketch<T> {
    /// Adds `weight` to the name `id`, of which `room` are counted; the label is made when it begins to be one of them.
    pub(crate) fn add(&mut self, id: u64, weight: u64, room: usize, label: impl FnOnce() -> T) {
        self.total += weight;
        let place = match self.places.get(&id) {
            Some(place) => *place,
            None if self.heap.len() < room => {
                self.heap.push(Counted { id, label: label(), count: 0, error: 0 });
                let place = self.rise(self.heap.len() - 1);
                self.places.insert(id, place);
                place
            }
            None => {
                let Some(lightest) = self.heap.first_mut() else { return };
                let error = lightest.count;
                let old = std::mem::replace(lightest, Counted { id, label: label(), count: error, error });
                self.places.remove(&old.id);
                self.places.insert(id, 0);
                0
            }
        };
        self.heap[place].count += weight;
        self.sink(place);
    }

    /// The names that are counted, in no order.
    pub(crate) fn counted(&self) -> &[Counted<T>] {
        &self.heap
    }

    /// No name that is not counted has been added more than this; `room` as for [`Sketch::add`].
    pub(crate) fn most_of_others(&self, room: usize) -> u64 {
        if self.heap.len() < room { 0 } else { self.heap.first().map_or(self.total, |lightest| lightest.count) }
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 && self.heap[place].count < self.heap[(place - 1) / 2].count {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let below = [2 * place + 1, 2 * place + 2].into_iter().filter(|below| *below < self.heap.len());
            let Some(lighter) = below.min_by_key(|below| self.heap[*below].count) else { return };
            if self.heap[lighter].count >= self.heap[place].count {
                return;
            }
            self.swap(place, lighter);
            place = lighter;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for place in [one, other] {
            self.places.insert(self.heap[place].id, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use fastrand::Rng;

    use super::*;

    #[test]
    fn no_count_is_too_small_and_none_too_large_by_more_than_it_says() {
        for seed in 0..50 {
            let mut random = Rng::with_seed(seed);
            let (room, names) = (random.usize(1..40), random.u64(1..400));
            let (mut sketch, mut truth) = (Sketch::default(), HashMap::<u64, u64>::new());
            for _ in 0..5_000 {
                // A few of them are much more frequent than the others.
                let id = random.u64(0..names).min(random.u64(0..names)).min(random.u64(0..names));
                let weight = random.u64(0..5);
                sketch.add(id, weight, room, || id);
                *truth.entry(id).or_default() += weight;
            }
            let total: u64 = truth.values().sum();
            assert!(sketch.counted().len() <= room && sketch.total == total);
            for Counted { id, label, count, error } in sketch.counted() {
                let true_count = truth[id];
                assert!(label == id && (count - error..=*count).contains(&true_count), "seed {seed}");
            }
            for (id, true_count) in truth {
                let is_counted = sketch.counted().iter().any(|counted| counted.id == id);
                assert!(is_counted || true_count <= sketch.most_of_others(room), "seed {seed}");
                assert!(is_counted || true_count <= total / room as u64, "seed {seed}");
            }
        }
    }

    #[test]
    fn where_there_is_room_for_all_every_count_is_true() {
        let mut sketch = Sketch::default();
        (0..1000_u64).for_each(|number| sketch.add(number % 10, 1, 10, || ()));
        assert!(sketch.counted().iter().all(|counted| (counted.count, counted.error) == (100, 0)));
        assert_eq!((sketch.most_of_others(11), sketch.most_of_others(10)), (0, 100));
        sketch.add(10, 1, 0, || ());
        assert_eq!(sketch.counted().len(), 10);
    }

    #[test]
    fn without_room_nothing_is_counted() {
        let mut sketch = Sketch::default();
        sketch.add(1, 7, 0, || ());
        assert_eq!((sketch.counted().len(), sketch.most_of_others(0)), (0, 7));
    }
}
