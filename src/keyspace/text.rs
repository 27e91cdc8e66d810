//! Strings.

use bytes::Bytes;

use super::packed::Packed;
use crate::resp::decode::parse_integer;

/// The longest string that Redis keeps in one piece with its header, in bytes: what OBJECT ENCODING calls `embstr`.
const SHORT: usize = 44;

/// A string, laid out as its content suggests.
#[derive(Clone, Debug)]
pub enum Text {
    /// The decimal digits of an integer.
    Integer(i64),
    /// Any bytes.
    Plain(Packed),
    /// Any bytes that a command has changed in place, with room for more.
    Grown(Box<Vec<u8>>),
    /// Many bytes that lie where they were received.
    Shared(Box<Bytes>),
}

impl From<&[u8]> for Text {
    /// Keeps the digits of an integer as a number.
    fn from(bytes: &[u8]) -> Self {
        match parse_integer(bytes) {
            Some(number) => Text::Integer(number),
            None => Text::Plain(bytes.into()),
        }
    }
}

impl From<Bytes> for Text {
    /// Keeps bytes that are too many to be an integer as they are.
    fn from(bytes: Bytes) -> Self {
        Text::Shared(Box::new(bytes))
    }
}

impl Text {
    /// Its bytes; digits are written into `buffer`.
    pub fn bytes<'t>(&'t self, buffer: &'t mut itoa::Buffer) -> &'t [u8] {
        match self {
            Text::Integer(number) => buffer.format(*number).as_bytes(),
            Text::Plain(bytes) => bytes,
            Text::Grown(bytes) => bytes,
            Text::Shared(bytes) => bytes,
        }
    }

    /// A copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The integer that it is, if it is one in its canonical form.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Text::Integer(number) => Some(*number),
            Text::Plain(bytes) => parse_integer(bytes),
            Text::Grown(bytes) => parse_integer(bytes),
            Text::Shared(bytes) => parse_integer(bytes),
        }
    }

    /// The bytes, to be changed in place.
    pub fn grow(&mut self) -> &mut Vec<u8> {
        let bytes = match self {
            Text::Grown(_) => None,
            Text::Plain(bytes) => Some(std::mem::take(bytes).into()),
            Text::Shared(bytes) => Some(std::mem::take(&mut **bytes).into()),
            Text::Integer(_) => Some(self.to_vec()),
        };
        if let Some(bytes) = bytes {
            *self = Text::Grown(Box::new(bytes));
        }
        match self {
            Text::Grown(bytes) => bytes,
            Text::Integer(_) | Text::Plain(_) | Text::Shared(_) => unreachable!("it was just made so"),
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Text::Integer(_) => "int",
            Text::Plain(bytes) if bytes.len() <= SHORT => "embstr",
            Text::Plain(_) | Text::Grown(_) | Text::Shared(_) => "raw",
        }
    }

    /// How many bytes it keeps: none for an integer.
    pub(super) fn packed_bytes(&self) -> usize {
        match self {
            Text::Integer(_) => 0,
            Text::Plain(bytes) => bytes.len(),
            Text::Grown(bytes) => bytes.len(),
            Text::Shared(bytes) => bytes.len(),
        }
    }

    /// What it has on the heap, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Text::Integer(_) => 0,
            Text::Plain(bytes) => bytes.heap_bytes(),
            Text::Grown(bytes) => size_of::<Vec<u8>>() + bytes.capacity(),
            Text::Shared(bytes) => size_of::<Bytes>() + bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_encoding_follows_from_the_content() {
        let long = "x".repeat(45);
        for (content, encoding) in [
            ("12", "int"),
            ("-9223372036854775808", "int"),
            ("012", "embstr"),
            ("1.5", "embstr"),
            ("", "embstr"),
            (&long, "raw"),
        ] {
            assert_eq!(Text::from(content.as_bytes()).encoding(), encoding, "{content}");
        }
        let mut changed = Text::from(&b"12"[..]);
        changed.grow().push(b'3');
        assert_eq!((changed.encoding(), changed.to_vec()), ("raw", b"123".to_vec()));
    }

    #[test]
    fn what_lies_where_it_was_received_can_be_changed_as_any_other() {
        let received = Bytes::from(vec![b'x'; 100]);
        let mut text = Text::from(received.slice(10..90));
        assert_eq!((text.len(), text.integer(), text.encoding()), (80, None, "raw"));
        assert_eq!(text.heap_bytes(), size_of::<Bytes>() + 80);
        text.grow().push(b'y');
        assert_eq!(text.to_vec(), [&[b'x'; 80][..], b"y"].concat());
        assert_eq!(received, vec![b'x'; 100]);
    }

    proptest! {
        #[test]
        fn a_text_is_the_bytes_that_it_was_made_of(bytes in "[0-9-]{0,20}|.{0,60}") {
            let bytes = bytes.into_bytes();
            let text = Text::from(&bytes[..]);
            prop_assert_eq!(text.to_vec(), bytes.clone());
            prop_assert_eq!(text.len(), bytes.len());
            prop_assert_eq!(text.integer(), parse_integer(&bytes));
            let mut grown = text.clone();
            grown.grow().extend_from_slice(b"!");
            prop_assert_eq!(grown.to_vec(), [&bytes[..], b"!"].concat());
        }
    }
}
