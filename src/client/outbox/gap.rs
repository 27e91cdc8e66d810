//! What a subscriber is told of messages that it has lost.
//!
//! In RESP3 that is a push of its own type, `gap`, `pgap` or `sgap` as the messages were `message`, `pmessage` or `smessage`,
//! with the channel or the pattern and their number: `>3 gap news :12`. In RESP2 it is a message on a reserved channel, for
//! those who subscribe to that: `12 message news`. Of messages that several subscriptions lose at one place a few are told
//! apart, the others together: `>3 gap _ :7`, or `7`.

use std::cell::OnceCell;
use std::fmt::Write as _;

use crate::ids::Topic;
use crate::resp::Proto;
use crate::resp::encode::Reply;

/// The channel on which RESP2 clients are told what they have lost. No client may publish to it.
pub(crate) const CHANNEL: &[u8] = b"__pregon__:gap";

/// So many subscriptions are told apart at one place.
const TOLD_APART: usize = 8;

/// How a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// By a push.
    Push,
    /// By a message on the reserved channel.
    Message,
    /// It is not.
    Silent,
}

/// What was lost at one place.
#[derive(Debug)]
pub(super) struct Gap {
    telling: Telling,
    losses: Vec<Loss>,
    /// Messages of others, if there are any, or of whichever where that is not known.
    others: Option<u64>,
    /// What is written, from when somebody asks for it until more is lost.
    bytes: OnceCell<Vec<u8>>,
    len: usize,
}

#[derive(Debug)]
struct Loss {
    topic: Topic,
    name: Box<[u8]>,
    messages: u64,
}

impl Gap {
    pub(super) fn new(telling: Telling) -> Self {
        Gap { telling, losses: Vec::new(), others: None, bytes: OnceCell::new(), len: 0 }
    }

    /// Adds messages that one subscription has lost, if it is known which.
    pub(super) fn add(&mut self, of: Option<(Topic, &[u8])>, messages: u64) {
        let Some((topic, name)) = of else { return self.add_others(messages) };
        let tells_apart = self.losses.len() < TOLD_APART;
        let known = self.losses.iter_mut().find(|loss| loss.topic == topic && *loss.name == *name);
        let grown = match known {
            Some(loss) => grow(&mut loss.messages, messages),
            None if tells_apart => {
                self.losses.push(Loss { topic, name: name.into(), messages });
                true
            }
            None => return self.add_others(messages),
        };
        self.change(grown);
    }

    fn add_others(&mut self, messages: u64) {
        let is_first = self.others.is_none();
        let grown = grow(self.others.get_or_insert(0), messages);
        self.change(is_first || grown);
    }

    /// Adds what was lost right behind it.
    pub(super) fn absorb(&mut self, other: &Gap) {
        other.losses.iter().for_each(|loss| self.add(Some((loss.topic, &loss.name)), loss.messages));
        if let Some(others) = other.others {
            self.add_others(others);
        }
    }

    fn change(&mut self, grown: bool) {
        self.bytes.take();
        if grown {
            self.len = self.encode().len();
        }
    }

    /// Whether it tells of this subscription alone, and in this way.
    pub(super) fn is_of(&self, topic: Topic, name: &[u8], telling: Telling) -> bool {
        let tells_of_others = self.others.is_some() || self.telling != telling;
        !tells_of_others && matches!(&self.losses[..], [loss] if loss.topic == topic && *loss.name == *name)
    }

