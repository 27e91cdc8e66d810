//! Log lines on their way to a file or a reader that may be slow. Who logs never waits: a line for which there is no room
//! is dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// What waits to be written. Bounded by the bytes of the lines, those included that are being written.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Rung when there is something to write, and when all has been written.
    bell: Condvar,
    limit: AtomicUsize,
    dropped: AtomicU64,
}

struct State {
    waiting: Vec<u8>,
    /// Bytes that are being written.
    under_way: usize,
    /// Lines dropped that nobody has been told of.
    untold: u64,
}

impl Queue {
    /// One without lines or room.
    pub(super) const fn new() -> Self {
        Self {
            state: Mutex::new(State { waiting: Vec::new(), under_way: 0, untold: 0 }),
            bell: Condvar::new(),
            limit: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Lets so many bytes wait from now on.
    pub(super) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Relaxed);
    }

    /// Lines for which there was no room, or which could not be written.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Adds a line if there is room for it.
    pub(super) fn add(&self, line: &[u8]) {
        let mut state = self.state.lock();
        if state.waiting.len() + state.under_way + line.len() > self.limit.load(Relaxed) {
            state.untold += 1;
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        let first = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        drop(state);
        if first {
            self.bell.notify_all();
        }
    }

    /// Writes everything that waits, as soon as there is something, and answers how many lines were dropped before that
    /// nobody has been told of.
    pub(super) fn write_next(&self, out: &mut impl Write) -> u64 {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            self.bell.wait(&mut state);
        }
        let lines = std::mem::take(&mut state.waiting);
        state.under_way = lines.len();
        drop(state);
        // What cannot be written is lost: there is no place to say so.
        let lost = if out.write_all(&lines).is_ok() { 0 } else { line_count(&lines) };
        self.dropped.fetch_add(lost, Relaxed);
        let mut state = self.state.lock();
        state.under_way = 0;
        let untold = std::mem::take(&mut state.untold);
        drop(state);
        self.bell.notify_all();
        untold + lost
    }

    /// Waits until everything has been written, but no longer than this.
    pub(super) fn drain(&self, longest: Duration) {
        let deadline = Instant::now() + longest;
        let mut state = self.state.lock();
        while !state.waiting.is_empty() || state.under_way > 0 {
            if self.bell.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }
}

fn line_count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// Where the log's formatter writes a line, which it does whole.
pub(super) struct Line<'q>(pub(super) &'q Queue);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limit: usize) -> Queue {
        let queue = Queue::new();
        queue.set_limit(limit);
        queue
    }

    /// Fails, as a pipe without a reader does.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn p11_lines_beyond_log_buffer_limit_are_dropped_and_counted() {
        let queue = queue(10);
        ["one\n", "two\n", "three\n", "4\n"].iter().for_each(|line| queue.add(line.as_bytes()));
        let mut out = Vec::new();
        assert_eq!(queue.write_next(&mut out), 1);
        assert_eq!(out, b"one\ntwo\n4\n");
        assert_eq!(queue.dropped(), 1);
        queue.add(b"five\n");
        assert_eq!(queue.write_next(&mut out), 0, "it is told once");
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn p11_what_is_being_written_counts_among_what_waits() {
        /// Logs while it writes.
        struct Logging<'q>(&'q Queue);
        impl Write for Logging<'_> {
            fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
                self.0.add(b"1234567\n");
                self.0.add(b"1\n");
                Ok(lines.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = queue(10);
        queue.add(b"12345\n");
        assert_eq!(queue.write_next(&mut Logging(&queue)), 1);
        let mut out = Vec::new();
        queue.write_next(&mut out);
        assert_eq!(out, b"1\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_dropped() {
        let queue = queue(100);
        queue.add(b"one\n");
        queue.add(b"two\n");
        assert_eq!(queue.write_next(&mut Broken), 2);
        assert_eq!(queue.dropped(), 2);
    }

    #[test]
    fn the_end_does_not_wait_for_ever_for_a_reader_that_has_stopped() {
        let queue = queue(100);
        queue.drain(Duration::ZERO);
        queue.add(b"one\n");
        queue.drain(Duration::ZERO);
        assert_eq!(queue.write_next(&mut io::sink()), 0);
    }
}
