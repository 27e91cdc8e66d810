//! Fan-out: from the entries of an inbox to the outboxes of this shard's clients.

use std::rc::Rc;
use std::sync::Arc;

use super::Shard;
use crate::client::Client;
use crate::hub::{Entry, Publication, Slot};
use crate::message::{Frame, Message};
use crate::resp::Proto;

/// Consecutive small messages to one channel are joined into frames of up to this many bytes.
const RUN_BYTES: usize = 16 * 1024;

impl Shard {
    /// Delivers all that has been taken from the inbox.
    pub(super) fn settle(&self) {
        loop {
            let Some(entry) = self.incoming.borrow_mut().pop_front() else { return };
            match entry {
                Entry::Publication(publication) => match publication.only_exact() {
                    Some(slot) => self.fan_out_run(slot, publication.message),
                    None => self.fan_out(&publication),
                },
                Entry::Control(control) => self.obey(control),
            }
        }
    }

    fn fan_out(&self, publication: &Publication) {
        let message = &publication.message;
        if let Some(slot) = publication.exact {
            self.push_all(slot, |proto| message.exact_frame(proto).clone());
        }
        for (slot, pattern) in &publication.patterns {
            self.push_all(*slot, |proto| message.pattern_frame(proto, pattern));
        }
    }

    /// Delivers a message and those behind it that go to the same clients in the same form, as one frame: a pointer, a
    /// piece to write and the bookkeeping for each subscriber are paid once for all of them.
    fn fan_out_run(&self, slot: Slot, first: Arc<Message>) {
        let mut bytes = first.len();
        let mut run = vec![first];
        while bytes < RUN_BYTES {
            let mut incoming = self.incoming.borrow_mut();
            let joins = |next: &Publication| next.only_exact() == Some(slot) && bytes + next.message.len() <= RUN_BYTES;
            match incoming.pop_front_if(|entry| matches!(entry, Entry::Publication(next) if joins(next))) {
                Some(Entry::Publication(next)) => {
                    bytes += next.message.len();
                    run.push(next.message);
                }
                _ => break,
            }
        }
        match &run[..] {
            [only] => self.push_all(slot, |proto| only.exact_frame(proto).clone()),
            several => self.push_all(slot, |proto| Message::run_frame(several, proto)),
        }
    }

    /// Pushes one frame to each client of a list: the frame is made once for each protocol version in use, and shared by
    /// this shard's clients without atomic counting.
    fn push_all(&self, slot: Slot, make: impl Fn(Proto) -> Frame) {
        let lists = self.lists.borrow();
        let mut frames: [Option<Rc<Frame>>; Proto::ALL.len()] = Default::default();
        for client in lists.clients(slot) {
            let proto = client.proto();
            let frame = frames[proto.index()].get_or_insert_with(|| Rc::new(make(proto)));
            self.push(client, frame);
        }
    }

    /// Pushes one frame to one client.
    pub(super) fn push(&self, client: &Rc<Client>, frame: &Rc<Frame>) {
        client.push(frame);
        if client.is_congested() {
            self.enforce_output_limits(client);
        } else {
            self.mark_dirty(client, frame.len());
        }
    }
}
