//! A user.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::RwLock;

use super::rights::Rights;

/// A user: what does not change about it, and its rights of now. Connections that are logged in as it keep it, also when
/// it has been deleted.
#[derive(Debug)]
pub(crate) struct User {
    name: Box<[u8]>,
    rights: RwLock<Arc<Rights>>,
    /// Whether nothing is refused to it: then no request has to be judged.
    free: AtomicBool,
    /// Whether nobody needs to give a password to be it.
    open: AtomicBool,
}

impl User {
    /// A user with this name and these rights.
    pub(super) fn new(name: &[u8], rights: Rights) -> Arc<Self> {
        let user = User {
            name: name.into(),
            rights: RwLock::new(Arc::new(rights.clone())),
            free: AtomicBool::new(false),
            open: AtomicBool::new(false),
        };
        user.set(rights);
        Arc::new(user)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its rights of now.
    pub(crate) fn rights(&self) -> Arc<Rights> {
        self.rights.read().clone()
    }

    /// Gives it other rights. What its connections do next is judged by these; answers whether it may listen to less than
    /// before, so that its subscriptions must be looked at.
    pub(super) fn set(&self, mut rights: Rights) -> bool {
        rights.prepare();
        let mut own = self.rights.write();
        let narrowed = !rights.listens_to_all_of(&own);
        self.free.store(rights.is_all(), Relaxed);
        self.open.store(rights.is_open(), Relaxed);
        *own = Arc::new(rights);
        narrowed
    }

    /// Whether nothing is refused to it.
    pub(crate) fn is_free(&self) -> bool {
        self.free.load(Relaxed)
    }

    /// Whether nobody needs to give a password to be it.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    /// Whether somebody who gives this password may log in as it.
    pub(crate) fn admits(&self, password: &[u8]) -> bool {
        self.rights().admit(password)
    }
}
