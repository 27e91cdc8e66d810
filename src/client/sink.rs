//! Where what a client is sent goes to, as far as the core knows: something that takes bytes, or refuses them.

use std::fmt;
use std::io::{self, IoSlice};

/// What takes a client's output. None of its functions waits.
pub(crate) trait Sink: fmt::Debug {
    /// Takes as much of `slices` as it has room for, in their order.
    ///
    /// # Errors
    ///
    /// Those after which nothing can be written any more. To be full is none.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote>;

    /// As [`Sink::write`], also into room that this thread has been too busy to hear of.
    ///
    /// # Errors
    ///
    /// As [`Sink::write`].
    fn write_unannounced(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote>;

    /// Tells its peer that nothing more comes, where there is a way to say so and room for it.
    fn part(&self) {}

    /// Whether its peer answers; none where that is not known, because there is nothing between both ends.
    fn answers(&self) -> Option<Answers>;
}

/// Whether a peer answers, which its system does for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    /// Whether it has been sent something that it has not confirmed, or has no room for what is to be sent.
    pub(crate) are_owed: bool,
    /// How many times in a row it has been asked in vain.
    pub(crate) in_vain: u32,
    /// How long ago the last answer came, in milliseconds.
    pub(crate) last_ms: u64,
}

/// What became of bytes that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// These are the sink's affair from now on, in bytes.
    pub(crate) taken: usize,
    /// What the peer's slowness kept from going, in bytes: none if all of it went. A sink that encrypts takes what it then
    /// still holds, and counts it as one byte here; others take nothing that they do not pass on.
    pub(crate) refused: usize,
}

impl Wrote {
    /// What became of `slices`, if to write them had this result. To be full is no error here.
    pub(crate) fn of(slices: &[IoSlice<'_>], result: io::Result<usize>) -> io::Result<Self> {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let taken = match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            result => result?,
        };
        Ok(Wrote { taken, refused: offered - taken })
    }
}
