//! Replies and pushes in the protocol version that the client speaks.

use bytes::Bytes;

use super::answer::{Answer, LONGEST_PIECE, Piece};
use super::errors::ReplyError;
use super::{Proto, double};

/// Collects what a client is answered.
///
/// While it is muted (CLIENT REPLY OFF and SKIP) replies are dropped, pushes are not.
#[derive(Debug)]
pub struct Reply {
    /// Pieces that are complete.
    pieces: Answer,
    /// What has been written behind them.
    bytes: Vec<u8>,
    proto: Proto,
    muted: bool,
    /// How long it may become, in bytes.
    room: usize,
    /// How long what is written behind the pieces may become before anything else is to be looked at, in bytes.
    bound: usize,
    /// Whether what is written must stay in one piece.
    unparted: bool,
    overflowed: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Reply::new(Vec::new(), Proto::default())
    }
}

impl Reply {
    /// An empty reply in `proto`, which reuses the memory of `bytes`.
    pub fn new(mut bytes: Vec<u8>, proto: Proto) -> Self {
        bytes.clear();
        let pieces = Answer::default();
        let (room, bound) = (usize::MAX, LONGEST_PIECE);
        Reply { pieces, bytes, proto, muted: false, room, bound, unparted: false, overflowed: false }
    }

