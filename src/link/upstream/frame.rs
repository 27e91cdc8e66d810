//! What an upstream says, in RESP3, as far as a node has to understand it.
//!
//! Source: the page "Redis serialization protocol specification" of Redis' documentation.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use crate::link::connection::Broken;

/// The longest line that is believed, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// How deep what is in something may lie.
const DEEPEST: usize = 8;
/// The longest bulk that is believed, in bytes: the most that Redis can be configured to take is no more in practice.
const LONGEST_BULK: usize = 4 * 1024 * 1024 * 1024;

/// How many of the bulks and numbers in something are noted: a message has four, and of the answer to HELLO the first are of
/// interest.
pub(super) const MOST_PARTS: usize = 16;

/// Something that an upstream has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Out of band.
    Push(Elements),
    Bulk(Bytes),
    /// Keys and values in turn.
    Map(Elements),
    Error(String),
    /// Numbers of receivers, and whatever else is of no interest.
    Other,
}

/// Bulks and numbers, up to [`MOST_PARTS`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elements {
    bytes: Bytes,
    places: Places,
}

impl Elements {
    /// The contents of these, put into `room`.
    pub(super) fn parts<'r, 'b: 'r>(&'b self, room: &'r mut [&'b [u8]; MOST_PARTS]) -> &'r [&'b [u8]] {
        for (part, place) in room.iter_mut().zip(self.places.all()) {
            *part = &self.bytes[place.clone()];
        }
        &room[..self.places.count]
    }
}

/// Where the contents of what is in something lie: of more than [`MOST_PARTS`], those of the first.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    places: [Range<usize>; MOST_PARTS],
    count: usize,
}

impl Places {
    fn push(&mut self, place: Range<usize>) {
        if let Some(free) = self.places.get_mut(self.count) {
            *free = place;
            self.count += 1;
        }
    }

    fn all(&self) -> &[Range<usize>] {
        &self.places[..self.count]
    }
}

/// Takes the next thing from the front of `input`; none while it is not complete.
///
/// # Errors
///
/// [`Broken`] where this is not RESP3.
pub(super) fn take(input: &mut BytesMut) -> Result<Option<Frame>, Broken> {
    let mut places = Places::default();
    let Some(end) = walk(input, 0, 0, &mut places)? else { return Ok(None) };
    let kind = input[0];
    if kind == b':' {
        input.advance(end);
        return Ok(Some(Frame::Other));
    }
    let bytes = input.split_to(end).freeze();
    let first = || places.all().first().map_or_else(Bytes::new, |place| bytes.slice(place.clone()));
    Ok(Some(match kind {
        b'>' => Frame::Push(Elements { bytes, places }),
        b'%' => Frame::Map(Elements { bytes, places }),
        b'$' | b'=' => Frame::Bulk(first()),
        b'-' | b'!' => Frame::Error(String::from_utf8_lossy(&first()).into_owned()),
        _ => Frame::Other,
    }))
}

/// Finds the end of what begins at `begin`, and notes where the content of everything in it lies; none while it is not
/// complete.
fn walk(input: &BytesMut, begin: usize, depth: usize, parts: &mut Places) -> Result<Option<usize>, Broken> {
    let rest = &input[begin..];
    let Some(line_len) = memchr::memchr(b'\n', &rest[..rest.len().min(LONGEST_LINE)]) else {
        return if rest.len() < LONGEST_LINE { Ok(None) } else { Err(wrong(rest)) };
    };
    let line = rest[..line_len].strip_suffix(b"\r").ok_or_else(|| wrong(rest))?;
    let Some((kind, content)) = line.split_first() else { return Err(wrong(rest)) };
    let after = begin + line_len + 1;
    let count = || std::str::from_utf8(content).ok().and_then(|digits| digits.parse::<i64>().ok());
    let elements = match kind {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {
            parts.push(begin + 1..begin + line.len());
            return Ok(Some(after));
        }
        b'$' | b'=' | b'!' => match count().ok_or_else(|| wrong(rest))? {
            ..0 => {
                parts.push(after..after);
                return Ok(Some(after));
            }
            len => {
                let len = usize::try_from(len).ok().filter(|len| *len <= LONGEST_BULK).ok_or_else(|| wrong(rest))?;
                let end = after + len + 2;
                parts.push(after..after + len);
                return Ok((input.len() >= end).then_some(end));
            }
        },
        b'*' | b'~' | b'>' => count().ok_or_else(|| wrong(rest))?,
        b'%' => 2 * count().ok_or_else(|| wrong(rest))?,
        b'|' => 2 * count().ok_or_else(|| wrong(rest))? + 1,
        _ => return Err(wrong(rest)),
    };
    if depth == DEEPEST {
        return Err(wrong(rest));
    }
    let mut end = after;
    for _ in 0..elements {
        match walk(input, end, depth + 1, parts)? {
            Some(next) => end = next,
            None => return Ok(None),
        }
    }
    Ok(Some(end))
}

fn wrong(bytes: &[u8]) -> Broken {
    let shown = &bytes[..bytes.len().min(64)];
    Broken(format!("what the upstream says is not understood: {}", shown.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_upstream_says_is_the_same_wherever_it_is_cut() {
        let bytes = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\r\nxy\r\n:5\r\n%1\r\n$1\r\nk\r\n*1\r\n:1\r\n$3\r\nabc\r\n-ERR no\r\n>2\r\n$9\r\nsubscribe\r\n:1\r\n>7\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n_\r\n";
        let expected = [
            r"push message a \r\nxy",
            "other",
            "map k 1",
            "bulk abc",
            "error ERR no",
            "push subscribe 1",
            "push 1 2 3 4 5 6 7",
            "other",
        ];
        for cut in 0..bytes.len() {
            let (mut input, mut said) = (BytesMut::new(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]] {
                input.extend_from_slice(part);
                while let Ok(Some(next)) = take(&mut input) {
                    said.push(shown(&next));
                }
            }
            assert_eq!(said, expected, "cut at {cut}");
            assert!(input.is_empty());
        }
    }

    fn shown(frame: &Frame) -> String {
        let all = |what: &str, elements: &Elements| {
            let mut room = [&b""[..]; MOST_PARTS];
            let parts = elements.parts(&mut room);
            parts.iter().fold(what.to_string(), |text, part| format!("{text} {}", part.escape_ascii()))
        };
        match frame {
            Frame::Push(elements) => all("push", elements),
            Frame::Map(elements) => all("map", elements),
            Frame::Bulk(bytes) => format!("bulk {}", bytes.escape_ascii()),
            Frame::Error(why) => format!("error {why}"),
            Frame::Other => "other".into(),
        }
    }

    #[test]
    fn of_very_many_elements_the_first_are_kept() {
        let numbers: String = (0..100).map(|number| format!(":{number}\r\n")).collect();
        let said = take(&mut BytesMut::from(format!(">100\r\n{numbers}").as_bytes()));
        let shown = said.map(|said| said.map(|frame| shown(&frame)));
        assert_eq!(shown, Ok(Some("push 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15".into())));
    }

    #[test]
    fn what_is_not_resp3_ends_the_connection() {
        for bytes in
            [&b"HTTP/1.1 200 OK\r\n"[..], b"$x\r\n", b"$99999999999999\r\n", b"+OK\n", b"\r\n", &b"*1\r\n".repeat(20)]
        {
            assert!(take(&mut BytesMut::from(bytes)).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(take(&mut BytesMut::from(&[b'+'; LONGEST_LINE][..])).is_err());
    }
}
