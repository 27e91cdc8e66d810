//! An upstream that speaks the Redis protocol as an engine: Redis, Valkey, Dragonfly, or another server of this kind.
//!
//! What clients publish here is published there, and what clients listen to here is subscribed to there, once, on one
//! connection in RESP3. Delivery goes through it: subscribers here hear what it brings, in its order, which is the same for
//! everybody everywhere. Its channels are called as they are here, so who speaks with it directly is heard here, and hears.
//!
//! Whoever subscribes to a channel and to patterns gets a message several times. Here it is one message, and its *owner* among
//! the subscriptions is the one that counts: that to the channel itself, otherwise the oldest of the matching patterns.
//! The upstream says in its stream where each subscription begins and ends, so at every message it is known which there are.

mod frame;
mod owners;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::connection::{Broken, Buffers, Connection};
use super::engine::{Engine, Heard, Payload};
use crate::backplane::CONTROL_CHANNELS;
use crate::backplane::envelope::Origin;
use crate::backplane::interest::Change;
use crate::backplane::status::Figures;
use crate::backplane::subject::{self, Subject};
use crate::client::order::Order;
use crate::config::{EngineUrl, Settings};
use crate::hub::Entry;
use crate::ids::Topic;
use crate::message::{Kind, Message};
use crate::resp::errors::without_arguments;
use frame::{Frame, MOST_PARTS};
use owners::Owners;

/// What questions that are asked to see what has been heard begin with; their numbers follow.
const PROBE: &[u8] = b"pregon-probe:";
/// What questions say that are only a sign of life.
const LIFE: &[u8] = b"pregon-life";

/// What an upstream is told and what it brings.
pub(super) struct Upstream {
    origin: Origin,
    /// What the channels begin with on which nodes speak with each other.
    control: String,
    /// What was taken from the mailbox and is to be published.
    messages: VecDeque<Message>,
    /// The last number of what it was asked for: what is asked for anew is not given up for its old number.
    asked: HashMap<Subject, u64>,
    owners: Owners,
    /// What the upstream calls the last connection, and where that comes from, if it has said so.
    last: Option<(Bytes, SocketAddr)>,
    /// Which version of Redis it is.
    version: Option<String>,
}

impl Upstream {
    /// For a server with these settings.
    pub(super) fn new(settings: &Settings, origin: Origin) -> Self {
        Upstream {
            origin,
            control: format!("{CONTROL_CHANNELS}{}:", settings.backplane_prefix.0),
            messages: VecDeque::new(),
            asked: HashMap::new(),
            owners: Owners::default(),
            last: None,
            version: None,
        }
    }

    /// The channel on which one node is spoken to, or all.
    fn control_channel(&self, to: Option<Origin>) -> Vec<u8> {
        to.map_or_else(|| self.control.clone(), |origin| format!("{}{origin:016x}", self.control)).into_bytes()
    }
}

impl Engine for Upstream {
    const ECHOES: bool = true;

    async fn greet(
        &mut self,
        mut connection: Connection,
        url: &EngineUrl,
        settings: &Settings,
    ) -> Result<Connection, Broken> {
        (self.asked, self.owners) = (HashMap::new(), Owners::default());
        if url.is_encrypted() {
            connection = connection.encrypt(url, settings).await?;
        }
        let mut words: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(password) = &url.password {
            words.extend([b"AUTH", url.user.as_deref().unwrap_or("default").as_bytes(), password.as_bytes()]);
        }
        words.extend([&b"SETNAME"[..], b"pregon"]);
        push_command(&mut connection.buffers.output, &words);
        loop {
            match frame::take(&mut connection.buffers.input)? {
                None => connection.go_on(0).await?,
                Some(Frame::Error(why)) => return Err(Broken(without_arguments(&why).to_owned())),
                Some(frame) => {
                    self.replace_last(&frame, &mut connection);
                    break;
                }
            }
        }
        let channels = [None, Some(self.origin)].map(|to| self.control_channel(to));
        push_command(&mut connection.buffers.output, &[b"SUBSCRIBE", &channels[0], &channels[1]]);
        Ok(connection)
    }

    fn redis_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    fn push_change(&mut self, change: &Change, output: &mut BytesMut) {
        let (subject, words) = match change {
            Change::Ask(number, subject) => {
                self.asked.insert(subject.clone(), *number);
                (subject, [&b"SUBSCRIBE"[..], b"PSUBSCRIBE", b"SSUBSCRIBE"])
            }
            Change::Forget(number, subject) => {
                if self.asked.get(subject) != Some(number) {
                    return;
                }
                self.asked.remove(subject);
                (subject, [&b"UNSUBSCRIBE"[..], b"PUNSUBSCRIBE", b"SUNSUBSCRIBE"])
            }
        };
        let (topic, name) = subject::read_name(subject);
        let [channel, pattern, shard] = words;
        let command = match topic {
            Topic::Channel => channel,
            Topic::Pattern => pattern,
            Topic::ShardChannel => shard,
        };
        push_command(output, &[command, name]);
    }

    fn push_probe(&mut self, probe: Option<u64>, output: &mut BytesMut) {
        match probe {
            Some(probe) => push_command(output, &[b"PING", &[PROBE, probe.to_string().as_bytes()].concat()]),
            None => push_command(output, &[b"PING", LIFE]),
        }
    }

