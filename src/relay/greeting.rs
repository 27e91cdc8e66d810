//! What the upstream is told of a client beside its requests: before the first of them, and when it changes.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::{Asker, Phase, Relay, What, encode};
use crate::resp::Proto;
use crate::resp::errors::{ReplyError, without_arguments};

/// More than stands around a word of a request, in bytes.
const MOST_AROUND: usize = 64;

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
    pub(super) asker: Asker,
}

impl Relay {
    /// Sees to it that the upstream knows who asks, how the client speaks, what it is called, and, on a new connection, which
    /// database it uses.
    pub(crate) fn tell(&mut self, asker: Asker, proto: Proto, name: &str, db: u16) {
        match self.phase {
            Phase::Absent => {
                (self.phase, self.number, self.db, self.id) = (Phase::Opening, self.number + 1, db, 0);
                self.told = Told { proto, name: name.into(), asker };
            }
            Phase::Opening => self.told = Told { proto, name: name.into(), asker },
            Phase::Greeting | Phase::Open => {
                if self.told.asker != asker {
                    self.told.asker = asker;
                    self.authenticate_again();
                }
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

    /// There is a connection: says who asks, by these credentials if it is not the client itself.
    pub(crate) fn greet(&mut self, credentials: Option<(&str, &str)>) {
        let version = self.told.proto.number().to_string();
        let mut words: Vec<&[u8]> = vec![b"HELLO", version.as_bytes()];
        let node = credentials.map(|(user, password)| (user.as_bytes(), password.as_bytes()));
        if let Some((user, password)) = self.told.asker.credentials(node) {
            words.extend([b"AUTH", user, password]);
        }
        if !self.told.name.is_empty() {
            words.extend([b"SETNAME", self.told.name.as_bytes()]);
        }
        let mut more = Vec::new();
        encode(&mut more, [&b"CLIENT"[..], b"ID"].into_iter());
        self.greeting = VecDeque::from([Greeting::Other, Greeting::Id]);
        if self.db > 0 {
            let db = self.db.to_string();
            encode(&mut more, [&b"SELECT"[..], db.as_bytes()].into_iter());
            self.greeting.push_back(Greeting::Other);
        }
        if let Some(request) = &self.tracking {
            more.extend_from_slice(request);
            self.greeting.push_back(Greeting::Other);
        }
        encode_secret(&mut self.output, &words, &more);
        self.phase = Phase::Greeting;
    }

    /// Says that the client is another user from now on. Nothing more is asked for before the upstream has agreed: it would
    /// be done by the rights of the user before.
    fn authenticate_again(&mut self) {
        debug_assert!(self.due.is_empty(), "who authenticates waits for all answers");
        if let Some((user, password)) = self.told.asker.credentials(None) {
            encode_secret(&mut self.output, &[b"AUTH", user, password], &[]);
            self.greeting.push_back(Greeting::Other);
            self.phase = Phase::Greeting;
        }
    }

    /// The upstream has answered to something of that, by a value that begins with this mark.
    pub(super) fn end_greeting(&mut self, greeting: Greeting, mark: u8) -> Result<(), String> {
        let line = self.beginning.get(1..).unwrap_or_default();
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if greeting == Greeting::Id {
            // A user that may not ask for it has none, and cannot be unblocked.
            self.id = text.parse().unwrap_or(0);
        } else if mark == b'-' {
            let text = without_arguments(&text);
            self.refusal = Some(ReplyError::raw(text.as_bytes()));
            return Err(format!("it refuses: {text}"));
        }
        if self.greeting.is_empty() {
            self.beginning = Vec::new();
            (self.phase, self.was_open) = (Phase::Open, true);
            self.output.append(&mut std::mem::take(&mut self.waiting));
        }
        Ok(())
    }
}

/// Adds a request with a password in it, and `more` behind it. No copy is left where the output was before it grew.
fn encode_secret(output: &mut Zeroizing<Vec<u8>>, words: &[&[u8]], more: &[u8]) {
    let needed: usize = words.iter().map(|word| word.len() + MOST_AROUND).sum();
    let mut grown = Vec::with_capacity(output.len() + needed + more.len());
    grown.extend_from_slice(output);
    encode(&mut grown, words.iter().copied());
    grown.extend_from_slice(more);
    *output = Zeroizing::new(grown);
}
