//! What workers are ordered to do with their clients by others, behind what was published before.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;

use super::Closing;
use super::following::Mark;
use super::notice::Notice;
use super::registry::ClientInfo;
use crate::hub::name::Name;
use crate::ids::{Slot, Topic};
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
    /// Who listens to a channel, or to anything, has lost messages on their way here.
    Missed(Missed),
    /// The message before it has come so far.
    Mark(Arc<Mark>),
    /// Somebody wants to know who is in some lists.
    Survey(Survey),
    /// A client of another worker is served here from now on.
    Expect(Arrival),
}

/// A client that listens to something and is on its way to a worker. What was published before this is delivered where it has been,
/// what is published later to where it goes.
#[derive(Debug)]
pub struct Arrival {
    pub(crate) info: Arc<ClientInfo>,
    /// All that it listens to.
    pub(crate) places: Vec<Place>,
}

/// Something that a client listens to, and where the worker that it goes to keeps those who do.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) topic: Topic,
    pub(crate) name: Name,
    pub(crate) slot: Slot,
}

/// A question who listens to a name.
#[derive(Debug)]
pub struct Survey {
    /// The lists of a worker.
    pub(crate) lists: Vec<(Topic, Slot)>,
    /// How many clients are wanted at most of each: those for whom the most waits.
    pub(crate) most: usize,
    /// Where they are put, each with what it has subscribed to.
    pub(crate) found: Found,
    pub(crate) receipt: Receipt,
}

/// Who listens to a name.
pub(crate) type Found = Arc<Mutex<Vec<(Topic, Arc<ClientInfo>)>>>;

/// Messages that have not come from other servers.
#[derive(Clone, Debug)]
pub struct Missed {
    /// Who listened to their channel; none if that is not known, so that everybody may have missed some.
    pub(crate) listeners: Option<Listeners>,
    /// How many they are at least.
    pub(crate) messages: u64,
}

/// A channel, and the lists of those of a worker who listen to it.
#[derive(Clone, Debug)]
pub struct Listeners {
    pub(crate) topic: Topic,
    pub(crate) channel: Name,
    pub(crate) exact: Option<Slot>,
    pub(crate) patterns: Vec<(Slot, Name)>,
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
    /// It is told of a message that it traces.
    Trace(Arc<str>),
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
            Order::Missed(missed) => missed.listeners.as_ref().map_or(0, |of| of.channel.len()),
            Order::Mark(mark) => mark.cost(),
            Order::Survey(survey) => size_of_val(&survey.lists[..]),
            Order::Expect(arrival) => size_of_val(&arrival.places[..]),
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
            Errand::Trace(line) => line.len(),
        }
    }
}
