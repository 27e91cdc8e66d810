//! What is left to do for clients that have ended: some at a time, so that nobody waits for all of it.
//!
//! A client that has gone and has very many subscriptions loses them some at a time: neither publishers, who need the hub,
//! nor other clients of this worker wait for all of them. It receives nothing meanwhile, because it has been closed. Very
//! many clients can end at once: what they came through is closed some at a time, too.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::Worker;
use crate::client::order::{HubAccess, Receipt};
use crate::client::sink::Sink;
use crate::client::{Client, Closing};

/// Subscriptions of clients that have ended are ended, and clients looked after, until others have their turn.
const ENDED_AT_ONCE: usize = 256;
/// For how many subscriptions the end of one of a client with patterns counts, because that takes much longer.
const PATTERN_STEPS: usize = 8;
/// So few subscriptions end with their client: very many clients can end at once.
const FEW: usize = 32;
/// Connections are closed until others have their turn: each takes the system some hundredths of a millisecond.
const CLOSED_AT_ONCE: usize = 16;

/// A client that has ended and may have subscriptions.
#[derive(Debug)]
pub(super) struct Leaver {
    client: Rc<Client>,
    /// Who waits until it has none.
    receipt: Option<Receipt>,
}

impl Worker {
    /// Lets a connection go: its number is free, and its subscriptions end now if they are few, or else when others have had
    /// their turns.
    pub fn unregister(&self, client: &Rc<Client>) {
        self.server.clients.remove(client.info.id);
        self.clients.borrow_mut().remove(client.info.slot.load(Relaxed) as usize);
        client.give_up_claim(&self.server.acl);
        self.leave_some(client, FEW, &mut self.hub());
        if client.is_subscriber() {
            client.abandon();
            self.see_to(client.clone(), None);
        }
    }

    /// Closes `client` by order of another, who waits until its subscriptions have ended: [`Worker::end_few`] does that.
    pub(crate) fn kill(&self, client: &Rc<Client>, receipt: Receipt) {
        client.close(Closing::Killed);
        self.see_to(client.clone(), Some(receipt));
    }

    /// Judges clients in doubt, and ends subscriptions of clients that have ended, a few at once, and says so to those who wait
    /// for it. If there are more, that goes on when others have had their turns.
    pub(crate) fn end_few(&self, hub: &mut HubAccess<'_>) {
        self.judge_few(hub);
        self.end_some(FEW, hub);
    }

    /// The same in so many steps.
    fn end_some(&self, most: usize, hub: &mut HubAccess<'_>) {
        self.settled.take().iter().for_each(|receipt| self.acknowledge(receipt, hub));
        let mut steps = 0;
        while steps < most {
            let Some(leaver) = self.leaving.borrow_mut().pop_front() else { return };
            let each = if leaver.client.has_patterns() { PATTERN_STEPS } else { 1 };
            steps += 1 + each * self.leave_some(&leaver.client, most / each, hub);
            if leaver.client.is_subscriber() {
                self.leaving.borrow_mut().push_front(leaver);
            } else if let Some(receipt) = leaver.receipt {
                self.acknowledge(&receipt, hub);
            }
        }
        if !self.leaving.borrow().is_empty() {
            self.leave_bell.ring();
        }
    }

    /// Goes on with what [`Worker::end_few`] has left, and closes some of what clients that have ended came through.
    pub(crate) fn go_on_ending(&self) {
        self.close_some();
        self.go_on_judging();
        self.end_some(ENDED_AT_ONCE, &mut self.hub());
    }

    /// Whether clients that have ended still have subscriptions, or connections that are open, or some are in doubt.
    pub(super) fn is_ending(&self) -> bool {
        let ends = !self.leaving.borrow().is_empty() || !self.hung_up.borrow().is_empty();
        ends || !self.settled.borrow().is_empty() || !self.doubts.borrow().is_empty()
    }

    /// Closes what a client that has ended came through when others have had their turns: the system needs longer for that
    /// than for everything else about it, and very many can end at once. The connection counts until then.
    pub(crate) fn hang_up(&self, sink: Rc<dyn Sink>) {
        self.hung_up.borrow_mut().push_back(sink);
        self.leave_bell.ring();
    }

    fn close_some(&self) {
        let count = self.hung_up.borrow().len().min(CLOSED_AT_ONCE);
        let closed: Vec<_> = self.hung_up.borrow_mut().drain(..count).collect();
        closed.into_iter().for_each(|sink| sink.part());
        self.count_out_connections(count);
        if self.hung_up.borrow().is_empty() {
            self.hung_up.take();
        } else {
            self.leave_bell.ring();
        }
    }

    /// Counts so many connections of this worker less.
    pub(crate) fn count_out_connections(&self, count: usize) {
        self.server.connections.fetch_sub(count, Relaxed);
        self.handle().connections.fetch_sub(count, Relaxed);
    }

    /// Ends the subscriptions of a client that has been closed, and says so to who waits for it.
    pub(super) fn see_to(&self, client: Rc<Client>, receipt: Option<Receipt>) {
        self.leaving.borrow_mut().push_back(Leaver { client, receipt });
        self.leave_bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{self, IoSlice};

    use super::*;
    use crate::client::sink::{Answers, Wrote};
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;

    /// A sink that says when it is closed.
    #[derive(Debug)]
    struct Door(Rc<Cell<usize>>);

    impl Sink for Door {
        fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
            Wrote::of(slices, Ok(0))
        }

        fn write_unannounced(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
            self.write(slices)
        }

        fn answers(&self) -> Option<Answers> {
            None
        }
    }

    impl Drop for Door {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn connections_of_very_many_clients_that_end_at_once_are_closed_in_steps_and_count_until_then() {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let worker = Worker::new(server.clone(), 0);
        let closed = Rc::new(Cell::new(0));
        server.connections.store(1000, Relaxed);
        worker.handle().connections.store(1000, Relaxed);
        (0..1000).for_each(|_| worker.hang_up(Rc::new(Door(closed.clone()))));
        assert_eq!(closed.get(), 0);
        let mut steps = 0;
        while worker.is_ending() {
            worker.go_on_ending();
            steps += 1;
            assert!(closed.get() <= steps * CLOSED_AT_ONCE);
            assert_eq!(server.connections.load(Relaxed), 1000 - closed.get());
            assert_eq!(worker.handle().connections.load(Relaxed), 1000 - closed.get());
        }
        assert_eq!(closed.get(), 1000);
    }
}
