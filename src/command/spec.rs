//! What a command is: one entry beside its function. Dispatch, arity errors, the rules of the gate, COMMAND INFO, DOCS
//! and GETKEYS, HELP, statistics and the table of `docs/commands.md` are derived from it.

mod argument;

pub use self::argument::{Arg, ArgKind};
use super::cost::Cost;
use super::{Call, LocalCall};
use crate::backplane::control::Question;
use crate::config::Settings;
use crate::message::Kind;
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;

/// What runs a command. An error is answered to the client; otherwise the function has answered.
pub type Handler = fn(&mut Call<'_, '_>) -> Result<(), ReplyError>;

/// The same for a command that needs the thread of its client.
pub type LocalHandler = fn(&mut LocalCall<'_, '_>) -> Result<(), ReplyError>;

/// What runs a command, and where.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Any thread.
    Anywhere(Handler),
    /// The thread of its client.
    Here(LocalHandler),
}

/// The family a command is documented in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Cluster management.
    Cluster,
    /// Connection management.
    Connection,
    /// Keys of any type.
    Generic,
    /// Lists.
    List,
    /// Publish and subscribe.
    PubSub,
    /// Scripts.
    Scripting,
    /// Server management.
    Server,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// MULTI and what belongs to it.
    Transactions,
}

impl Group {
    /// The name COMMAND DOCS gives it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::List => "list",
            Group::PubSub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}

/// Truths about a command that the gate and COMMAND INFO use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $shown:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
            /// All flags with the names COMMAND INFO gives them, in its order; no name for those it does not show.
            pub const NAMED: &[(Flags, &str)] = &[$((Flags::$name, $shown)),*];
        }
    };
}

flags! {
    /// Changes keys.
    WRITE = 0, "write";
    /// Reads keys.
    READONLY = 1, "readonly";
    /// May need memory; refused when there is none.
    DENYOOM = 2, "denyoom";
    /// Calls for an operator.
    ADMIN = 3, "admin";
    /// Publish and subscribe.
    PUBSUB = 4, "pubsub";
    /// Not for scripts.
    NOSCRIPT = 5, "noscript";
    /// May wait.
    BLOCKING = 6, "blocking";
    /// Allowed while data is loaded.
    LOADING = 7, "loading";
    /// Allowed on a stale replica.
    STALE = 8, "stale";
    /// Not shown to MONITOR.
    SKIP_MONITOR = 9, "skip_monitor";
    /// Not kept by SLOWLOG.
    SKIP_SLOWLOG = 10, "skip_slowlog";
    /// Takes constant or logarithmic time.
    FAST = 11, "fast";
    /// Allowed before authentication.
    NO_AUTH = 12, "no_auth";
    /// Waits in a pause of writes, though it changes no key.
    MAY_REPLICATE = 13, "";
    /// Has keys, or not, depending on its arguments.
    NO_MANDATORY_KEYS = 14, "no_mandatory_keys";
    /// Needs a directive that allows it.
    PROTECTED = 15, "";
    /// Not while data is loaded in the background.
    NO_ASYNC_LOADING = 16, "no_async_loading";
    /// Not in MULTI.
    NO_MULTI = 17, "no_multi";
    /// Its keys cannot be found by position alone.
    MOVABLE_KEYS = 18, "movablekeys";
    /// Allowed while a script is busy, and while the server is ending.
    ALLOW_BUSY = 19, "allow_busy";
    /// Sent in a RESP2 connection that subscribes.
    SUBSCRIBED_MODE = 20, "";
    /// Runs inside MULTI instead of being queued.
    UNQUEUED = 21, "";
    /// Uses the keys, though it neither reads nor changes any.
    KEYSPACE = 22, "";
    /// What CLIENT CACHING said still holds after it.
    KEEPS_CACHING = 23, "";
    /// Makes its client a subscriber.
    SUBSCRIBES = 24, "";
    /// Runs what MULTI has queued.
    EXECUTES = 25, "";
    /// Lets go of what its client holds of the keys, if it holds anything.
    LETS_GO = 26, "";
    /// Shows how the other subcommands of its container are used.
    HELP = 27, "";
    /// Runs a script.
    RUNS_SCRIPT = 28, "";
    /// Goes to the upstream that has the keys, if one has, though it is not about keys alone.
    FORWARDED = 29, "";
}

impl Flags {
    /// Commands that take the lock of the keys have one of these.
    pub const KEYS: Flags = Flags::WRITE.and(Flags::READONLY).and(Flags::KEYSPACE);

    /// No flag.
    pub const NONE: Flags = Flags(0);

    /// These flags and the others.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is set.
    pub const fn has_any(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

/// Where keys stand in a command's arguments, and what becomes of them.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// What is done to the keys: words as COMMAND GETKEYSANDFLAGS shows them, `RW`, `access`, `update` and so on.
    pub flags: &'static [&'static str],
    /// Where the search begins.
    pub begin: BeginSearch,
    /// How keys are found from there.
    pub find: FindKeys,
}

