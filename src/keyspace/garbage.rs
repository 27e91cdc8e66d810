//! Databases that were emptied. Freeing millions of keys takes long, so it is not done under the lock.

use std::sync::Arc;

use super::database::Database;
use crate::server::Server;

/// When memory is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// Before the client is answered.
    AtOnce,
    /// Meanwhile.
    Later,
}

/// What is to be freed when the lock has been given back.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    at_once: Vec<Database>,
    later: Vec<Database>,
}

impl Garbage {
    /// Adds a database.
    pub(super) fn add(&mut self, database: Database, disposal: Disposal) {
        if database.len() > 0 {
            match disposal {
                Disposal::AtOnce => self.at_once.push(database),
                Disposal::Later => self.later.push(database),
            }
        }
    }

    /// Takes what there is, if there is anything.
    pub(super) fn take(&mut self) -> Option<Garbage> {
        let any = !self.at_once.is_empty() || !self.later.is_empty();
        any.then(|| std::mem::take(self))
    }

    /// Frees it all, some of it on a thread of its own.
    pub(crate) fn dispose(self, server: &Arc<Server>) {
        drop(self.at_once);
        if !self.later.is_empty() {
            let (server, databases) = (server.clone(), self.later);
            std::thread::spawn(move || server.memory.elsewhere(|| drop(databases)));
        }
    }
}
