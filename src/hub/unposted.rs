//! Messages that are posted together: made one by one, without the hub's lock, and put into the mailboxes one behind the other
//! under one hold of it.

use super::NAMES_AT_ONCE;
use super::access::HubAccess;
use crate::mailbox::{Cost, Sent};
use crate::message::Message;

/// Others have the lock in between when entries and patterns that match have come to so many.
const WORK_AT_ONCE: usize = NAMES_AT_ONCE;

/// Messages that are made and still to be posted, and how many receive each of them when they are.
#[derive(Debug, Default)]
pub(crate) struct Unposted {
    /// The names of their channels, one behind the other.
    channels: Vec<u8>,
    /// Each with where the name of its channel ends.
    messages: Vec<(Message, usize)>,
    receivers: Vec<usize>,
    /// Length of all messages, in bytes.
    bytes: usize,
}

impl Unposted {
    pub(crate) fn push(&mut self, channel: &[u8], message: Message) {
        self.channels.extend_from_slice(channel);
        self.bytes += message.len();
        self.messages.push((message, self.channels.len()));
    }

    /// How many messages are still to be posted.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Length of them, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Of those that have been posted how many deliveries each has made, in their order.
    pub(crate) fn receivers(&self) -> &[usize] {
        &self.receivers
    }

    /// Forgets all of them. The memory stays.
    pub(crate) fn clear(&mut self) {
        self.channels.clear();
        self.messages.clear();
        self.receivers.clear();
        self.bytes = 0;
    }
}

impl<T: Cost> HubAccess<'_, T> {
    /// Queues each of these messages for everyone who listens to its channel, in their order. Nothing comes in between unless
    /// they are so much work that others should not wait for all of it. The ports in [`Sent::wake`] are still to be woken.
    pub(crate) fn post(&mut self, unposted: &mut Unposted) -> Sent {
        let Unposted { channels, messages, receivers, .. } = unposted;
        // Not while others wait.
        receivers.reserve(messages.len());
        let (mut sent, mut begin) = (Sent::default(), 0);
        let mut rest = messages.drain(..);
        while rest.len() > 0 {
            self.with(|hub| {
                let enough = hub.work() + WORK_AT_ONCE;
                while hub.work() < enough
                    && let Some((message, end)) = rest.next()
                {
                    let published = hub.publish(message.kind(), &channels[begin..end], message);
                    begin = end;
                    receivers.push(published.receivers);
                    sent.extend(published.sent);
                }
            });
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Entry, Hub, Wanted};
    use crate::ids::Topic;
    use crate::message::Kind;

    const MESSAGES: usize = 16;

    /// Posts messages to channels that these patterns match, and answers how many holds of the lock that took.
    fn holds(patterns: usize) -> usize {
        let hub: Hub<usize> = Hub::new(2);
        hub.lock().subscribe(1, &mut Wanted::Channel(b"channel:3"), || 0);
        for pattern in (0..patterns).map(|number| "*".repeat(number + 1)) {
            hub.lock().subscribe(0, &mut Wanted::new(Topic::Pattern, pattern.as_bytes()), || 0);
        }
        let mut unposted = Unposted::default();
        for number in 0..MESSAGES {
            let (channel, payload) = (format!("channel:{number}"), number.to_string());
            unposted.push(channel.as_bytes(), Message::new(Kind::Channel, channel.as_bytes(), payload.as_bytes()));
        }
        let before = hub.holds();
        let sent = HubAccess::new(&hub).post(&mut unposted);
        let holds = hub.holds() - before;
        assert_eq!(unposted.len(), 0);
        assert!((0..MESSAGES).map(|number| patterns + usize::from(number == 3)).eq(unposted.receivers().to_vec()));
        assert!(sent.wake.iter().eq((0..2).filter(|port| *port == 1 || patterns > 0)));
        let heard = hub.lock().take_all(0).map(|entry| match entry {
            Entry::Publication(publication) => publication.message.parts().1.to_vec(),
            Entry::Other(_) => panic!("nobody has sent anything else"),
        });
        let expected = (0..MESSAGES).filter(|_| patterns > 0).map(|number| number.to_string().into_bytes());
        assert!(heard.eq(expected), "in the order in which they were made");
        holds
    }

    #[test]
    fn messages_are_posted_under_one_hold_of_the_lock() {
        assert_eq!((holds(0), holds(1)), (1, 1));
    }

    #[test]
    fn others_have_the_lock_in_between_when_very_many_patterns_match() {
        assert_eq!(holds(WORK_AT_ONCE), MESSAGES);
        assert_eq!(holds(WORK_AT_ONCE / 4), MESSAGES.div_ceil(4));
    }

    #[test]
    fn what_is_cleared_is_gone() {
        let mut unposted = Unposted::default();
        unposted.push(b"a", Message::new(Kind::Channel, b"a", b"x"));
        assert_eq!(unposted.len(), 1);
        assert!(unposted.bytes() > 0);
        unposted.clear();
        assert_eq!((unposted.len(), unposted.bytes(), unposted.receivers()), (0, 0, &[][..]));
    }
}
