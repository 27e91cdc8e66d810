//! Names of channels and patterns, each in memory once.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use triomphe::ThinArc;

/// A name that the hub, the workers and the clients share: one pointer of one word each, so that a subscription with a
/// name of its own costs little more than the name.
#[derive(Clone)]
pub struct Name(ThinArc<(), u8>);

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        Name(ThinArc::from_header_and_slice((), bytes))
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.slice
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

/// The hash of a name in every table of this process. Its seed differs from one process to the next, so that nobody can
/// choose names that collide.
pub(crate) fn hash(name: &[u8]) -> u64 {
    static SEEDED: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    SEEDED.hash_one(name)
}
