//! What the connections of a user have and do together, as far as it can be limited. It is counted whether it is limited or
//! not, because a limit can come later; only what is published is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::limits::{Limit, Limits};
use super::user::User;
use crate::clock::Now;

/// What the connections of a user have and do together, and how much of it there may be. On lines of the processor's cache of
/// its own: what is changed here would slow down the look at a user that each request takes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Usage {
    connections: Tally,
    subscriptions: Tally,
    publishing: Mutex<Publishing>,
    /// Messages that its connections did not get because they did not keep up.
    lost: AtomicU64,
}

impl Usage {
    /// These limits hold from now on. What there is beyond them stays, and buckets stay as full as they are.
    pub(super) fn bound(&self, limits: &Limits) {
        self.connections.bound(limits.of(Limit::Connections));
        self.subscriptions.bound(limits.of(Limit::Subscriptions));
        let mut publishing = self.publishing.lock();
        publishing.messages.bound(limits.of(Limit::PublishMessages));
        publishing.bytes.bound(limits.of(Limit::PublishBytes));
    }

    /// Counts messages that one of its connections did not get.
    pub(crate) fn count_lost(&self, messages: u64) {
        self.lost.fetch_add(messages, Relaxed);
    }

    /// How many messages its connections did not get.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// The subscriptions of its connections.
    pub(crate) fn subscriptions(&self) -> &Tally {
        &self.subscriptions
    }

    /// Counts a message of so many bytes that is published now, unless that is more than the limits allow.
    pub(crate) fn publish(&self, bytes: usize, now: Now) -> Result<(), Excess> {
        self.publishing.lock().publish(bytes as u64, now)
    }
}

/// How many there are of something, and may be.
#[derive(Debug)]
pub(crate) struct Tally {
    count: AtomicU64,
    /// No more than this; the largest number stands for no limit.
    most: AtomicU64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { count: AtomicU64::new(0), most: AtomicU64::new(u64::MAX) }
    }
}

impl Tally {
    fn bound(&self, most: Option<u64>) {
        self.most.store(most.unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether there is a limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.most.load(Relaxed) != u64::MAX
    }

    /// Counts so many more; false, and counts none, if they would be too many together with those that there are.
    pub(crate) fn try_add(&self, more: usize) -> bool {
        let most = self.most.load(Relaxed);
        let sum = |count: u64| Some(count + more as u64).filter(|sum| *sum <= most);
        more == 0 || self.count.fetch_update(Relaxed, Relaxed, sum).is_ok()
    }

    /// Counts so many more, whatever the limit.
    pub(crate) fn add(&self, more: usize) {
        self.count.fetch_add(more as u64, Relaxed);
    }

    /// Counts so many less.
    pub(crate) fn sub(&self, less: usize) {
        self.count.fetch_sub(less as u64, Relaxed);
    }
}

/// A connection's place among those of its user, which counts as long as it is kept.
#[derive(Debug)]
pub(crate) struct Seat(Arc<User>);

impl Seat {
    /// One more connection of this user; none if it has as many as it may have.
    pub(crate) fn take(user: &Arc<User>) -> Option<Self> {
        user.usage().connections.try_add(1).then(|| Seat(user.clone()))
    }

    /// Whether it is among the connections of this user.
    pub(crate) fn is_with(&self, user: &Arc<User>) -> bool {
        Arc::ptr_eq(&self.0, user)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.usage().connections.sub(1);
    }
}

/// That a message is more than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    /// Which one.
    pub(crate) limit: Limit,
    /// In how many milliseconds it would be allowed if nobody else published meanwhile.
    pub(crate) wait_ms: u64,
}

/// What was published lately.
#[derive(Debug, Default)]
struct Publishing {
    messages: Bucket,
    bytes: Bucket,
    /// When that was last looked at, in nanoseconds of the server's clock.
    looked_ns: u64,
}

