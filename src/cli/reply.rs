//! Replies of both protocol versions, and the reader that puts them together from bytes as they arrive.

use bytes::{Buf, Bytes, BytesMut};

/// One reply, whichever version it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Status(Bytes),
    Error(Bytes),
    Integer(i64),
    /// As the server wrote it: what is printed must not be rounded.
    Double(Bytes),
    /// As the server wrote it.
    BigNumber(Bytes),
    Bulk(Bytes),
    /// Text meant for people; its three-letter format is left out.
    Verbatim(Bytes),
    Nil,
    Boolean(bool),
    Array(Vec<Reply>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
}

/// Puts replies together. Bytes may be split anywhere; none is looked at twice, except the few of a length that waits
/// for its payload. Nothing is allocated for a length that is only claimed. Attributes are read and left out.
///
/// After an error the bytes that follow have no meaning: the connection is over.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    buffer: BytesMut,
    /// How much of the buffer has been searched for the end of the current line.
    searched: usize,
    open: Vec<Aggregate>,
}

impl ReplyReader {
    /// How deep aggregates may nest: printing and dropping them recurse.
    const MAX_DEPTH: usize = 512;

    /// Takes what the socket delivered.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete reply, or `None` until more bytes come.
    ///
    /// # Errors
    ///
    /// The text says what is not the protocol.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, String> {
        while let Some(item) = self.item()? {
            let finished = match item {
                Item::Reply(reply) => self.close(reply),
                Item::Open(aggregate) if self.open.len() < Self::MAX_DEPTH => {
                    self.open.push(aggregate);
                    None
                }
                Item::Nothing => None,
                Item::Open(_) => return Err("Protocol error, replies nested too deeply".to_owned()),
            };
            if finished.is_some() {
                return Ok(finished);
            }
        }
        Ok(None)
    }

    /// Adds a complete value to the aggregate that waits for it, and closes all that are complete with it.
    fn close(&mut self, mut value: Reply) -> Option<Reply> {
        loop {
            let Some(aggregate) = self.open.last_mut() else {
                return Some(value);
            };
            aggregate.items.push(value);
            aggregate.missing -= 1;
            if aggregate.missing > 0 {
                return None;
            }
            let aggregate = self.open.pop()?;
            value = aggregate.finish()?;
        }
    }

    fn item(&mut self) -> Result<Option<Item>, String> {
        let Some(&kind) = self.buffer.first() else {
            return Ok(None);
        };
        if !b"$=!*~>%|:_#+-,(".contains(&kind) {
            let shown = std::ascii::escape_default(kind);
            return Err(format!("Protocol error, got \"{shown}\" as reply type byte"));
        }
        let Some(end) = self.line_end() else {
            return Ok(None);
        };
        let line = &self.buffer[1..end];
        let item = match kind {
            b'$' | b'=' | b'!' => return self.blob(kind, end),
            b'*' | b'~' | b'>' | b'%' | b'|' => aggregate(kind, line)?,
            b':' => Item::Reply(Reply::Integer(number(line).ok_or("Bad integer value")?)),
            b'_' => Item::Reply(Reply::Nil),
            b'#' => Item::Reply(Reply::Boolean(boolean(line)?)),
            b'+' => Item::Reply(Reply::Status(Bytes::copy_from_slice(line))),
            b'-' => Item::Reply(Reply::Error(Bytes::copy_from_slice(line))),
            b',' => Item::Reply(Reply::Double(Bytes::copy_from_slice(line))),
            _ => Item::Reply(Reply::BigNumber(Bytes::copy_from_slice(line))),
        };
        self.buffer.advance(end + 2);
        Ok(Some(item))
    }

    /// Where the current line ends, before its CR LF. The buffer starts with a type byte, so this is never 0.
    fn line_end(&mut self) -> Option<usize> {
        match memchr::memmem::find(&self.buffer[self.searched..], b"\r\n") {
            Some(at) => {
                let end = self.searched + at;
                self.searched = 0;
                Some(end)
            }
            None => {
                self.searched = self.buffer.len().saturating_sub(1);
                None
            }
        }
    }

    /// A value whose length stands before it; `end` is where the line of the length ends.
    fn blob(&mut self, kind: u8, end: usize) -> Result<Option<Item>, String> {
        let length = number(&self.buffer[1..end]).ok_or("Bad bulk string length")?;
        if length == -1 {
            self.buffer.advance(end + 2);
            return Ok(Some(Item::Reply(Reply::Nil)));
        }
        let length = usize::try_from(length).map_err(|_| OUT_OF_RANGE)?;
        let needed = (end + 2).checked_add(length).and_then(|sum| sum.checked_add(2)).ok_or(OUT_OF_RANGE)?;
        if self.buffer.len() < needed {
            return Ok(None);
        }
        self.buffer.advance(end + 2);
        let mut text = self.buffer.split_to(length).freeze();
        self.buffer.advance(2);
        let reply = match kind {
            b'$' => Reply::Bulk(text),
            b'!' => Reply::Error(text),
            _ if text.get(3) == Some(&b':') => Reply::Verbatim(text.split_off(4)),
            _ => return Err("Verbatim string 4 bytes of content type are missing or incorrectly encoded.".to_owned()),
        };
        Ok(Some(Item::Reply(reply)))
    }
}

