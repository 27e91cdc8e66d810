//! What has lately become of clients because they did not keep up, or because somebody wanted it: who was cut, who loses
//! messages, and why. For operators who come when it has happened.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::ids::ClientId;

/// How many are kept; the oldest goes first. Each holds some hundred bytes.
const KEPT: usize = 64;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was closed.
    Cut {
        /// As the log gives it.
        reason: &'static str,
        /// What waited for it, in bytes.
        output_bytes: usize,
    },
    /// It has lost messages.
    Lost {
        /// The word of the policy by which it did.
        policy: &'static str,
        /// How many in all, as of then.
        messages: u64,
    },
}

/// To whom it has happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incident {
    /// Milliseconds since 1970-01-01.
    pub(crate) unix_ms: i64,
    pub(crate) client: ClientId,
    pub(crate) peer: String,
    pub(crate) user: String,
    /// Its name, cut as in the log.
    pub(crate) name: String,
    pub(crate) fate: Fate,
}

/// The last of them.
#[derive(Debug, Default)]
pub(crate) struct Incidents(Mutex<VecDeque<Incident>>);

impl Incidents {
    /// Adds one. A client that loses messages again and again is there once, with the last time.
    pub(crate) fn add(&self, incident: Incident) {
        let mut kept = self.0.lock();
        if matches!(incident.fate, Fate::Lost { .. }) {
            kept.retain(|other| other.client != incident.client || !matches!(other.fate, Fate::Lost { .. }));
        }
        kept.push_front(incident);
        kept.truncate(KEPT);
    }

    /// All that are kept, the newest first.
    pub(crate) fn all(&self) -> Vec<Incident> {
        self.0.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(client: ClientId, fate: Fate) -> Incident {
        let (peer, user, name) = ("127.0.0.1:1".to_owned(), "default".to_owned(), String::new());
        Incident { unix_ms: 0, client, peer, user, name, fate }
    }

    #[test]
    fn p11_the_last_ones_are_kept_the_newest_first() {
        let incidents = Incidents::default();
        let ids = 1..=(KEPT as ClientId + 10);
        let cut = Fate::Cut { reason: "killed", output_bytes: 0 };
        ids.clone().for_each(|client| incidents.add(incident(client, cut.clone())));
        let kept: Vec<ClientId> = incidents.all().iter().map(|incident| incident.client).collect();
        assert_eq!(kept, ids.rev().take(KEPT).collect::<Vec<_>>());
    }

    #[test]
    fn who_loses_messages_again_and_again_is_there_once() {
        let incidents = Incidents::default();
        let lost = |messages| Fate::Lost { policy: "conflate", messages };
        let cut = || Fate::Cut { reason: "killed", output_bytes: 1 };
        incidents.add(incident(1, lost(1)));
        incidents.add(incident(2, lost(5)));
        incidents.add(incident(1, lost(9)));
        incidents.add(incident(1, cut()));
        assert_eq!(incidents.all(), [incident(1, cut()), incident(1, lost(9)), incident(2, lost(5))]);
    }
}
