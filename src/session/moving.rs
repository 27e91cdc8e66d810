//! How a session goes to another worker with its client, and goes on there.

use std::rc::Rc;
use std::sync::Arc;

use super::wire::Wire;
use super::{Conversation, Session};
use crate::client::Client;
use crate::client::registry::ClientInfo;
use crate::client::sink::Sink;
use crate::ids::WorkerId;
use crate::worker::{Unsent, Worker};

/// What a client takes along to another worker.
#[derive(Debug)]
pub struct Luggage {
    conversation: Conversation,
    /// Received and not yet consumed.
    input: Vec<u8>,
    unsent: Unsent,
}

impl Luggage {
    /// Whether the worker that its client goes to has been told to expect it.
    pub(crate) fn is_expected(&self) -> bool {
        self.unsent.is_some()
    }
}

impl Session {
    /// Lets its client go to another worker, unless something is under way that has to end here. To be called after
    /// [`Session::spread`]. The session is over then: what the client takes along is to [arrive](Session::arrive) there.
    pub fn leave_for(&mut self, destination: WorkerId) -> Option<Luggage> {
        let Conversation { state, scope } = &self.conversation;
        let is_relayed = state.relay.as_ref().is_some_and(|relay| relay.wanted().is_some());
        let busy = state.blocked.is_some() || state.transaction.is_some() || scope.watch.is_some() || is_relayed;
        let ending = state.close_after_reply || self.worker.is_draining();
        if busy || ending {
            return None;
        }
        let unsent = self.worker.let_go(&self.client, destination)?;
        let (conversation, input) = (std::mem::take(&mut self.conversation), self.wire.take_rest());
        Some(Luggage { conversation, input, unsent })
    }

    /// The client and the session of one that has just come to `worker` from another one, in whose output nothing takes: for tests of
    /// the core. Call [`Session::resume`] then.
    pub fn arrive(worker: &Rc<Worker>, info: Arc<ClientInfo>, luggage: Luggage) -> (Rc<Client>, Session) {
        Session::settle_in(worker, info, None, luggage)
    }

    /// The same; `sink` takes its output.
    pub(crate) fn settle_in(
        worker: &Rc<Worker>,
        info: Arc<ClientInfo>,
        sink: Option<Rc<dyn Sink>>,
        luggage: Luggage,
    ) -> (Rc<Client>, Session) {
        let Luggage { conversation, input, unsent } = luggage;
        let client = worker.take_in(info, sink, unsent);
        let authenticated = conversation.state.authenticated;
        let session = Session { conversation, wire: Wire::with(input), ..Session::new(worker.clone(), client.clone()) };
        client.set_proven(authenticated);
        (client, session)
    }
}
