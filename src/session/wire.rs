//! From bytes to requests, in the one protocol that all clients speak so far.

use crate::client::held::{Held, Holding};
use crate::resp::decode::Decoder;
use crate::worker::Worker;

/// What was received of one client and not yet consumed.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// In the middle of a request; otherwise the worker's is used, so that idle connections hold none.
    decoder: Option<Box<Decoder>>,
    /// An unfinished request, or whole ones while the session is blocked or others have their turn.
    input: Vec<u8>,
    /// How much of it has been consumed, in bytes: moving the rest forward each time would cost more than running it.
    consumed: usize,
}

impl Wire {
    /// With what was received elsewhere.
    pub(super) fn with(input: Vec<u8>) -> Self {
        Wire { decoder: None, input, consumed: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.input.is_empty()
    }

    /// Keeps what has been received.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Takes what has been received, and how much of that has been consumed.
    pub(super) fn take(&mut self) -> (Vec<u8>, usize) {
        (std::mem::take(&mut self.input), std::mem::take(&mut self.consumed))
    }

    /// Takes what has been received and not consumed.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let (mut input, consumed) = self.take();
        input.drain(..consumed);
        input
    }

    /// Keeps what was taken again, of which so much has been consumed now. The buffer goes if nothing is left of it: idle
    /// connections hold none.
    pub(super) fn put_back(&mut self, input: Vec<u8>, consumed: usize) {
        if consumed == input.len() {
            return;
        }
        (self.input, self.consumed) = (input, consumed);
        if consumed > self.input.len() / 2 {
            self.input.drain(..std::mem::take(&mut self.consumed));
        }
        if self.input.len() < self.input.capacity() / 4 {
            self.input.shrink_to(self.input.len() * 2);
        }
    }

    /// The decoder for what comes next.
    pub(super) fn take_decoder(&mut self, worker: &Worker) -> Box<Decoder> {
        self.decoder.take().unwrap_or_else(|| worker.spare_decoder.take())
    }

    /// Keeps the decoder if it has come into the middle of a request.
    pub(super) fn keep_decoder(&mut self, decoder: Box<Decoder>, worker: &Worker) {
        if decoder.is_between_requests() {
            worker.spare_decoder.replace(decoder);
        } else {
            self.decoder = Some(decoder);
        }
    }

    /// Says what it holds.
    pub(super) fn declare(&self, held: &Held) {
        held.set(Holding::Input, self.input.len() - self.consumed);
        held.set(Holding::InputRoom, self.input.capacity() - self.input.len() + self.consumed);
        held.set(Holding::Spans, self.decoder.as_ref().map_or(0, |decoder| decoder.size_bytes()));
    }
}