impl KeySpec {
    /// One key, at this argument.
    pub const fn one(index: i32, flags: &'static [&'static str]) -> KeySpec {
        KeySpec::many(index, 0, flags)
    }

    /// The keys from this argument to `last`, which is relative to the first or, if negative, counts from the end.
    pub const fn many(index: i32, last: i32, flags: &'static [&'static str]) -> KeySpec {
        KeySpec { flags, begin: BeginSearch::Index(index), find: FindKeys::Range { last, step: 1, limit: 0 } }
    }

    /// Keys that only the command itself finds, with the reason why.
    pub const fn unknown(reason: &'static str, flags: &'static [&'static str], find: KeyFinder) -> KeySpec {
        KeySpec { flags, begin: BeginSearch::Unknown(reason), find: FindKeys::Unknown(find) }
    }
}

/// Finds the place of a key among the arguments.
pub type KeyFinder = fn(Args<'_>) -> Option<usize>;

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum BeginSearch {
    /// At this argument.
    Index(i32),
    /// Behind this word, looked for from this argument on (from the end if negative).
    Keyword(&'static str, i32),
    /// Where only the command itself knows, for this reason.
    Unknown(&'static str),
}

/// How keys are found from where the search begins.
#[derive(Clone, Copy, Debug)]
pub enum FindKeys {
    /// Up to `last` arguments further (from the end if negative), every `step`th; `limit` as in the reference.
    Range {
        /// The last key, relative to the first; negative counts from the end.
        last: i32,
        /// Distance between keys.
        step: i32,
        /// 2 means that keys fill only half of the range, and so on; 0 and 1 the whole.
        limit: i32,
    },
    /// As many as an argument says.
    Count {
        /// Where the number stands, relative to the beginning.
        count: i32,
        /// Where the first key stands, relative to the beginning.
        first: i32,
        /// Distance between keys.
        step: i32,
    },
    /// As only the command itself does.
    Unknown(KeyFinder),
}

/// Where channels or patterns stand in a command's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// The argument is a channel to publish to.
    Publish(usize),
    /// All arguments from here are channels to subscribe to.
    Subscribe(usize),
    /// All arguments from here are patterns to subscribe to.
    PatternSubscribe(usize),
}

/// One command, or one subcommand of a container.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name in lower case, without its container's.
    pub name: &'static str,
    /// What it does, in one sentence without a full stop.
    pub summary: &'static str,
    /// The version of Redis that introduced it; [`OWN`] if Redis has nothing of the kind.
    pub since: &'static str,
    /// Its family.
    pub group: Group,
    /// How its cost grows.
    pub complexity: &'static str,
    /// Its number of arguments with its name (and its container's); negative for at least so many.
    pub arity: i32,
    /// Truths about it.
    pub flags: Flags,
    /// ACL categories beside those that follow from flags and group, such as `dangerous`.
    pub categories: &'static [&'static str],
    /// Hints for clients that speak to several nodes.
    pub tips: &'static [&'static str],
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// Where its channels stand.
    pub channels: Option<Channels>,
    /// What it sends to a channel, if it does: its first argument is the channel, its second the payload.
    pub publishes: Option<Kind>,
    /// Its arguments.
    pub args: &'static [Arg],
    /// What the time that it takes depends on.
    pub cost: Cost,
    /// What other nodes of a deployment are asked, if anything, so that it answers for all of them.
    pub(crate) gathers: Option<fn(Args<'_>, &Settings) -> Option<Question>>,
    /// Versions that changed it, and how.
    pub history: &'static [(&'static str, &'static str)],
    /// Since when it is discouraged, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// What runs it; none for a container that needs a subcommand.
    pub run: Option<Handler>,
    /// What runs it instead where it needs the thread of its client.
    pub run_here: Option<LocalHandler>,
    /// Its subcommands.
    pub subcommands: &'static [Command],
}

/// When a command came that only this server has: its first version.
pub const OWN: &str = "0.1.0";

impl Command {
    /// What it does, in sentences, and whether Redis has it, too.
    pub(crate) fn description(&self) -> String {
        let own = if self.since == OWN { " Redis has nothing of the kind." } else { "" };
        format!("{}.{own}", self.summary)
    }

    /// A command with nothing special about it, to be completed by struct update.
    pub const DEFAULT: Command = Command {
        name: "",
        summary: "",
        since: "1.0.0",
        group: Group::Server,
        complexity: "O(1)",
        arity: 1,
        flags: Flags::NONE,
        categories: &[],
        tips: &[],
        keys: &[],
        channels: None,
        publishes: None,
        args: &[],
        cost: Cost::Implied,
        gathers: None,
        history: &[],
        deprecated: None,
        run: None,
        run_here: None,
        subcommands: &[],
    };

    /// What runs it, and where; none for a container that needs a subcommand.
    pub fn runner(&self) -> Option<Run> {
        self.run_here.map(Run::Here).or(self.run.map(Run::Anywhere))
    }

    /// Whether a call with `count` arguments, the name included, is long enough and not too long.
    pub fn accepts(&self, count: usize) -> bool {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let arity = i64::from(self.arity);
        if arity >= 0 { count == arity } else { count >= -arity }
    }
}
