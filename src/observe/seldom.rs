//! Log lines that anybody could cause again and again.

use parking_lot::Mutex;

/// How often such a line is shown, in milliseconds.
const PERIOD_MS: u64 = 60_000;

/// Lets one event a minute be logged, and counts those that are not.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the next one may be shown.
    next_ms: u64,
    hidden: u64,
}

impl Seldom {
    /// Whether an event of this moment is to be logged: then, how many since the last one were not.
    pub(crate) fn show(&self, now_ms: u64) -> Option<u64> {
        let mut state = self.0.lock();
        if now_ms < state.next_ms {
            state.hidden += 1;
            return None;
        }
        state.next_ms = now_ms + PERIOD_MS;
        Some(std::mem::take(&mut state.hidden))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_a_minute_is_shown_with_the_number_of_those_that_were_not() {
        let seldom = Seldom::default();
        let shown = [0, 1, PERIOD_MS - 1, PERIOD_MS, PERIOD_MS + 1, 3 * PERIOD_MS, 4 * PERIOD_MS];
        let expected = [Some(0), None, None, Some(2), None, Some(1), Some(0)];
        assert_eq!(shown.map(|now_ms| seldom.show(now_ms)), expected);
    }
}
