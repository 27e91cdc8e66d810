//! ACL LOG: what was refused to whom, and how often.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Refusals of the same kind within so many milliseconds are one entry.
const GROUPED_MS: u64 = 60_000;
/// So many entries are looked at for one of the same kind.
const LOOKED_AT: usize = 10;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Command,
    Key,
    Channel,
    Auth,
    Limit,
}

impl Reason {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
            Reason::Limit => "limit",
        }
    }
}

/// Where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Toplevel,
    Multi,
    Lua,
}

impl Place {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Toplevel => "toplevel",
            Place::Multi => "multi",
            Place::Lua => "lua",
        }
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) place: Place,
    /// The command, key, channel or limit.
    pub(crate) object: Vec<u8>,
    pub(crate) user: Vec<u8>,
    /// The client's line in CLIENT LIST.
    pub(crate) client: String,
}

/// Refusals of one kind.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    pub(crate) id: u64,
    pub(crate) count: u64,
    /// The last one.
    pub(crate) refusal: Refusal,
    /// When the first one was, in milliseconds since 1970-01-01.
    pub(crate) created_ms: u64,
    /// When the last one was.
    pub(crate) updated_ms: u64,
}

/// The log of one server.
#[derive(Debug, Default)]
pub(crate) struct AclLog(Mutex<(VecDeque<LogEntry>, u64)>);

impl AclLog {
    /// Adds a refusal of this moment, in milliseconds since 1970-01-01, and forgets the oldest entry beyond `max_len`. Of names
    /// and of what is said of the client it keeps so many bytes.
    pub(crate) fn add(&self, mut refusal: Refusal, now_ms: u64, max_len: usize, max_name: usize) {
        refusal.object.truncate(max_name);
        refusal.user.truncate(max_name);
        refusal.client.truncate(refusal.client.floor_char_boundary(max_name));
        let mut guard = self.0.lock();
        let (entries, next_id) = &mut *guard;
        let is_alike = |entry: &LogEntry| {
            let known = &entry.refusal;
            let recent = now_ms.saturating_sub(entry.updated_ms) <= GROUPED_MS;
            let same = known.reason == refusal.reason && known.place == refusal.place;
            recent && same && known.object == refusal.object && known.user == refusal.user
        };
        let alike = entries.iter().take(LOOKED_AT).position(is_alike);
        let entry = match alike.and_then(|place| entries.remove(place)) {
            Some(entry) => LogEntry { count: entry.count + 1, refusal, updated_ms: now_ms, ..entry },
            None => {
                *next_id += 1;
                LogEntry { id: *next_id - 1, count: 1, refusal, created_ms: now_ms, updated_ms: now_ms }
            }
        };
        entries.push_front(entry);
        entries.truncate(max_len);
    }

    /// The newest `count` entries, the newest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<LogEntry> {
        self.0.lock().0.iter().take(count).cloned().collect()
    }

    /// Forgets all entries; numbers go on.
    pub(crate) fn clear(&self) {
        self.0.lock().0.clear();
    }
}
