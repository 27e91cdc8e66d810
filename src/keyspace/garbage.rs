//! Tables that were emptied. Freeing millions of keys takes long, so it is not done under the lock.

use std::any::Any;
use std::sync::Arc;

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
    at_once: Vec<Box<dyn Any + Send>>,
    later: Vec<Box<dyn Any + Send>>,
}

impl Garbage {
    /// Adds something that is large.
    pub(super) fn add(&mut self, item: impl Any + Send, disposal: Disposal) {
        match disposal {
            Disposal::AtOnce => self.at_once.push(Box::new(item)),
            Disposal::Later => self.later.push(Box::new(item)),
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
            let (server, items) = (server.clone(), self.later);
            std::thread::spawn(move || server.memory.elsewhere(|| drop(items)));
        }
    }
}