impl Publishing {
    fn publish(&mut self, bytes: u64, now: Now) -> Result<(), Excess> {
        // Threads do not see the same moment.
        let passed_ns = now.ns().saturating_sub(self.looked_ns);
        self.looked_ns += passed_ns;
        let mut wanted =
            [(Limit::PublishMessages, &mut self.messages, 1), (Limit::PublishBytes, &mut self.bytes, bytes)];
        wanted.iter_mut().for_each(|(_, bucket, _)| bucket.fill(passed_ns));
        for (limit, bucket, count) in &wanted {
            let wait_ns = bucket.wait_ns(*count);
            if wait_ns > 0 {
                return Err(Excess { limit: *limit, wait_ms: wait_ns.div_ceil(1_000_000) });
            }
        }
        wanted.into_iter().for_each(|(_, bucket, count)| bucket.take(count));
        Ok(())
    }
}

/// A bucket of tokens: it holds as many as it is given in a second, and each of what is limited takes one out. It can owe some
/// for something that takes more than it holds, which is let through when it is full: nothing is too large for ever. It is
/// measured by the time that it takes to fill it, which stays the same when it is to hold another number.
#[derive(Debug, Default)]
struct Bucket {
    /// How long it takes to be given a token, as [`time`]; 0 where there is no limit.
    each: u128,
    /// How long it takes until it is full, as [`time`].
    lacks: u128,
}

/// A time in fractions of a nanosecond that are small enough for whatever limit.
const fn time(ns: u64) -> u128 {
    (ns as u128) << 64
}

/// How long it takes to fill an empty bucket.
const SECOND: u128 = time(1_000_000_000);

impl Bucket {
    /// It is given so many tokens in a second from now on. Without a limit nothing is remembered.
    fn bound(&mut self, per_second: Option<u64>) {
        self.each = per_second.map_or(0, |tokens| SECOND / u128::from(tokens));
        if self.each == 0 {
            self.lacks = 0;
        }
    }

    fn fill(&mut self, passed_ns: u64) {
        self.lacks = self.lacks.saturating_sub(time(passed_ns));
    }

    /// For how many nanoseconds it must be filled until so many tokens can be taken: 0 if they can be now.
    fn wait_ns(&self, count: u64) -> u64 {
        let needed = self.lacks.saturating_add(self.duration(count).min(SECOND));
        u64::try_from(needed.saturating_sub(SECOND).div_ceil(time(1))).unwrap_or(u64::MAX)
    }

    fn take(&mut self, count: u64) {
        self.lacks = self.lacks.saturating_add(self.duration(count));
    }

