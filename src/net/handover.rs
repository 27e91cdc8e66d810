//! How a connection gets to the io-thread that is to serve it.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::client::registry::ClientInfo;
use crate::ids::WorkerId;
use crate::net::transport::Detached;
use crate::session::Luggage;

/// A connection that an io-thread is to serve.
#[derive(Debug)]
pub(crate) struct Guest {
    /// What it comes through.
    pub transport: Detached,
    /// What is known of it.
    pub info: Arc<ClientInfo>,
    /// What it brings from the io-thread that has served it before, if one has.
    pub luggage: Option<Box<Luggage>>,
}

/// The ways in to all io-threads. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Doors(Arc<[UnboundedSender<Guest>]>);

impl Doors {
    /// One for each of so many io-threads, with what each of them receives from.
    pub(crate) fn new(io_threads: usize) -> (Self, Vec<UnboundedReceiver<Guest>>) {
        let (doors, guests): (Vec<_>, _) = (0..io_threads).map(|_| mpsc::unbounded_channel()).unzip();
        (Self(doors.into()), guests)
    }

    /// Hands a connection to the thread of a worker. It is closed if the thread has ended, which is when the server ends.
    pub(crate) fn hand_over(&self, worker: WorkerId, guest: Guest) {
        let _ = self.0[worker].send(guest);
    }
}
