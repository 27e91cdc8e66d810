//! What a key holds.

use super::list::List;
use super::packed::Packed;
use super::stream::Stream;
use super::text::Text;

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    String,
    /// A list of strings.
    List,
    /// A log of entries.
    Stream,
}

impl Kind {
    /// The name that TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Stream => "stream",
        }
    }
}

/// So many bytes are as much to do as one element.
const EXTENT_BYTES: usize = 64;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    Text(Text),
    /// A list, never empty.
    List(Box<List>),
    /// A stream.
    Stream(Box<Stream>),
}

impl Value {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Text(_) => Kind::String,
            Value::List(_) => Kind::List,
            Value::Stream(_) => Kind::Stream,
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::Text(text) => text.encoding(),
            Value::List(list) => list.encoding(),
            Value::Stream(_) => "stream",
        }
    }

    /// How much it is to walk, to copy or to free, as a hint that costs nothing to give: its elements, or one for each 64
    /// bytes of them if that is more; at least 1.
    pub fn extent(&self) -> usize {
        let items = match self {
            Value::Text(_) => 1,
            Value::List(list) => list.len(),
            Value::Stream(stream) => stream.items(),
        };
        extent(items, self.packed_bytes()).max(1)
    }

    /// What its elements take, in bytes, without what is around them. Costs nothing to say, unlike
    /// [`Value::heap_bytes`], which is never less.
    pub(super) fn packed_bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.packed_bytes(),
            Value::List(list) => list.packed_bytes(),
            Value::Stream(stream) => stream.log.packed_bytes(),
        }
    }

    /// What it has on the heap, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.heap_bytes(),
            Value::List(list) => list.heap_bytes(),
            Value::Stream(stream) => stream.heap_bytes(),
        }
    }
}

/// The extent of so many elements that take so many bytes.
pub(super) fn extent(items: usize, bytes: usize) -> usize {
    items.max(bytes / EXTENT_BYTES)
}

/// No deadline: a moment that no key has for one, because what is over at once is deleted instead.
const NEVER: i64 = i64::MIN;

/// A key with its value.
#[derive(Debug)]
pub struct Entry {
    key: Packed,
    /// What it holds.
    pub value: Value,
    /// When it expires, in milliseconds since 1970-01-01.
    deadline_ms: i64,
    /// When or how often it was used, in the form that the eviction policy wants.
    pub(super) usage: u32,
}

/// An entry is one line of the processor's cache. Beside it are only keys and values that are not short.
const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    pub(super) fn new(key: &[u8], value: Value, usage: u32) -> Self {
        Entry { key: key.into(), value, deadline_ms: NEVER, usage }
    }

    /// Its name.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// When it expires, in milliseconds since 1970-01-01, if it does.
    pub fn deadline_ms(&self) -> Option<i64> {
        (self.deadline_ms != NEVER).then_some(self.deadline_ms)
    }

    /// Changes the deadline; the database's order of deadlines is the caller's to keep.
    pub(super) fn set_deadline_ms(&mut self, deadline_ms: Option<i64>) {
        self.deadline_ms = deadline_ms.unwrap_or(NEVER);
    }

    /// When or how often it was used, in the form that the eviction policy wants.
    pub(crate) fn usage(&self) -> u32 {
        self.usage
    }

    /// What it takes, in bytes: itself, its key and its value, without the empty places in the table, the order of
    /// deadlines, and what the allocator adds.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.key.heap_bytes() + self.value.heap_bytes()
    }

    /// As [`Value::extent`], with the key.
    pub(super) fn extent(&self) -> usize {
        extent(self.value.extent(), self.key.len())
    }

    /// At least how many bytes will be free when it is freed; costs nothing to say.
    pub(super) fn estimated_bytes(&self) -> u64 {
        (size_of::<Self>() + self.key.heap_bytes() + self.value.packed_bytes()) as u64
    }

    /// Whether its time is over at this moment.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.deadline_ms <= now_ms && self.deadline_ms != NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::list::End;
    use crate::keyspace::stream::StreamId;

    fn list(elements: usize, len: usize) -> Value {
        let mut list = List::default();
        (0..elements).for_each(|_| list.push(End::Back, &vec![b'x'; len]));
        Value::List(Box::new(list))
    }

    #[test]
    fn an_extent_counts_elements_or_bytes_whatever_is_more() {
        let text = |len: usize| Value::Text(Text::from(&vec![b'x'; len][..]));
        assert_eq!([0, 10, 640, 64_000].map(|len| text(len).extent()), [1, 1, 10, 1000]);
        assert_eq!(Value::Text(Text::Integer(7)).extent(), 1);
        assert_eq!(list(500, 3).extent(), 500);
        assert!((10_000..10_010).contains(&list(10, 64_000).extent()));
        let mut stream = Stream::default();
        for ms in 1..=300 {
            stream.log.append(StreamId { ms, seq: 0 }, [(&b"a"[..], &b"b"[..])].into_iter());
        }
        assert_eq!(Value::Stream(Box::new(stream)).extent(), 300);
    }
}