    /// How long it takes to be given so many tokens.
    fn duration(&self, count: u64) -> u128 {
        self.each.saturating_mul(u128::from(count))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    /// A user's usage under these rules, and its clock.
    fn usage(rules: &[&str]) -> (Usage, Clock) {
        let (usage, clock) = (Usage::default(), Clock::simulated());
        bound(&usage, rules);
        (usage, clock)
    }

    fn bound(usage: &Usage, rules: &[&str]) {
        let mut limits = Limits::default();
        rules.iter().for_each(|rule| limits.apply(rule.as_bytes()).expect("a limit"));
        usage.bound(&limits);
    }

    fn excess(limit: Limit, wait_ms: u64) -> Result<(), Excess> {
        Err(Excess { limit, wait_ms })
    }

    #[test]
    fn a_second_of_messages_goes_at_once_and_then_as_many_as_time_gives() {
        let (usage, clock) = usage(&["publish-messages=4"]);
        (0..4).for_each(|_| assert_eq!(usage.publish(1_000_000, clock.now()), Ok(())));
        assert_eq!(usage.publish(0, clock.now()), excess(Limit::PublishMessages, 250));
        clock.advance(Duration::from_micros(249_999));
        assert_eq!(usage.publish(0, clock.now()), excess(Limit::PublishMessages, 1));
        clock.advance(Duration::from_micros(1));
        assert_eq!(usage.publish(0, clock.now()), Ok(()));
        assert_eq!(usage.publish(0, clock.now()), excess(Limit::PublishMessages, 250));
        clock.advance(Duration::from_secs(3600));
        (0..4).for_each(|_| assert_eq!(usage.publish(0, clock.now()), Ok(())));
        assert!(usage.publish(0, clock.now()).is_err(), "no more than a second is saved up");
    }

    #[test]
    fn a_message_that_is_larger_than_the_limit_waits_for_a_full_bucket_and_owes_the_rest() {
        let (usage, clock) = usage(&["publish-bytes=1k"]);
        assert_eq!(usage.publish(1, clock.now()), Ok(()));
        assert_eq!(usage.publish(5000, clock.now()), excess(Limit::PublishBytes, 1));
        clock.advance(Duration::from_millis(1));
        assert_eq!(usage.publish(5000, clock.now()), Ok(()));
        assert_eq!(usage.publish(1, clock.now()), excess(Limit::PublishBytes, 4001));
        assert_eq!(usage.publish(5000, clock.now()), excess(Limit::PublishBytes, 5000));
        clock.advance(Duration::from_millis(4001));
        assert_eq!(usage.publish(1, clock.now()), Ok(()));
    }

    #[test]
    fn what_one_limit_refuses_counts_for_no_other() {
        let (usage, clock) = usage(&["publish-bytes=100", "publish-messages=2"]);
        assert_eq!(usage.publish(60, clock.now()), Ok(()));
        (0..10).for_each(|_| assert_eq!(usage.publish(60, clock.now()), excess(Limit::PublishBytes, 200)));
        assert_eq!(usage.publish(40, clock.now()), Ok(()));
        assert_eq!(usage.publish(0, clock.now()), excess(Limit::PublishMessages, 500));
    }

    #[test]
    fn a_bucket_that_is_to_hold_another_number_takes_as_long_to_fill_as_before_and_is_forgotten_with_its_limit() {
        let (usage, clock) = usage(&["publish-messages=4"]);
        (0..4).for_each(|_| assert_eq!(usage.publish(0, clock.now()), Ok(())));
        bound(&usage, &["publish-messages=8"]);
        assert_eq!(usage.publish(0, clock.now()), excess(Limit::PublishMessages, 125));
        clock.advance(Duration::from_millis(500));
        bound(&usage, &["publish-messages=2"]);
        assert_eq!(usage.publish(0, clock.now()), Ok(()));
        assert_eq!(usage.publish(0, clock.now()), excess(Limit::PublishMessages, 500));
        bound(&usage, &[]);
        assert_eq!(usage.publish(0, clock.now()), Ok(()));
        bound(&usage, &["publish-messages=1"]);
        assert_eq!(usage.publish(0, clock.now()), Ok(()));
    }

    #[test]
    fn a_second_holds_exactly_as_many_as_the_limit_says_whatever_that_is() {
        for most in 1..2000_u64 {
            let (usage, clock) = usage(&[&format!("publish-bytes={most}")]);
            assert!((0..most).all(|_| usage.publish(1, clock.now()).is_ok()), "{most}");
            assert!(usage.publish(1, clock.now()).is_err(), "{most}");
        }
    }

    #[test]
    fn the_highest_limits_and_the_longest_times_are_counted_rightly() {
        let most = i64::MAX.to_string();
        let (usage, clock) = usage(&[&format!("publish-bytes={most}"), &format!("publish-messages={most}")]);
        assert_eq!(usage.publish(usize::MAX, clock.now()), Ok(()));
        assert_eq!(usage.publish(1, clock.now()), excess(Limit::PublishBytes, 1000));
        clock.advance(Duration::from_secs(1 << 33));
        assert_eq!(usage.publish(usize::MAX, clock.now()), Ok(()));
    }

    #[test]
    fn a_moment_before_the_last_one_gives_nothing_and_takes_nothing() {
        let (usage, clock) = usage(&["publish-messages=1"]);
        let earlier = clock.now();
        clock.advance(Duration::from_secs(10));
        assert_eq!(usage.publish(0, clock.now()), Ok(()));
        assert_eq!(usage.publish(0, earlier), excess(Limit::PublishMessages, 1000));
        clock.advance(Duration::from_secs(1));
        assert_eq!(usage.publish(0, clock.now()), Ok(()));
    }
}
