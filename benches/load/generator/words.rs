//! What publishers and subscribers say, and what they hear.

use super::wire::{self, Proto};

/// How messages are published and asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Words {
    /// PUBLISH and SUBSCRIBE.
    #[default]
    Channels,
    /// SPUBLISH and SSUBSCRIBE.
    Shards,
    /// The protocol of NATS, in which each PUB is answered.
    Nats,
}

impl Words {
    /// What a new connection says that is answered with something that ends with `PONG`.
    pub(super) fn greeting(self) -> &'static [u8] {
        match self {
            Words::Channels | Words::Shards => b"PING\r\n",
            Words::Nats => b"CONNECT {\"verbose\":true}\r\nPING\r\n",
        }
    }

    /// What a new connection says to subscribe to `channel`, and what the answer to it ends with.
    pub(super) fn subscribe(self, proto: Proto, channel: &str) -> (Vec<u8>, &'static str) {
        let command: &[u8] = match self {
            Words::Channels => b"SUBSCRIBE",
            Words::Shards => b"SSUBSCRIBE",
            Words::Nats => {
                let text = format!("CONNECT {{\"verbose\":false}}\r\nSUB {channel} 1\r\nPING\r\n");
                return (text.into_bytes(), "PONG\r\n");
            }
        };
        let hello: &[u8] = if proto == Proto::Resp3 { b"HELLO 3\r\n" } else { b"" };
        let request = wire::request([command, channel.as_bytes()].into_iter());
        ([hello, &request].concat(), ":1\r\n")
    }

    /// The request that publishes `payload`; it ends with that and a line end.
    pub(super) fn publish(self, channel: &str, payload: &[u8]) -> Vec<u8> {
        let command: &[u8] = match self {
            Words::Channels => b"PUBLISH",
            Words::Shards => b"SPUBLISH",
            Words::Nats => {
                let line = format!("PUB {channel} {}\r\n", payload.len());
                return [line.as_bytes(), payload, b"\r\n"].concat();
            }
        };
        wire::request([command, channel.as_bytes(), payload].into_iter())
    }

    /// What a subscriber of `channel` receives for `payload`; it ends with that and a line end.
    pub(super) fn message(self, proto: Proto, channel: &str, payload: &[u8]) -> Vec<u8> {
        let kind: &[u8] = match self {
            Words::Channels => b"message",
            Words::Shards => b"smessage",
            Words::Nats => {
                let line = format!("MSG {channel} 1 {}\r\n", payload.len());
                return [line.as_bytes(), payload, b"\r\n"].concat();
            }
        };
        wire::push(proto, &[kind, channel.as_bytes(), payload])
    }
}
