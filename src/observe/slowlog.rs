//! SLOWLOG: the commands whose execution took long.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

/// Arguments kept of a command; the last says how many more there were.
const MAX_ARGS: usize = 32;
/// Bytes kept of an argument, and of a client's name; behind them stands how many more there were.
const MAX_ARG_BYTES: usize = 128;

/// A slow command.
#[derive(Clone, Debug)]
pub struct SlowlogEntry {
    /// Rises by one.
    pub id: i64,
    /// When it began, in seconds since 1970-01-01.
    pub unix_seconds: i64,
    /// How long it took, in microseconds.
    pub us: i64,
    /// Its arguments, cut.
    pub args: Vec<Vec<u8>>,
    /// The client's address.
    pub peer: String,
    /// The client's name, cut.
    pub name: Vec<u8>,
}

/// The log of one server.
#[derive(Debug, Default)]
pub struct Slowlog {
    entries: Mutex<(VecDeque<Arc<SlowlogEntry>>, i64)>,
}

impl Slowlog {
    /// Adds a command of the client that is called `name`, [cut], and came from `peer`, and forgets the oldest beyond
    /// `max_len`.
    pub fn add<'a>(
        &self,
        unix_seconds: i64,
        us: i64,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
        peer: String,
        name: Vec<u8>,
        max_len: usize,
    ) {
        let args = cut_all(args);
        let mut guard = self.entries.lock();
        let (entries, next_id) = &mut *guard;
        entries.push_front(Arc::new(SlowlogEntry { id: *next_id, unix_seconds, us, args, peer, name }));
        *next_id += 1;
        entries.truncate(max_len);
    }

    /// The newest `count` entries, the newest first.
    pub fn newest(&self, count: usize) -> Vec<Arc<SlowlogEntry>> {
        self.entries.lock().0.iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.lock().0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all entries; numbers go on.
    pub fn clear(&self) {
        self.entries.lock().0.clear();
    }
}

fn cut_all<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let count = args.len();
    let kept = if count > MAX_ARGS { MAX_ARGS - 1 } else { count };
    let mut shown: Vec<Vec<u8>> = args.take(kept).map(cut).collect();
    if count > kept {
        shown.push(format!("... ({} more arguments)", count - kept).into_bytes());
    }
    shown
}

/// The front of a text, and how much more of it there is.
pub(crate) fn cut(text: &[u8]) -> Vec<u8> {
    if text.len() <= MAX_ARG_BYTES {
        return text.to_vec();
    }
    let mut cut = text[..MAX_ARG_BYTES].to_vec();
    cut.extend(format!("... ({} more bytes)", text.len() - MAX_ARG_BYTES).into_bytes());
    cut
}
