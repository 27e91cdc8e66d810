//! What was thrown away. Freeing millions of elements takes long, so it is done neither under the lock nor by whoever
//! threw them away: whoever keeps the process says where.

use std::any::Any;
use std::fmt;

/// From this extent on a value is not freed where it is thrown away: 1,000 elements, or 64,000 bytes. Less is freed faster
/// than handed over.
const LARGE: usize = 1000;

/// What is to be freed when the lock has been given back.
#[derive(Debug, Default)]
#[must_use = "dropping it here frees it here, which may take long"]
pub(crate) struct Garbage {
    items: Vec<Box<dyn Any + Send>>,
    bytes: u64,
}

impl Garbage {
    /// Adds something of this extent (see [`Value::extent`](super::entry::Value::extent)) that takes about so many bytes. It
    /// is freed at once if that is little.
    pub(super) fn add(&mut self, item: impl Any + Send, extent: usize, bytes: u64) {
        if extent >= LARGE {
            self.items.push(Box::new(item));
            self.bytes += bytes;
        }
    }

    /// About how many bytes will be free then.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many things there are to be freed.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// One thing of so many bytes, for tests.
    #[cfg(test)]
    pub(crate) fn of(item: impl Any + Send, bytes: u64) -> Self {
        Garbage { items: vec![Box::new(item)], bytes }
    }

    /// Takes what there is, if there is anything.
    pub(super) fn take(&mut self) -> Option<Garbage> {
        (!self.items.is_empty()).then(|| std::mem::take(self))
    }
}

/// Who frees garbage.
pub(super) struct Disposer(Box<dyn Fn(Garbage) + Send + Sync>);

impl Disposer {
    pub(super) fn new(dispose: impl Fn(Garbage) + Send + Sync + 'static) -> Self {
        Disposer(Box::new(dispose))
    }

    pub(super) fn dispose(&self, garbage: Garbage) {
        (self.0)(garbage);
    }
}

impl fmt::Debug for Disposer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disposer")
    }
}
