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
}

impl<'a> Entry<'a> {
    /// Its fields, in the order in which they were given.
    pub fn fields(&self) -> Fields<'a> {
        self.fields.clone()
    }
}

/// What stands in front of an entry.
#[derive(Clone, Copy, Debug)]
struct Header {
    flags: u8,
    /// Where its id begins.
    body: usize,
    /// Where the next entry begins.
    next: usize,
}

/// Entries packed behind each other, not all of them deleted.
#[derive(Clone, Debug)]
pub(super) struct Block {
    first: StreamId,
    last: StreamId,
    /// Of the entries that were not deleted.
    last_live: StreamId,
    bytes: Vec<u8>,
    /// How many fields the first entry has.
    names: u32,
    /// Where the names end.
    names_end: u32,
    /// Where the first entry begins that was not deleted; those before it are marked in no other way.
    front: u32,
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
        let mut block =
            Block { first: id, last: id, last_live: id, bytes, names, names_end, front: names_end, total: 0, live: 0 };
        block.append(id, fields);
        block
    }

    /// The id of the last entry, even if that was deleted.
    pub(super) fn last(&self) -> StreamId {
        self.last
    }

    /// The id of the last entry that was not deleted.
    pub(super) fn last_live(&self) -> StreamId {
        self.last_live
    }

    /// The id of the first entry that was not deleted.
    pub(super) fn first_live(&self) -> StreamId {
        self.id(self.header(self.front as usize)).0
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
        let (ms, seq) = (id.ms - self.first.ms, if id.ms == self.first.ms { id.seq - self.first.seq } else { id.seq });
        let mut len = number_len(ms) + number_len(seq);
        len += fields.clone().map(|(_, value)| bytes_len(value)).sum::<usize>();
        if !same {
            len += number_len(fields.len() as u64) + fields.clone().map(|(name, _)| bytes_len(name)).sum::<usize>();
        }
        self.bytes.push(if same { SAME_NAMES } else { 0 });
        put_number(&mut self.bytes, len as u64);
        put_number(&mut self.bytes, ms);
        put_number(&mut self.bytes, seq);
        if !same {
            put_number(&mut self.bytes, fields.len() as u64);
        }
        for (name, value) in fields {
            if !same {
                put_bytes(&mut self.bytes, name);
            }
            put_bytes(&mut self.bytes, value);
        }
        (self.last, self.last_live) = (id, id);
        self.total += 1;
        self.live += 1;
    }

    /// The entry with this id.
    pub(super) fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.find(id).map(|place| self.entry(self.header(place)))
    }

    /// The entries that were not deleted, from the first with this id or a higher one.
    pub(super) fn entries_from(&self, start: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let headers = self.live_headers().skip_while(move |header| start > self.first && self.id(*header).0 < start);
        headers.map(|header| self.entry(header))
    }

    /// The entries that were not deleted, the last first.
    pub(super) fn entries_back(&self) -> impl Iterator<Item = Entry<'_>> {
        let headers: Vec<Header> = self.live_headers().collect();
        headers.into_iter().rev().map(|header| self.entry(header))
    }

    /// Deletes the entry with this id; false if there is none.
    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let Some(place) = self.find(id) else { return false };
        self.bytes[place] |= DELETED;
        self.live -= 1;
        if place == self.front as usize {
            let next = self.places().next();
            self.front = next.unwrap_or(self.bytes.len()) as u32;
        } else if id == self.last_live {
            let last = self.live_headers().last();
            self.last_live = last.map_or(self.first, |header| self.id(header).0);
        }
        true
    }

    /// Deletes entries from the front as long as `goes` says so, and answers how many.
    pub(super) fn delete_while(&mut self, mut goes: impl FnMut(StreamId) -> bool) -> u64 {
        let mut deleted = 0;
        let stays = self.places().find(|place| {
            let goes = goes(self.id(self.header(*place)).0);
            deleted += u32::from(goes);
            !goes
        });
        self.front = stays.unwrap_or(self.bytes.len()) as u32;
        self.live -= deleted;
        deleted.into()
    }

    /// Gives memory back that no further entry will need.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    fn has_names<'n>(&self, mut names: impl Iterator<Item = &'n [u8]>) -> bool {
        let mut own = &self.bytes[..self.names_end as usize];
        names.all(|name| take_bytes(&mut own) == name)
    }

    /// Where the entry with this id begins.
    fn find(&self, id: StreamId) -> Option<usize> {
        let found = self.places().find(|place| self.id(self.header(*place)).0 >= id);
        found.filter(|place| self.id(self.header(*place)).0 == id)
    }

    /// Where the entries begin that were not deleted.
    fn places(&self) -> impl Iterator<Item = usize> {
        let mut place = self.front as usize;
        std::iter::from_fn(move || {
            while place < self.bytes.len() {
                let begin = place;
                let header = self.header(begin);
                place = header.next;
                if header.flags & DELETED == 0 {
                    return Some(begin);
                }
            }
            None
        })
    }

    fn live_headers(&self) -> impl Iterator<Item = Header> {
        self.places().map(|place| self.header(place))
    }

    fn header(&self, place: usize) -> Header {
        let mut rest = &self.bytes[place + 1..];
        let len = take_number(&mut rest) as usize;
        let body = self.bytes.len() - rest.len();
        Header { flags: self.bytes[place], body, next: body + len }
    }

    /// The id of an entry, and what follows it.
    fn id(&self, header: Header) -> (StreamId, &[u8]) {
        let mut rest = &self.bytes[header.body..header.next];
        let ms = take_number(&mut rest);
        let seq = take_number(&mut rest);
        let seq = if ms == 0 { self.first.seq + seq } else { seq };
        (StreamId { ms: self.first.ms + ms, seq }, rest)
    }

    fn entry(&self, header: Header) -> Entry<'_> {
        let (id, mut rest) = self.id(header);
        let same = header.flags & SAME_NAMES != 0;
        let left = if same { self.names as usize } else { take_number(&mut rest) as usize };
        let names = same.then(|| &self.bytes[..self.names_end as usize]);
        Entry { id, fields: Fields { names, rest, left } }
    }
}

/// How many bytes a number takes.
fn number_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// How many bytes a string takes.
fn bytes_len(bytes: &[u8]) -> usize {
    number_len(bytes.len() as u64) + bytes.len()
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
