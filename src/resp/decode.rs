//! The resumable request decoder: multibulk and inline requests, fed in pieces of any size.
//!
//! Invariants: no byte is scanned twice, whatever the split; nothing is allocated from a length that the peer merely
//! claims; arguments are spans of the caller's buffer, so decoding copies nothing (inline words excepted, which lose
//! their quotes).
//!
//! Source: the protocol specification in the Redis documentation, and the behaviour of `processMultibulkBuffer` and
//! `processInlineBuffer` in Redis 7.2 (networking.c).

use std::sync::Arc;

pub use super::args::{Args, OwnedArgs};
use super::args::{MAX_REQUEST, Span};
use super::errors::ProtocolError;
use crate::quoting;

/// How a record of a TLS handshake begins.
const TLS_HANDSHAKE: &[u8] = &[22, 3];
/// The longest line (inline request, count or length), in bytes, whether its end has arrived or not.
const MAX_LINE: usize = 64 * 1024;
/// More arguments than this are refused before authentication.
const MAX_UNAUTHENTICATED_ARGS: i64 = 10;
/// A longer bulk than this is refused before authentication, in bytes.
const MAX_UNAUTHENTICATED_BULK: i64 = 16 * 1024;
/// A carriage return, and one byte more, whatever it is.
const LINE_END: usize = 2;
/// How far the end of a line is looked for byte by byte, in bytes.
const NEAR: usize = 6;
/// Capacity for argument spans that is kept between requests.
const KEPT_SPANS: usize = 1024;
/// Where the arguments of a request lie is shared with those who keep it, and not copied, if they are so many.
pub(super) const MANY: usize = 16 * 1024;
/// When so many arguments have come that the rest is at most so many times as many, room is made for all. It is address
/// space, and becomes memory as they come.
const AHEAD: usize = 64;

/// What bounds a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`, in bytes.
    pub max_bulk: usize,
    /// Whether the client may send requests of any size; false until it has authenticated.
    pub authenticated: bool,
}

/// What the decoder found at the front of the buffer.
#[derive(Debug)]
pub enum Step<'a> {
    /// A whole request, and how many bytes of the buffer it took.
    Request(Args<'a>, usize),
    /// Nothing to do (an empty line, `*0`, `*-1`) in this many bytes.
    Nothing(usize),
    /// At least this many more bytes are needed, as far as lengths have been announced. The next call must see the same
    /// bytes again, with more behind them.
    Incomplete(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the first byte of a request.
    #[default]
    Start,
    /// In an inline request.
    Inline,
    /// In the line behind `*`.
    Count,
    /// In the line behind `$`; this many arguments are still to come.
    Length { missing: usize },
    /// In an argument of `len` bytes; this many arguments are still to come, this one included.
    Bulk { missing: usize, len: usize },
}

/// The decoder of one connection. It remembers how far into the unfinished request it has come.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// First byte of the item being read, relative to the request's first byte.
    position: usize,
    /// No end of line lies before this offset.
    scanned: usize,
    spans: Vec<Span>,
    /// Those of a request that is complete, if it had many.
    many: Option<Arc<Vec<Span>>>,
    /// The words of an inline request, without their quotes.
    words: Vec<u8>,
}

impl Decoder {
    /// Decodes the request at the front of `buffer`.
    ///
    /// After [`Step::Request`] and [`Step::Nothing`] the next call takes the buffer behind the bytes that were used.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`], after which the connection cannot be used any more.
    pub fn next<'a>(&'a mut self, buffer: &'a [u8], limits: Limits) -> Result<Step<'a>, ProtocolError> {
        if self.state == State::Start {
            match buffer.first() {
                None => return Ok(Step::Incomplete(1)),
                Some(b'*') => self.begin(State::Count),
                Some(_) => self.begin(State::Inline),
            }
        }
        if self.state == State::Inline {
            return self.inline(buffer);
        }
        match self.multibulk(buffer, limits)? {
            false => Ok(Step::Incomplete(self.missing(buffer.len()))),
            true => {
                let used = self.position;
                self.state = State::Start;
                if self.spans.is_empty() {
                    return Ok(Step::Nothing(used));
                }
                if self.spans.len() >= MANY {
                    let many = self.many.insert(Arc::new(std::mem::take(&mut self.spans)));
                    return Ok(Step::Request(Args::of_many(buffer, many), used));
                }
                Ok(Step::Request(Args::new(buffer, &self.spans), used))
            }
        }
    }

