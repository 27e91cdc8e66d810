//! Messages whose way is followed: when this worker has delivered them, and when it has offered them to its sockets.

use std::rc::Rc;
use std::sync::Arc;

use super::Worker;
use crate::client::Client;
use crate::client::following::Mark;
use crate::client::order::Errand;
use crate::client::registry::Flag;
use crate::message::Frame;
use crate::resp::Proto;
use crate::resp::encode::Reply;

/// The channel on which clients that speak RESP2 are told of what they trace. No client may publish to it.
pub(crate) const TRACE_CHANNEL: &[u8] = b"__pregon__:trace";

/// A message that has been put into the outboxes of this worker's subscribers.
#[derive(Debug)]
pub(super) struct Followed {
    mark: Arc<Mark>,
    fanned_out_ns: u64,
    /// It has been offered to their sockets when so many outboxes have been, since the worker's start.
    outboxes: u64,
}

impl Worker {
    /// The message before this mark has been put into the outboxes of this worker's subscribers.
    pub(super) fn follow(&self, mark: Arc<Mark>) {
        let fanned_out_ns = self.now().ns();
        self.stats().fan_out.record(fanned_out_ns.saturating_sub(mark.posted_ns));
        let outboxes = self.marked_dirty.get();
        self.followed.borrow_mut().push_back(Followed { mark, fanned_out_ns, outboxes });
        self.flush_bell.ring();
    }

    /// Notes which of the messages that are followed have been offered to their sockets.
    pub(super) fn end_following(&self) {
        if self.followed.borrow().is_empty() {
            return;
        }
        let offered = self.marked_dirty.get() - self.dirty.borrow().len() as u64;
        let now_ns = self.now().ns();
        while let Some(Followed { mark, fanned_out_ns, .. }) =
            self.followed.borrow_mut().pop_front_if(|followed| followed.outboxes <= offered)
        {
            self.stats().written.record(now_ns.saturating_sub(mark.begun_ns));
            let Some((clients, line)) = mark.arrive(fanned_out_ns, now_ns) else { continue };
            clients.iter().for_each(|client| self.server.send(client.clone(), Errand::Trace(line.clone())));
        }
    }

    /// Tells `client` of a message, if it still traces.
    pub(super) fn tell_traced(&self, client: &Rc<Client>, line: &str) {
        if !client.info.has_flag(Flag::Tracer) {
            return;
        }
        let words: &[&[u8]] = match client.proto() {
            Proto::Resp3 => &[b"trace", line.as_bytes()],
            Proto::Resp2 => &[b"message", TRACE_CHANNEL, line.as_bytes()],
        };
        let mut reply = Reply::new(Vec::new(), client.proto());
        reply.push(words.len(), |reply| words.iter().for_each(|word| reply.bulk(word)));
        self.push(client, &Rc::new(Frame::whole(reply.rest().to_vec())));
    }

    /// `client` is told of no more messages.
    pub(crate) fn stop_tracing(&self, client: &Client) {
        if client.info.has_flag(Flag::Tracer) {
            client.info.set_flag(Flag::Tracer, false);
            self.server.tracers.remove(client.info.id);
        }
    }
}
