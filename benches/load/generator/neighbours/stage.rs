//! What a neighbour knows: the server, when to begin, and for how long to go on.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::super::target::Target;
use super::client::Client;
use crate::generator::stream::Stream;

/// How often a neighbour does at most what it does: quick things are not done more often than that.
const MOST_TURNS: usize = 20_000;

/// The server of one neighbour, and its part of the time.
pub(super) struct Stage<'a> {
    pub(super) target: &'a Target,
    time: Duration,
    prepared: SyncSender<()>,
    start: Receiver<()>,
    begun: Cell<Option<Instant>>,
    turns: Cell<usize>,
}

impl<'a> Stage<'a> {
    /// The neighbour tells by `prepared` that its preparation has ended, and waits for `start`.
    pub(super) fn new(target: &'a Target, time: Duration, prepared: SyncSender<()>, start: Receiver<()>) -> Self {
        Stage { target, time, prepared, start, begun: Cell::new(None), turns: Cell::new(0) }
    }

    /// A client that reads what it is answered.
    pub(super) fn client(&self) -> io::Result<Client> {
        Ok(Client::new(self.target.connect()?))
    }

    /// So many clients that do nothing.
    pub(super) fn idle(&self, count: usize) -> io::Result<Vec<Stream>> {
        self.target.connections(count)
    }

    /// Sets directives, each with its value.
    pub(super) fn configure(&self, directives: &[(&str, &str)]) -> io::Result<()> {
        let mut client = self.client()?;
        directives.iter().try_for_each(|(name, value)| client.ask(&["CONFIG", "SET", name, value]))
    }

    /// The preparation has ended: what follows is measured.
    pub(super) fn begin(&self) -> io::Result<()> {
        let gone = |_| io::Error::other("nobody measures any more");
        self.prepared.send(()).map_err(|_| io::Error::other("nobody measures any more"))?;
        self.start.recv().map_err(gone)?;
        self.begun.set(Some(Instant::now()));
        Ok(())
    }

    /// Whether the neighbour is to go on: at least once, and until its time is over.
    pub(super) fn goes_on(&self) -> bool {
        let turns = self.turns.replace(self.turns.get() + 1);
        let over = self.begun.get().is_some_and(|begun| begun.elapsed() > self.time);
        turns == 0 || (turns < MOST_TURNS && !over)
    }

    /// Waits until its time is over, while something that it has begun lasts.
    pub(super) fn rest(&self) {
        let begun = self.begun.get().unwrap_or_else(Instant::now);
        std::thread::sleep(self.time.saturating_sub(begun.elapsed()));
    }
}
