//! A part of a stream: entries packed behind each other in one piece of memory.
//!
//! First come the names of the fields of the first entry. An entry with the same names has its values only, which most
//! entries of a stream have. Then each entry: a byte of flags, how long the rest is, its id relative to the first one, its
//! fields. All numbers are written in groups of seven bits, the lowest first.

use super::StreamId;

/// The entry was deleted.
const DELETED: u8 = 1;
/// The names of its fields are those of the first entry.
const SAME_NAMES: u8 = 2;

/// Bytes for which a block gets memory at once when it is made.
const FIRST_BYTES: usize = 128;

/// Names and values of an entry, in turn.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// Where the names are, if not among the values.
    names: Option<&'a [u8]>,
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = take_bytes(self.names.as_mut().unwrap_or(&mut self.rest));
        Some((name, take_bytes(&mut self.rest)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// An entry of a stream.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    fields: Fields<'a>,
    deleted: bool,
    /// Where it begins.
    place: usize,
}

impl<'a> Entry<'a> {
    /// Its fields, in the order in which they were given.
    pub fn fields(&self) -> Fields<'a> {
        self.fields.clone()
    }
}

/// Entries packed behind each other.
#[derive(Clone, Debug)]
pub(super) struct Block {
    first: StreamId,
    last: StreamId,
    bytes: Vec<u8>,
    /// How many fields the first entry has.
    names: u32,
    /// Where the names end.
    names_end: u32,
    /// Entries, those that were deleted included.
    total: u32,
    live: u32,
}

impl Block {
    /// A block that begins with this entry.
    pub(super) fn new<'f>(id: StreamId, fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Self {
        let mut bytes = Vec::with_capacity(FIRST_BYTES);
        let names = fields.len() as u32;
        fields.clone().for_each(|(name, _)| put_bytes(&mut bytes, name));
        let names_end = bytes.len() as u32;
        let mut block = Block { first: id, last: id, bytes, names, names_end, total: 0, live: 0 };
        block.append(id, fields);
        block
    }

    pub(super) fn last(&self) -> StreamId {
        self.last
    }

    pub(super) fn total(&self) -> usize {
        self.total as usize
    }

    /// How many entries it has that were not deleted.
    pub(super) fn live(&self) -> u64 {
        self.live.into()
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends an entry, whose id is higher than that of the last one.
    pub(super) fn append<'f>(
        &mut self,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) {
        let same = fields.len() == self.names as usize && self.has_names(fields.clone().map(|(name, _)| name));
        let mut body = Vec::with_capacity(64);
        put_number(&mut body, id.ms - self.first.ms);
        put_number(&mut body, if id.ms == self.first.ms { id.seq - self.first.seq } else { id.seq });
        if !same {
            put_number(&mut body, fields.len() as u64);
        }
        for (name, value) in fields {
            if !same {
                put_bytes(&mut body, name);
            }
            put_bytes(&mut body, value);
        }
        self.bytes.push(if same { SAME_NAMES } else { 0 });
        put_number(&mut self.bytes, body.len() as u64);
        self.bytes.extend_from_slice(&body);
        self.last = id;
        self.total += 1;
        self.live += 1;
    }

    /// All entries that were not deleted.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.all().filter(|entry| !entry.deleted)
    }

    /// Deletes the entry with this id; false if there is none.
    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let found = self.entries().take_while(|entry| entry.id <= id).find(|entry| entry.id == id);
        let place = found.map(|entry| entry.place);
        if let Some(place) = place {
            self.bytes[place] |= DELETED;
            self.live -= 1;
        }
        place.is_some()
    }

    /// Deletes entries from the front as long as `goes` says so, and answers how many.
    pub(super) fn delete_while(&mut self, mut goes: impl FnMut(StreamId) -> bool) -> u64 {
        let places: Vec<usize> = self.entries().take_while(|entry| goes(entry.id)).map(|entry| entry.place).collect();
        places.iter().for_each(|place| self.bytes[*place] |= DELETED);
        self.live -= places.len() as u32;
        places.len() as u64
    }

    /// Gives memory back that no further entry will need.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    fn has_names<'n>(&self, mut names: impl Iterator<Item = &'n [u8]>) -> bool {
        let mut own = &self.bytes[..self.names_end as usize];
        names.all(|name| take_bytes(&mut own) == name)
    }

    fn all(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut place = self.names_end as usize;
        std::iter::from_fn(move || {
            let mut rest = self.bytes.get(place..).filter(|rest| !rest.is_empty())?;
            let flags = rest[0];
            rest = &rest[1..];
            let len = take_number(&mut rest) as usize;
            let next = self.bytes.len() - rest.len() + len;
            let mut body = &rest[..len];
            let ms = take_number(&mut body);
            let seq = take_number(&mut body);
            let id = StreamId { ms: self.first.ms + ms, seq: if ms == 0 { self.first.seq + seq } else { seq } };
            let same = flags & SAME_NAMES != 0;
            let left = if same { self.names as usize } else { take_number(&mut body) as usize };
            let names = same.then(|| &self.bytes[..self.names_end as usize]);
            let entry = Entry { id, fields: Fields { names, rest: body, left }, deleted: flags & DELETED != 0, place };
            place = next;
            Some(entry)
        })
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(from: &mut &[u8]) -> u64 {
    let mut number = 0;
    for (i, byte) in from.iter().enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *from = &from[i + 1..];
            break;
        }
    }
    number
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let len = take_number(from) as usize;
    let (bytes, rest) = from.split_at(len);
    *from = rest;
    bytes
}
