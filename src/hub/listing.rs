//! What the hub tells of the names that are listened to.

use super::channel::Traffic;
use super::name::{self, Name};
use super::{HubState, PARTS};
use crate::ids::{PortId, Slot, Topic};
use crate::mailbox::Cost;
use crate::message::Kind;

/// Where a listing goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// In which of the parts.
    part: usize,
    /// Names whose hash is smaller have been listed.
    from: u64,
}

/// A scan ends when it has looked at so many names.
const SCANNED_AT_ONCE: usize = 4096;
/// So many bits of a cursor say which part it is.
const PART_BITS: u32 = PARTS.trailing_zeros();

impl Cursor {
    /// As clients are told it; never 0 but for the beginning.
    pub(crate) fn number(self) -> u64 {
        (self.from << PART_BITS) | self.part as u64
    }

    /// What clients were told.
    pub(crate) fn of(number: u64) -> Self {
        Cursor { part: (number % PARTS as u64) as usize, from: number >> PART_BITS }
    }
}

impl<T: Cost> HubState<T> {
    /// The names in one of the [`PARTS`] of the channels of `kind`, in no order.
    pub(crate) fn channels(&mut self, kind: Kind, part: usize) -> Vec<Name> {
        let names: Vec<Name> = self.names(kind).part(part).into_iter().flatten().cloned().collect();
        self.steps += names.len();
        names
    }

    /// How many channels of `kind` have subscribers of their own.
    pub(crate) fn channel_count(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }

    /// How many subscribers of its own `channel` has.
    pub(crate) fn subscriber_count(&mut self, kind: Kind, channel: &[u8]) -> usize {
        self.steps += 1;
        self.names(kind).get(channel).map_or(0, |channel| channel.listeners.total())
    }

    /// At which of `ports` the fewest listen to a name, if they are at least two fewer than at `here`, and more than `crowd` listen to it
    /// in all.
    pub(crate) fn emptier_port(
        &mut self,
        (topic, name): (Topic, &[u8]),
        here: PortId,
        ports: impl Iterator<Item = PortId>,
        crowd: usize,
    ) -> Option<PortId> {
        self.steps += 1;
        let listeners = match topic {
            Topic::Channel => &self.channels.get(name)?.listeners,
            Topic::ShardChannel => &self.shard_channels.get(name)?.listeners,
            Topic::Pattern => self.patterns.get(name)?,
        };
        if listeners.total() <= crowd {
            return None;
        }
        let emptiest = ports.min_by_key(|port| listeners.count(*port))?;
        (listeners.count(emptiest) + 2 <= listeners.count(here)).then_some(emptiest)
    }

    /// How many different patterns are subscribed to.
    pub(crate) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    /// What has become of what was published to a channel that somebody listens to; none if nobody does.
    pub(crate) fn traffic(&mut self, kind: Kind, channel: &[u8]) -> Option<Traffic> {
        self.steps += 1;
        self.names(kind).get(channel).map(|channel| channel.traffic())
    }

    /// Counts messages of a channel that subscribers did not get, and subscribers that were cut for it, if somebody still
    /// listens to it.
    pub(crate) fn count_lost(&mut self, kind: Kind, channel: &[u8], drops: u64, cuts: u64) {
        self.steps += 1;
        if let Some(channel) = self.names(kind).get(channel) {
            channel.count_lost(drops, cuts);
        }
    }

    /// The names in one of the [`PARTS`] of the channels of `kind`, each with the number of its subscribers.
    pub(crate) fn subscribers(&mut self, kind: Kind, part: usize) -> Vec<(Name, usize)> {
        let entries = self.names(kind).entries(part).into_iter().flatten();
        let names: Vec<_> = entries.map(|(name, channel)| (name.clone(), channel.listeners.total())).collect();
        self.steps += names.len();
        names
    }

    /// Where the ports keep those who have subscribed to exactly this name, each with the list there.
    pub(crate) fn lists(&mut self, topic: Topic, name: &[u8]) -> Vec<(PortId, Slot)> {
        self.steps += 1;
        let listeners = match topic {
            Topic::Channel => self.channels.get(name).map(|channel| &channel.listeners),
            Topic::ShardChannel => self.shard_channels.get(name).map(|channel| &channel.listeners),
            Topic::Pattern => self.patterns.get(name),
        };
        let places = listeners.into_iter().flat_map(|listeners| listeners.places());
        places.map(|place| (place.port(), place.slot())).collect()
    }

