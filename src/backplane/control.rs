//! What nodes tell each other beside messages: that they are there, and who listens to what.
//!
//! A byte says what it is, then follow parts, each with its length before it in four bytes, big-endian. Numbers are parts of
//! eight bytes. Who sends it stands in the first part.

use super::envelope::Origin;
use crate::message::Kind;

/// What a node wants to know of all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// How many subscribers each of these channels has.
    Counts(Kind, Vec<Vec<u8>>),
    /// How many deliveries a message to this channel would make.
    Receivers(Kind, Vec<u8>),
    /// Which channels have subscribers, of those that a pattern matches if there is one.
    Channels(Kind, Option<Vec<u8>>),
    /// How many patterns are subscribed to.
    Patterns,
}

/// What a node says of itself, each second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// What it calls itself.
    pub(crate) id: String,
    /// Where clients reach it.
    pub(crate) address: String,
    /// The port for those that encrypt; 0 for none. It is that of the address where there is no other.
    pub(crate) tls_port: u16,
    pub(crate) version: String,
    /// Clients that it serves.
    pub(crate) clients: u64,
    /// Channels and patterns that they listen to.
    pub(crate) names: u64,
    /// Whether it takes a share of the slots of keys.
    pub(crate) has_slots: bool,
}

/// Something that one node tells others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// It is there.
    Present(Presence),
    /// It goes.
    Leaving,
    /// So many messages to this channel have not been sent, because there was no room; or to any.
    Dropped(Option<(Kind, Vec<u8>)>, u64),
    /// It asks something, by this number of its own.
    Ask(u64, Question),
    /// It answers that: numbers, or names. Whether that is the last of it.
    Tell(u64, Answer, bool),
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Of [`Question::Counts`] in the order of the channels, and of the questions for one number that.
    Numbers(Vec<u64>),
    /// Of [`Question::Channels`], some of them.
    Names(Vec<Vec<u8>>),
}

