//! Time as an argument of the core: real for the server, simulated for its tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment, both on the monotonic clock and on the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    since_start: Duration,
    started_at: Duration,
}

impl Now {
    /// Milliseconds since the server's start; never goes back.
    pub fn ms(self) -> u64 {
        self.since_start.as_millis() as u64
    }

    /// Microseconds since the server's start; never goes back.
    pub fn us(self) -> u64 {
        self.since_start.as_micros() as u64
    }

    /// Nanoseconds since the server's start; never goes back.
    pub fn ns(self) -> u64 {
        self.since_start.as_nanos() as u64
    }

    /// When the server started, since 1970-01-01.
    pub fn started_at(self) -> Duration {
        self.started_at
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Now) -> Duration {
        self.since_start.saturating_sub(earlier.since_start)
    }

    /// Milliseconds since 1970-01-01.
    pub fn unix_ms(self) -> i64 {
        self.unix().as_millis() as i64
    }

    /// Time since 1970-01-01, as of the server's start and counted on from there.
    pub fn unix(self) -> Duration {
        self.started_at + self.since_start
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
    },
    /// A clock that moves when it is told to, in microseconds.
    Simulated(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock, from now on.
    pub fn real() -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock::Real { start: Instant::now(), started_at }
    }

    /// A clock that stands at zero.
    pub fn simulated() -> Self {
        Clock::Simulated(Arc::default())
    }

    /// This moment.
    pub fn now(&self) -> Now {
        match self {
            Clock::Real { start, started_at } => Now { since_start: start.elapsed(), started_at: *started_at },
            Clock::Simulated(us) => {
                Now { since_start: Duration::from_micros(us.load(Relaxed)), started_at: SIMULATED_START }
            }
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
