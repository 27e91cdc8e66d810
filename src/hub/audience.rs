//! Whether anybody may listen to a channel, for who does not hold the hub's lock: of most messages to which nobody listens it
//! is known at once, on every core at the same time.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Acquire, Ordering::Release};

use super::name;

/// Names are counted in so many places by their hash. With as many channels as places, two of three messages to which nobody
/// listens still ask under the lock.
const PLACES: usize = 16 * 1024;

/// The names that are listened to, counted. Only who holds the hub's lock changes it.
///
/// Who has heard that somebody listens finds that here: the count rises before the lock is given back, and nobody is told of a
/// subscription before that.
#[derive(Debug)]
pub(super) struct Audience {
    places: Box<[AtomicU32]>,
    /// Patterns, any of which may match, and whatever else hears every message.
    all_hearing: AtomicUsize,
}

impl Audience {
    /// Without patterns and channels; `linked` if other servers may hear what is published.
    pub(super) fn new(linked: bool) -> Self {
        let places = (0..PLACES).map(|_| AtomicU32::new(0)).collect();
        Audience { places, all_hearing: AtomicUsize::new(usize::from(linked)) }
    }

    fn place(&self, channel: &[u8]) -> &AtomicU32 {
        // By bits that tables do not look at first.
        &self.places[(name::hash(channel) >> 40) as usize % PLACES]
    }

    /// Counts one channel more, of either kind.
    pub(super) fn add_channel(&self, channel: &[u8]) {
        let place = self.place(channel);
        place.store(place.load(Acquire).saturating_add(1), Release);
    }

    /// Counts one channel less.
    pub(super) fn remove_channel(&self, channel: &[u8]) {
        let place = self.place(channel);
        place.store(place.load(Acquire).saturating_sub(1), Release);
    }

    /// There are so many patterns now.
    pub(super) fn set_patterns(&self, count: usize, linked: bool) {
        self.all_hearing.store(count + usize::from(linked), Release);
    }

    /// Whether somebody may listen to this channel. If not, nobody does.
    pub(super) fn may_hear(&self, channel: &[u8]) -> bool {
        self.all_hearing.load(Acquire) > 0 || self.place(channel).load(Acquire) > 0
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use crate::hub::{Carries, Hub, Wanted};
    use crate::ids::Topic;
    use crate::message::Kind;

    #[test]
    fn nobody_hears_what_the_audience_does_not_know_of_and_all_are_forgotten() {
        let (hub, mut random): (Hub<usize>, _) = (Hub::new(2), Rng::with_seed(1));
        let names: Vec<String> = (0..40).map(|number| format!("channel:{number}")).collect();
        let mut joined = Vec::new();
        for round in 0..4000 {
            if random.usize(..2000) > round {
                let name = &names[random.usize(..names.len())];
                // Patterns are few, or nothing but them would be asked.
                let topic = Topic::ALL[if round < 200 { random.usize(..3) } else { random.usize(..2) }];
                let place = (random.usize(..2), topic, name);
                hub.lock().subscribe(place.0, &mut Wanted::new(topic, name.as_bytes()), || 0);
                joined.push(place);
            } else if !joined.is_empty() {
                let (port, topic, name) = joined.swap_remove(random.usize(..joined.len()));
                hub.lock().unsubscribe(port, topic, name.as_bytes());
            }
            let name = names[random.usize(..names.len())].as_bytes();
            let heard = [Kind::Channel, Kind::ShardChannel].map(|kind| hub.lock().receivers(kind, name));
            assert!(hub.may_hear(name) || heard == [0, 0], "{heard:?}");
        }
        assert!(joined.is_empty());
        assert!(names.iter().all(|name| !hub.may_hear(name.as_bytes())));
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
