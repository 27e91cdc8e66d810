//! SLOWLOG: the commands whose execution took long.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::resp::decode::Args;

/// Arguments kept of a command; the last says how many more there were.
const MAX_ARGS: usize = 32;
/// Bytes kept of an argument; behind them stands how many more there were.
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
    /// The client's name.
    pub name: String,
}

/// The log of one server.
#[derive(Debug, Default)]
pub struct Slowlog {
    entries: Mutex<(VecDeque<SlowlogEntry>, i64)>,
}

impl Slowlog {
    /// Adds a command and forgets the oldest beyond `max_len`.
    pub fn add(&self, unix_seconds: i64, us: i64, args: Args<'_>, peer: String, name: String, max_len: usize) {
        let mut guard = self.entries.lock();
        let (entries, next_id) = &mut *guard;
        entries.push_front(SlowlogEntry { id: *next_id, unix_seconds, us, args: cut(args), peer, name });
        *next_id += 1;
        entries.truncate(max_len);
    }

    /// The newest `count` entries, the newest first.
    pub fn newest(&self, count: usize) -> Vec<SlowlogEntry> {
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

fn cut(args: Args<'_>) -> Vec<Vec<u8>> {
    let kept = if args.len() > MAX_ARGS { MAX_ARGS - 1 } else { args.len() };
    let mut shown: Vec<Vec<u8>> = args.iter().take(kept).map(cut_arg).collect();
    if args.len() > kept {
        shown.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    shown
}

fn cut_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= MAX_ARG_BYTES {
        return arg.to_vec();
    }
    let mut cut = arg[..MAX_ARG_BYTES].to_vec();
    cut.extend(format!("... ({} more bytes)", arg.len() - MAX_ARG_BYTES).into_bytes());
    cut
}
