//! A key with its database, for tables of what concerns keys of any database.

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

use super::DatabaseId;

/// A key and its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The database.
    pub(crate) db: DatabaseId,
    /// The key.
    pub(crate) key: Box<[u8]>,
}

/// The same, borrowed for a look-up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressRef<'k> {
    /// The database.
    pub(crate) db: DatabaseId,
    /// The key.
    pub(crate) key: &'k [u8],
}

impl Address {
    pub(crate) fn new(db: DatabaseId, key: &[u8]) -> Self {
        Address { db, key: key.into() }
    }

    pub(crate) fn borrowed(&self) -> AddressRef<'_> {
        AddressRef { db: self.db, key: &self.key }
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Hash for AddressRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.db.hash(state);
        self.key.hash(state);
    }
}

impl Equivalent<Address> for AddressRef<'_> {
    fn equivalent(&self, other: &Address) -> bool {
        self.db == other.db && *self.key == *other.key
    }
}
