//! The other nodes: which there are, and what clients of this one want to know of all.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::control::{Answer, Control, Presence, Question};
use super::envelope::Origin;
use super::gather::{Gathers, Slot};
use super::members::{Member, Members, News};
use crate::client::registry::ClientInfo;
use crate::config::Settings;

/// Questions of clients that are under way at once; others are answered with what this node has.
const MOST_QUESTIONS: usize = 4096;

#[derive(Debug, Default)]
struct State {
    members: Members,
    gathers: Gathers,
    /// What is still to be sent to all.
    to_send: VecDeque<Vec<u8>>,
    /// Whether this node goes, so that it does not say any more that it is there.
    leaves: bool,
}

/// What is known of the other nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    /// Who this node is to the others.
    pub(crate) origin: Origin,
    /// What it is called.
    pub(crate) id: String,
    state: Mutex<State>,
}

impl Nodes {
    /// Nobody yet.
    pub(super) fn new(settings: &Settings, run_id: &str) -> Self {
        let id = if settings.backplane_id.is_empty() { &run_id[..12] } else { &settings.backplane_id };
        Nodes { origin: fastrand::u64(..), id: id.to_owned(), state: Mutex::default() }
    }

    /// All others, at this moment.
    pub(crate) fn all(&self) -> Vec<Member> {
        self.state.lock().members.all().cloned().collect()
    }

    /// Asks all others on behalf of `client`, which is told to go on when they have answered, or this moment has come. Answers
    /// where the answers are left; none if there is nobody to ask. The link is to be woken.
    pub(crate) fn ask(&self, client: &Arc<ClientInfo>, question: Question, until_ms: u64) -> Option<Slot> {
        let mut state = self.state.lock();
        let others: HashSet<Origin> = state.members.origins().collect();
        if others.is_empty() || state.gathers.len() >= MOST_QUESTIONS {
            return None;
        }
        let (number, slot) = state.gathers.begin(client, &question, others, until_ms);
        state.to_send.push_back(Control::Ask(number, question).pack(self.origin));
        Some(slot)
    }

    /// This node goes, or does not go after all. The link is to be woken.
    pub(crate) fn leave(&self, leaves: bool) {
        let mut state = self.state.lock();
        state.leaves = leaves;
        if leaves {
            state.to_send.push_back(Control::Leaving.pack(self.origin));
        }
    }

    /// Whether it goes.
    pub(crate) fn leaves(&self) -> bool {
        self.state.lock().leaves
    }

    /// The next thing that is to be sent to all.
    pub(crate) fn take_for_all(&self) -> Option<Vec<u8>> {
        self.state.lock().to_send.pop_front()
    }

    /// How often this node is to say that it is there, in milliseconds.
    pub(crate) fn presence_ms(&self) -> u64 {
        self.state.lock().members.presence_ms()
    }

    /// A node says that it is there.
    pub(crate) fn note_presence(&self, origin: Origin, presence: Presence, now_ms: u64) -> News {
        self.state.lock().members.note(origin, presence, &self.id, now_ms)
    }

    /// A node says that it goes. Answers what it was called, and who need not wait for it any more.
    pub(crate) fn note_leaving(&self, origin: Origin) -> (Option<String>, Vec<Arc<ClientInfo>>) {
        let mut state = self.state.lock();
        (state.members.remove(origin), state.gathers.forget(origin))
    }

    /// A node has answered. Answers who is to go on, if anybody.
    pub(crate) fn note_answer(
        &self,
        number: u64,
        origin: Origin,
        answer: Answer,
        last: bool,
    ) -> Option<Arc<ClientInfo>> {
        self.state.lock().gathers.note(number, origin, answer, last)
    }

    /// Time has passed. Answers which nodes count as gone, and who has waited for them or for others for long enough.
    pub(crate) fn expire(&self, now_ms: u64) -> (Vec<String>, Vec<Arc<ClientInfo>>) {
        let mut state = self.state.lock();
        let silent = state.members.expire(now_ms);
        let mut waited = state.gathers.expire(now_ms);
        for (origin, _) in &silent {
            waited.extend(state.gathers.forget(*origin));
        }
        (silent.into_iter().map(|(_, id)| id).collect(), waited)
    }

    /// There is no connection to anybody any more. Answers who is to go on.
    pub(crate) fn end(&self) -> Vec<Arc<ClientInfo>> {
        let mut state = self.state.lock();
        state.members = Members::default();
        state.to_send.clear();
        state.gathers.end_everything()
    }
}
