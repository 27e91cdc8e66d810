//! From bytes to requests, in the one protocol that all clients speak so far.
//!
//! Most requests are run where they were received, in memory that all connections of a thread share. The rest of one that
//! has not come whole is kept here. Of an argument whose length has been announced it is known how much is missing: nothing
//! is looked at before all of that has come, and the greater part of a long one is received where it stays.

use bytes::Bytes;

use crate::client::held::{Held, Holding};
use crate::resp::decode::{Decoder, Limits};
use crate::worker::Worker;

/// What was received of one client and not yet consumed.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// In the middle of a request; otherwise the worker's is used, so that idle connections hold none.
    decoder: Option<Box<Decoder>>,
    /// An unfinished request, or whole ones while the session is blocked or others have their turn.
    input: Vec<u8>,
    /// How much of it has been consumed, in bytes: moving the rest forward each time would cost more than running it.
    consumed: usize,
    /// How much is missing to the end of an argument whose length has been announced, in bytes; 0 where none has.
    missing: usize,
    /// Whether it ends with such an argument.
    ends_announced: bool,
}

/// From this length on an argument is received where it stays, and not copied when it has come; in bytes.
const LONG: usize = 32 * 1024;
/// A request of so much in short arguments is handed on, and not copied, too; in bytes.
const MANY_BYTES: usize = 256 * 1024;
/// How much of such an argument is read at once, in bytes: others have their turn soon.
const AT_ONCE: usize = 256 * 1024;
/// For how many times of what has come room is made at most.
const AHEAD: usize = 64;
/// Room for short arguments behind a long one, in bytes.
const SLACK: usize = 128;

impl Wire {
    /// With what was received elsewhere.
    pub(super) fn with(input: Vec<u8>) -> Self {
        Wire { input, ..Wire::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.input.is_empty()
    }

    /// How much is missing to the end of an argument whose length has been announced, in bytes; 0 where none has.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    /// Notes how much is missing behind all that has come.
    pub(super) fn expect(&mut self, missing: usize) {
        self.missing = missing;
    }

    /// Keeps what has been received and looked at.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let come = self.input.len() + bytes.len();
        if self.missing > 0 && come > self.input.capacity() {
            self.grow(bytes.len(), come);
        }
        self.input.extend_from_slice(bytes);
    }