    /// The ports at which a message to `channel` is heard.
    pub(crate) fn ports_of(&mut self, kind: Kind, channel: &[u8]) -> Vec<PortId> {
        self.steps += 1;
        let exact = self.names(kind).get(channel).into_iter().flat_map(|channel| channel.listeners.places());
        let mut ports: Vec<PortId> = exact.map(|place| place.port()).collect();
        if kind == Kind::Channel {
            self.patterns.for_each_match(channel, |_, listeners| {
                ports.extend(listeners.places().iter().map(|place| place.port()));
            });
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// At least `count` of the names that are listened to from `cursor` on, fewer if that takes too long or there are no more;
    /// and where to go on. A name that is there all the time is listed once.
    pub(crate) fn scan(&mut self, topic: Topic, cursor: Cursor, count: usize) -> (Vec<Name>, Option<Cursor>) {
        let Cursor { mut part, mut from } = cursor;
        let (mut found, mut seen) = (Vec::new(), 0);
        while part < PARTS && found.len() < count && seen < SCANNED_AT_ONCE {
            let (some, size, next) = self.scan_part(topic, part, from, count - found.len());
            found.extend(some);
            seen += 1 + size;
            (part, from) = next.map_or((part + 1, 0), |from| (part, from));
        }
        self.steps += seen;
        (found, Some(Cursor { part, from }).filter(|cursor| cursor.part < PARTS))
    }

    /// The next names of one of the [`PARTS`], those whose hashes are lowest; how many the part has; and where it goes on, if it
    /// does. Names of one hash are listed together: a cursor cannot tell them apart.
    fn scan_part(&self, topic: Topic, part: usize, from: u64, count: usize) -> (Vec<Name>, usize, Option<u64>) {
        let (mut names, size) = match topic {
            Topic::Channel => ordered(self.channels.part(part).into_iter().flatten(), from),
            Topic::ShardChannel => ordered(self.shard_channels.part(part).into_iter().flatten(), from),
            Topic::Pattern => ordered(self.patterns.part(part), from),
        };
        let mut next = None;
        if names.len() > count {
            let last = names.select_nth_unstable_by_key(count - 1, |(order, _)| *order).1.0;
            names.retain(|(order, _)| *order <= last);
            next = Some(last + 1);
        }
        (names.into_iter().map(|(_, name)| name.clone()).collect(), size, next)
    }
}

/// Those of the names that come from here on, each with what it is ordered by, and how many there are in all.
fn ordered<'n>(names: impl Iterator<Item = &'n Name>, from: u64) -> (Vec<(u64, &'n Name)>, usize) {
    let mut size = 0;
    let names = names.inspect(|_| size += 1).map(|name| (name::hash(name) >> PART_BITS, name));
    (names.filter(|(order, _)| *order >= from).collect(), size)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;

    use super::*;
    use crate::hub::{Hub, Wanted};

    fn listen(hub: &Hub<usize>, topic: Topic, name: &str) {
        hub.lock().subscribe(0, &mut Wanted::new(topic, name.as_bytes()), || 0);
    }

    /// All names, with a scan that asks for so many at a time while others come and go.
    fn scanned(hub: &Hub<usize>, topic: Topic, count: usize, random: &mut Rng) -> Vec<String> {
        let (mut cursor, mut names) = (Cursor::default(), Vec::new());
        loop {
            let (found, next) = hub.lock().scan(topic, cursor, count);
            names.extend(found.iter().map(|name| String::from_utf8_lossy(name).into_owned()));
            let Some(next) = next else { return names };
            assert_eq!(Cursor::of(next.number()), next);
            assert_ne!(next.number(), 0);
            cursor = next;
            for _ in 0..5 {
                let guest = format!("guest{}", random.u32(0..5_000));
                if random.bool() {
                    listen(hub, topic, &guest);
                } else {
                    hub.lock().unsubscribe(0, topic, guest.as_bytes());
                }
            }
        }
    }

    #[test]
    fn a_scan_lists_each_name_that_is_there_all_the_time_once_whatever_comes_and_goes() {
        let mut random = Rng::with_seed(1);
        for topic in Topic::ALL {
            for (names, count) in [(0, 10), (3, 1), (1_000, 1), (5_000, 7), (20_000, 1_000)] {
                let hub: Hub<usize> = Hub::new(1);
                let staying: BTreeSet<String> = (0..names).map(|number| format!("name{number}")).collect();
                staying.iter().for_each(|name| listen(&hub, topic, name));
                let listed: Vec<String> = scanned(&hub, topic, count, &mut random)
                    .into_iter()
                    .filter(|name| !name.starts_with('g'))
                    .collect();
                assert_eq!(listed.len(), names, "{topic:?}, {count} at a time");
                assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), staying);
            }
        }
    }

    #[test]
    fn a_scan_answers_as_many_as_it_is_asked_for_and_takes_few_steps() {
        let hub: Hub<usize> = Hub::new(1);
        (0..20_000).for_each(|number| listen(&hub, Topic::Channel, &number.to_string()));
        let (found, next) = hub.lock().scan(Topic::Channel, Cursor::default(), 10);
        assert_eq!((found.len(), next.is_some()), (10, true));
        let mut locked = hub.lock();
        let (found, _) = locked.scan(Topic::Channel, Cursor::default(), usize::MAX);
        assert!((SCANNED_AT_ONCE / 2..2 * SCANNED_AT_ONCE).contains(&found.len()));
        assert_eq!(locked.scan(Topic::Channel, Cursor::of(u64::MAX), 10).0.len(), 0, "a cursor that nobody was told");
    }
}