    /// Lets it grow to this many bytes at most; what would be written beyond is dropped.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
        self.find_bound();
    }

    /// Whether more would have been written than there was room for.
    pub fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// The protocol version of what is written from now on.
    pub fn proto(&self) -> Proto {
        self.proto
    }

    /// Changes the protocol version, as HELLO and RESET do before they answer.
    pub fn set_proto(&mut self, proto: Proto) {
        self.proto = proto;
    }

    /// Drops replies from now on, or lets them through again.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Length of what has been written, in bytes.
    pub fn len(&self) -> usize {
        self.pieces.len() + self.bytes.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the pieces that are complete: mostly none. What is behind them [stays](Reply::rest).
    pub fn take_pieces(&mut self) -> Answer {
        if self.pieces.is_empty() {
            return Answer::default();
        }
        let pieces = std::mem::take(&mut self.pieces);
        self.find_bound();
        pieces
    }

    /// What has been written behind the pieces that are complete.
    pub fn rest(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes all that has been written.
    pub fn take(&mut self) -> Answer {
        let mut all = self.take_pieces();
        let mut rest = std::mem::take(&mut self.bytes);
        rest.shrink_to_fit();
        all.push(Piece::Written(rest));
        all
    }

    /// Forgets what has been written.
    pub fn clear(&mut self) {
        self.take_pieces();
        self.bytes.clear();
    }

    /// All that has been written, in one piece. If that is short it lies in the memory that the reply was made with.
    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.pieces.is_empty() {
            return self.bytes;
        }
        let mut all = Vec::with_capacity(self.len());
        for piece in self.take() {
            match piece {
                Piece::Written(bytes) => all.extend_from_slice(&bytes),
                Piece::Shared(bytes) => all.extend_from_slice(&bytes),
            }
        }
        all
    }

    /// Bytes that are already encoded.
    pub fn raw(&mut self, encoded: &[u8]) {
        if !self.muted {
            self.raw_unmuted(encoded);
        }
    }

    /// The same whether it is muted or not.
    pub fn raw_unmuted(&mut self, encoded: &[u8]) {
        if self.bytes.len().saturating_add(encoded.len()) <= self.bound {
            self.bytes.extend_from_slice(encoded);
        } else {
            self.raw_parted(encoded);
        }
    }

    /// `+OK`
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string; `text` holds no line end.
    pub fn simple(&mut self, text: &str) {
        self.raw(b"+");
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// An error.
    pub fn error(&mut self, error: &ReplyError) {
        self.raw(b"-");
        self.raw(error.text());
        self.raw(b"\r\n");
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// An integer that counts something.
    pub fn count(&mut self, value: usize) {
        self.header(b':', i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// A string of bytes.
    pub fn bulk(&mut self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.length(b'$', value.len());
        self.raw(value);
        self.raw(b"\r\n");
    }

    /// As [`Reply::bulk`], without a copy: the value stays where it lies.
    pub fn shared_bulk(&mut self, value: &Bytes) {
        if self.unparted {
            return self.bulk(value);
        }
        self.length(b'$', value.len());
        if !self.muted && self.has_room(value.len()) {
            self.pieces.push(Piece::Written(self.bytes.as_slice().into()));
            self.bytes.clear();
            self.pieces.push(Piece::Shared(value.clone()));
            self.find_bound();
        }
        self.raw(b"\r\n");
    }

    /// An array of strings of bytes.
    pub fn bulks(&mut self, values: &[impl AsRef<[u8]>]) {
        self.array(values.len());
        values.iter().for_each(|value| self.bulk(value));
    }

    /// The absence of a string.
    pub fn null(&mut self) {
        match self.proto {
            Proto::Resp2 => self.raw(b"$-1\r\n"),
            Proto::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// The absence of an array.
    pub fn null_array(&mut self) {
        match self.proto {
            Proto::Resp2 => self.raw(b"*-1\r\n"),
            Proto::Resp3 => self.raw(b"_\r\n"),
        }
    }

    /// A truth value; an integer in RESP2.
    pub fn boolean(&mut self, value: bool) {
        match (self.proto, value) {
            (Proto::Resp2, false) => self.raw(b":0\r\n"),
            (Proto::Resp2, true) => self.raw(b":1\r\n"),
            (Proto::Resp3, false) => self.raw(b"#f\r\n"),
            (Proto::Resp3, true) => self.raw(b"#t\r\n"),
        }
    }

    /// A floating-point number; a string in RESP2.
    pub fn double(&mut self, value: f64) {
        let text = double::text(value);
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.raw(b",");
                self.raw(text.as_bytes());
                self.raw(b"\r\n");
            }
        }
    }

    /// An integer of any size, in decimal digits; a string in RESP2.
    pub fn big_number(&mut self, digits: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(digits),
            Proto::Resp3 => {
                self.raw(b"(");
                self.raw(digits);
                self.raw(b"\r\n");
            }
        }
    }

    /// Text for people; a plain string in RESP2.
    pub fn verbatim(&mut self, text: &str) {
        self.verbatim_of(*b"txt", text.as_bytes());
    }

    /// The same, of another kind.
    pub fn verbatim_of(&mut self, kind: [u8; 3], text: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.length(b'=', text.len() + 4);
                self.raw(&kind);
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// Begins an array of `len` elements.
    pub fn array(&mut self, len: usize) {
        self.length(b'*', len);
    }

    /// Makes what `write` writes an array, of as many elements as it answers.
    pub fn array_of(&mut self, write: impl FnOnce(&mut Self) -> usize) {
        let start = self.len();
        let len = write(self);
        self.insert(start, |reply| reply.array(len));
    }

    /// Writes something short that belongs before what has been written from `start` on.
    pub fn insert(&mut self, start: usize, write: impl FnOnce(&mut Self)) {
        let end = self.bytes.len();
        let unparted = std::mem::replace(&mut self.unparted, true);
        self.find_bound();
        write(self);
        match start.checked_sub(self.pieces.len()) {
            Some(start) => {
                let inserted = self.bytes.len() - end;
                self.bytes[start..].rotate_right(inserted);
            }
            None => {
                self.pieces.insert(start, &self.bytes[end..]);
                self.bytes.truncate(end);
            }
        }
        self.unparted = unparted;
        self.find_bound();
    }

    /// Begins a map of `len` pairs; twice as many elements in RESP2.
    pub fn map(&mut self, len: usize) {
        match self.proto {
            Proto::Resp2 => self.length(b'*', len * 2),
            Proto::Resp3 => self.length(b'%', len),
        }
    }

    /// Begins an attribute of `len` pairs, which stands before the reply that it is about. RESP2 has none.
    pub fn attribute(&mut self, len: usize) {
        self.length(b'|', len);
    }

    /// Begins a set of `len` elements; an array in RESP2.
    pub fn set(&mut self, len: usize) {
        match self.proto {
            Proto::Resp2 => self.length(b'*', len),
            Proto::Resp3 => self.length(b'~', len),
        }
    }

    /// Writes a push of `len` elements, which a muted reply lets through.
    pub fn push(&mut self, len: usize, elements: impl FnOnce(&mut Self)) {
        let muted = std::mem::replace(&mut self.muted, false);
        match self.proto {
            Proto::Resp2 => self.length(b'*', len),
            Proto::Resp3 => self.length(b'>', len),
        }
        elements(self);
        self.muted = muted;
    }

    fn length(&mut self, kind: u8, len: usize) {
        self.header(kind, i64::try_from(len).unwrap_or(i64::MAX));
    }

    fn header(&mut self, kind: u8, value: i64) {
        let fits = self.bytes.len() + LONGEST_HEADER <= self.bound;
        if !self.muted && (fits || self.has_room_for_header()) {
            header(&mut self.bytes, kind, value);
        }
    }

    /// Whether there is room for a header; begins a new piece if there is none in this one.
    #[cold]
    fn has_room_for_header(&mut self) -> bool {
        let has_room = self.has_room(LONGEST_HEADER);
        if has_room && !self.unparted {
            self.complete_piece();
        }
        has_room
    }

    /// Writes what reaches into the next piece, or would if there were room for it.
    #[cold]
    fn raw_parted(&mut self, mut encoded: &[u8]) {
        if !self.has_room(encoded.len()) {
            return;
        }
        while !self.unparted && self.bytes.len() + encoded.len() > LONGEST_PIECE {
            let (now, later) = encoded.split_at(LONGEST_PIECE.saturating_sub(self.bytes.len()));
            self.bytes.extend_from_slice(now);
            self.complete_piece();
            encoded = later;
        }
        self.bytes.extend_from_slice(encoded);
    }

    fn complete_piece(&mut self) {
        let piece = std::mem::replace(&mut self.bytes, Vec::with_capacity(LONGEST_PIECE));
        self.pieces.push(Piece::Written(piece));
        self.find_bound();
    }

    fn find_bound(&mut self) {
        let left = self.room.saturating_sub(self.pieces.len());
        self.bound = if self.unparted { left } else { left.min(LONGEST_PIECE) };
    }

    /// Whether there is room for `len` more bytes; notes if there is none.
    fn has_room(&mut self, len: usize) -> bool {
        let has_room = self.len().saturating_add(len) <= self.room;
        self.overflowed |= !has_room;
        has_room
    }
}

/// The longest header line, in bytes.
const LONGEST_HEADER: usize = 23;

/// Appends one header line such as `$5\r\n` or `:42\r\n`.
pub(crate) fn header(out: &mut Vec<u8>, kind: u8, value: i64) {
    let mut digits = itoa::Buffer::new();
    out.push(kind);
    out.extend_from_slice(digits.format(value).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a string of bytes with its length.
pub(crate) fn bulk(out: &mut Vec<u8>, value: &[u8]) {
    header(out, b'$', i64::try_from(value.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(proto: Proto, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply::new(Vec::new(), proto);
        write(&mut reply);
        String::from_utf8(reply.into_bytes()).expect("the tests write text")
    }

    #[test]
    fn resp2_has_plain_types_for_what_resp3_distinguishes() {
        let write = |reply: &mut Reply| {
            reply.map(1);
            reply.null();
            reply.boolean(true);
            reply.set(1);
            reply.double(1.5);
            reply.verbatim("hi");
        };
        assert_eq!(written(Proto::Resp2, write), "*2\r\n$-1\r\n:1\r\n*1\r\n$3\r\n1.5\r\n$2\r\nhi\r\n");
        assert_eq!(written(Proto::Resp3, write), "%1\r\n_\r\n#t\r\n~1\r\n,1.5\r\n=6\r\ntxt:hi\r\n");
    }

    #[test]
    fn what_is_counted_while_it_is_written_stands_behind_its_length() {
        let write = |reply: &mut Reply| {
            reply.ok();
            reply.array_of(|reply| {
                reply.integer(1);
                reply.array_of(|_| 0);
                2
            });
            let start = reply.len();
            reply.bulk("key");
            reply.ok();
            reply.insert(start, |reply| reply.map(1));
        };
        assert_eq!(written(Proto::Resp3, write), "+OK\r\n*2\r\n:1\r\n*0\r\n%1\r\n$3\r\nkey\r\n+OK\r\n");
        let muted = |reply: &mut Reply| {
            reply.set_muted(true);
            write(reply);
        };
        assert_eq!(written(Proto::Resp3, muted), "");
    }

    #[test]
    fn a_long_reply_is_written_in_pieces_that_are_never_moved() {
        let value = Bytes::from(vec![b'v'; 100_000]);
        let write = |reply: &mut Reply, share: bool| {
            reply.ok();
            reply.array_of(|reply| {
                (0..20_000).for_each(|number| reply.integer(number));
                reply.bulk(vec![b'x'; 3 * LONGEST_PIECE]);
                if share {
                    reply.shared_bulk(&value)
                } else {
                    reply.bulk(&value)
                }
                reply.null();
                20_003
            });
            let start = reply.len();
            reply.bulk("key");
            reply.insert(start, |reply| reply.map(1));
        };
        let (mut parted, mut whole) = (Reply::default(), Reply { unparted: true, ..Reply::default() });
        whole.find_bound();
        write(&mut parted, true);
        write(&mut whole, false);
        let whole = whole.into_bytes();
        assert_eq!(parted.len(), whole.len());
        let pieces: Vec<Piece> = parted.take().into_iter().collect();
        let bytes = pieces.iter().map(|piece| match piece {
            Piece::Written(bytes) => {
                assert!(bytes.len() <= LONGEST_PIECE + LONGEST_HEADER && bytes.capacity() <= 2 * LONGEST_PIECE);
                &bytes[..]
            }
            Piece::Shared(bytes) => {
                assert_eq!(bytes.as_ptr(), value.as_ptr());
                &bytes[..]
            }
        });
        assert!(bytes.collect::<Vec<_>>().concat() == whole);
        assert!(parted.is_empty());
    }

    #[test]
    fn nothing_is_written_beyond_the_room_that_there_is_in_whatever_pieces() {
        for room in [100, LONGEST_PIECE - 1, LONGEST_PIECE, 3 * LONGEST_PIECE + 10] {
            let mut reply = Reply::default();
            reply.set_room(room);
            let mut written = 0;
            while !reply.has_overflowed() {
                assert!(reply.len() <= room);
                written = reply.len();
                reply.raw(&[b'x'; 60]);
                reply.integer(7);
                reply.shared_bulk(&Bytes::from_static(&[b'v'; 30]));
            }
            assert!(reply.len() <= room && written + 140 > room, "{written} of {room}");
        }
    }

    #[test]
    fn a_muted_reply_lets_only_pushes_through() {
        for (proto, push) in [(Proto::Resp2, "*1\r\n:1\r\n"), (Proto::Resp3, ">1\r\n:1\r\n")] {
            let text = written(proto, |reply| {
                reply.set_muted(true);
                reply.bulk("dropped");
                reply.push(1, |reply| reply.integer(1));
                reply.ok();
            });
            assert_eq!(text, push);
        }
    }
}
