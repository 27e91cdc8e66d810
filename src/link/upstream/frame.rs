//! What an upstream says, in RESP3, as far as a node has to understand it.
//!
//! Source: the page "Redis serialization protocol specification" of Redis' documentation.

use bytes::{Bytes, BytesMut};

use crate::link::connection::Broken;

/// The longest line that is believed, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// How deep what is in something may lie.
const DEEPEST: usize = 8;
/// The longest bulk that is believed, in bytes: the most that Redis can be configured to take is no more in practice.
const LONGEST_BULK: usize = 4 * 1024 * 1024 * 1024;

/// Something that an upstream has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Out of band, with its bulks and numbers.
    Push(Vec<Bytes>),
    Bulk(Bytes),
    /// Keys and values in turn.
    Map(Vec<Bytes>),
    Error(String),
    /// Numbers of receivers, and whatever else is of no interest.
    Other,
}

/// Takes the next thing from the front of `input`; none while it is not complete.
///
/// # Errors
///
/// [`Broken`] where this is not RESP3.
pub(super) fn take(input: &mut BytesMut) -> Result<Option<Frame>, Broken> {
    let mut parts = Vec::new();
    let Some(end) = walk(input, 0, 0, &mut parts)? else { return Ok(None) };
    let bytes = input.split_to(end).freeze();
    let mut parts = parts.into_iter().map(|(from, to)| bytes.slice(from..to));
    Ok(Some(match bytes[0] {
        b'>' => Frame::Push(parts.collect()),
        b'%' => Frame::Map(parts.collect()),
        b'$' | b'=' => Frame::Bulk(parts.next().unwrap_or_default()),
        b'-' | b'!' => Frame::Error(String::from_utf8_lossy(&parts.next().unwrap_or_default()).into_owned()),
        _ => Frame::Other,
    }))
}

/// Finds the end of what begins at `begin`, and notes where the content of everything in it lies; none while it is not
/// complete.
fn walk(
    input: &BytesMut,
    begin: usize,
    depth: usize,
    parts: &mut Vec<(usize, usize)>,
) -> Result<Option<usize>, Broken> {
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
            parts.push((begin + 1, begin + line.len()));
            return Ok(Some(after));
        }
        b'$' | b'=' | b'!' => match count().ok_or_else(|| wrong(rest))? {
            ..0 => {
                parts.push((after, after));
                return Ok(Some(after));
            }
            len => {
                let len = usize::try_from(len).ok().filter(|len| *len <= LONGEST_BULK).ok_or_else(|| wrong(rest))?;
                let end = after + len + 2;
                parts.push((after, after + len));
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
        let bytes = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\r\nxy\r\n:5\r\n%1\r\n$1\r\nk\r\n*1\r\n:1\r\n$3\r\nabc\r\n-ERR no\r\n>2\r\n$9\r\nsubscribe\r\n:1\r\n_\r\n";
        let parts = |words: &[&[u8]]| Frame::Push(words.iter().map(|word| Bytes::copy_from_slice(word)).collect());
        let expected = [
            parts(&[b"message", b"a", b"\r\nxy"]),
            Frame::Other,
            Frame::Map([&b"k"[..], b"1"].map(Bytes::from_static).to_vec()),
            Frame::Bulk(Bytes::from_static(b"abc")),
            Frame::Error("ERR no".into()),
            parts(&[b"subscribe", b"1"]),
            Frame::Other,
        ];
        for cut in 0..bytes.len() {
            let (mut input, mut said) = (BytesMut::new(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]] {
                input.extend_from_slice(part);
                while let Ok(Some(next)) = take(&mut input) {
                    said.push(next);
                }
            }
            assert_eq!(said, expected, "cut at {cut}");
            assert!(input.is_empty());
        }
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
