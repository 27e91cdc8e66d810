//! Where the answers of an upstream end, whatever pieces they come in: nothing of them is kept, and nothing decoded that does
//! not say how long they are.
//!
//! Source: the page "Redis serialization protocol specification" of Redis' documentation.

/// How deep what is in something may lie: deeper than scripts can nest.
const DEEPEST: usize = 256;
/// The largest length or count that is believed.
const LARGEST: u64 = 1 << 40;
/// The longest line that says a length or count, in bytes.
const LONGEST_LINE: usize = 32;

/// Says where what comes in pieces ends.
#[derive(Debug, Default)]
pub(super) struct Frames {
    state: State,
    /// What is open around it, the outermost first.
    open: Vec<Open>,
    /// The mark with which the frame begins that is being read.
    mark: u8,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// At a mark.
    #[default]
    Start,
    /// In a line that is a value.
    Text,
    /// In a line that says a length or count, of which so many bytes have come.
    Number { mark: u8, value: u64, negative: bool, come: usize },
    /// So much of a string is missing, its end included.
    Bulk(u64),
}

/// Something with elements.
#[derive(Clone, Copy, Debug)]
struct Open {
    missing: u64,
    /// Whether it stands before what it is about, and counts as no element.
    is_attribute: bool,
}

/// Not the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

impl Frames {
    /// The mark with which the frame begins that is being read, or was last, behind what is said about it.
    pub(super) fn mark(&self) -> u8 {
        self.mark
    }

    /// Reads to the end of the frame, or of `bytes`. Answers how many it has read, and whether the frame has ended.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`], after which it is not to be used any more.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), NotUnderstood> {
        let mut at = 0;
        while at < bytes.len() {
            let ended = match self.state {
                State::Start => {
                    self.begin(bytes[at])?;
                    at += 1;
                    false
                }
                State::Text => match memchr::memchr(b'\n', &bytes[at..]) {
                    Some(offset) => {
                        at += offset + 1;
                        self.complete()
                    }
                    None => return Ok((bytes.len(), false)),
                },
                State::Number { .. } => {
                    at += 1;
                    self.number(bytes[at - 1])?
                }
                State::Bulk(missing) => {
                    let here = (bytes.len() - at) as u64;
                    at += missing.min(here) as usize;
                    self.state = State::Bulk(missing.saturating_sub(here));
                    missing <= here && self.complete()
                }
            };
            if ended {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    fn begin(&mut self, mark: u8) -> Result<(), NotUnderstood> {
        if self.open.is_empty() {
            self.mark = mark;
        }
        self.state = match mark {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => State::Text,
            b'$' | b'=' | b'!' | b'*' | b'~' | b'>' | b'%' | b'|' => {
                State::Number { mark, value: 0, negative: false, come: 0 }
            }
            _ => return Err(NotUnderstood),
        };
        Ok(())
    }

    /// Takes the next byte of a length or count. Answers whether the frame has ended.
    fn number(&mut self, byte: u8) -> Result<bool, NotUnderstood> {
        let State::Number { mark, value, negative, come } = self.state else { return Err(NotUnderstood) };
        match byte {
            b'0'..=b'9' if come < LONGEST_LINE => {
                let value = value * 10 + u64::from(byte - b'0');
                if value > LARGEST {
                    return Err(NotUnderstood);
                }
                self.state = State::Number { mark, value, negative, come: come + 1 };
            }
            b'-' if come == 0 => self.state = State::Number { mark, value, negative: true, come: 1 },
            b'\r' => {}
            b'\n' if come > 0 => return self.enter(mark, if negative { None } else { Some(value) }),
            _ => return Err(NotUnderstood),
        }
        Ok(false)
    }

    /// A length or count has been read; none for what is not there.
    fn enter(&mut self, mark: u8, value: Option<u64>) -> Result<bool, NotUnderstood> {
        let Some(value) = value else { return Ok(self.complete()) };
        let missing = match mark {
            b'$' | b'=' | b'!' => {
                self.state = State::Bulk(value + 2);
                return Ok(false);
            }
            b'%' | b'|' => value * 2,
            _ => value,
        };
        let is_attribute = mark == b'|';
        self.state = State::Start;
        if missing == 0 {
            return Ok(!is_attribute && self.complete());
        }
        if self.open.len() == DEEPEST {
            return Err(NotUnderstood);
        }
        self.open.push(Open { missing, is_attribute });
        Ok(false)
    }

    /// A value is complete, and perhaps what it is in. Answers whether the frame has ended.
    fn complete(&mut self) -> bool {
        self.state = State::Start;
        while let Some(around) = self.open.last_mut() {
            around.missing -= 1;
            if around.missing > 0 {
                return false;
            }
            let is_attribute = around.is_attribute;
            self.open.pop();
            if is_attribute {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames in `bytes`, which come in pieces of so many.
    fn frames(bytes: &[u8], at_once: usize) -> Result<Vec<String>, NotUnderstood> {
        let (mut frames, mut all, mut one) = (Frames::default(), Vec::new(), Vec::new());
        for mut piece in bytes.chunks(at_once) {
            while !piece.is_empty() {
                let (used, ended) = frames.read(piece)?;
                one.extend_from_slice(&piece[..used]);
                piece = &piece[used..];
                if ended {
                    assert!(one[0] == b'|' || frames.mark() == one[0]);
                    all.push(std::mem::take(&mut one).escape_ascii().to_string());
                }
            }
        }
        assert!(one.is_empty(), "{} has not ended", one.escape_ascii());
        Ok(all)
    }

    #[test]
    fn answers_end_at_the_same_places_whatever_pieces_they_come_in() {
        let said: [&[u8]; 18] = [
            b"+OK\r\n",
            b"-ERR no\r\n",
            b":-12\r\n",
            b"$5\r\na\r\nbc\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*3\r\n*2\r\n:1\r\n*0\r\n$1\r\na\r\n%1\r\n+k\r\n*1\r\n_\r\n",
            b"_\r\n",
            b"#t\r\n",
            b",1.5\r\n",
            b"(123456789012345678901234567890\r\n",
            b"=7\r\ntxt:abc\r\n",
            b"!5\r\nERR x\r\n",
            b"~2\r\n:1\r\n:2\r\n",
            b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
            b"|1\r\n+ttl\r\n:1\r\n*2\r\n|1\r\n+a\r\n*1\r\n:2\r\n:1\r\n|0\r\n:2\r\n",
        ];
        let all = said.concat();
        let expected: Vec<String> = said.iter().map(|frame| frame.escape_ascii().to_string()).collect();
        for at_once in 1..all.len() {
            assert_eq!(frames(&all, at_once).as_ref(), Ok(&expected), "in pieces of {at_once}");
        }
    }

    #[test]
    fn what_is_not_the_protocol_is_not_taken_for_it() {
        let deep = b"*1\r\n".repeat(DEEPEST + 1);
        for bytes in [&b"HTTP/1.1"[..], b"$x\r\n", b"$\r\n", b"$1-\r\n", b"*99999999999999999999\r\n", b"\r\n", &deep] {
            assert_eq!(frames(bytes, 3), Err(NotUnderstood), "{}", bytes.escape_ascii());
        }
        let deep = [&b"*1\r\n".repeat(DEEPEST)[..], b":1\r\n"].concat();
        assert_eq!(frames(&deep, 7).map(|frames| frames.len()), Ok(1));
    }
}
