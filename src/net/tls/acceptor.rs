//! What encrypts the connections that begin, and how many of them have not begun to be served yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};

use parking_lot::RwLock;
use rustls::server::UnbufferedServerConnection;
use tokio::sync::Notify;

use super::encrypted::Encrypted;
use super::setup::Credentials;
use crate::observe::seldom::Seldom;

/// What all threads share of the beginning of encrypted connections.
#[derive(Debug, Default)]
pub(crate) struct Acceptor {
    credentials: RwLock<Option<Arc<Credentials>>>,
    under_way: AtomicUsize,
    /// Rung when a handshake has ended.
    freed: Notify,
    /// Rung when files are to be taken now.
    pub(crate) renew: Notify,
    /// Handshakes that have failed.
    pub(crate) complaints: Seldom,
}

impl Acceptor {
    /// What is in force; none before the first.
    pub(crate) fn credentials(&self) -> Option<Arc<Credentials>> {
        self.credentials.read().clone()
    }

    /// Puts other credentials in force, for connections that begin from now on. Answers those of before.
    pub(crate) fn replace(&self, credentials: Option<Arc<Credentials>>) -> Option<Arc<Credentials>> {
        std::mem::replace(&mut *self.credentials.write(), credentials)
    }

    /// Begins a handshake, which counts as under way as long as its [`Ticket`] lives. None without credentials.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<(Encrypted, Ticket)> {
        let config = self.credentials.read().as_ref()?.config.clone();
        let connection = UnbufferedServerConnection::new(config).ok()?;
        self.under_way.fetch_add(1, AcqRel);
        Some((Encrypted::new(connection), Ticket(self.clone())))
    }

    /// Whether fewer than `limit` handshakes are under way.
    pub(crate) fn has_room(&self, limit: u32) -> bool {
        self.under_way.load(Acquire) < limit as usize
    }

    /// Waits until a handshake has ended that was under way when this was first polled.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }
}

/// A handshake that is under way.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Acceptor>);

impl Ticket {
    /// Who began it.
    pub(crate) fn acceptor(&self) -> &Acceptor {
        &self.0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, AcqRel);
        self.0.freed.notify_one();
    }
}
