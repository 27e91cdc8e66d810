//! Whether anybody may listen to a channel, for who does not hold the hub's lock: of most messages to which nobody listens it
//! is known at once, on every core at the same time.

use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};

use super::{NAMES_AT_ONCE, name};

/// Names are counted in so many places by their hash. With as many channels as places, two of three messages to which nobody
/// listens still ask under the lock.
const PLACES: usize = 16 * 1024;

/// The names that are listened to, counted. Only who holds the hub's lock changes it.
///
/// Who has heard that somebody listens finds that here: the count rises before the lock is given back, and nobody is told of a
/// subscription before that. It falls when the lock is given back, so that nobody finds what a transaction has ended and begins
/// anew.
#[derive(Debug)]
pub(super) struct Audience {
    places: Box<[AtomicU32]>,
    /// Patterns, any of which may match, and whatever else hears every message.
    all_hearing: AtomicU32,
}

impl Audience {
    /// Without patterns and channels; `linked` if other servers may hear what is published.
    pub(super) fn new(linked: bool) -> Self {
        let places = (0..PLACES).map(|_| AtomicU32::new(0)).collect();
        Audience { places, all_hearing: AtomicU32::new(u32::from(linked)) }
    }

    /// Counts one channel more, of either kind.
    pub(super) fn add_channel(&self, channel: &[u8]) {
        add(&self.places[place(channel)]);
    }

    /// Counts one pattern more.
    pub(super) fn add_pattern(&self) {
        add(&self.all_hearing);
    }

    /// Counts what nobody listens to any more. To be called before the lock is given back.
    pub(super) fn forget(&self, deserted: &mut Deserted) {
        for place in deserted.places.drain(..) {
            remove(&self.places[place], 1);
        }
        deserted.places.shrink_to(NAMES_AT_ONCE);
        let patterns = std::mem::take(&mut deserted.patterns);
        if patterns > 0 {
            remove(&self.all_hearing, patterns);
        }
    }

    /// Whether somebody may listen to this channel. If not, nobody does.
    pub(super) fn may_hear(&self, channel: &[u8]) -> bool {
        self.all_hearing.load(Acquire) > 0 || self.places[place(channel)].load(Acquire) > 0
    }
}

/// Names that have lost their last listener while the lock is held, where they are counted.
#[derive(Debug, Default)]
pub(super) struct Deserted {
    places: Vec<usize>,
    patterns: u32,
}

impl Deserted {
    pub(super) fn add_channel(&mut self, channel: &[u8]) {
        self.places.push(place(channel));
    }

    pub(super) fn add_pattern(&mut self) {
        self.patterns += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.patterns == 0
    }
}

fn place(channel: &[u8]) -> usize {
    // By bits that tables do not look at first.
    (name::hash(channel) >> 40) as usize % PLACES
}

/// Only one thread at a time changes a count.
fn add(count: &AtomicU32) {
    count.store(count.load(Acquire).saturating_add(1), Release);
}

fn remove(count: &AtomicU32, fewer: u32) {
    count.store(count.load(Acquire).saturating_sub(fewer), Release);
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use crate::hub::{Carries, Hub, HubState, Wanted};
    use crate::ids::Topic;
    use crate::message::Kind;

    /// Lets subscribers of these kinds come and go, and looks who is known of all the time.
    fn come_and_go(topics: &[Topic]) {
        let (hub, mut random): (Hub<usize>, _) = (Hub::new(2), Rng::with_seed(1));
        let names: Vec<String> = (0..40).map(|number| format!("channel:{number}")).collect();
        let (mut joined, mut unheard) = (Vec::new(), 0);
        for round in 0..4000 {
            if random.usize(..2000) > round {
                let name = &names[random.usize(..names.len())];
                let (port, topic) = (random.usize(..2), topics[random.usize(..topics.len())]);
                hub.lock().subscribe(port, &mut Wanted::new(topic, name.as_bytes()), || 0);
                joined.push((port, topic, name));
            } else if !joined.is_empty() {
                let (port, topic, name) = joined.swap_remove(random.usize(..joined.len()));
                hub.lock().unsubscribe(port, topic, name.as_bytes());
            }
            let name = names[random.usize(..names.len())].as_bytes();
            let heard = [Kind::Channel, Kind::ShardChannel].map(|kind| hub.lock().receivers(kind, name));
            assert!(hub.may_hear(name) || heard == [0, 0], "{heard:?}");
            unheard += usize::from(!joined.is_empty() && !hub.may_hear(name));
        }
        assert!(joined.is_empty());
        assert!(names.iter().all(|name| !hub.may_hear(name.as_bytes())));
        assert_eq!(unheard > 0, !topics.contains(&Topic::Pattern), "any pattern may match");
    }

    #[test]
    fn nobody_hears_what_the_audience_does_not_know_of_and_all_are_forgotten() {
        come_and_go(&[Topic::Channel, Topic::ShardChannel]);
        come_and_go(&[Topic::Pattern]);
    }

    #[test]
    fn what_is_ended_and_begun_anew_under_one_hold_of_the_lock_is_there_all_the_time() {
        let hub: Hub<usize> = Hub::new(1);
        for (topic, name) in [(Topic::Channel, "a"), (Topic::ShardChannel, "a"), (Topic::Pattern, "*")] {
            let subscribe =
                |hub: &mut HubState<usize>| hub.subscribe(0, &mut Wanted::new(topic, name.as_bytes()), || 0);
            subscribe(&mut hub.lock());
            let mut held = hub.lock();
            held.unsubscribe(0, topic, name.as_bytes());
            assert!(hub.may_hear(b"a"), "{topic:?}: nobody may see the midst of a transaction");
            subscribe(&mut held);
            drop(held);
            assert!(hub.may_hear(b"a"), "{topic:?}");
            let mut held = hub.lock();
            held.unsubscribe(0, topic, name.as_bytes());
            assert!(hub.may_hear(b"a"), "{topic:?}: it may begin anew");
            drop(held);
            assert!(!hub.may_hear(b"a"), "{topic:?}");
        }
    }

    #[test]
    fn other_servers_may_hear_everything() {
        let hub: Hub<usize> = Hub::linked(1, 1024, Carries::Copies);
        assert!(hub.may_hear(b"a"));
        hub.lock().subscribe(0, &mut Wanted::new(Topic::Pattern, b"*"), || 0);
        hub.lock().unsubscribe(0, Topic::Pattern, b"*");
        assert!(hub.may_hear(b"a"));
    }
}
