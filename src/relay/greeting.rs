//! What the upstream is told of a client beside its requests: before the first of them, and when it changes.

use std::collections::VecDeque;

use super::{Phase, Relay, What, encode};
use crate::resp::Proto;

/// What is told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// What it calls the client is asked for.
    Id,
    Other,
}

/// What the upstream knows of a client.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) proto: Proto,
    pub(super) name: Box<str>,
}

impl Relay {
    /// Sees to it that the upstream knows how the client speaks, what it is called, and, on a new connection, which database
    /// it uses.
    pub(crate) fn tell(&mut self, proto: Proto, name: &str, db: u16) {
        match self.phase {
            Phase::Absent => {
                (self.phase, self.number, self.db, self.id) = (Phase::Opening, self.number + 1, db, 0);
                self.told = Told { proto, name: name.into() };
            }
            Phase::Opening => self.told = Told { proto, name: name.into() },
            Phase::Greeting | Phase::Open => {
                if self.told.proto != proto {
                    self.told.proto = proto;
                    let version = proto.number().to_string();
                    self.request([&b"HELLO"[..], version.as_bytes()].into_iter(), false, What::Told);
                }
                if *self.told.name != *name {
                    self.told.name = name.into();
                    self.request([&b"CLIENT"[..], b"SETNAME", name.as_bytes()].into_iter(), false, What::Nothing);
                }
            }
        }
    }

    /// There is a connection: says who asks, by these credentials.
    pub(crate) fn greet(&mut self, credentials: Option<(&str, &str)>) {
        let version = self.told.proto.number().to_string();
        let mut words: Vec<&[u8]> = vec![b"HELLO", version.as_bytes()];
        if let Some((user, password)) = credentials {
            words.extend([b"AUTH", user.as_bytes(), password.as_bytes()]);
        }
        if !self.told.name.is_empty() {
            words.extend([b"SETNAME", self.told.name.as_bytes()]);
        }
        encode(&mut self.output, words.into_iter());
        encode(&mut self.output, [&b"CLIENT"[..], b"ID"].into_iter());
        self.greeting = VecDeque::from([Greeting::Other, Greeting::Id]);
        if self.db > 0 {
            let db = self.db.to_string();
            encode(&mut self.output, [&b"SELECT"[..], db.as_bytes()].into_iter());
            self.greeting.push_back(Greeting::Other);
        }
        if let Some(request) = &self.tracking {
            self.output.extend_from_slice(request);
            self.greeting.push_back(Greeting::Other);
        }
        self.phase = Phase::Greeting;
    }

    /// The upstream has answered to something of that, by a value that begins with this mark.
    pub(super) fn end_greeting(&mut self, greeting: Greeting, mark: u8) -> Result<(), String> {
        let line = self.beginning.get(1..).unwrap_or_default();
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if mark == b'-' {
            return Err(format!("it refuses: {text}"));
        }
        if greeting == Greeting::Id {
            self.id = text.parse().unwrap_or(0);
        }
        if self.greeting.is_empty() {
            self.beginning = Vec::new();
            self.phase = Phase::Open;
            self.output.append(&mut std::mem::take(&mut self.waiting));
        }
        Ok(())
    }
}
