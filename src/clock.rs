//! Time as an argument of the core: real for the server, simulated for its tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment, both on the monotonic clock and on the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    ns: u64,
    started_at: Duration,
    /// What the processor's counter showed.
    ticks: u64,
}

impl Now {
    /// Milliseconds since the server's start; never goes back.
    pub fn ms(self) -> u64 {
        self.ns / 1_000_000
    }

    /// Microseconds since the server's start; never goes back.
    pub fn us(self) -> u64 {
        self.ns / 1000
    }

    /// Nanoseconds since the server's start; never goes back.
    pub fn ns(self) -> u64 {
        self.ns
    }

    /// When the server started, since 1970-01-01.
    pub fn started_at(self) -> Duration {
        self.started_at
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Now) -> Duration {
        Duration::from_nanos(self.ns.saturating_sub(earlier.ns))
    }

    /// Milliseconds since 1970-01-01.
    pub fn unix_ms(self) -> i64 {
        self.unix().as_millis() as i64
    }

    /// Time since 1970-01-01, as of the server's start and counted on from there.
    pub fn unix(self) -> Duration {
        self.started_at + Duration::from_nanos(self.ns)
    }
}

/// Where moments come from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    Real {
        /// When the server started.
        start: Instant,
        /// The same moment on the calendar, since 1970-01-01.
        started_at: Duration,
        /// The processor's counter, or the machine's clock where that cannot be relied on.
        counter: quanta::Clock,
    },
    /// A clock that moves when it is told to, in microseconds.
    Simulated(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock, from now on.
    pub fn real() -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock::Real { start: Instant::now(), started_at, counter: quanta::Clock::new() }
    }

    /// A clock that stands at zero.
    pub fn simulated() -> Self {
        Clock::Simulated(Arc::default())
    }

    /// This moment.
    pub fn now(&self) -> Now {
        match self {
            Clock::Real { start, started_at, counter } => {
                Now { ns: start.elapsed().as_nanos() as u64, started_at: *started_at, ticks: counter.raw() }
            }
            Clock::Simulated(us) => Now { ns: us.load(Relaxed) * 1000, started_at: SIMULATED_START, ticks: 0 },
        }
    }

    /// This moment, when it is not long after `earlier`: asks only the processor's counter, which costs a third. The
    /// counter runs at its own rate, so that it must not be followed for long.
    pub fn now_soon_after(&self, earlier: Now) -> Now {
        match self {
            Clock::Real { counter, .. } => {
                let ticks = counter.raw().max(earlier.ticks);
                Now { ns: earlier.ns + counter.delta_as_nanos(earlier.ticks, ticks), ticks, ..earlier }
            }
            Clock::Simulated(_) => self.now(),
        }
    }

    /// Moves a simulated clock on; does nothing to a real one.
    pub fn advance(&self, by: Duration) {
        if let Clock::Simulated(us) = self {
            us.fetch_add(by.as_micros() as u64, Relaxed);
        }
    }
}

/// When simulated time begins: 2026-01-01.
const SIMULATED_START: Duration = Duration::from_secs(1_767_225_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_agrees_with_the_clock() {
        let clock = Clock::real();
        let begin = clock.now();
        let mut soon = begin;
        while clock.now().since(begin) < Duration::from_millis(20) {
            let later = clock.now_soon_after(soon);
            assert!(later.ns >= soon.ns, "it never goes back");
            soon = later;
        }
        let (before, counted, after) = (clock.now(), clock.now_soon_after(soon), clock.now());
        let tolerated = Duration::from_millis(1);
        assert!(before.since(counted) < tolerated && counted.since(after) < tolerated);
    }

    #[test]
    fn simulated_time_passes_when_it_is_told_to() {
        let clock = Clock::simulated();
        let begin = clock.now();
        clock.advance(Duration::from_micros(1500));
        assert_eq!(clock.now_soon_after(begin), clock.now());
        assert_eq!((clock.now().us(), clock.now().since(begin)), (1500, Duration::from_micros(1500)));
        assert_eq!(clock.now().unix(), SIMULATED_START + Duration::from_micros(1500));
    }
}
