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
pub(crate) mod job;
pub(crate) mod loan;
pub(crate) mod task;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::client::order::Errand;
use crate::client::registry::ClientInfo;
use crate::clock::Now;
use crate::command::trace;
use crate::resp::errors::ReplyError;
use crate::server::Server;

/// Whether a script has been running for longer than `busy-reply-threshold` at this moment.
pub(crate) fn is_busy(server: &Server, now: Now) -> bool {
    let threshold = Duration::from_millis(server.settings().busy_reply_threshold.0);
    server.scripts.running.is_busy(now.ms(), threshold)
}

/// While a script runs for so long, answers that to those whose commands wait behind it. To be called from time to time.
pub(crate) fn refuse_waiting(server: &Server) {
    if !is_busy(server, server.clock.now()) {
        return;
    }
    for job in server.executors.keys.take_refusable() {
        let client = job.client().clone();
        trace::count_error(&server.executors.others.stats, server, &ReplyError::BUSY);
        server.send(client, Errand::Serve(job.refuse(&ReplyError::BUSY)));
    }
}

/// Lets a client's session go on.
pub(crate) fn resume(server: &Server, client: &Arc<ClientInfo>) {
    server.send(client.clone(), Errand::Resume);
}
