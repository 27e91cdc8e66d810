//! How a server empties itself: it says first that it is not ready and goes on serving, so that others hear of it in time, and
//! then ends its clients a few at a time, so that they come back elsewhere a few at a time. The process around the core begins
//! it and sees when it is over; each worker ends its own clients.

use std::time::Duration;

use parking_lot::Mutex;

use crate::config::{DrainOrder, Settings};

/// Whether the server empties itself, and how.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    plan: Mutex<Option<Plan>>,
}

/// How it does, in milliseconds of the server's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Until then all is as before, but that the server says that it is not ready.
    from_ms: u64,
    /// By then all clients have ended.
    until_ms: u64,
    order: DrainOrder,
}

/// Clients that end together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Those that are sent messages.
    Subscribers,
    /// All others.
    Others,
}

impl Class {
    pub(crate) const ALL: [Class; 2] = [Class::Subscribers, Class::Others];
}

impl Drain {
    /// Begins to empty the server as its directives say, if that has not begun.
    pub(crate) fn begin(&self, settings: &Settings, now_ms: u64) -> Plan {
        *self.plan.lock().get_or_insert_with(|| {
            let from_ms = now_ms + millis(settings.drain_wait.enabled());
            Plan { from_ms, until_ms: from_ms + millis(settings.drain_time.enabled()), order: settings.drain_order }
        })
    }

    /// Calls it off.
    pub(crate) fn call_off(&self) {
        *self.plan.lock() = None;
    }

    /// How the server empties itself, if it does.
    pub(crate) fn plan(&self) -> Option<Plan> {
        *self.plan.lock()
    }

    /// Whether clients are being ended, so that it is of no use to let others in.
    pub(crate) fn is_emptying(&self, now_ms: u64) -> bool {
        self.plan().is_some_and(|plan| plan.is_emptying(now_ms))
    }
}

fn millis(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4))
}

impl Plan {
    /// Whether clients are being ended by now.
    pub(crate) fn is_emptying(&self, now_ms: u64) -> bool {
        now_ms >= self.from_ms
    }

    /// Whether all have had their time.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.until_ms
    }

    /// How many of `count` clients of a class are to end now, so that those who are left end evenly in the time that is left,
    /// if this is asked every `tick_ms` milliseconds.
    pub(crate) fn share(&self, class: Class, count: usize, now_ms: u64, tick_ms: u64) -> usize {
        let middle_ms = self.from_ms.midpoint(self.until_ms);
        let is_first = match self.order {
            DrainOrder::SubscribersLast => class == Class::Others,
            DrainOrder::SubscribersFirst => class == Class::Subscribers,
            DrainOrder::Together => return share(count, self.from_ms..self.until_ms, now_ms, tick_ms),
        };
        let time = if is_first { self.from_ms..middle_ms } else { middle_ms..self.until_ms };
        share(count, time, now_ms, tick_ms)
    }
}

fn share(count: usize, time_ms: std::ops::Range<u64>, now_ms: u64, tick_ms: u64) -> usize {
    if now_ms < time_ms.start {
        return 0;
    }
    let ticks = (time_ms.end.saturating_sub(now_ms) / tick_ms.max(1)).max(1);
    count.div_ceil(usize::try_from(ticks).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_MS: u64 = 100;

    /// How many of 1,000 subscribers and of 100 others are left after each tick.
    fn left(order: DrainOrder) -> Vec<[usize; 2]> {
        let plan = Plan { from_ms: 5_000, until_ms: 15_000, order };
        let mut left = [1_000, 100];
        let mut after = Vec::new();
        for now_ms in (0..=15_000).step_by(TICK_MS as usize) {
            for (class, left) in Class::ALL.into_iter().zip(&mut left) {
                let share = plan.share(class, *left, now_ms, TICK_MS);
                assert!(share <= left.div_ceil(10).max(20), "{share} at {now_ms}");
                *left -= share;
            }
            assert_eq!(plan.is_emptying(now_ms), now_ms >= 5_000);
            after.push(left);
        }
        assert!(plan.is_over(15_000) && !plan.is_over(14_999));
        after
    }

    #[test]
    fn clients_end_evenly_in_their_time_and_in_the_order_that_was_asked_for() {
        for order in [DrainOrder::SubscribersLast, DrainOrder::SubscribersFirst, DrainOrder::Together] {
            let left = left(order);
            assert!(left[..50].iter().all(|left| *left == [1_000, 100]), "{order:?}: nobody ends at first");
            let expected = match order {
                DrainOrder::SubscribersLast => [1_000, 0],
                DrainOrder::SubscribersFirst => [0, 100],
                DrainOrder::Together => [500, 50],
            };
            let middle = left[99];
            assert!(middle.iter().zip(expected).all(|(left, expected)| left.abs_diff(expected) <= 10), "{middle:?}");
            assert_eq!(left[150], [0, 0]);
        }
    }

    #[test]
    fn without_a_time_all_end_at_once() {
        let plan = Plan { from_ms: 0, until_ms: 0, order: DrainOrder::SubscribersLast };
        for class in Class::ALL {
            assert_eq!(plan.share(class, 1_000, 0, TICK_MS), 1_000);
        }
    }

    #[test]
    fn a_drain_that_has_begun_is_not_begun_anew_and_one_that_was_called_off_is() {
        let settings = Settings { drain_wait: crate::config::Seconds(10), ..Settings::default() };
        let drain = Drain::default();
        assert!(drain.plan().is_none());
        drain.begin(&settings, 0);
        assert!(!drain.begin(&settings, 5_000).is_emptying(9_999) && drain.is_emptying(10_000));
        drain.call_off();
        assert!(!drain.is_emptying(20_000));
        assert!(!drain.begin(&settings, 20_000).is_emptying(29_999));
    }
}
