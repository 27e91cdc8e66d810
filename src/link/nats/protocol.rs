//! The protocol of NATS, as far as a node speaks it: lines of text, and payloads of a length that a line says.
//!
//! Source: the page "Client Protocol" of the documentation of NATS. Neither headers nor replies are asked for, so none come.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use serde_json::Value;

use crate::link::connection::Broken;

/// The longest line that is believed, in bytes: INFO of a large cluster names all its servers.
const LONGEST_LINE: usize = 64 * 1024;
/// The largest payload that is believed, in bytes: the most that a server of NATS can be configured to take.
const LARGEST_PAYLOAD: usize = 64 * 1024 * 1024;

/// What a server says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// What it is, and what has changed of that.
    Info(Value),
    /// The payload of a message.
    Message(Bytes),
    Ping,
    Pong,
    Ok,
    /// It refuses something; often it closes the connection then.
    Refusal(String),
}

/// Takes the next thing that a server has said from the front of `input`; none while it is not complete.
///
/// # Errors
///
/// [`Broken`]: the connection is of no use any more.
pub(super) fn take(input: &mut BytesMut) -> Result<Option<Said>, Broken> {
    let Some(end) = memmem::find(&input[..input.len().min(LONGEST_LINE)], b"\r\n") else {
        return match input.len() {
            LONGEST_LINE.. => Err(wrong("a line without an end", &input[..64])),
            _ => Ok(None),
        };
    };
    let line = &input[..end];
    let said = match first_word(line) {
        (b"MSG", rest) => return take_message(input, end, payload_len(rest)?),
        (b"PING", _) => Said::Ping,
        (b"PONG", _) => Said::Pong,
        (b"+OK", _) => Said::Ok,
        (b"-ERR", rest) => Said::Refusal(String::from_utf8_lossy(rest).trim_matches([' ', '\'']).to_owned()),
        (b"INFO", rest) => Said::Info(serde_json::from_slice(rest).map_err(|_| wrong("INFO", rest))?),
        _ => return Err(wrong("a line", line)),
    };
    input.advance(end + 2);
    Ok(Some(said))
}

fn take_message(input: &mut BytesMut, line_end: usize, len: usize) -> Result<Option<Said>, Broken> {
    let begin = line_end + 2;
    let Some(end) = input.get(begin + len..begin + len + 2) else {
        // Room is made once, and not before something has come.
        input.reserve(begin + len + 2 - input.len());
        return Ok(None);
    };
    if end != b"\r\n" {
        return Err(wrong("the end of a payload", end));
    }
    input.advance(begin);
    let payload = input.split_to(len).freeze();
    input.advance(2);
    Ok(Some(Said::Message(payload)))
}

/// The last word of `subject sid [reply] length`.
fn payload_len(rest: &[u8]) -> Result<usize, Broken> {
    let digits = rest.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.filter(|len| *len <= LARGEST_PAYLOAD).ok_or_else(|| wrong("a length", digits))
}

fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    (&line[..end], line.get(end + 1..).unwrap_or_default())
}

fn wrong(what: &str, bytes: &[u8]) -> Broken {
    let shown = &bytes[..bytes.len().min(64)];
    Broken(format!("{what} of the engine is not understood: {}", shown.escape_ascii()))
}

/// Appends the line that begins a message of so many bytes.
pub(super) fn push_publish(output: &mut BytesMut, subject: &[u8], len: usize) {
    push_words(output, &[b"PUB", subject, itoa::Buffer::new().format(len).as_bytes()]);
}

/// Appends that what goes to a subject, or a tree of them, is to be sent under this number.
pub(super) fn push_subscribe(output: &mut BytesMut, subject: &[u8], number: u64) {
    let rest: &[u8] = if subject.ends_with(b".") { b">" } else { b"" };
    output.extend_from_slice(b"SUB ");
    output.extend_from_slice(subject);
    push_words(output, &[rest, itoa::Buffer::new().format(number).as_bytes()]);
}

/// Appends that nothing is to be sent under this number any more.
pub(super) fn push_unsubscribe(output: &mut BytesMut, number: u64) {
    push_words(output, &[b"UNSUB", itoa::Buffer::new().format(number).as_bytes()]);
}

fn push_words(output: &mut BytesMut, words: &[&[u8]]) {
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            output.extend_from_slice(b" ");
        }
        output.extend_from_slice(word);
    }
    output.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: BytesMut) -> Result<Vec<Said>, Broken> {
        let mut said = Vec::new();
        while let Some(next) = take(&mut input)? {
            said.push(next);
        }
        assert!(input.is_empty());
        Ok(said)
    }

    #[test]
    fn what_a_server_says_is_the_same_wherever_it_is_cut() {
        let bytes = b"INFO {\"max_payload\":100}\r\nPING\r\nMSG a.b 12 5\r\nhe\r\no\r\nMSG a 1 reply 0\r\n\r\n+OK\r\nPONG\r\n-ERR 'No'\r\n";
        let expected = [
            Said::Info(serde_json::json!({ "max_payload": 100 })),
            Said::Ping,
            Said::Message(Bytes::from_static(b"he\r\no")),
            Said::Message(Bytes::new()),
            Said::Ok,
            Said::Pong,
            Said::Refusal("No".into()),
        ];
        assert_eq!(all(BytesMut::from(&bytes[..])).as_deref(), Ok(&expected[..]));
        for cut in 0..bytes.len() {
            let (mut input, mut said) = (BytesMut::new(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]] {
                input.extend_from_slice(part);
                while let Ok(Some(next)) = take(&mut input) {
                    said.push(next);
                }
            }
            assert_eq!(said, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_word_of_the_protocol_ends_the_connection() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"MSG a 1 x\r\n",
            b"MSG a 1 99999999999\r\n",
            b"MSG a 1 1\r\nxyz",
            b"INFO {\r\n",
        ] {
            assert!(take(&mut BytesMut::from(bytes)).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(take(&mut BytesMut::from(&vec![b'x'; LONGEST_LINE][..])).is_err());
    }

    #[test]
    fn a_tree_is_asked_for_by_its_wildcard() {
        let mut output = BytesMut::new();
        push_subscribe(&mut output, b"p.c.", 7);
        push_subscribe(&mut output, b"p.c.x", 8);
        push_unsubscribe(&mut output, 7);
        push_publish(&mut output, b"p.c.x", 12);
        assert_eq!(&output[..], b"SUB p.c.> 7\r\nSUB p.c.x 8\r\nUNSUB 7\r\nPUB p.c.x 12\r\n");
    }
}
