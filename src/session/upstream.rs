//! A session and the upstream of its client's keys: answers that come, and a connection that ends.

use std::sync::atomic::Ordering::Relaxed;

use super::{Blocked, Session, SessionState};
use crate::client::Closing;
use crate::client::held::Holding;
use crate::client::registry::Flag;
use crate::relay::{Loss, Relay};

/// What a client's commands wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// All answers that are due.
    Answers,
    /// Room for one more request.
    Room,
}

/// While a client's commands wait for the upstream, no more than about so much is received of it, in bytes.
const MUCH_INPUT: usize = 128 * 1024;

impl SessionState {
    /// Whether the upstream has still to answer something.
    pub(crate) fn has_answers_due(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| !relay.is_settled())
    }

    /// Whether its next command waits for the upstream, and has not been taken from what was received.
    pub(crate) fn awaits_upstream(&self) -> bool {
        matches!(self.blocked, Some(Blocked::Upstream(_)))
    }

    /// Whether what its next command waits for has come.
    pub(super) fn has_come(&self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Answers => !self.has_answers_due(),
            Awaited::Room => self.relay.as_ref().is_none_or(|relay| relay.has_room()),
        }
    }
}

impl Session {
    /// What the client and the upstream say to each other, while there is a connection or one is wanted.
    pub(crate) fn relay(&mut self) -> Option<&mut Relay> {
        self.conversation.state.relay.as_deref_mut().filter(|relay| relay.wanted().is_some())
    }

    /// The number of the connection to the upstream that it needs; none if it needs none.
    pub(crate) fn wanted_upstream(&self) -> Option<u64> {
        self.conversation.state.relay.as_ref()?.wanted()
    }

    /// Whether the upstream has still to answer something.
    pub(crate) fn has_answers_due(&self) -> bool {
        self.conversation.state.has_answers_due()
    }

    /// Whether the upstream has been sent all, and may be waiting for others before it answers.
    pub(crate) fn may_wait_there(&self) -> bool {
        let state = &self.conversation.state;
        let has_more_to_send = matches!(state.blocked, Some(Blocked::Upstream(Awaited::Room)));
        !has_more_to_send && state.relay.as_ref().is_some_and(|relay| relay.may_be_late())
    }

    /// Whether more is to be received of the client: not while much waits for the upstream.
    pub(crate) fn receives(&self) -> bool {
        !self.conversation.state.awaits_upstream() || self.client.info.held.get(Holding::Input) < MUCH_INPUT
    }

    /// Passes on what the upstream has said, and goes on with what waited for it. Answers whether the connection is of use.
    ///
    /// # Errors
    ///
    /// Why the connection is of no use (any more): then call [`Session::lose_upstream`].
    pub(crate) fn hear_upstream(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.client.closing().is_some() {
            return Ok(());
        }
        let Some(relay) = self.conversation.state.relay.as_deref_mut() else { return Ok(()) };
        relay.hear(bytes, &mut self.client.outbox.borrow_mut())?;
        self.go_on_behind_upstream();
        Ok(())
    }

    /// The connection to the upstream has ended, or cannot be made.
    pub(crate) fn lose_upstream(&mut self, why: &str) {
        let state = &mut self.conversation.state;
        let Some(relay) = state.relay.as_deref_mut().filter(|relay| relay.wanted().is_some()) else { return };
        if self.client.closing().is_some() {
            return;
        }
        let loss = relay.fail(why, &mut self.client.outbox.borrow_mut());
        if let Some(transaction) = state.transaction.as_deref_mut().filter(|transaction| transaction.relayed) {
            (transaction.relayed, transaction.failed) = (false, true);
        }
        if loss == Loss::Torn {
            return self.client.close(Closing::UpstreamLost);
        }
        self.go_on_behind_upstream();
    }

    fn go_on_behind_upstream(&mut self) {
        let Some(relay) = &self.conversation.state.relay else { return };
        let info = &self.client.info;
        if self.conversation.scope.db != relay.db() {
            self.conversation.scope.db = relay.db();
            info.db.store(relay.db(), Relaxed);
        }
        info.upstream_id.store(relay.id(), Relaxed);
        info.held.set(Holding::Forwarded, relay.size_bytes());
        if relay.is_settled() {
            info.set_flag(Flag::Blocked, false);
        }
        if self.conversation.state.awaits_upstream() {
            self.resume();
        }
    }
}