const OUT_OF_RANGE: &str = "Bulk string length out of range";

/// What one line (with its payload) is.
enum Item {
    Reply(Reply),
    Open(Aggregate),
    /// An attribute without entries.
    Nothing,
}

/// An aggregate that still misses elements. `missing` is never 0 while it is open.
#[derive(Debug)]
struct Aggregate {
    kind: u8,
    missing: u64,
    items: Vec<Reply>,
}

impl Aggregate {
    /// The reply, or `None` for attributes, which are no reply.
    fn finish(self) -> Option<Reply> {
        match self.kind {
            b'*' => Some(Reply::Array(self.items)),
            b'~' => Some(Reply::Set(self.items)),
            b'>' => Some(Reply::Push(self.items)),
            b'%' => {
                let mut items = self.items.into_iter();
                Some(Reply::Map(std::iter::from_fn(|| items.next().zip(items.next())).collect()))
            }
            _ => None,
        }
    }
}

fn aggregate(kind: u8, line: &[u8]) -> Result<Item, String> {
    let count = number(line).ok_or("Bad multi-bulk length")?;
    if count == -1 {
        return Ok(Item::Reply(Reply::Nil));
    }
    let count = u64::try_from(count).map_err(|_| "Multi-bulk length out of range")?;
    let pairs = matches!(kind, b'%' | b'|');
    let missing = if pairs { count.checked_mul(2).ok_or("Multi-bulk length out of range")? } else { count };
    let aggregate = Aggregate { kind, missing, items: Vec::new() };
    if missing > 0 {
        return Ok(Item::Open(aggregate));
    }
    Ok(aggregate.finish().map_or(Item::Nothing, Item::Reply))
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn boolean(line: &[u8]) -> Result<bool, &'static str> {
    match line {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err("Bad bool value"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reply, ReplyReader};
    use bytes::Bytes;

    fn bulk(text: &'static str) -> Reply {
        Reply::Bulk(Bytes::from(text))
    }

    /// Feeds the bytes in pieces of `size` and returns every reply.
    fn replies_of(bytes: &[u8], size: usize) -> Vec<Reply> {
        let mut reader = ReplyReader::default();
        let mut replies = Vec::new();
        for piece in bytes.chunks(size) {
            reader.feed(piece);
            while let Some(reply) = reader.next().expect("the bytes are valid") {
                replies.push(reply);
            }
        }
        replies
    }

    fn error_of(bytes: &[u8]) -> String {
        let mut reader = ReplyReader::default();
        reader.feed(bytes);
        reader.next().expect_err("the bytes are not valid")
    }

    #[test]
    fn every_type_is_read_however_the_bytes_are_split() {
        let bytes = b"+OK\r\n-ERR no\r\n:-12\r\n,3.0e-2\r\n(123456789012345678901\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n\
            =8\r\ntxt:some\r\n_\r\n#t\r\n#f\r\n!6\r\nERR no\r\n*0\r\n%0\r\n~0\r\n$0\r\n\r\n+\r\n\
            *3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n_\r\n%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%1\r\n:1\r\n:2\r\n~1\r\n#t\r\n\
            >3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
        let status = |text: &'static str| Reply::Status(Bytes::from(text));
        let expected = vec![
            status("OK"),
            Reply::Error(Bytes::from("ERR no")),
            Reply::Integer(-12),
            Reply::Double(Bytes::from("3.0e-2")),
            Reply::BigNumber(Bytes::from("123456789012345678901")),
            bulk("a\r\nbc"),
            Reply::Nil,
            Reply::Nil,
            Reply::Verbatim(Bytes::from("some")),
            Reply::Nil,
            Reply::Boolean(true),
            Reply::Boolean(false),
            Reply::Error(Bytes::from("ERR no")),
            Reply::Array(vec![]),
            Reply::Map(vec![]),
            Reply::Set(vec![]),
            bulk(""),
            status(""),
            Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![bulk("a"), Reply::Array(vec![])]), Reply::Nil]),
            Reply::Map(vec![
                (status("a"), Reply::Array(vec![Reply::Integer(1)])),
                (status("b"), Reply::Map(vec![(Reply::Integer(1), Reply::Integer(2))])),
            ]),
            Reply::Set(vec![Reply::Boolean(true)]),
            Reply::Push(vec![bulk("message"), bulk("c"), bulk("hi")]),
        ];
        for size in 1..=bytes.len() {
            assert_eq!(replies_of(bytes, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn attributes_are_left_out() {
        let bytes = b"|1\r\n+ttl\r\n:3\r\n*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n|0\r\n+OK\r\n";
        let expected = vec![Reply::Array(vec![Reply::Integer(1), Reply::Integer(2)]), Reply::Status(Bytes::from("OK"))];
        for size in 1..=bytes.len() {
            assert_eq!(replies_of(bytes, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_claimed_length_alone_is_no_reply_and_takes_no_memory() {
        for bytes in [b"$9000000000000\r\nab".as_slice(), b"*9000000000000\r\n:1\r\n", b"%4000000000000\r\n:1\r\n"] {
            assert_eq!(replies_of(bytes, 3), []);
        }
    }

    #[test]
    fn what_is_not_the_protocol_is_named() {
        assert_eq!(error_of(b"hello\r\n"), "Protocol error, got \"h\" as reply type byte");
        assert_eq!(error_of(b"\r\n"), "Protocol error, got \"\\r\" as reply type byte");
        assert_eq!(error_of(b"S"), "Protocol error, got \"S\" as reply type byte");
        assert_eq!(error_of(b"\x01\r\n"), "Protocol error, got \"\\x01\" as reply type byte");
        assert_eq!(error_of(b":1a\r\n"), "Bad integer value");
        assert_eq!(error_of(b"$-2\r\n"), "Bulk string length out of range");
        assert_eq!(error_of(b"$x\r\n"), "Bad bulk string length");
        assert_eq!(error_of(b"*-2\r\n"), "Multi-bulk length out of range");
        assert_eq!(error_of(b"#x\r\n"), "Bad bool value");
        assert_eq!(
            error_of(b"=2\r\nab\r\n"),
            "Verbatim string 4 bytes of content type are missing or incorrectly encoded."
        );
    }

    #[test]
    fn endless_nesting_is_refused() {
        assert_eq!(error_of(&b"*1\r\n".repeat(1000)), "Protocol error, replies nested too deeply");
    }
}
