//! A queue from whose middle entries can be taken, each in the same time however many there are.

use slab::Slab;

use super::chunk::Chunk;

/// The place of an entry, which it keeps.
pub(super) type Place = u32;

/// No place.
const NOWHERE: Place = Place::MAX;

#[derive(Debug)]
struct Node {
    chunk: Chunk,
    before: Place,
    behind: Place,
}

/// Chunks in their order.
#[derive(Debug)]
pub(super) struct List {
    nodes: Slab<Node>,
    first: Place,
    last: Place,
}

impl Default for List {
    fn default() -> Self {
        List { nodes: Slab::new(), first: NOWHERE, last: NOWHERE }
    }
}

impl List {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn first(&self) -> Option<Place> {
        some(self.first)
    }

    pub(super) fn last(&self) -> Option<Place> {
        some(self.last)
    }

    pub(super) fn before(&self, place: Place) -> Option<Place> {
        some(self.node(place).before)
    }

    pub(super) fn behind(&self, place: Place) -> Option<Place> {
        some(self.node(place).behind)
    }

    pub(super) fn get(&self, place: Place) -> &Chunk {
        &self.node(place).chunk
    }

    pub(super) fn get_mut(&mut self, place: Place) -> &mut Chunk {
        &mut self.node_mut(place).chunk
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        std::iter::successors(self.first(), |place| self.behind(*place)).map(|place| self.get(place))
    }

    pub(super) fn push_back(&mut self, chunk: Chunk) -> Place {
        self.insert(NOWHERE, chunk)
    }

    /// Puts a chunk before the one at `place`.
    pub(super) fn insert_before(&mut self, place: Place, chunk: Chunk) -> Place {
        self.insert(place, chunk)
    }

    /// Puts a chunk before the one at `behind`, or at the end.
    fn insert(&mut self, behind: Place, chunk: Chunk) -> Place {
        let before = some(behind).map_or(self.last, |behind| self.node(behind).before);
        let place = self.nodes.insert(Node { chunk, before, behind }) as Place;
        match some(before) {
            Some(before) => self.node_mut(before).behind = place,
            None => self.first = place,
        }
        match some(behind) {
            Some(behind) => self.node_mut(behind).before = place,
            None => self.last = place,
        }
        place
    }

    pub(super) fn remove(&mut self, place: Place) -> Chunk {
        let Node { chunk, before, behind } = self.nodes.remove(place as usize);
        match some(before) {
            Some(before) => self.node_mut(before).behind = behind,
            None => self.first = behind,
        }
        match some(behind) {
            Some(behind) => self.node_mut(behind).before = before,
            None => self.last = before,
        }
        chunk
    }

    fn node(&self, place: Place) -> &Node {
        &self.nodes[place as usize]
    }

    fn node_mut(&mut self, place: Place) -> &mut Node {
        &mut self.nodes[place as usize]
    }
}

fn some(place: Place) -> Option<Place> {
    (place != NOWHERE).then_some(place)
}
