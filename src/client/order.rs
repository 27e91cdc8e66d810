//! What workers are ordered to do with their clients by others, behind what was published before.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::Closing;
use super::notice::Notice;
use super::registry::ClientInfo;
use crate::mailbox::Cost;
use crate::message::Frame;
use crate::resp::answer::Answer;
use crate::resp::decode::OwnedArgs;

/// The hub of this server: its mailboxes carry orders beside messages.
pub type Hub = crate::hub::Hub<Order>;
/// Access to it.
pub type HubAccess<'a> = crate::hub::access::HubAccess<'a, Order>;

/// An order to a worker.
#[derive(Debug)]
pub enum Order {
    /// Something for one client, which lives on that worker or is on its way to it.
    To(Arc<ClientInfo>, Errand),
    /// A line for every client of this worker that monitors.
    Monitor(Frame),
    /// Every client of this worker may go on: a pause has ended.
    ResumeAll,
}

/// What is to be done with one client.
#[derive(Debug)]
pub enum Errand {
    /// It ends: its subscriptions now, its connection as soon as its thread comes to it; then say so.
    Kill(Receipt),
    /// It ends in the same way if it listens to what its user may not listen to any more; then say that this is settled.
    Judge(Receipt),
    /// Its connection ends for this reason.
    Close(Closing),
    /// It may go on with what it waits for.
    Resume,
    /// It is told to forget keys.
    Tell(Notice),
    /// It is given the answer that it has waited for.
    Serve(Answer),
    /// It waits no more, and its request is executed anew.
    Return(Box<Returned>),
}

/// A request of a client that has waited.
#[derive(Debug)]
pub struct Returned {
    pub(crate) args: OwnedArgs,
    /// Whether it is not answered.
    pub(crate) muted: bool,
}

/// Who waits until several workers have obeyed an order.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// How many orders are still to be obeyed.
    pub(crate) missing: Arc<AtomicUsize>,
    /// The client that waits.
    pub(crate) client: Arc<ClientInfo>,
}

impl Cost for Order {
    fn cost(&self) -> usize {
        match self {
            Order::To(_, errand) => errand.cost(),
            Order::Monitor(line) => line.len(),
            Order::ResumeAll => 0,
        }
    }
}

impl Cost for Errand {
    fn cost(&self) -> usize {
        match self {
            Errand::Kill(_) | Errand::Judge(_) | Errand::Close(_) | Errand::Resume => 0,
            Errand::Tell(notice) => notice.cost(),
            Errand::Serve(answer) => answer.len(),
            Errand::Return(request) => request.args.size_bytes(),
        }
    }
}