    /// Keeps what has come behind that.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.note_come(bytes.len());
        self.keep(bytes);
    }

    /// Where the rest of a long argument is to be received, behind what is there, and how much of it at once; none where
    /// nothing says that there is much to come. Then call [`Wire::note_come`].
    pub(super) fn room(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        if self.missing.min(self.input.len()) < LONG {
            return None;
        }
        if self.input.capacity() - self.input.len() < self.missing.min(LONG) {
            self.grow(0, self.input.len());
        }
        let most = self.missing.min(self.input.capacity() - self.input.len()).min(AT_ONCE);
        Some((&mut self.input, most))
    }

    /// Makes room for `more` bytes, and behind the `come` ones that there are with them for as many again; or for all that is
    /// missing, if that is no more than [`AHEAD`] times as much: little has to be moved then. It is address space, and becomes
    /// memory as the bytes come; where the system refuses so much, it goes on by doubling.
    fn grow(&mut self, more: usize, come: usize) {
        let all = self.missing <= AHEAD * come && self.input.try_reserve_exact(more + self.missing + SLACK).is_ok();
        if !all {
            self.input.reserve_exact(more + come);
        }
    }

    /// Notes that so many bytes more have come.
    pub(super) fn note_come(&mut self, count: usize) {
        self.ends_announced = self.missing > 0 && self.missing == count;
        self.missing = self.missing.saturating_sub(count);
    }

    /// Takes what has been received, and how much of that has been consumed.
    pub(super) fn take(&mut self) -> (Vec<u8>, usize) {
        self.ends_announced = false;
        (std::mem::take(&mut self.input), std::mem::take(&mut self.consumed))
    }

    /// Takes a request that ends with a long argument or has very many, if that is what has come, so that others can have a
    /// share of it.
    pub(super) fn take_long(&mut self, limits: Limits) -> Option<Bytes> {
        if self.consumed > 0 || self.input.len() < LONG {
            return None;
        }
        let decoder = self.decoder.as_mut().filter(|_| self.input.len() >= MANY_BYTES);
        let is_long = self.ends_announced || decoder.is_some_and(|decoder| decoder.completes(&self.input, limits));
        is_long.then(|| self.take().0.into())
    }

    /// Keeps again what is behind the first `consumed` bytes of what was taken so.
    pub(super) fn put_back_long(&mut self, input: Bytes, consumed: usize) {
        if consumed < input.len() {
            let rest = input.slice(consumed..);
            drop(input);
            self.input = rest.into();
        }
    }

    /// Takes what has been received and not consumed.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let (mut input, consumed) = self.take();
        input.drain(..consumed);
        input
    }

    /// Keeps what was taken again, of which so much has been consumed now. The buffer goes if nothing is left of it: idle
    /// connections hold none.
    pub(super) fn put_back(&mut self, input: Vec<u8>, consumed: usize) {
        if consumed == input.len() {
            return;
        }
        (self.input, self.consumed) = (input, consumed);
        if consumed > self.input.len() / 2 {
            self.input.drain(..std::mem::take(&mut self.consumed));
        }
        if self.input.len() < self.input.capacity() / 4 {
            self.input.shrink_to(self.input.len() * 2);
        }
    }

    /// The decoder for what comes next.
    pub(super) fn take_decoder(&mut self, worker: &Worker) -> Box<Decoder> {
        self.decoder.take().or_else(|| worker.spare_decoder.take()).unwrap_or_default()
    }

    /// Keeps the decoder if it has come into the middle of a request.
    pub(super) fn keep_decoder(&mut self, mut decoder: Box<Decoder>, worker: &Worker) {
        if decoder.is_between_requests() {
            decoder.forget();
            worker.spare_decoder.replace(Some(decoder));
        } else {
            self.decoder = Some(decoder);
        }
    }

    /// Says what it holds. Room counts in full, though it becomes memory only as it is filled: the allocator counts it, too.
    pub(super) fn declare(&self, held: &Held) {
        held.set(Holding::Input, self.input.len() - self.consumed);
        held.set(Holding::InputRoom, self.input.capacity() - self.input.len() + self.consumed);
        held.set(Holding::Spans, self.decoder.as_ref().map_or(0, |decoder| decoder.size_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode::Step;

    const LIMITS: Limits = Limits { max_bulk: usize::MAX, authenticated: true };

    #[test]
    fn a_request_of_very_many_arguments_is_taken_to_be_shared_once_it_has_come_whole() {
        let names = MANY_BYTES / 8;
        let request = format!("*{names}\r\n{}", "$2\r\nxy\r\n".repeat(names)).into_bytes();
        let mut wire = Wire::default();
        let mut decoder = Box::<Decoder>::default();
        assert!(matches!(decoder.next(&request[..1000], LIMITS), Ok(Step::Incomplete(_))));
        wire.decoder = Some(decoder);
        wire.keep(&request[..request.len() - 1]);
        assert_eq!(wire.take_long(LIMITS), None);
        wire.push(&request[request.len() - 1..]);
        let place = wire.input.as_ptr();
        let long = wire.take_long(LIMITS).expect("it is there");
        assert_eq!((long.as_ptr(), long.len()), (place, request.len()));
        let mut decoder = wire.decoder.take().expect("it has not been given away");
        let Ok(Step::Request(args, used)) = decoder.next(&long, LIMITS) else { panic!("the request") };
        assert_eq!((args.len(), used), (names, request.len()));
        assert!(args.owned_by(&long).to_owned().args()[0].as_ptr() < long[20..].as_ptr(), "nothing is copied");
    }

    #[test]
    fn p11_room_is_made_once_something_has_come_and_for_no_more_than_was_announced() {
        for announced in [LONG, 1_000_000, 50_000_000, 500_000_000] {
            let mut wire = Wire::default();
            wire.expect(announced);
            wire.keep(&[b'x'; LONG]);
            let (mut moved, mut last_room) = (0, 0);
            while let Some((input, most)) = wire.room() {
                let room = input.capacity();
                if std::mem::replace(&mut last_room, room) != room {
                    moved += input.len();
                }
                assert!(most > 0 && room <= (AHEAD + 1) * input.len() + SLACK, "{room} bytes for {}", input.len());
                assert!(room <= LONG + announced + SLACK);
                let count = most.min(if announced > 50_000_000 { most } else { 100_000 });
                input.resize(input.len() + count, b'x');
                wire.note_come(count);
            }
            assert!(moved <= 2 * LONG + announced / 16, "{moved} bytes of {announced} are moved");
            let rest = wire.missing();
            assert!(rest < LONG);
            if rest > 0 {
                wire.push(&vec![b'x'; rest]);
            }
            assert_eq!(wire.input.capacity(), last_room, "there was room for the end");
            let long = wire.take_long(LIMITS).expect("it is there");
            assert_eq!(long.len(), LONG + announced);
        }
    }

    #[test]
    fn only_a_whole_announced_argument_is_taken_to_be_shared() {
        let mut wire = Wire::default();
        wire.push(&[b'x'; 2 * LONG]);
        assert_eq!(wire.take_long(LIMITS), None, "nothing was announced");
        wire.expect(10);
        wire.push(b"123456789");
        assert_eq!((wire.missing(), wire.take_long(LIMITS)), (1, None));
        wire.push(b"0");
        assert_eq!(wire.missing(), 0);
        let long = wire.take_long(LIMITS).expect("it is there");
        assert!(wire.is_empty() && long.ends_with(b"x1234567890"));
        wire.put_back_long(long, 2 * LONG);
        assert_eq!(wire.take_rest(), b"1234567890");
    }
}
