//! How a connection gets to the io-thread that is to serve it, and a listener to the one that accepts from it.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::client::registry::ClientInfo;
use crate::ids::{Address, WorkerId};
use crate::net::listen::Listener;
use crate::net::tls::acceptor::Ticket;
use crate::net::transport::Detached;
use crate::resp::errors::ReplyError;
use crate::session::Luggage;

/// A connection that an io-thread is to serve.
#[derive(Debug)]
pub(crate) struct Guest {
    /// What it comes through; an error if the thread that has served it before has failed to give it up.
    pub transport: io::Result<Detached>,
    /// What is known of it.
    pub info: Arc<ClientInfo>,
    /// What it brings from the io-thread that has served it before, if one has.
    pub luggage: Option<Box<Luggage>>,
}

/// A connection that is to be encrypted before anybody serves it.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// What it comes through.
    pub transport: Detached,
    /// Its two ends.
    pub address: Address,
    /// That its handshake counts.
    pub ticket: Ticket,
    /// What it is told then instead of being served.
    pub refusal: Option<ReplyError>,
}

/// What an io-thread is given.
#[derive(Debug)]
pub(crate) enum Errand {
    /// A connection to encrypt, and then to serve.
    Introduce(Newcomer),
    /// A connection to serve.
    Serve(Guest),
    /// A listener to accept from.
    Attend(Arc<Listener>),
}

/// The ways in to all io-threads. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Doors(Arc<[UnboundedSender<Errand>]>);

impl Doors {
    /// One for each of so many io-threads, with what each of them receives from.
    pub(crate) fn new(io_threads: usize) -> (Self, Vec<UnboundedReceiver<Errand>>) {
        let (doors, errands): (Vec<_>, _) = (0..io_threads).map(|_| mpsc::unbounded_channel()).unzip();
        (Self(doors.into()), errands)
    }

    /// Hands a connection to the thread of a worker. It is closed if the thread has ended, which is when the server ends.
    pub(crate) fn hand_over(&self, worker: WorkerId, guest: Guest) {
        let _ = self.0[worker].send(Errand::Serve(guest));
    }

    /// The same for a connection that is still to be encrypted.
    pub(crate) fn introduce(&self, worker: WorkerId, newcomer: Newcomer) {
        let _ = self.0[worker].send(Errand::Introduce(newcomer));
    }

    /// Has the thread of a worker accept from a listener until that is closed.
    pub(crate) fn attend(&self, worker: WorkerId, listener: Arc<Listener>) {
        let _ = self.0[worker].send(Errand::Attend(listener));
    }
}