    fn take(&mut self, entries: VecDeque<Entry<Order>>) -> bool {
        let any = !entries.is_empty();
        self.messages.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Publication(publication) => Some(publication.message),
            // Nobody orders the link to do anything.
            Entry::Other(_) => None,
        }));
        any
    }

    fn take_control(&mut self, to: Option<Origin>, bytes: Vec<u8>) {
        self.messages.push_back(Message::new(Kind::Channel, &self.control_channel(to), &bytes));
    }

    fn push_next(&mut self, output: &mut BytesMut, figures: &Figures) -> bool {
        let Some(message) = self.messages.pop_front() else { return false };
        let (before, (channel, payload)) = (output.len(), message.parts());
        let command: &[u8] = if message.kind() == Kind::Channel { b"PUBLISH" } else { b"SPUBLISH" };
        push_command(output, &[command, channel, payload]);
        if !channel.starts_with(self.control.as_bytes()) {
            figures.sent_messages.add_shared(1);
            figures.sent_bytes.add_shared((output.len() - before) as u64);
        }
        true
    }

    fn has_more(&self) -> bool {
        !self.messages.is_empty()
    }

    fn take_back(&mut self) -> Option<Message> {
        let is_control = |message: &Message| message.parts().0.starts_with(self.control.as_bytes());
        std::iter::from_fn(|| self.messages.pop_front()).find(|message| !is_control(message))
    }

    fn hear(
        &mut self,
        buffers: &mut Buffers,
        figures: &Figures,
        _now_ms: u64,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<bool, Broken> {
        match frame::take(&mut buffers.input)? {
            None => return Ok(false),
            Some(Frame::Push(push)) => self.receive(push.parts(&mut [&[]; MOST_PARTS]), figures, hear),
            Some(Frame::Bulk(bytes)) => {
                if let Some(digits) = bytes.strip_prefix(PROBE) {
                    hear(Heard::Answer(std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())));
                }
            }
            Some(Frame::Error(why)) => hear(Heard::Refusal(why)),
            Some(Frame::Map(_) | Frame::Other) => {}
        }
        Ok(true)
    }
}

impl Upstream {
    /// Ends the last connection before anything is said on this one, which has been greeted so. An upstream that has stalled may
    /// not have read all of it, and what it read of it later would be heard behind what has been published since.
    fn replace_last(&mut self, greeting: &Frame, connection: &mut Connection) {
        if let Some((id, from)) = self.last.take() {
            // The same number from the same port is nobody else, even if it is another upstream.
            let from = from.to_string();
            push_command(&mut connection.buffers.output, &[b"CLIENT", b"KILL", b"ID", &id, b"ADDR", from.as_bytes()]);
        }
        let Frame::Map(elements) = greeting else { return };
        let mut room = [&b""[..]; MOST_PARTS];
        let pairs = elements.parts(&mut room).chunks_exact(2);
        let value = |name: &[u8]| pairs.clone().find(|pair| pair[0] == name).map(|pair| pair[1]);
        self.version = value(b"version").map(|version| String::from_utf8_lossy(version).into_owned());
        let id = value(b"id").map(Bytes::copy_from_slice);
        self.last = id.zip(connection.local_address());
    }

    /// Judges what the upstream says about subscriptions.
    fn receive(&mut self, parts: &[&[u8]], figures: &Figures, hear: &mut dyn FnMut(Heard<'_>)) {
        let (kind, channel, payload, is_owner) = match *parts {
            [b"message", channel, payload] if channel.starts_with(self.control.as_bytes()) => {
                return hear(Heard::Control(payload));
            }
            [b"pmessage", _, channel, _] if channel.starts_with(self.control.as_bytes()) => return,
            [b"message", channel, payload] => (Kind::Channel, channel, payload, true),
            [b"smessage", channel, payload] => (Kind::ShardChannel, channel, payload, true),
            [b"pmessage", pattern, channel, payload] => {
                (Kind::Channel, channel, payload, self.owners.is_owner(pattern, channel))
            }
            [b"subscribe", name, _] => return self.owners.begin(Topic::Channel, name),
            [b"psubscribe", name, _] => return self.owners.begin(Topic::Pattern, name),
            [b"unsubscribe", name, _] => return self.owners.end(Topic::Channel, name),
            [b"punsubscribe", name, _] => return self.owners.end(Topic::Pattern, name),
            _ => return,
        };
        figures.received_bytes.add_shared(parts.iter().map(|part| part.len() as u64).sum());
        if is_owner {
            hear(Heard::Message(kind, channel, Payload::Within(payload)));
        } else {
            figures.repeated_messages.add_shared(1);
        }
    }
}

fn push_command(output: &mut BytesMut, words: &[&[u8]]) {
    push_header(output, b"*", words.len());
    for word in words {
        push_header(output, b"$", word.len());
        output.extend_from_slice(word);
        output.extend_from_slice(b"\r\n");
    }
}

fn push_header(output: &mut BytesMut, mark: &[u8], count: usize) {
    output.extend_from_slice(mark);
    output.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    output.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::io::Cursor;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_server_that_repeats_the_password_does_not_bring_it_into_the_log() {
        let config = Config::from_pairs(&[("backplane", "redis://:secret@engine:6379")]).expect("a valid directive");
        let said =
            b"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'secret'\r\n".to_vec();
        let stream = Box::new(tokio::io::join(Cursor::new(said), tokio::io::sink()));
        let connection = Connection::over(stream, ([127, 0, 0, 1], 1).into());
        let mut upstream = Upstream::new(config.settings(), 1);
        let url = &config.settings().backplane.0[0];
        let greeted = pin!(upstream.greet(connection, url, config.settings()));
        let Poll::Ready(Err(Broken(why))) = greeted.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it is refused");
        };
        assert_eq!(why, "ERR unknown command 'HELLO'");
    }
}
