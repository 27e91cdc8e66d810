//! Which user a client is, and what it has that counts for that user.

use std::sync::Arc;

use super::Client;
use crate::acl::{Acl, Checks, Tally, User};
use crate::ids::Topic;

impl Client {
    /// The user that it is.
    pub(crate) fn user(&self, acl: &Acl) -> Arc<User> {
        self.user.borrow().as_ref().unwrap_or(&acl.default).clone()
    }

    /// What its requests need before they run.
    pub(crate) fn checks(&self, acl: &Acl) -> Checks {
        self.user.borrow().as_ref().unwrap_or(&acl.default).checks()
    }

    /// Whether nothing is refused to the user that it is but what is too much.
    pub(crate) fn is_free(&self, acl: &Acl) -> bool {
        !self.checks(acl).judged()
    }

    /// It is this user from now on, with its subscriptions, however many. False, and nothing changes, if that has as many
    /// connections as it may have.
    pub(crate) fn log_in(&self, user: &Arc<User>, acl: &Acl) -> bool {
        if !self.info.log_in(user, acl) {
            return false;
        }
        let count = Topic::ALL.into_iter().map(|topic| self.subscriptions(topic)).sum();
        self.tally(acl, |tally| tally.sub(count));
        *self.user.borrow_mut() = self.info.own_user();
        self.tally(acl, |tally| tally.add(count));
        true
    }

    /// It has still to prove who it is, and has no subscriptions.
    pub(crate) fn log_out(&self) {
        self.info.log_out();
        *self.user.borrow_mut() = None;
    }

    /// Whether its user may have only so many subscriptions.
    pub(crate) fn has_limited_subscriptions(&self, acl: &Acl) -> bool {
        self.tally(acl, Tally::is_limited)
    }

    /// Counts so many subscriptions, which are about to begin, for its user already. False, and counts none, if these would be
    /// more than it may have.
    pub(crate) fn claim_subscriptions(&self, count: usize, acl: &Acl) -> bool {
        let claimed = self.tally(acl, |tally| tally.try_add(count));
        self.claim.set(if claimed { count } else { 0 });
        claimed
    }

    /// Counts what has been claimed, and has not begun, no more.
    pub(crate) fn give_up_claim(&self, acl: &Acl) {
        self.count_out_subscriptions(self.claim.take(), acl);
    }

    /// Counts so many subscriptions that begin, unless they have been claimed.
    pub(crate) fn count_subscriptions(&self, count: usize, acl: &Acl) {
        let claimed = self.claim.get().min(count);
        self.claim.set(self.claim.get() - claimed);
        if count > claimed {
            self.tally(acl, |tally| tally.add(count - claimed));
        }
    }

    /// Counts so many subscriptions less, which have ended.
    pub(crate) fn count_out_subscriptions(&self, count: usize, acl: &Acl) {
        if count > 0 {
            self.tally(acl, |tally| tally.sub(count));
        }
    }

    fn tally<R>(&self, acl: &Acl, count: impl FnOnce(&Tally) -> R) -> R {
        count(self.user.borrow().as_ref().unwrap_or(&acl.default).usage().subscriptions())
    }
}