    /// Whether the unfinished request at the front of `buffer` has come whole, so that [`Decoder::next`] will answer it.
    pub fn completes(&mut self, buffer: &[u8], limits: Limits) -> bool {
        let is_multibulk = !matches!(self.state, State::Start | State::Inline);
        // An error is found again by who asks for the request.
        is_multibulk && matches!(self.multibulk(buffer, limits), Ok(true))
    }

    /// What it occupies beside its own size, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>() + self.words.capacity()
    }

    /// Whether it is in the middle of no request: the last one was complete.
    pub fn is_between_requests(&self) -> bool {
        self.state == State::Start
    }

    /// Lets go of what it still has of the last request, as far as that is much.
    pub fn forget(&mut self) {
        self.many = None;
        self.spans.clear();
        self.spans.shrink_to(KEPT_SPANS);
    }

    /// How many bytes are missing to the end of the argument that is being read, or 1 where none has been announced.
    fn missing(&self, arrived: usize) -> usize {
        match self.state {
            State::Bulk { len, .. } => self.position + len + LINE_END - arrived,
            _ => 1,
        }
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.position = 0;
        self.scanned = 0;
        self.forget();
    }

    /// Notes where an argument lies; this many are missing, it included.
    fn note(&mut self, span: Span, missing: usize) {
        if self.spans.len() == self.spans.capacity() && self.spans.len() >= MANY / 4 {
            let ahead = missing.min(AHEAD * self.spans.len());
            // Where the system refuses that much, room is made as it is needed.
            let _ = self.spans.try_reserve_exact(ahead);
        }
        self.spans.push(span);
    }

    /// Goes on with a multibulk request; true when it is complete.
    fn multibulk(&mut self, buffer: &[u8], limits: Limits) -> Result<bool, ProtocolError> {
        loop {
            match self.state {
                State::Count => {
                    let Some(line) = self.line(buffer, ProtocolError::TooBigMultibulkCount)? else { return Ok(false) };
                    let missing = count(line, limits)?;
                    self.advance_past(line.len());
                    self.state = State::Length { missing };
                }
                State::Length { missing } => {
                    let missing = self.short_arguments(buffer, missing, limits);
                    self.state = State::Length { missing };
                    if missing == 0 {
                        return Ok(true);
                    }
                    let Some(line) = self.line(buffer, ProtocolError::TooBigBulkCount)? else { return Ok(false) };
                    let len = length(line, limits)?;
                    self.advance_past(line.len());
                    if len > MAX_REQUEST.saturating_sub(self.position + LINE_END) {
                        return Err(ProtocolError::InvalidBulkLength);
                    }
                    self.state = State::Bulk { missing, len };
                }
                State::Bulk { missing, len } => {
                    if buffer.len() - self.position < len + LINE_END {
                        return Ok(false);
                    }
                    self.note(Span::new(self.position, len), missing);
                    self.position += len + LINE_END;
                    self.scanned = self.position;
                    self.state = State::Length { missing: missing - 1 };
                }
                State::Start | State::Inline => return Ok(true),
            }
        }
    }

    /// Takes the arguments at the current position that have arrived whole, as long as they are of up to 999 bytes, and
    /// answers how many are missing then. The others, and all that is wrong, are for [`Decoder::line`].
    fn short_arguments(&mut self, buffer: &[u8], mut missing: usize, limits: Limits) -> usize {
        if self.scanned > self.position {
            return missing;
        }
        let arrived = &buffer[..buffer.len().min(MAX_REQUEST)];
        let mut position = self.position;
        while missing > 0 {
            let Some((line_len, len)) = arrived.get(position..).and_then(short_length) else { break };
            let (start, end) = (position + line_len, position + line_len + len + LINE_END);
            if end > arrived.len() || len > limits.max_bulk {
                break;
            }
            self.note(Span::new(start, len), missing);
            position = end;
            missing -= 1;
        }
        self.position = position;
        self.scanned = position;
        missing
    }

    /// The line at the current position without its end, which is a carriage return and one more byte.
    fn line<'a>(&mut self, buffer: &'a [u8], too_big: ProtocolError) -> Result<Option<&'a [u8]>, ProtocolError> {
        let unscanned = &buffer[self.scanned..];
        // Counts and lengths are short: most lines end before a vector search would have begun.
        let (near, far) = unscanned.split_at(NEAR.min(unscanned.len()));
        let found = near.iter().position(|byte| *byte == b'\r');
        match found.or_else(|| memchr::memchr(b'\r', far).map(|offset| near.len() + offset)) {
            Some(offset) => {
                let end = self.scanned + offset;
                self.scanned = end;
                if end - self.position > MAX_LINE {
                    return Err(too_big);
                }
                Ok((end + LINE_END <= buffer.len()).then(|| &buffer[self.position..end]))
            }
            None if buffer.len() - self.position > MAX_LINE => Err(too_big),
            None => {
                self.scanned = buffer.len();
                Ok(None)
            }
        }
    }

    fn advance_past(&mut self, line_len: usize) {
        self.position += line_len + LINE_END;
        self.scanned = self.position;
    }

    fn inline<'a>(&'a mut self, buffer: &'a [u8]) -> Result<Step<'a>, ProtocolError> {
        if buffer.starts_with(TLS_HANDSHAKE) {
            return Err(ProtocolError::Encrypted);
        }
        let Some(offset) = memchr::memchr(b'\n', &buffer[self.scanned..]) else {
            if buffer.len() > MAX_LINE {
                return Err(ProtocolError::TooBigInline);
            }
            self.scanned = buffer.len();
            return Ok(Step::Incomplete(1));
        };
        let end = self.scanned + offset;
        if end > MAX_LINE {
            return Err(ProtocolError::TooBigInline);
        }
        let line = &buffer[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words = quoting::split(line).map_err(|quoting::Unbalanced| ProtocolError::UnbalancedQuotes)?;
        self.state = State::Start;
        if words.is_empty() {
            return Ok(Step::Nothing(end + 1));
        }
        self.words.clear();
        for word in &words {
            self.spans.push(Span::new(self.words.len(), word.len()));
            self.words.extend_from_slice(word);
        }
        Ok(Step::Request(Args::new(&self.words, &self.spans), end + 1))
    }
}

