//! The port of what carries messages to other servers.

use std::collections::VecDeque;

use super::{Entry, HubState, Publication, Published};
use crate::ids::PortId;
use crate::mailbox::{Cost, Sent};
use crate::message::{Kind, Message};

/// What goes to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// What is published, which is heard here at once, too.
    Copies,
    /// What is published, and nobody hears it here before it comes back from there.
    Originals,
    /// Nothing now: what is published is heard here, and would come back a second time.
    Nothing,
}

/// The port, and what has become of it. Nobody waits for it: what it has no room for is dropped.
#[derive(Debug)]
pub(super) struct Link {
    port: PortId,
    /// How much may wait for it, in bytes.
    limit: usize,
    carries: Carries,
    /// Messages that were dropped.
    dropped: u64,
    /// What of that others have still to be told.
    losses: Losses,
}

/// So many channels of which messages were dropped are told apart.
const TOLD_APART: usize = 64;

/// Messages that were dropped, by channel.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) channels: Vec<(Kind, Box<[u8]>, u64)>,
    /// Messages of other channels.
    pub(crate) others: u64,
}

impl Losses {
    fn add(&mut self, kind: Kind, channel: &[u8]) {
        let tells_apart = self.channels.len() < TOLD_APART;
        let known = self.channels.iter_mut().find(|(of, name, _)| *of == kind && **name == *channel);
        match known {
            Some((_, _, messages)) => *messages += 1,
            None if tells_apart => self.channels.push((kind, channel.into(), 1)),
            None => self.others += 1,
        }
    }
}

impl Link {
    pub(super) fn new(port: PortId, limit: u64, carries: Carries) -> Self {
        Link {
            port,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            carries,
            dropped: 0,
            losses: Losses::default(),
        }
    }
}

impl<T: Cost> HubState<T> {
    /// Whether messages go to other servers, so that those to which nobody listens here are of use, too.
    pub(crate) fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// Whether what is published is heard here at once, and not when it comes back from the link.
    pub(crate) fn delivers_here(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.carries != Carries::Originals)
    }

    /// So many bytes of messages may wait for the link from now on.
    pub(crate) fn bound_link(&mut self, limit: u64) {
        if let Some(link) = &mut self.link {
            link.limit = usize::try_from(limit).unwrap_or(usize::MAX);
        }
    }

    /// How many messages were dropped on their way to other servers.
    pub(crate) fn dropped(&self) -> u64 {
        self.link.as_ref().map_or(0, |link| link.dropped)
    }

    /// Whether something waits for this port.
    pub(crate) fn owes(&self, port: PortId) -> bool {
        self.mailboxes.waits(port)
    }

    /// Queues `message` for everyone who listens to `channel`, here and at other servers.
    pub(crate) fn publish(&mut self, kind: Kind, channel: &[u8], message: Message) -> Published {
        let Some(carries) = self.link.as_ref().map(|link| link.carries) else {
            return self.publish_here(kind, channel, message);
        };
        let mut published = match carries {
            Carries::Originals => Published { receivers: self.receivers(kind, channel), sent: Sent::default() },
            Carries::Copies | Carries::Nothing => self.publish_here(kind, channel, message.clone()),
        };
        if carries != Carries::Nothing {
            self.post_to_link(message, &mut published.sent);
        }
        published
    }

    fn post_to_link(&mut self, message: Message, sent: &mut Sent) {
        let Some(Link { port, limit, dropped, losses, .. }) = &mut self.link else { return };
        let publication = Publication { message: message.clone(), exact: None, patterns: Vec::new() };
        let posted = self.mailboxes.post_within(*port, Entry::Publication(publication), *limit, sent);
        if !posted {
            *dropped += 1;
            losses.add(message.kind(), message.parts().0);
        }
        self.steps += 1;
    }

    /// What was dropped on its way to other servers since it was last asked; none if nothing was.
    pub(crate) fn take_losses(&mut self) -> Option<Losses> {
        let losses = &mut self.link.as_mut()?.losses;
        (*losses != Losses::default()).then(|| std::mem::take(losses))
    }

    /// From now on what is published goes to the link alone, which brings it back.
    pub(crate) fn begin_echo(&mut self) {
        if let Some(link) = &mut self.link {
            link.carries = Carries::Originals;
        }
    }

    /// Lets some of what waits for the link be heard here instead, and notes in `sent` what becomes of it. When that was all,
    /// what is published is heard here at once from now on. Answers whether there is more.
    pub(crate) fn end_echo(&mut self, sent: &mut Sent) -> bool {
        let Some(port) = self.link.as_ref().map(|link| link.port) else { return false };
        let (entries, more) = self.mailboxes.take_bundle(port, VecDeque::new());
        for entry in entries {
            if let Entry::Publication(Publication { message, .. }) = entry {
                sent.extend(self.publish_again(&message).sent);
            }
        }
        if let Some(link) = self.link.as_mut().filter(|_| !more) {
            link.carries = Carries::Nothing;
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, Wanted};

    /// How many entries wait for the subscriber and for the link when two messages have been published.
    fn published(carries: Carries) -> (Hub<usize>, [usize; 2]) {
        let hub: Hub<usize> = Hub::linked(1, 1024 * 1024, carries);
        hub.lock().subscribe(0, &mut Wanted::Channel(b"a"), || 0);
        let message = Message::new(Kind::Channel, b"a", b"x");
        for _ in 0..2 {
            assert_eq!(hub.publish(Kind::Channel, b"a", &message).receivers, 1);
        }
        let waits = [0, 1].map(|port| hub.lock().take_all(port).count());
        (hub, waits)
    }

    #[test]
    fn messages_are_heard_here_or_when_they_come_back() {
        for (carries, waits) in [(Carries::Copies, [2, 2]), (Carries::Originals, [0, 2]), (Carries::Nothing, [2, 0])] {
            assert_eq!(published(carries).1, waits, "{carries:?}");
        }
    }

    #[test]
    fn what_was_to_come_back_is_heard_here_once_when_it_cannot() {
        let (hub, _) = published(Carries::Nothing);
        hub.lock().begin_echo();
        for number in 0..1000 {
            let message = Message::new(Kind::Channel, b"a", number.to_string().as_bytes());
            hub.publish(Kind::Channel, b"a", &message);
        }
        while hub.lock().end_echo(&mut Sent::default()) {}
        hub.publish(Kind::Channel, b"a", &Message::new(Kind::Channel, b"a", b"1000"));
        assert_eq!(hub.lock().take_all(1).count(), 0);
        let heard = hub.lock().take_all(0).map(|entry| match entry {
            Entry::Publication(publication) => String::from_utf8_lossy(publication.message.parts().1).into_owned(),
            Entry::Other(_) => panic!("nobody has sent anything else"),
        });
        assert!(heard.eq((0..=1000).map(|number: usize| number.to_string())));
    }
}
