//! Where a client stands in the lists of its worker.

use crate::hub::name_table::NameTable;
use crate::ids::Slot;

/// A client's place in a list of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) slot: Slot,
    pub(crate) index: u32,
}

/// The names a client listens to, of one kind.
pub(crate) type Memberships = NameTable<Membership>;
