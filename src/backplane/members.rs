//! Which other nodes there are, by what they say of themselves each second.

use std::collections::BTreeMap;

use super::control::Presence;
use super::envelope::Origin;

/// How often a node says that it is there, in milliseconds, as long as there are few.
const PRESENCE_MS: u64 = 1000;
/// How many count as few. What all hear of all grows with the square of their number, so that many say it less often.
const FEW: u64 = 100;
/// After how much silence it counts as gone, where there are few.
const SILENCE_MS: u64 = 3500;
/// Nodes that are known at once.
const MOST: usize = 4096;

/// Another node.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) origin: Origin,
    pub(crate) presence: Presence,
    /// When it was last heard.
    pub(crate) heard_ms: u64,
}

/// What becomes known by a presence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing.
    Nothing,
    /// There is another node.
    Joined,
    /// One is reached elsewhere from now on.
    Moved,
    /// Two nodes, this one or others, call themselves the same.
    Twice(String),
}

/// All other nodes.
#[derive(Debug, Default)]
pub(crate) struct Members(BTreeMap<Origin, Member>);

impl Members {
    /// A node says that it is there; `own` is what this one is called.
    pub(crate) fn note(&mut self, origin: Origin, presence: Presence, own: &str, now_ms: u64) -> News {
        if let Some(member) = self.0.get_mut(&origin) {
            let stays = member.presence.address == presence.address && member.presence.tls_port == presence.tls_port;
            (member.presence, member.heard_ms) = (presence, now_ms);
            return if stays { News::Nothing } else { News::Moved };
        }
        if self.0.len() >= MOST {
            return News::Nothing;
        }
        let twice = presence.id == own || self.0.values().any(|member| member.presence.id == presence.id);
        let id = presence.id.clone();
        self.0.insert(origin, Member { origin, presence, heard_ms: now_ms });
        if twice { News::Twice(id) } else { News::Joined }
    }

    /// A node says that it goes. Answers what it was called.
    pub(crate) fn remove(&mut self, origin: Origin) -> Option<String> {
        self.0.remove(&origin).map(|member| member.presence.id)
    }

    /// How often this node is to say that it is there, in milliseconds.
    pub(crate) fn presence_ms(&self) -> u64 {
        PRESENCE_MS * self.crowd()
    }

    /// How many times as long everything takes as where there are few.
    fn crowd(&self) -> u64 {
        (self.0.len() as u64).div_ceil(FEW).max(1)
    }

    /// Those that have been silent for too long are taken for gone. Answers what they are called.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<(Origin, String)> {
        let longest_ms = SILENCE_MS * self.crowd();
        let is_silent = |member: &Member| now_ms.saturating_sub(member.heard_ms) > longest_ms;
        let silent: Vec<_> = self.0.values().filter(|member| is_silent(member)).cloned().collect();
        silent.iter().for_each(|member| _ = self.0.remove(&member.origin));
        silent.into_iter().map(|member| (member.origin, member.presence.id)).collect()
    }

    /// Who they are, in an order of their own.
    pub(crate) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.0.keys().copied()
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Member> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(id: &str) -> Presence {
        Presence { id: id.into(), ..Presence::default() }
    }

    #[test]
    fn nodes_come_and_go() {
        let mut members = Members::default();
        assert_eq!(members.note(1, presence("a"), "own", 0), News::Joined);
        assert_eq!(members.note(2, presence("b"), "own", 1000), News::Joined);
        assert_eq!(members.note(1, presence("a"), "own", 2000), News::Nothing);
        assert_eq!(members.expire(4000), []);
        assert_eq!(members.expire(1000 + SILENCE_MS + 1), [(2, "b".to_string())]);
        assert_eq!(members.remove(1), Some("a".into()));
        assert_eq!(members.remove(1), None);
        assert_eq!(members.origins().count(), 0);
    }

    #[test]
    fn a_node_that_is_reached_elsewhere_is_noticed() {
        let mut members = Members::default();
        let at = |address: &str, tls_port| Presence { address: address.into(), tls_port, ..presence("a") };
        assert_eq!(members.note(1, at("10.0.0.1:1", 0), "own", 0), News::Joined);
        for (address, tls_port, news) in
            [("10.0.0.1:1", 0, News::Nothing), ("10.0.0.1:2", 0, News::Moved), ("10.0.0.1:2", 3, News::Moved)]
        {
            assert_eq!(members.note(1, at(address, tls_port), "own", 0), news);
        }
    }

    #[test]
    fn two_nodes_of_one_name_are_noticed() {
        let mut members = Members::default();
        assert_eq!(members.note(1, presence("own"), "own", 0), News::Twice("own".into()));
        assert_eq!(members.note(2, presence("a"), "own", 0), News::Joined);
        assert_eq!(members.note(3, presence("a"), "own", 0), News::Twice("a".into()));
    }

    #[test]
    fn many_nodes_say_less_often_that_they_are_there_and_are_missed_later() {
        let mut members = Members::default();
        assert_eq!(members.presence_ms(), PRESENCE_MS);
        (0..1000).for_each(|origin| _ = members.note(origin, presence(&origin.to_string()), "own", 0));
        assert_eq!(members.presence_ms(), 10 * PRESENCE_MS);
        assert_eq!(members.expire(10 * SILENCE_MS), []);
        assert_eq!(members.expire(10 * SILENCE_MS + 1).len(), 1000);
    }

    #[test]
    fn p11_no_more_nodes_are_kept_than_there_can_be() {
        let mut members = Members::default();
        for origin in 0..2 * MOST as u64 {
            members.note(origin, presence(&origin.to_string()), "own", 0);
        }
        assert_eq!(members.all().count(), MOST);
    }
}
