//! PUBSUB CHANNELS of very many channels, a little at a time, so that nobody else waits for it: not on other threads,
//! because the hub is locked for one part of the names only, and not on this one, because others have their turns in
//! between.

use std::rc::Rc;
use std::time::Duration;

use crate::client::outbox::Outbox;
use crate::hub::access::HubAccess;
use crate::hub::{self, HubState};
use crate::message::{Frame, Kind};
use crate::pattern;
use crate::resp::encode;
use crate::worker::Worker;

/// Up to so many channels are listed in one go.
pub(super) const AT_ONCE: usize = 10_000;
/// How long it goes on until others have their turns.
const STEP: Duration = Duration::from_micros(200);

/// A listing in the making.
#[derive(Debug)]
pub struct Listing {
    kind: Kind,
    pattern: Option<Box<[u8]>>,
    muted: bool,
    /// The part of the names that comes next.
    next_part: usize,
    count: usize,
    /// The names, encoded; a piece for each step.
    encoded: Vec<Vec<u8>>,
}

impl Listing {
    /// Of the channels that `pattern` matches, or of all; for nothing if the client wants no replies.
    pub(super) fn new(kind: Kind, pattern: Option<&[u8]>, muted: bool) -> Self {
        Listing { kind, pattern: pattern.map(Box::from), muted, next_part: 0, count: 0, encoded: Vec::new() }
    }

    /// Goes on for a while, and answers whether it has come to the end.
    pub(crate) fn go_on(&mut self, worker: &Worker) -> bool {
        let begin = worker.now();
        let mut hub = HubAccess::new(&worker.server.hub);
        let mut piece = Vec::new();
        while self.next_part < hub::PARTS && worker.now().since(begin) < STEP {
            let names = hub.with(|hub: &mut HubState| hub.channels(self.kind, self.next_part));
            self.next_part += 1;
            for name in names {
                if self.pattern.as_ref().is_none_or(|pattern| pattern::matches(pattern, &name)) {
                    encode::bulk(&mut piece, &name);
                    self.count += 1;
                }
            }
        }
        self.encoded.push(piece);
        self.next_part == hub::PARTS
    }

    /// What it occupies, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        let pattern = self.pattern.as_ref().map_or(0, |pattern| pattern.len());
        pattern + self.encoded.iter().map(Vec::capacity).sum::<usize>()
    }

    /// Queues what was listed.
    pub(crate) fn answer(self, outbox: &mut Outbox) {
        if self.muted {
            return;
        }
        let mut header = Vec::new();
        encode::header(&mut header, b'*', self.count as i64);
        outbox.push_own(&header);
        for piece in self.encoded.into_iter().filter(|piece| !piece.is_empty()) {
            outbox.push(Rc::new(Frame::whole(piece)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::test_support::World;

    #[test]
    fn very_many_channels_are_listed_in_steps_and_what_is_behind_waits() {
        let world = World::new();
        let (subscriber, client) = (world.client_of(1), world.client());
        for first in (0..=AT_ONCE).step_by(1000) {
            let names: Vec<String> = (first..first + 1000).map(|i| format!("channel:{i:05}")).collect();
            subscriber.say(&format!("SUBSCRIBE {}", names.join(" ")));
        }
        assert_eq!(client.say("ECHO before\r\nPUBSUB CHANNELS\r\nECHO behind"), "$6\r\nbefore\r\n");
        let listed = client.resume();
        assert!(listed.starts_with("*11000\r\n$13\r\nchannel:"), "{}", &listed[..50]);
        assert!(listed.ends_with("\r\n$6\r\nbehind\r\n"));
        assert_eq!(listed.matches("channel:").count(), 11_000);
        assert_eq!(client.say("PUBSUB CHANNELS *:0123?"), "");
        assert_eq!(client.resume().matches("channel:0123").count(), 10);
        let within = client.say("MULTI\r\nPUBSUB CHANNELS\r\nEXEC");
        assert_eq!(within.matches("channel:").count(), 11_000, "a transaction answers at once");
        assert_eq!(client.say("CLIENT REPLY OFF\r\nPUBSUB CHANNELS"), "");
        assert_eq!(client.resume(), "");
    }

    #[test]
    fn p11_what_a_listing_holds_so_far_is_counted() {
        let world = World::new();
        let subscriber = world.client();
        subscriber.say(&format!("SUBSCRIBE {}", "x".repeat(1000)));
        let mut listing = Listing::new(Kind::Channel, None, false);
        assert_eq!(listing.size_bytes(), 0);
        while !listing.go_on(&world.workers[0]) {}
        assert!(listing.size_bytes() >= 1000);
    }
}
