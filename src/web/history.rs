//! What happened in each of the last seconds, so that who looks for the first time sees what was before.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::observe::log;
use crate::server::Server;

/// How often a moment is taken. It costs a look at some counters of each thread: ten microseconds or so.
pub(super) const STEP: Duration = Duration::from_secs(1);
/// How many moments are kept: five minutes of them, a hundred bytes each.
const KEPT: usize = 301;

/// What rises, as it was at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    messages: u64,
    deliveries: u64,
    bytes_in: u64,
    bytes_out: u64,
    commands: u64,
    connections: u64,
    /// Messages that slow subscribers have lost.
    dropped: u64,
    /// Lines of the log that nobody took in time.
    log_lines: u64,
    /// Connections that were turned away.
    rejected: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    at_ms: u64,
    totals: Totals,
    /// Clients that were connected.
    clients: u64,
}

/// A series: its name, and what it is at the second of two moments.
type Series = (&'static str, fn(&Moment, &Moment) -> u64);

/// What is kept of each second.
const SERIES: &[Series] = &[
    ("messages", |then, now| rate(then, now, |totals| totals.messages)),
    ("deliveries", |then, now| rate(then, now, |totals| totals.deliveries)),
    ("bytes_in", |then, now| rate(then, now, |totals| totals.bytes_in)),
    ("bytes_out", |then, now| rate(then, now, |totals| totals.bytes_out)),
    ("commands", |then, now| rate(then, now, |totals| totals.commands)),
    ("connections", |then, now| rate(then, now, |totals| totals.connections)),
    ("dropped", |then, now| rate(then, now, |totals| totals.dropped)),
    ("clients", |_, now| now.clients),
];

/// How much something rose in a second between two moments, to the nearest number; 0 if it was set back meanwhile.
fn rate(then: &Moment, now: &Moment, of: fn(&Totals) -> u64) -> u64 {
    let elapsed_ms = u128::from(now.at_ms.saturating_sub(then.at_ms).max(1));
    let rise = u128::from(of(&now.totals).saturating_sub(of(&then.totals)));
    u64::try_from((rise * 1000 + elapsed_ms / 2) / elapsed_ms).unwrap_or(u64::MAX)
}

/// The last moments.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The oldest first.
    moments: VecDeque<Moment>,
    /// How many there were in all.
    taken: u64,
}

impl History {
    /// Takes the present moment.
    pub(super) fn take(&mut self, server: &Server) {
        let published = server.hub.lock().totals;
        let totals = Totals {
            messages: published.messages + server.unheard(),
            deliveries: published.deliveries,
            bytes_in: server.total(|counters| &counters.net_input_bytes),
            bytes_out: server.total(|counters| &counters.net_output_bytes),
            commands: server.total(|counters| &counters.commands),
            connections: server.total(|counters| &counters.connections),
            dropped: server.total(|counters| &counters.dropped_oldest)
                + server.total(|counters| &counters.dropped_newest)
                + server.total(|counters| &counters.conflated),
            log_lines: log::dropped_lines(),
            rejected: server.total(|counters| &counters.rejected_connections),
        };
        let clients = server.connections.load(Relaxed) as u64;
        self.add(Moment { at_ms: server.clock.now().ms(), totals, clients });
    }

    fn add(&mut self, moment: Moment) {
        if self.moments.len() == KEPT {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
        self.taken += 1;
    }

    /// The number of the last moment, from 1; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.taken
    }

    fn pairs(&self) -> impl DoubleEndedIterator<Item = (&Moment, &Moment)> {
        self.moments.iter().zip(self.moments.iter().skip(1))
    }

    /// What happened in the last second: `{"messages": 12, ...}`.
    pub(super) fn last(&self) -> Value {
        let last = self.pairs().next_back();
        let value = |of: fn(&Moment, &Moment) -> u64| last.map_or(0, |(then, now)| of(then, now));
        Value::Object(Map::from_iter(SERIES.iter().map(|(name, of)| ((*name).to_owned(), value(*of).into()))))
    }

    /// What happened in each second, the oldest first: `{"messages": [12, ...], ...}`.
    pub(super) fn all(&self) -> Value {
        let values = |of: fn(&Moment, &Moment) -> u64| self.pairs().map(|(then, now)| of(then, now)).collect::<Value>();
        Value::Object(Map::from_iter(SERIES.iter().map(|(name, of)| ((*name).to_owned(), values(*of)))))
    }

    /// How many lines of the log were lost, and how many connections were turned away, since the oldest moment.
    pub(super) fn troubles(&self) -> (u64, u64) {
        let Some((first, last)) = self.moments.front().zip(self.moments.back()) else { return (0, 0) };
        let rise = |of: fn(&Totals) -> u64| of(&last.totals).saturating_sub(of(&first.totals));
        (rise(|totals| totals.log_lines), rise(|totals| totals.rejected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ms: u64, messages: u64) -> Moment {
        Moment { at_ms, totals: Totals { messages, ..Totals::default() }, clients: messages }
    }

    #[test]
    fn rates_are_for_one_second_however_long_it_took_and_never_fall_below_nothing() {
        let mut history = History::default();
        assert_eq!(
            (history.last()["messages"].clone(), history.all()["messages"].clone()),
            (0.into(), Value::Array(vec![]))
        );
        for (at_ms, messages) in [(0, 0), (1001, 7), (3000, 27), (3500, 37), (4500, 1), (4500, 2)] {
            history.add(moment(at_ms, messages));
        }
        assert_eq!(history.all()["messages"], serde_json::json!([7, 10, 20, 0, 1000]));
        assert_eq!(history.all()["clients"], serde_json::json!([7, 27, 37, 1, 2]));
        assert_eq!((history.last()["messages"].clone(), history.number()), (1000.into(), 6));
    }

    #[test]
    fn p11_five_minutes_are_kept() {
        let mut history = History::default();
        (0..1000).for_each(|second| history.add(moment(second * 1000, second * second)));
        let kept = history.all()["messages"].as_array().cloned().unwrap_or_default();
        assert_eq!((kept.len(), history.number()), (300, 1000));
        assert_eq!(kept.last(), Some(&Value::from(2 * 998 + 1)));
    }

    #[test]
    fn troubles_are_those_since_the_oldest_moment() {
        let mut history = History::default();
        assert_eq!(history.troubles(), (0, 0));
        for (log_lines, rejected) in [(5, 1), (7, 1), (9, 4)] {
            history.add(Moment { totals: Totals { log_lines, rejected, ..Totals::default() }, ..Moment::default() });
        }
        assert_eq!(history.troubles(), (4, 3));
    }
}