    /// How many bytes tell of it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What tells of it.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get_or_init(|| self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let proto = if self.telling == Telling::Push { Proto::Resp3 } else { Proto::Resp2 };
        let mut reply = Reply::new(Vec::new(), proto);
        for Loss { topic, name, messages } in &self.losses {
            self.tell(&mut reply, Some((*topic, name)), *messages);
        }
        if let Some(others) = self.others {
            self.tell(&mut reply, None, others);
        }
        reply.into_bytes()
    }

    fn tell(&self, reply: &mut Reply, of: Option<(Topic, &[u8])>, messages: u64) {
        match self.telling {
            Telling::Push => reply.push(3, |push| {
                push.bulk(of.map_or("gap", |(topic, _)| kind(topic)));
                match of {
                    Some((_, name)) => push.bulk(name),
                    None => push.null(),
                }
                push.integer(messages as i64);
            }),
            Telling::Message => reply.push(3, |push| {
                push.bulk("message");
                push.bulk(CHANNEL);
                let mut text = messages.to_string();
                if let Some((topic, _)) = of {
                    let _ = write!(text, " {} ", message_kind(topic));
                }
                push.bulk([text.as_bytes(), of.map_or(&[], |(_, name)| name)].concat());
            }),
            Telling::Silent => {}
        }
    }
}

fn kind(topic: Topic) -> &'static str {
    match topic {
        Topic::Channel => "gap",
        Topic::Pattern => "pgap",
        Topic::ShardChannel => "sgap",
    }
}

fn message_kind(topic: Topic) -> &'static str {
    match topic {
        Topic::Channel => "message",
        Topic::Pattern => "pmessage",
        Topic::ShardChannel => "smessage",
    }
}

/// Adds to a number; answers whether it takes more digits then.
fn grow(number: &mut u64, more: u64) -> bool {
    let digits = |number: u64| number.checked_ilog10().unwrap_or(0);
    let before = digits(*number);
    *number += more;
    digits(*number) != before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(gap: &Gap) -> String {
        assert_eq!(gap.bytes().len(), gap.len());
        String::from_utf8_lossy(gap.bytes()).into_owned()
    }

    #[test]
    fn what_was_lost_is_told_in_each_version_of_the_protocol() {
        let told = |telling: Telling| {
            let mut gap = Gap::new(telling);
            gap.add(Some((Topic::Channel, b"news")), 9);
            gap.add(Some((Topic::Pattern, b"n*")), 2);
            gap.add(Some((Topic::Channel, b"news")), 3);
            gap.add(Some((Topic::ShardChannel, b"")), 1);
            text(&gap)
        };
        let push = ">3\r\n$3\r\ngap\r\n$4\r\nnews\r\n:12\r\n>3\r\n$4\r\npgap\r\n$2\r\nn*\r\n:2\r\n\
                    >3\r\n$4\r\nsgap\r\n$0\r\n\r\n:1\r\n";
        assert_eq!(told(Telling::Push), push);
        let start = "*3\r\n$7\r\nmessage\r\n$14\r\n__pregon__:gap\r\n";
        let message =
            format!("{start}$15\r\n12 message news\r\n{start}$13\r\n2 pmessage n*\r\n{start}$11\r\n1 smessage \r\n");
        assert_eq!(told(Telling::Message), message);
        assert_eq!(told(Telling::Silent), "");
    }

    #[test]
    fn of_many_subscriptions_a_few_are_told_apart_and_the_others_together() {
        let mut gap = Gap::new(Telling::Push);
        for round in 0..3 {
            for channel in 0..1_000 {
                gap.add(Some((Topic::Channel, format!("c{channel}").as_bytes())), 1);
            }
            let heard = text(&gap);
            assert_eq!(heard.matches(">3\r\n$3\r\ngap\r\n$").count(), TOLD_APART);
            let rest = (round + 1) * (1_000 - TOLD_APART);
            assert!(heard.ends_with(&format!(">3\r\n$3\r\ngap\r\n_\r\n:{rest}\r\n")), "{heard}");
        }
        let mut before = Gap::new(Telling::Push);
        before.add(Some((Topic::Channel, b"c1")), 5);
        before.absorb(&gap);
        assert!(
            text(&before).starts_with(">3\r\n$3\r\ngap\r\n$2\r\nc1\r\n:8\r\n>3\r\n$3\r\ngap\r\n$2\r\nc0\r\n:3\r\n")
        );
    }
}
