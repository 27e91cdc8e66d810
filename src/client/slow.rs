//! What is to become of a client that does not keep up with what it listens to.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use super::Client;
use super::outbox::Bound;
use super::outbox::gap::{self, Telling};
use super::registry::ClientInfo;
use crate::acl::{Acl, User};
use crate::config::{ByteSize, Settings, SlowLimit, SlowPolicy};
use crate::ids::Topic;
use crate::resp::Proto;

/// What a client has chosen, and what it has lost. Its own thread writes it, any thread reads it.
#[derive(Debug, Default)]
pub(crate) struct Slow {
    /// The number of the policy that it has chosen.
    policy: AtomicU8,
    bytes: AtomicU64,
    messages: AtomicU64,
    /// Messages that it did not get.
    lost: AtomicU64,
    /// When the log may name it again, in milliseconds of the server's clock.
    named_ms: AtomicU64,
    /// Since when something has waited that its socket had refused, and when that refused something last, in milliseconds of
    /// the server's clock; 0 if nothing waits, or it never did.
    behind_since_ms: AtomicU64,
    refused_ms: AtomicU64,
}

/// How often the log names a client that loses messages, in milliseconds.
const NAMED_EVERY_MS: u64 = 60_000;

impl Slow {
    /// It wants this policy from now on, and no more than this to wait for it; none for what others have that do not choose.
    pub(crate) fn choose(&self, choice: Option<(SlowPolicy, SlowLimit)>) {
        let (policy, limit) = choice.unzip();
        let limit = limit.unwrap_or_default();
        self.bytes.store(limit.bytes.0, Relaxed);
        self.messages.store(limit.messages, Relaxed);
        self.policy.store(SlowPolicy::number(policy), Relaxed);
    }

    fn choice(&self) -> Option<(SlowPolicy, SlowLimit)> {
        let policy = SlowPolicy::numbered(self.policy.load(Relaxed))?;
        let (bytes, messages) = (ByteSize(self.bytes.load(Relaxed)), self.messages.load(Relaxed));
        Some((policy, SlowLimit { bytes, messages }))
    }

    /// How many messages it has lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Notes whether something waits for it that its socket has refused. The time is asked for when that begins.
    pub(crate) fn note_behind(&self, is_behind: bool, now_ms: impl FnOnce() -> u64) {
        if is_behind != (self.behind_since_ms.load(Relaxed) > 0) {
            self.behind_since_ms.store(if is_behind { now_ms().max(1) } else { 0 }, Relaxed);
        }
    }

    /// Notes that its socket has refused something.
    pub(crate) fn note_refusal(&self, now_ms: u64) {
        self.refused_ms.store(now_ms.max(1), Relaxed);
    }

    /// Since when something has waited for it that its socket had refused; none if nothing does.
    pub(crate) fn behind_since_ms(&self) -> Option<u64> {
        Some(self.behind_since_ms.load(Relaxed)).filter(|since_ms| *since_ms > 0)
    }

    /// When its socket last refused something; none if it never did.
    pub(crate) fn refused_ms(&self) -> Option<u64> {
        Some(self.refused_ms.load(Relaxed)).filter(|refused_ms| *refused_ms > 0)
    }

    /// Whether the log is to name it, which has lost something at this moment.
    pub(crate) fn is_to_be_named(&self, now_ms: u64) -> bool {
        let is_due = now_ms >= self.named_ms.load(Relaxed);
        if is_due {
            self.named_ms.store(now_ms + NAMED_EVERY_MS, Relaxed);
        }
        is_due
    }

    /// Counts messages that it has lost.
    pub(crate) fn count(&self, messages: u64) {
        self.lost.store(self.lost() + messages, Relaxed);
    }
}

impl ClientInfo {
    /// What becomes of it if it does not keep up, and how much may wait for it then: what it has chosen, as far as the rule of its
    /// user is no stricter, and the lower of its limit and the directive's.
    pub(crate) fn slow_policy(&self, user: &User, settings: &Settings) -> (SlowPolicy, SlowLimit) {
        let (rule, limit) = (user.slow(), settings.slow_subscriber_limit);
        let chosen = self.slow.choice().filter(|(own, _)| rule.is_none_or(|rule| own.is_no_laxer_than(rule)));
        match chosen {
            Some((policy, own)) => (policy, limit.lower_of(own)),
            None => (rule.unwrap_or(settings.slow_subscriber_policy), limit),
        }
    }
}

impl Client {
    /// What may wait for it before it loses messages; none if it loses none.
    pub(crate) fn bound(&self, settings: &Settings, acl: &Acl) -> Option<Bound> {
        let user = self.user.borrow();
        let (policy, limit) = self.info.slow_policy(user.as_ref().unwrap_or(&acl.default), settings);
        (policy != SlowPolicy::Disconnect).then_some(Bound { policy, limit })
    }

    /// Tells it behind all that waits that it has lost messages, and of which subscription if that is known. Answers how many
    /// bytes more wait for it then.
    pub(crate) fn push_gap(&self, of: Option<(Topic, &[u8])>, messages: u64) -> usize {
        let telling = self.telling();
        if telling == Telling::Silent || !self.takes_output() {
            return 0;
        }
        self.outbox.borrow_mut().push_gap(of, messages, telling)
    }

    /// How it is told what it has lost.
    pub(crate) fn telling(&self) -> Telling {
        match self.proto() {
            Proto::Resp3 => Telling::Push,
            Proto::Resp2 if self.listens_to(Topic::Channel, gap::CHANNEL) => Telling::Message,
            Proto::Resp2 => Telling::Silent,
        }
    }
}
