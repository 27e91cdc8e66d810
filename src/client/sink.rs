//! Where what a client is sent goes to, as far as the core knows: something that takes bytes, or refuses them.

use std::fmt;
use std::io::{self, IoSlice};
use std::time::Duration;

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

    /// Lets the connection end when what was sent stays unacknowledged for this long; none for the system's own limit.
    fn limit_unacknowledged(&self, limit: Option<Duration>);
}

/// What became of bytes that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// These are the sink's affair from now on, in bytes.
    pub(crate) taken: usize,
    /// What the peer's slowness kept from going, in bytes: none if all of it went. A sink that encrypts takes what it then
    /// still holds; others take nothing that they do not pass on.
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
