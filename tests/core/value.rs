//! Replies and pushes as a client reads them, shown in one line for people.

use std::fmt;

/// One frame from the server.
///
/// Its text form: `+OK`, `-ERR why`, `:3`, a bulk as its bare text (quoted where it is empty or holds blanks), `nil`,
/// `[a b]` for an array, `>[a b]` for a push, `{a b}` for a map with keys and values in turn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Value>),
    Push(Vec<Value>),
    Map(Vec<Value>),
}

impl Value {
    /// The frame at the front of `bytes` and its length; `None` if it is not whole.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Value, usize)> {
        let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, used) = (&bytes[1..line_end], line_end + 2);
        let number = || -> i64 {
            let text = String::from_utf8_lossy(line);
            text.parse().unwrap_or_else(|_| panic!("no number: {text:?}"))
        };
        match bytes[0] {
            b'+' => Some((Value::Simple(line.to_vec()), used)),
            b'-' => Some((Value::Error(line.to_vec()), used)),
            b':' => Some((Value::Integer(number()), used)),
            b'_' => Some((Value::Nil, used)),
            b'$' | b'*' if number() == -1 => Some((Value::Nil, used)),
            b'$' => {
                let end = used + usize::try_from(number()).expect("a length is not negative");
                let bulk = bytes.get(used..end)?.to_vec();
                assert_eq!(bytes.get(end..end + 2)?, b"\r\n", "a bulk ends with its line end");
                Some((Value::Bulk(bulk), end + 2))
            }
            b'*' => Self::elements(bytes, used, number()).map(|(items, used)| (Value::Array(items), used)),
            b'>' => Self::elements(bytes, used, number()).map(|(items, used)| (Value::Push(items), used)),
            b'%' => Self::elements(bytes, used, number() * 2).map(|(items, used)| (Value::Map(items), used)),
            other => panic!("no frame begins with {:?}: {}", char::from(other), bytes.escape_ascii()),
        }
    }

    /// All frames in `bytes`, which must end with a frame's end.
    pub(crate) fn parse_all(mut bytes: &[u8]) -> Vec<Value> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let (value, used) = Self::parse(bytes).unwrap_or_else(|| panic!("a torn frame: {}", bytes.escape_ascii()));
            values.push(value);
            bytes = &bytes[used..];
        }
        values
    }

    /// The elements of an array or a push; none for any other value.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Push(items) | Value::Map(items) => items,
            _ => &[],
        }
    }

    /// The bytes of a bulk; none for any other value.
    pub(crate) fn bulk(&self) -> &[u8] {
        match self {
            Value::Bulk(bytes) => bytes,
            _ => &[],
        }
    }

    /// Whether this is a message, or the confirmation of a subscription or of its end.
    pub(crate) fn is_push(&self) -> bool {
        const WORDS: [&[u8]; 3] = [b"message", b"subscribe", b"unsubscribe"];
        let word = self.items().first().map_or(&[][..], Value::bulk);
        WORDS.contains(&word) || WORDS.contains(&word.get(1..).unwrap_or_default())
    }

    fn elements(bytes: &[u8], mut used: usize, count: i64) -> Option<(Vec<Value>, usize)> {
        let mut items = Vec::new();
        for _ in 0..count {
            let rest = bytes.get(used..).filter(|rest| !rest.is_empty())?;
            let (item, len) = Self::parse(rest)?;
            items.push(item);
            used += len;
        }
        Some((items, used))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str| {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            write!(f, "{open}{}{close}", items.join(" "))
        };
        match self {
            Value::Simple(text) => write!(f, "+{}", text.escape_ascii()),
            Value::Error(text) => write!(f, "-{}", String::from_utf8_lossy(text)),
            Value::Integer(number) => write!(f, ":{number}"),
            Value::Bulk(bytes) if bytes.is_empty() || bytes.contains(&b' ') => {
                write!(f, "\"{}\"", bytes.escape_ascii())
            }
            Value::Bulk(bytes) => write!(f, "{}", bytes.escape_ascii()),
            Value::Nil => f.write_str("nil"),
            Value::Array(items) => list(f, "[", items, "]"),
            Value::Push(items) => list(f, ">[", items, "]"),
            Value::Map(items) => list(f, "{", items, "}"),
        }
    }
}
