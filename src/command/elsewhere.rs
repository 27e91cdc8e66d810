//! Commands that take long run elsewhere than on the thread of their client, which has messages to deliver.
//!
//! There are two threads for them: one for commands on keys, which waits for the keys' lock as long as it takes, and one
//! for commands that only look at what clients, channels and commands there are. A client whose command runs there waits
//! as if it were blocked, so its commands keep their order. Its answer goes through its worker's mailbox like everything
//! that is published, so it comes in the order of what happens to keys: behind what the client is to forget before it, and
//! ahead of what its own command has caused.
//!
//! A thread that serves clients never waits for the keys' lock for longer than a short command takes: a request that finds
//! it taken goes the same way, behind those that came before. What needs both the keys and the client's own thread (a
//! transaction with SUBSCRIBE in it, for example) borrows the lock: see [`loan`].

pub(crate) mod execution;
pub mod executor;
pub(crate) mod loan;
pub(crate) mod task;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::client::order::{Errand, Order};
use crate::client::registry::ClientInfo;
use crate::mailbox::Sent;
use crate::server::Server;

/// Lets a client's session go on.
pub(crate) fn resume(server: &Server, client: &Arc<ClientInfo>) {
    send(server, client.clone(), Errand::Resume);
}

/// Lets something be done with a client on its own thread.
fn send(server: &Server, client: Arc<ClientInfo>, errand: Errand) {
    let mut sent = Sent::default();
    server.hub.lock().send(client.worker(), Order::To(client, errand), &mut sent);
    server.wake(sent.wake);
}
