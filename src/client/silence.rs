//! Whether a subscriber's peer has died: a peer that only does not read answers still, or its system does in its place.
//!
//! How long data has waited says nothing: a program may be busy for minutes while its system confirms that there is no room
//! for more. How long ago an answer came says nothing either, because the longer a peer has no room, the less often it is
//! asked, every two minutes at last. So a peer is taken for dead when it has been asked in vain again and again, and for as
//! long as the limit says.

use std::cell::Cell;
use std::time::Duration;

use super::sink::Sink;

/// One question may be lost on its way, and so may its answer.
const ENOUGH_IN_VAIN: u32 = 2;
/// How many looks fit into the limit: each costs a system call.
const LOOKS: u32 = 4;

/// What is known of one client's peer.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    next_look_ms: Cell<u64>,
    /// How much had been sent when the peer owed nothing.
    settled_bytes: Cell<u64>,
    /// Since when it has been asked in vain.
    since_ms: Cell<Option<u64>>,
}

impl Silence {
    /// Whether the peer behind `sink` has been silent for `limit`. It is looked at from time to time, and only while it may
    /// owe an answer: `sent_bytes` is how much has been sent to it in all, and `more` says whether more waits.
    pub(crate) fn lasts(&self, sink: &dyn Sink, sent_bytes: u64, more: bool, now_ms: u64, limit: Duration) -> bool {
        let owes = more || sent_bytes != self.settled_bytes.get();
        if !owes || now_ms < self.next_look_ms.get() {
            return false;
        }
        let Some(answers) = sink.answers() else { return false };
        self.next_look_ms.set(now_ms + (limit / LOOKS).as_millis() as u64);
        if !answers.are_owed {
            self.settled_bytes.set(sent_bytes);
        }
        if answers.in_vain == 0 {
            self.since_ms.set(None);
            return false;
        }
        let since_ms = self.since_ms.get().unwrap_or(now_ms).max(now_ms.saturating_sub(answers.last_ms));
        self.since_ms.set(Some(since_ms));
        answers.in_vain >= ENOUGH_IN_VAIN && u128::from(now_ms - since_ms) >= limit.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};

    use super::*;
    use crate::client::sink::{Answers, Wrote};

    const LIMIT: Duration = Duration::from_secs(60);

    /// A peer whose system is asked now and then.
    #[derive(Debug, Default)]
    struct Peer {
        answers: Cell<Answers>,
        looks: Cell<u32>,
    }

    impl Sink for Peer {
        fn write(&self, _: &[IoSlice<'_>]) -> io::Result<Wrote> {
            Ok(Wrote { taken: 0, refused: 0 })
        }

        fn write_unannounced(&self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
            self.write(slices)
        }

        fn answers(&self) -> Option<Answers> {
            self.looks.set(self.looks.get() + 1);
            Some(self.answers.get())
        }
    }

    /// After how many seconds, at one look a second at most, the peer is taken for dead, if it is within ten minutes. What
    /// has become of it so far is what `answers` says for each second.
    fn dies(silence: &Silence, peer: &Peer, answers: impl Fn(u64) -> Answers) -> Option<u64> {
        (0..600).find(|second| {
            peer.answers.set(answers(*second));
            silence.lasts(peer, 1, true, second * 1000, LIMIT)
        })
    }

    #[test]
    fn p7_a_peer_that_only_does_not_read_is_never_taken_for_dead_however_seldom_it_answers() {
        let (silence, peer) = (Silence::default(), Peer::default());
        // Asked less and less often; a question is under way for a moment, and one is lost.
        let answers = |second: u64| {
            let last = second / 120 * 120;
            let in_vain = u32::from(second - last < 15 || (240..300).contains(&second));
            Answers { are_owed: true, in_vain, last_ms: (second - last) * 1000 }
        };
        assert_eq!(dies(&silence, &peer, answers), None);
    }

    #[test]
    fn a_peer_whose_system_is_silent_is_taken_for_dead_when_the_limit_has_passed() {
        let (silence, peer) = (Silence::default(), Peer::default());
        let dead_from_100 = |second: u64| match second {
            0..100 => Answers { are_owed: true, in_vain: 0, last_ms: 5 },
            _ => Answers { are_owed: true, in_vain: 1 + (second as u32 - 100) / 20, last_ms: (second - 100) * 1000 },
        };
        let at = dies(&silence, &peer, dead_from_100);
        assert!(at.is_some_and(|second| (160..=175).contains(&second)), "{at:?}");
    }

    #[test]
    fn a_peer_that_was_idle_for_long_has_the_whole_limit_from_its_first_message_on() {
        let (silence, peer) = (Silence::default(), Peer::default());
        let never_answers = |second: u64| Answers { are_owed: true, in_vain: 3, last_ms: 1_000_000 + second * 1000 };
        assert_eq!(dies(&silence, &peer, never_answers), Some(60));
    }

    #[test]
    fn a_peer_that_owes_nothing_is_not_looked_at_until_it_is_sent_something() {
        let (silence, peer) = (Silence::default(), Peer::default());
        let look = |second: u64, sent| silence.lasts(&peer, sent, false, second * 1000, LIMIT);
        assert!(!look(0, 0) && !look(1, 0));
        assert_eq!(peer.looks.get(), 0);
        assert!((2..200).all(|second| !look(second, 10)));
        assert_eq!(peer.looks.get(), 1);
        assert!((200..600).all(|second| !look(second, second)));
        assert_eq!(peer.looks.get(), 1 + 400 / 15 + 1);
    }
}
