//! What a session remembers from one command to the next, and why its commands wait.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::acl::Acl;
use crate::backplane::gather::{self, Gathered};
use crate::command::elsewhere::execution::Execution;
use crate::command::elsewhere::loan::Borrower;
use crate::command::elsewhere::task::{self, Request};
use crate::command::pubsub::subscribers::Asked;
use crate::command::pubsub::subscribing::Subscribing;
use crate::config::Settings;
use crate::keyspace::watchers::Watch;
use crate::pause::PauseMode;
use crate::relay::{Credentials, Relay};
use crate::resp::args::Shelf;
use crate::resp::decode::{Limits, OwnedArgs};
use crate::server::governor::Answer;
use crate::shutdown::Round;

use super::Awaited;

/// Whether replies are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// They are.
    #[default]
    On,
    /// They are not.
    Off,
    /// This command's is, the next one's is not.
    SkipNext,
    /// This command's is not.
    Skip,
}

/// What MULTI has collected.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The commands, with their places in the table.
    pub(crate) queue: Vec<Request>,
    /// Where their arguments lie.
    pub(crate) shelf: Shelf,
    /// Whether a command was refused, so that EXEC must fail.
    pub failed: bool,
    /// Whether the upstream has what was queued, and executes it.
    pub(crate) relayed: bool,
    /// By which rights of its user what the upstream has of it was judged.
    pub(crate) rights: u64,
    /// The database that is selected when the upstream has executed it, if it selects one.
    pub(crate) db: Option<u16>,
}

/// Why a client's commands wait.
#[derive(Debug)]
pub(crate) enum Blocked {
    /// A pause of this kind is in force; this command has still to run.
    Paused(OwnedArgs, PauseMode),
    /// Other workers have still to obey an order of its last command.
    Ordered(Arc<AtomicUsize>),
    /// DEBUG SLEEP, until this moment in milliseconds of the server's clock.
    Sleeping(u64),
    /// A blocking command: until one of its keys is fed, or this moment in milliseconds of the server's clock.
    OnKeys(Option<u64>),
    /// Its command runs elsewhere, and leaves its outcome there; whether CLIENT CACHING holds on after it.
    Elsewhere(task::Slot, bool),
    /// This command has still to run, when its client has been lent the keys.
    Borrowing(Borrower, OwnedArgs),
    /// EXEC, in steps.
    Executing(Box<Execution>),
    /// This command has still to run, when other nodes have said what they have.
    Gathering(gather::Slot, OwnedArgs),
    /// The next command has still to be taken from what was received, when the upstream has said so much.
    Upstream(Awaited),
    /// A command that begins or ends very many subscriptions, some in each turn.
    Subscribing(Box<Subscribing>),
    /// The thread that governs carries its command out, and leaves the answer there; whether that is sent.
    Governed {
        /// The answer, once there is one.
        answer: Answer,
        /// Whether the client has asked for none.
        muted: bool,
    },
    /// PUBSUB SUBSCRIBERS: until all workers have said who listens.
    Asking(Asked),
    /// SHUTDOWN: until the connection ends, or the request of this round is withdrawn.
    ShuttingDown(Round),
}

impl Blocked {
    /// Whether it has more to do as soon as others have had their turns, as far as is known.
    pub(crate) fn goes_on(&self) -> bool {
        match self {
            Blocked::Executing(_) => true,
            Blocked::Subscribing(subscribing) => subscribing.may_go_on(),
            _ => false,
        }
    }
}

/// What commands may know and change of their client's session on whatever thread they run.
#[derive(Debug, Default)]
pub struct Scope {
    /// The selected database.
    pub db: u16,
    /// CLIENT CACHING: whether the next command is an exception from what is tracked.
    pub caching: bool,
    /// While EXEC runs.
    pub executing: bool,
    /// While a script runs.
    pub scripted: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// WATCH.
    pub(crate) watch: Option<Box<Watch>>,
    /// What other nodes have said to what the command that runs is about.
    pub(crate) gathered: Option<Box<Gathered>>,
    /// Whether its last message had receivers: then the next one is encoded before the hub is locked.
    pub expects_receivers: bool,
}

impl Scope {
    /// Whether the next command is not answered.
    pub(crate) fn is_muted(&self) -> bool {
        matches!(self.reply_mode, ReplyMode::Off | ReplyMode::Skip)
    }

    /// Whether no command is answered.
    pub(crate) fn is_silent(&self) -> bool {
        self.reply_mode == ReplyMode::Off
    }
}

/// What only commands on the client's own thread may know and change of its session.
#[derive(Debug, Default)]
pub struct SessionState {
    /// Whether it has given the password, or none was needed when it connected.
    pub authenticated: bool,
    /// Between MULTI and EXEC.
    pub transaction: Option<Box<Transaction>>,
    /// Why its commands wait, if they do.
    pub(crate) blocked: Option<Blocked>,
    /// Whether the connection ends when its output has been written.
    pub close_after_reply: bool,
    /// What it has proven by who it is, where the upstream of its keys is to be shown that, too.
    pub(crate) credentials: Option<Arc<Credentials>>,
    /// What it and the upstream of its keys say to each other, if they have done so.
    pub(crate) relay: Option<Box<Relay>>,
}

impl SessionState {
    /// Whether the client's last command has begun or ended some subscriptions and not yet all.
    pub(crate) fn is_subscribing(&self) -> bool {
        matches!(self.blocked, Some(Blocked::Subscribing(_)))
    }
}

/// A client's side of what is said: what it asked for and how it wants to be answered, whatever bytes that arrived in.
#[derive(Debug, Default)]
pub struct Conversation {
    /// What commands on any thread may know of it.
    pub scope: Scope,
    /// What else there is.
    pub state: SessionState,
}

impl Conversation {
    /// How large its requests may be.
    pub(super) fn limits(&self, settings: &Settings, acl: &Acl) -> Limits {
        let max_bulk = usize::try_from(settings.proto_max_bulk_len.0).unwrap_or(usize::MAX);
        Limits { max_bulk, authenticated: self.state.authenticated || acl.default.is_open() }
    }
}
