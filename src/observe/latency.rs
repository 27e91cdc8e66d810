//! LATENCY: events that took long, by name, with their last 160 occurrences.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Occurrences kept of an event.
const KEPT: usize = 160;

/// One event's history: moments in seconds since 1970-01-01 and durations in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// The oldest first.
    pub samples: Vec<(u64, u64)>,
    /// The longest ever.
    pub max_ms: u64,
}

/// The events of one server.
#[derive(Debug, Default)]
pub struct LatencyMonitor {
    events: Mutex<BTreeMap<&'static str, Event>>,
}

impl LatencyMonitor {
    /// Adds an occurrence. Several within a second are one, with the longest time.
    pub fn add(&self, event: &'static str, unix_seconds: u64, ms: u64) {
        let mut events = self.events.lock();
        let event = events.entry(event).or_default();
        event.max_ms = event.max_ms.max(ms);
        match event.samples.last_mut() {
            Some((second, longest)) if *second == unix_seconds => *longest = ms.max(*longest),
            _ => event.samples.push((unix_seconds, ms)),
        }
        if event.samples.len() > KEPT {
            event.samples.remove(0);
        }
    }

    /// All events by name.
    pub fn all(&self) -> Vec<(&'static str, Event)> {
        self.events.lock().iter().map(|(name, event)| (*name, event.clone())).collect()
    }

    /// Forgets one event; false if there was none of this name.
    pub fn reset(&self, name: &str) -> bool {
        self.events.lock().remove(name).is_some()
    }

    /// Forgets all events and answers how many there were.
    pub fn reset_all(&self) -> usize {
        std::mem::take(&mut *self.events.lock()).len()
    }
}
