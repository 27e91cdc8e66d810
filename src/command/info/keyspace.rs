//! The section about databases, and what other sections show of keys.

use super::Report;
use crate::keyspace::database::Database;
use crate::keyspace::{Counts, State, tracking};

/// What is known of keys at one moment.
#[derive(Debug, Default)]
pub(super) struct KeyFacts {
    pub(super) counts: Counts,
    /// Clients that wait for keys, but not for ever.
    pub(super) ending: usize,
    /// Keys that clients wait for.
    pub(super) awaited: usize,
    /// Those of them that are waited for by clients that mind their removal.
    pub(super) minded: usize,
    /// Who caches what.
    pub(super) tracking: tracking::Size,
    databases: Vec<DatabaseFacts>,
}

#[derive(Debug)]
struct DatabaseFacts {
    keys: usize,
    expiring: usize,
    /// How long they live on average, in milliseconds; 0 if none expires.
    mean_ttl_ms: i64,
}

impl KeyFacts {
    pub(super) fn of(state: &State, now_ms: i64) -> Self {
        let (awaited, minded) = state.waiters.keys();
        let databases = state.databases().iter().map(|database| DatabaseFacts::of(database, now_ms)).collect();
        KeyFacts {
            counts: state.counts,
            ending: state.waiters.ending(),
            awaited,
            minded,
            tracking: state.tracking.size(),
            databases,
        }
    }
}

impl DatabaseFacts {
    fn of(database: &Database, now_ms: i64) -> Self {
        let mean_ttl_ms = database.mean_deadline_ms().map_or(0, |mean_ms| (mean_ms - now_ms).max(0));
        DatabaseFacts { keys: database.len(), expiring: database.expiring(), mean_ttl_ms }
    }
}

/// A line for each database that has keys.
pub(super) fn keyspace(report: &mut Report<'_, '_>) {
    for (db, DatabaseFacts { keys, expiring, mean_ttl_ms }) in report.keys().databases.iter().enumerate() {
        if *keys > 0 {
            let numbers = format_args!("keys={keys},expires={expiring},avg_ttl={mean_ttl_ms}");
            report.field(format_args!("db{db}"), numbers);
        }
    }
}
