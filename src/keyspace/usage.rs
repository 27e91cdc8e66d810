//! How recently or how often keys are used, in the 32 bits that an entry has for it.
//!
//! For the policies on recency it is the second of the last use. For those on frequency the upper bits are the minute in
//! which the lower eight were last brought up to date: a counter that rises the more seldom the higher it is, and falls
//! with time.
//!
//! Source: the counter of `evict.c` in Redis 7.2, whose directives `lfu-log-factor` and `lfu-decay-time` tune it.

use crate::config::Settings;

/// The counter of a new key, so that it is not the first to go.
const NEW: u8 = 5;

/// How use is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// By the second of the last use.
    Recency,
    /// By a counter.
    Frequency {
        /// The higher, the more uses until the counter is at its end.
        log_factor: u32,
        /// Minutes after which the counter falls by one; 0 for never.
        decay_minutes: u32,
    },
}

impl Usage {
    /// As these settings want it.
    pub(crate) fn of(settings: &Settings) -> Self {
        if settings.maxmemory_policy.counts_use() {
            Usage::Frequency { log_factor: settings.lfu_log_factor, decay_minutes: settings.lfu_decay_time }
        } else {
            Usage::Recency
        }
    }

    /// What a key has that is new at `now_ms`, in milliseconds since 1970-01-01.
    pub(super) fn first(self, now_ms: i64) -> u32 {
        match self {
            Usage::Recency => seconds(now_ms),
            Usage::Frequency { .. } => pack(minutes(now_ms), NEW),
        }
    }

    /// What becomes of `noted` when the key is used; `random` is evenly distributed below 1.
    pub(super) fn next(self, noted: u32, now_ms: i64, random: impl FnOnce() -> f64) -> u32 {
        match self {
            Usage::Recency => seconds(now_ms),
            Usage::Frequency { log_factor, .. } => {
                let counter = self.frequency(noted, now_ms);
                let base = f64::from(counter.saturating_sub(NEW));
                let rises = random() < 1.0 / (base * f64::from(log_factor) + 1.0);
                pack(minutes(now_ms), counter.saturating_add(rises.into()))
            }
        }
    }

    /// The counter as of now.
    pub(crate) fn frequency(self, noted: u32, now_ms: i64) -> u8 {
        let Usage::Frequency { decay_minutes, .. } = self else { return 0 };
        let elapsed = (minutes(now_ms) << 8).wrapping_sub(noted & !0xff) >> 8;
        let fallen = elapsed.checked_div(decay_minutes).unwrap_or(0);
        (noted as u8).saturating_sub(u8::try_from(fallen).unwrap_or(u8::MAX))
    }

    /// How long the key has not been used, in seconds.
    pub(crate) fn idle_seconds(noted: u32, now_ms: i64) -> u32 {
        seconds(now_ms).saturating_sub(noted)
    }
}

fn seconds(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32
}

/// In the 24 bits that there are for it.
fn minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & 0xff_ffff
}

fn pack(minutes: u32, counter: u8) -> u32 {
    minutes << 8 | u32::from(counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn counted(uses: u32, log_factor: u32) -> u8 {
        let usage = Usage::Frequency { log_factor, decay_minutes: 1 };
        let mut random = fastrand::Rng::with_seed(7);
        let noted = (0..uses).fold(usage.first(0), |noted, _| usage.next(noted, 0, || random.f64()));
        usage.frequency(noted, 0)
    }

    #[test]
    fn the_counter_rises_the_more_seldom_the_higher_it_is() {
        assert_eq!(counted(0, 10), NEW);
        let [few, many, most] = [100, 10_000, 1_000_000].map(|uses| counted(uses, 10));
        assert!((8..20).contains(&few) && (30..70).contains(&many) && most == 255, "{few} {many} {most}");
        assert_eq!(counted(300, 0), 255);
    }

    #[test]
    fn the_counter_falls_with_time() {
        let usage = Usage::Frequency { log_factor: 0, decay_minutes: 2 };
        let noted = (0..50).fold(usage.first(0), |noted, _| usage.next(noted, 0, || 0.0));
        for (minutes, counter) in [(0, 55), (1, 55), (2, 54), (40, 35), (1000, 0)] {
            assert_eq!(usage.frequency(noted, minutes * MINUTE_MS), counter);
        }
        let never = Usage::Frequency { log_factor: 0, decay_minutes: 0 };
        assert_eq!(never.frequency(noted, 1000 * MINUTE_MS), 55);
    }

    #[test]
    fn recency_is_the_time_since_the_last_use() {
        let noted = Usage::Recency.next(0, 100 * MINUTE_MS, || 0.0);
        assert_eq!(Usage::idle_seconds(noted, 101 * MINUTE_MS), 60);
    }
}
