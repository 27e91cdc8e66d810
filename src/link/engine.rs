//! What the link needs of an engine, whatever it speaks.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::connection::{Broken, Buffers, Connection};
use crate::backplane::envelope::Origin;
use crate::backplane::interest::Change;
use crate::backplane::status::Figures;
use crate::client::order::Order;
use crate::config::{EngineUrl, Settings};
use crate::hub::Entry;
use crate::message::{Kind, Message};

/// What follows from something that an engine has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'b> {
    /// A message for this server's subscribers.
    Message(Kind, &'b [u8], Payload<'b>),
    /// What another node tells this one.
    Control(&'b [u8]),
    /// An answer to a probe with this number, or to a sign of life.
    Answer(Option<u64>),
    /// It has refused something.
    Refusal(String),
    /// A message to this channel has been lost.
    Missed(Kind, &'b [u8]),
    /// What it said was no message of a node, of so many bytes.
    Damaged(usize),
}

/// A payload: within what was received, or put together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload<'b> {
    Within(&'b [u8]),
    Own(Vec<u8>),
}

/// An engine, with what outlives a connection to it.
pub(super) trait Engine {
    /// Whether it brings back what is sent to it. Then subscribers here hear only what it brings, in its order.
    const ECHOES: bool;

    /// Begins anew on a connection: says who this is, and waits until that is accepted.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the reason.
    async fn greet(
        &mut self,
        connection: Connection,
        url: &EngineUrl,
        settings: &Settings,
    ) -> Result<Connection, Broken>;

    /// Which version of Redis the last connection's other side is, if it has said so.
    fn redis_version(&self) -> Option<&str> {
        None
    }

    /// Appends what tells it of a change.
    fn push_change(&mut self, change: &Change, output: &mut BytesMut);

    /// Appends a question that it answers behind everything that it was told before.
    fn push_probe(&mut self, probe: Option<u64>, output: &mut BytesMut);

    /// Takes what is to be sent; false if that is nothing.
    fn take(&mut self, entries: VecDeque<Entry<Order>>) -> bool;

    /// Takes something that is for another node, or for all of them.
    fn take_control(&mut self, to: Option<Origin>, bytes: Vec<u8>);

    /// Appends the next message, or a part of it; false if there is none.
    fn push_next(&mut self, output: &mut BytesMut, figures: &Figures) -> bool;

    /// Whether there is more to be sent.
    fn has_more(&self) -> bool;

    /// The next message that was taken and not sent at all, for an engine that echoes: it is heard here, at least.
    fn take_back(&mut self) -> Option<Message>;

    /// Does what the next thing asks for that has come as a whole, and lets `hear` know what else follows from it; false if
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`Broken`] where it is not understood.
    fn hear(
        &mut self,
        buffers: &mut Buffers,
        figures: &Figures,
        now_ms: u64,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<bool, Broken>;
}
