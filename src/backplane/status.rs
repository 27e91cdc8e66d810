//! How the connection to an engine is doing.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::observe::counters::Counter;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none.
    #[default]
    Down,
    /// There is one, and the engine is being told what is wanted.
    Restoring,
    /// The engine knows everything.
    Up,
}

impl Phase {
    /// As INFO says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Phase::Down => "down",
            Phase::Restoring => "restoring",
            Phase::Up => "up",
        }
    }
}

/// What is known of the connection at a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    pub(crate) phase: Phase,
    /// The engine's address, without credentials.
    pub(crate) engine: String,
    /// This node's own, as others are told it.
    pub(crate) address: String,
    /// The port for clients that encrypt; 0 for none.
    pub(crate) tls_port: u16,
    /// Why there was no connection the last time.
    pub(crate) last_error: String,
    /// Which version of Redis the engine is, if it says so.
    pub(crate) redis_version: Option<String>,
}

impl Condition {
    /// Whether there is a connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.phase != Phase::Down
    }
}

/// Turns the list below into [`Figures`] and their names.
macro_rules! figures {
    ($($(#[doc = $help:literal])+ $field:ident,)+) => {
        /// What is counted: each counter is written by several threads.
        #[derive(Debug, Default)]
        pub(crate) struct Figures {
            $($(#[doc = $help])+ pub(crate) $field: Counter,)+
        }

        impl Figures {
            /// All of them, with the names that INFO gives them.
            pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Counter)> {
                [$((stringify!($field), &self.$field)),+].into_iter()
            }
        }
    };
}

figures! {
    /// Connections that there were to an engine.
    connections,
    /// Messages sent to the engine.
    sent_messages,
    /// What the engine was sent of them, in bytes.
    sent_bytes,
    /// Messages received whole from the engine.
    received_messages,
    /// What the engine has sent of messages, in bytes.
    received_bytes,
    /// Messages that were dropped because the engine takes no name as long as that of their channel.
    oversized_messages,
    /// What had been heard before, was older than what had, or had been sent from here.
    repeated_messages,
    /// What was no message of a node.
    damaged_messages,
    /// Pieces of messages of which another piece was missing, or for which there was no room.
    lost_pieces,
    /// Refusals of the engine, which the log tells of.
    refusals,
    /// Answers about all nodes in which what one of them has is missing.
    incomplete_answers,
    /// Confirmations of subscriptions that did not wait any longer for the engine.
    late_confirmations,
    /// Keys that were dropped because another node has their slot.
    moved_keys,
    /// Commands that were sent on to an upstream for clients.
    forwarded_commands,
    /// Connections that were made to it for them.
    forwarded_connections,
}

/// What threads tell each other of the connection.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) figures: Figures,
    /// Whether something has been taken from the mailbox that the engine's socket has not taken; while this node goes, whether
    /// the engine has not said that it has everything. It is said before something is taken.
    pub(crate) owes: AtomicBool,
    /// Whether there is a connection.
    pub(crate) is_connected: AtomicBool,
    condition: Mutex<Condition>,
}

impl Status {
    pub(super) fn new() -> Self {
        Status {
            figures: Figures::default(),
            owes: AtomicBool::new(false),
            is_connected: AtomicBool::new(false),
            condition: Mutex::default(),
        }
    }

    /// What is known now.
    pub(crate) fn condition(&self) -> Condition {
        self.condition.lock().clone()
    }

    /// Where the connection is in its life now.
    pub(crate) fn phase(&self) -> Phase {
        self.condition.lock().phase
    }

    /// There is a connection to the engine at this address.
    pub(crate) fn note_connection(&self, engine: String) {
        self.figures.connections.add_shared(1);
        self.is_connected.store(true, Relaxed);
        self.update(|condition| (condition.phase, condition.engine) = (Phase::Restoring, engine));
    }

    /// There is none (any more), for this reason.
    pub(crate) fn note_end(&self, why: String) {
        self.is_connected.store(false, Relaxed);
        self.update(|condition| (condition.phase, condition.last_error) = (Phase::Down, why));
    }

    /// Something is known.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Condition)) {
        change(&mut self.condition.lock());
    }
}