/// The length of a line with its end, and the length of up to three digits that it announces in canonical form; none for
/// other lines.
fn short_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let digit = |byte: u8| usize::from(byte - b'0');
    match *bytes {
        [b'$', a @ b'0'..=b'9', b'\r', _, ..] => Some((4, digit(a))),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => Some((5, 10 * digit(a) + digit(b))),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', _, ..] => {
            Some((6, 100 * digit(a) + 10 * digit(b) + digit(c)))
        }
        _ => None,
    }
}

/// The number of arguments that a line beginning with `*` announces; none for zero and below.
fn count(line: &[u8], limits: Limits) -> Result<usize, ProtocolError> {
    match parse_integer(&line[1..]) {
        Some(n) if n > i64::from(i32::MAX) => Err(ProtocolError::InvalidMultibulkLength),
        Some(n) if n > MAX_UNAUTHENTICATED_ARGS && !limits.authenticated => {
            Err(ProtocolError::UnauthenticatedMultibulkLength)
        }
        Some(n) => Ok(usize::try_from(n).unwrap_or(0)),
        None => Err(ProtocolError::InvalidMultibulkLength),
    }
}

/// The length in bytes that a line announces, which must begin with `$`.
fn length(line: &[u8], limits: Limits) -> Result<usize, ProtocolError> {
    let digits = match line {
        [b'$', digits @ ..] => digits,
        // An empty line begins with its own end.
        other => return Err(ProtocolError::ExpectedDollar(other.first().copied().unwrap_or(b'\r'))),
    };
    let announced = parse_integer(digits).ok_or(ProtocolError::InvalidBulkLength)?;
    let len = usize::try_from(announced).map_err(|_| ProtocolError::InvalidBulkLength)?;
    if len > limits.max_bulk {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if announced > MAX_UNAUTHENTICATED_BULK && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    Ok(len)
}

/// A decimal integer in its one canonical form: no sign but `-`, no leading zeros, no white space.
///
/// Source: `string2ll` in Redis 7.2 (util.c), which is also how commands read integer arguments.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Counted downwards, because the smallest integer has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests;