impl Control {
    /// As it is on the wire.
    pub(crate) fn pack(&self, origin: Origin) -> Vec<u8> {
        let number = |number: u64| number.to_be_bytes().to_vec();
        let (what, rest): (u8, Vec<Vec<u8>>) = match self {
            Control::Present(presence) => {
                let Presence { id, address, version, clients, names, has_slots, tls_port } = presence.clone();
                let words = [id, address, version].map(String::into_bytes).into_iter();
                let words = words.chain([number(clients), number(names), vec![u8::from(has_slots)]]);
                // Older nodes know no more than that.
                (b'P', words.chain((tls_port > 0).then(|| number(tls_port.into()))).collect())
            }
            Control::Leaving => (b'L', Vec::new()),
            Control::Dropped(Some((kind, channel)), messages) => {
                (b'D', vec![number(*messages), vec![*kind as u8], channel.clone()])
            }
            Control::Dropped(None, messages) => (b'D', vec![number(*messages)]),
            Control::Ask(gather, Question::Counts(kind, names)) => {
                (b'C', [number(*gather), vec![*kind as u8]].into_iter().chain(names.iter().cloned()).collect())
            }
            Control::Ask(gather, Question::Receivers(kind, channel)) => {
                (b'R', vec![number(*gather), vec![*kind as u8], channel.clone()])
            }
            Control::Ask(gather, Question::Channels(kind, pattern)) => {
                (b'N', [number(*gather), vec![*kind as u8]].into_iter().chain(pattern.clone()).collect())
            }
            Control::Ask(gather, Question::Patterns) => (b'Q', vec![number(*gather)]),
            Control::Tell(gather, Answer::Numbers(numbers), last) => {
                let head = [number(*gather), vec![u8::from(*last)]];
                (b'#', head.into_iter().chain(numbers.iter().map(|value| number(*value))).collect())
            }
            Control::Tell(gather, Answer::Names(names), last) => {
                (b'=', [number(*gather), vec![u8::from(*last)]].into_iter().chain(names.iter().cloned()).collect())
            }
        };
        let parts = [number(origin)].into_iter().chain(rest);
        parts.fold(vec![what], |mut bytes, part| {
            bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&part);
            bytes
        })
    }

    /// What was packed, and by whom, if these bytes are such.
    pub(crate) fn unpack(bytes: &[u8]) -> Option<(Origin, Self)> {
        let (what, mut rest) = bytes.split_first()?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (len, behind) = rest.split_first_chunk::<4>()?;
            let (part, behind) = behind.split_at_checked(u32::from_be_bytes(*len) as usize)?;
            parts.push(part);
            rest = behind;
        }
        let (origin, parts) = parts.split_first()?;
        let control = match (what, parts) {
            // What newer nodes may say behind that is passed over.
            (b'P', [id, address, version, clients, names, [has_slots], more @ ..]) => Control::Present(Presence {
                id: text(id),
                address: text(address),
                version: text(version),
                clients: number(clients)?,
                names: number(names)?,
                has_slots: *has_slots != 0,
                tls_port: more.first().map_or(Some(0), |port| u16::try_from(number(port)?).ok())?,
            }),
            (b'L', []) => Control::Leaving,
            (b'D', [messages]) => Control::Dropped(None, number(messages)?),
            (b'D', [messages, kind, channel]) => {
                Control::Dropped(Some((read_kind(kind)?, channel.to_vec())), number(messages)?)
            }
            (b'C', [gather, kind, names @ ..]) => {
                let names = names.iter().map(|name| name.to_vec()).collect();
                Control::Ask(number(gather)?, Question::Counts(read_kind(kind)?, names))
            }
            (b'R', [gather, kind, channel]) => {
                Control::Ask(number(gather)?, Question::Receivers(read_kind(kind)?, channel.to_vec()))
            }
            (b'N', [gather, kind, pattern @ ..]) if pattern.len() <= 1 => {
                let pattern = pattern.first().map(|pattern| pattern.to_vec());
                Control::Ask(number(gather)?, Question::Channels(read_kind(kind)?, pattern))
            }
            (b'Q', [gather]) => Control::Ask(number(gather)?, Question::Patterns),
            (b'#', [gather, [last], numbers @ ..]) => {
                let numbers = numbers.iter().map(|value| number(value)).collect::<Option<_>>()?;
                Control::Tell(number(gather)?, Answer::Numbers(numbers), *last != 0)
            }
            (b'=', [gather, [last], names @ ..]) => {
                let names = names.iter().map(|name| name.to_vec()).collect();
                Control::Tell(number(gather)?, Answer::Names(names), *last != 0)
            }
            _ => return None,
        };
        Some((number(origin)?, control))
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read_kind(bytes: &[u8]) -> Option<Kind> {
    [Kind::Channel, Kind::ShardChannel].into_iter().find(|kind| bytes == [*kind as u8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let presence = Presence {
            id: "one".into(),
            address: "10.0.0.1:6379".into(),
            version: "1.2".into(),
            clients: 7,
            names: u64::MAX,
            has_slots: true,
            tls_port: 0,
        };
        let encrypted = Presence { tls_port: 6380, ..presence.clone() };
        let names = vec![b"a\0".to_vec(), vec![], vec![0xff; 300]];
        for control in [
            Control::Present(presence),
            Control::Present(encrypted),
            Control::Leaving,
            Control::Dropped(None, 7),
            Control::Dropped(Some((Kind::ShardChannel, b"a".to_vec())), 1),
            Control::Ask(1, Question::Counts(Kind::ShardChannel, names.clone())),
            Control::Ask(1, Question::Receivers(Kind::Channel, b"a".to_vec())),
            Control::Ask(2, Question::Channels(Kind::Channel, None)),
            Control::Ask(2, Question::Channels(Kind::Channel, Some(b"n*".to_vec()))),
            Control::Ask(3, Question::Patterns),
            Control::Tell(4, Answer::Numbers(vec![0, 1, u64::MAX]), false),
            Control::Tell(5, Answer::Names(names), true),
        ] {
            let bytes = control.pack(99);
            assert_eq!(Control::unpack(&bytes), Some((99, control)));
            assert_eq!(Control::unpack(&bytes[..bytes.len() - 1]), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some((origin, control)) = Control::unpack(&bytes) {
                prop_assert_eq!(Control::unpack(&control.pack(origin)), Some((origin, control)));
            }
        }
    }
}
