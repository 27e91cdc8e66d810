//! The memory that bytes are encrypted and decrypted in: connections of a thread share it, because nothing stays in it.

use std::cell::RefCell;
use std::io::IoSlice;

use rustls::Error;
use rustls::unbuffered::{EncodeError, EncryptError};

use super::{INCOMPLETE_BYTES, READ_BYTES};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; INCOMPLETE_BYTES + READ_BYTES].into_boxed_slice(),
        together: Vec::new(),
        sealed: Sealed::default(),
    });
}

/// What one step of a connection needs.
pub(super) struct Scratch {
    /// For what is read from the socket, behind what was not complete.
    pub(super) read: Box<[u8]>,
    /// For pieces that are encrypted together.
    pub(super) together: Vec<u8>,
    /// For what is to be sent.
    pub(super) sealed: Sealed,
}

/// Takes a step with the memory of this thread.
pub(super) fn with_scratch<R>(step: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        // What a step that failed has left is another connection's.
        scratch.sealed.take();
        step(scratch)
    })
}

/// Records that are to be sent.
#[derive(Default)]
pub(super) struct Sealed {
    bytes: Vec<u8>,
    filled: usize,
}

/// Why records were not added.
pub(super) enum Refusal {
    /// They need so many bytes.
    Room(usize),
    Never,
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(size) => Refusal::Room(size.required_size),
            EncodeError::AlreadyEncoded => Refusal::Never,
        }
    }
}

impl From<EncryptError> for Refusal {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => Refusal::Room(size.required_size),
            EncryptError::EncryptExhausted => Refusal::Never,
        }
    }
}

impl Sealed {
    /// Adds what `fill` makes in the room that it is given: more and more, until it is enough.
    pub(super) fn add<E: Into<Refusal>>(
        &mut self,
        mut fill: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), Error> {
        loop {
            match fill(&mut self.bytes[self.filled..]).map_err(Into::into) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(());
                }
                Err(Refusal::Room(needed)) if self.bytes.len() < self.filled + needed => {
                    self.bytes.resize(self.filled + needed, 0);
                }
                Err(_) => return Err(Error::EncryptError),
            }
        }
    }

    /// All that was added; it is taken.
    pub(super) fn take(&mut self) -> &[u8] {
        &self.bytes[..std::mem::take(&mut self.filled)]
    }
}

/// What follows the first `taken` bytes of `slices`, `most` bytes at most: as it lies there if it is in one piece, and copied
/// to `together` if it is in several.
pub(super) fn gather<'a>(
    slices: &'a [IoSlice<'_>],
    mut taken: usize,
    most: usize,
    together: &'a mut Vec<u8>,
) -> &'a [u8] {
    let mut pieces = slices.iter().filter_map(|slice| {
        let passed = taken.min(slice.len());
        taken -= passed;
        Some(&slice[passed..]).filter(|rest| !rest.is_empty())
    });
    let first = pieces.next().unwrap_or_default();
    let second = if first.len() < most { pieces.next() } else { None };
    let Some(second) = second else { return &first[..first.len().min(most)] };
    together.clear();
    for piece in [first, second].into_iter().chain(pieces) {
        let fits = piece.len().min(most - together.len());
        together.extend_from_slice(&piece[..fits]);
        if together.len() == most {
            break;
        }
    }
    together
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_from_any_place_up_to_a_bound() {
        let pieces: [&[u8]; 5] = [b"first", b"", b"second", b"x", b"last"];
        let slices = pieces.map(IoSlice::new);
        let all = pieces.concat();
        for taken in 0..all.len() {
            for most in 1..=all.len() + 1 {
                let expected = &all[taken..all.len().min(taken + most)];
                assert_eq!(gather(&slices, taken, most, &mut Vec::new()), expected, "{taken} {most}");
            }
        }
    }

    #[test]
    fn what_is_in_one_piece_is_not_copied() {
        let slices = [IoSlice::new(b"first"), IoSlice::new(b"second")];
        let mut together = Vec::new();
        gather(&slices, 5, 100, &mut together);
        gather(&slices, 0, 5, &mut together);
        assert_eq!(together.capacity(), 0);
    }
}
