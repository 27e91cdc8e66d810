//! A user.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

use parking_lot::RwLock;

use super::limits::Limit;
use super::rights::Rights;
use super::usage::Usage;
use crate::config::SlowPolicy;

/// A user: what does not change about it, and its rights of now. Connections that are logged in as it keep it, also when
/// it has been deleted.
#[derive(Debug)]
pub(crate) struct User {
    name: Box<[u8]>,
    rights: RwLock<Arc<Rights>>,
    /// What its requests need before they run.
    checks: AtomicU8,
    /// Whether nobody needs to give a password to be it.
    open: AtomicBool,
    /// What its rule says of slow subscribers, as a number.
    slow: AtomicU8,
    usage: Usage,
    /// That of its rights.
    version: AtomicU64,
}

/// What the requests of a user need before they run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks(u8);

impl Checks {
    /// Something may be refused to it, so that they have to be judged.
    const JUDGED: u8 = 1;
    /// What they publish is limited, so that it has to be counted.
    const METERED: u8 = 2;

    fn of(rights: &Rights) -> Self {
        let is_metered =
            [Limit::PublishBytes, Limit::PublishMessages].iter().any(|limit| rights.limits.of(*limit).is_some());
        let judged = if rights.is_all() { 0 } else { Self::JUDGED };
        let metered = if is_metered { Self::METERED } else { 0 };
        Checks(judged | metered)
    }

    /// Whether they have to be judged.
    pub(crate) fn judged(self) -> bool {
        self.0 & Self::JUDGED != 0
    }

    /// Whether what they publish has to be counted.
    pub(crate) fn metered(self) -> bool {
        self.0 & Self::METERED != 0
    }
}

impl User {
    /// A user with this name and these rights.
    pub(super) fn new(name: &[u8], rights: Rights) -> Arc<Self> {
        let user = User {
            name: name.into(),
            rights: RwLock::new(Arc::new(rights.clone())),
            checks: AtomicU8::default(),
            open: AtomicBool::new(false),
            slow: AtomicU8::default(),
            usage: Usage::default(),
            version: AtomicU64::default(),
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
        static LAST_VERSION: AtomicU64 = AtomicU64::new(0);
        rights.prepare();
        rights.version = LAST_VERSION.fetch_add(1, Relaxed) + 1;
        let mut own = self.rights.write();
        let narrowed = !rights.listens_to_all_of(&own);
        self.usage.bound(&rights.limits);
        self.checks.store(Checks::of(&rights).0, Relaxed);
        self.open.store(rights.is_open(), Relaxed);
        self.version.store(rights.version, Relaxed);
        self.slow.store(SlowPolicy::number(rights.slow), Relaxed);
        *own = Arc::new(rights);
        narrowed
    }

    /// What its requests need before they run.
    pub(crate) fn checks(&self) -> Checks {
        Checks(self.checks.load(Relaxed))
    }

    /// Whether nothing is refused to it but what is too much.
    pub(crate) fn is_free(&self) -> bool {
        !self.checks().judged()
    }

    /// The laxest of what may become of its connections that do not keep up, where a rule says so.
    pub(crate) fn slow(&self) -> Option<SlowPolicy> {
        SlowPolicy::numbered(self.slow.load(Relaxed))
    }

    /// The version of its rights.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Relaxed)
    }

    /// What its connections have and do together.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
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
