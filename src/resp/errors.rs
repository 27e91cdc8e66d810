//! Every error text that a client may be answered, in one place, because clients match on them.
//!
//! A text begins with its code, the first word, which `errorstats` counts.

use std::borrow::Cow;

/// An error reply: the command failed, the connection lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyError(Cow<'static, [u8]>);

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        impl ReplyError {
            $($(#[$doc])* pub const $name: ReplyError = ReplyError(std::borrow::Cow::Borrowed($text.as_bytes()));)*
        }
    };
}

mod acl;
mod generic;
mod list;
mod scripting;
mod stream;
mod string;
mod tracking;

fixed! {
    /// An option or its place is not understood.
    SYNTAX = "ERR syntax error";
    /// An argument should be an integer of 64 bits.
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    /// A command on a key of another type.
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    /// A command that needs memory, beyond `maxmemory`.
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    /// PUBLISH to a channel on which nodes speak with each other, or tell subscribers what they have lost.
    RESERVED_CHANNEL = "ERR channels that begin with __pregon__: are for what servers say themselves";
    /// PUBSUB TRACE with a rate that is none.
    TRACE_RATE = "ERR the rate must be 1/n, or n, for one message in n";
    /// PUBLISH without a connection to the engine.
    OFFLINE = "OFFLINE no connection to the backplane: the message was not published, because other nodes would not hear it";
    /// PREGON SLOW with a word that is no policy.
    SLOW_POLICY = "ERR unknown policy for slow subscribers. There are disconnect, drop-oldest, drop-newest, conflate and default";
    /// PREGON SLOW with a limit that is none.
    SLOW_LIMIT = "ERR a limit is a number of bytes, which may have a unit, and one of messages. 0 is for no limit of its own";
    /// PREGON NODES of a server on its own.
    NO_BACKPLANE = "ERR this server has no backplane: there are no other nodes";
    /// A command on keys beside a backplane.
    KEYS_BESIDE_BACKPLANE = "ERR keys stay on one server and messages reach all, so commands on keys are refused here: set backplane-keys to local if each server is to have keys of its own, or to forward if an upstream has them";
    /// A command on keys whose answer the upstream did not give before the connection to it ended.
    UPSTREAM_LOST = "ERR the connection to the upstream was lost before it had answered: the command may have been executed";
    /// What concerns a connection as a whole, in a transaction that the upstream executes.
    NOT_WITH_KEYS = "ERR this command can not be in a transaction with commands on keys, which the upstream executes";
    /// CLIENT TRACKING with REDIRECT where the upstream has the keys.
    REDIRECT_FORWARDED = "ERR REDIRECT is not possible where keys are forwarded to an upstream: switch to RESP3";
    /// A command that this server does not have, or a script, of a user that may not do everything.
    NOT_TO_BE_JUDGED = "NOPERM what this command does can not be judged here, so only users that may do everything (allcommands allkeys allchannels) may send it";
    /// A time-out in seconds is not a number.
    TIMEOUT_NOT_A_FLOAT = "ERR timeout is not a float or out of range";
    /// CLIENT UNBLOCK with ERROR, for the client that waited.
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    /// A time-out is not a number.
    TIMEOUT_NOT_AN_INTEGER = "ERR timeout is not an integer or out of range";
    /// A time-out is below zero.
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    /// A command before AUTH where a password is set.
    NOAUTH = "NOAUTH Authentication required.";
    /// AUTH or HELLO with the wrong user or password.
    WRONGPASS = "WRONGPASS invalid username-password pair or user is disabled.";
    /// AUTH with one argument where no password is set.
    NO_PASSWORD_SET = "ERR AUTH <password> called without any password configured for the default user. \
        Are you sure your configuration is correct?";
    /// HELLO without AUTH where a password is set.
    HELLO_NOAUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
        HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the \
        RESP protocol version at the same time";
    /// HELLO with a version other than 2 and 3.
    NOPROTO = "NOPROTO unsupported protocol version";
    /// HELLO with a version that is not an integer.
    HELLO_VERSION = "ERR Protocol version is not an integer or out of range";
    /// SELECT beyond `databases`.
    DB_OUT_OF_RANGE = "ERR DB index is out of range";
    /// A name or library name with white space or other bytes outside the printable range.
    CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    /// A command that MULTI does not take.
    NOT_IN_MULTI = "ERR Command not allowed inside a transaction";
    /// EXEC after a command could not be queued.
    EXECABORT = "EXECABORT Transaction discarded because of previous errors.";
    /// MULTI in MULTI.
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    /// EXEC alone.
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    /// DISCARD alone.
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    /// CLIENT KILL in its old form found nobody.
    NO_SUCH_CLIENT = "ERR No such client";
    /// CLIENT KILL ID with something else than a positive integer.
    CLIENT_ID_POSITIVE = "ERR client-id should be greater than 0";
    /// CLIENT LIST ID with something else than an integer.
    INVALID_CLIENT_ID = "ERR Invalid client ID";
    /// CLIENT PAUSE with an unknown mode.
    PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    /// Something that only a disk could do.
    NO_DISK = "ERR nothing is kept on disk: this server holds all data in memory and never saves";
    /// The connection would be one more than `maxclients`.
    MAX_CLIENTS = "ERR max number of clients reached";
    /// A new connection to a server that empties itself.
    DRAINING = "ERR this server is about to end and lets nobody in: connect to another one";
    /// PREGON DRAIN ABORT of a server that does not.
    NO_DRAIN = "ERR the server does not drain: there is nothing to withdraw";
    /// A time-out that ends beyond the calendar.
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    /// CLIENT KILL MAXAGE with something else than an integer.
    MAXAGE_NOT_AN_INTEGER = "ERR maxage is not an integer or out of range";
    /// CLIENT KILL MAXAGE with zero or less.
    MAXAGE_POSITIVE = "ERR maxage should be greater than 0";
    /// A filter IDLE with something else than an integer.
    IDLE_NOT_AN_INTEGER = "ERR idle is not an integer or out of range";
    /// A filter IDLE with zero or less.
    IDLE_POSITIVE = "ERR idle should be greater than 0";
    /// CLIENT UNBLOCK with an unknown reason.
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    /// COMMAND GETKEYS of a command that does not exist.
    INVALID_COMMAND = "ERR Invalid command specified";
    /// COMMAND GETKEYS of a command that takes no keys.
    NO_KEY_ARGUMENTS = "ERR The command has no key arguments";
    /// COMMAND GETKEYS of a command with too few or too many arguments.
    INVALID_COMMAND_ARITY = "ERR Invalid number of arguments specified for command";
    /// COMMAND GETKEYS of a command whose arguments make no sense.
    INVALID_COMMAND_ARGUMENTS = "ERR Invalid arguments specified for command";
    /// SLOWLOG GET with something else than a count or -1.
    SLOWLOG_COUNT = "ERR count should be greater than or equal to -1";
    /// An integer below zero where that means nothing.
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    /// DEBUG where `enable-debug-command` does not allow it.
    DEBUG_REFUSED = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
        from a local connection, otherwise you need to set this option in the configuration file, and then restart the \
        server.";
    /// DEBUG about a key.
    NO_SUCH_KEY = "ERR no such key";
    /// DEBUG PROTOCOL with a type that does not exist.
    DEBUG_PROTOCOL = "ERR Wrong protocol type name. Please use one of the following: \
        string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
    /// DEBUG PROTOCOL push to a RESP2 client.
    PUSH_NEEDS_RESP3 = "ERR RESP2 is not supported by this command";
    /// DEBUG RELOAD with an unknown option.
    DEBUG_RELOAD = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    /// DEBUG QUICKLIST-PACKED-THRESHOLD with something that is no size.
    PACKED_THRESHOLD = "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    /// MONITOR in EXEC, whose answer has a length.
    MONITOR_IN_EXEC = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    /// SHUTDOWN ABORT alone.
    NO_SHUTDOWN = "ERR No shutdown in progress.";
    /// SHUTDOWN that somebody withdrew.
    SHUTDOWN_WITHDRAWN = "ERR Errors trying to SHUTDOWN. Check logs.";
    /// CONFIG SET or REWRITE when very many of them wait.
    TOO_MANY_CHANGES = "ERR Too many changes of the configuration are under way, try again later";
    /// CONFIG REWRITE between MULTI and EXEC.
    REWRITE_IN_MULTI = "ERR CONFIG REWRITE is not allowed within a transaction: nothing there waits for a file";
    /// REPLICAOF with a port that is none.
    MASTER_PORT = "ERR Invalid master port";
    /// REPLICAOF with another server.
    NO_REPLICATION = "ERR replication is not supported: this server is always its own master";
    /// WAITAOF for an append-only file of this server.
    WAITAOF_LOCAL = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    /// CLUSTER and its companions.
    NO_CLUSTER = "ERR This instance has cluster support disabled";
    /// A command that changes a cluster, in one that changes by itself.
    CLUSTER_BY_ITSELF = "ERR slots are dealt out to the nodes that are there, and nobody has to see to that";
    /// A command on keys of several slots.
    CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";
    /// A command on keys while it is not known who has which slot.
    CLUSTER_DOWN = "CLUSTERDOWN The cluster is down";
    /// A key of another node in a script.
    NOT_LOCAL = "ERR Script attempted to access a non local key in a cluster node";
    /// SELECT in a cluster.
    NO_SELECT = "ERR SELECT is not allowed in cluster mode";
    /// SWAPDB in a cluster.
    NO_SWAPDB = "ERR SWAPDB is not allowed in cluster mode";
    /// MOVE in a cluster.
    NO_MOVE = "ERR MOVE is not allowed in cluster mode";
    /// COPY to another database in a cluster.
    NO_COPY = "ERR Copying to another database is not allowed in cluster mode";
    /// A connection from another machine in protected mode.
    PROTECTED_MODE = "DENIED Pregon is running in protected mode: no password is set for the default user, so only \
        clients on its own machine, over the loopback interface or a Unix socket, are served. To connect from elsewhere, do one of the following: 1) set a password, \
        with 'requirepass' in the configuration file or with CONFIG SET requirepass from the server's machine, and give \
        it with AUTH; 2) if the network keeps strangers away, switch protected mode off with CONFIG SET protected-mode \
        no from the server's machine, and CONFIG REWRITE to keep it; 3) switch it off in the configuration file with \
        'protected-mode no' and start the server again; 4) start the server by hand with '--protected-mode no'.";
}

/// What another server says of a command that it refuses, without the arguments that one repeats which does not know the command:
/// a password may be among them.
pub(crate) fn without_arguments(text: &str) -> &str {
    text.split_once(", with args").map_or(text, |(text, _)| text)
}

impl ReplyError {
    /// An error with the code `ERR` and `text` behind it.
    pub fn err(text: impl AsRef<[u8]>) -> Self {
        Self::coded("ERR", text)
    }

    /// A command on keys that an upstream has, to which there is no way for this reason.
    pub(crate) fn upstream_away(why: &str) -> Self {
        Self::err(format!("the upstream that has the keys is not reached: {why}"))
    }

    /// A command on keys that the node at this address has.
    pub(crate) fn moved(slot: u16, address: &str) -> Self {
        Self::coded("MOVED", format!("{slot} {address}"))
    }

    /// An error with a code of its own. Line ends in `text` become blanks.
    pub fn coded(code: &str, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        let mut bytes = Vec::with_capacity(code.len() + 1 + text.len());
        bytes.extend_from_slice(code.as_bytes());
        bytes.push(b' ');
        bytes.extend(text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
        ReplyError(Cow::Owned(bytes))
    }

    /// An error whose text begins with its code. Line ends become blanks.
    pub(crate) fn raw(text: &[u8]) -> Self {
        let bytes = text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
        ReplyError(Cow::Owned(bytes.collect()))
    }

    /// No command of this name.
    pub fn unknown_command<'a>(name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut shown = Vec::new();
        for arg in args {
            if shown.len() >= SHOWN_BYTES {
                break;
            }
            let room = SHOWN_BYTES - shown.len();
            shown.push(b'\'');
            shown.extend_from_slice(shorten(arg, room));
            shown.extend_from_slice(b"' ");
        }
        let name = shorten(name, SHOWN_BYTES);
        Self::err([b"unknown command '", name, b"', with args beginning with: ", &shown].concat())
    }

    /// No subcommand of this name in `container`.
    pub fn unknown_subcommand(container: &str, name: &[u8]) -> Self {
        let name = shorten(name, SHOWN_BYTES);
        Self::err([b"unknown subcommand '", name, b"'. Try ", container.to_uppercase().as_bytes(), b" HELP."].concat())
    }

    /// A subcommand that exists, with arguments that it does not take.
    pub fn wrong_subcommand(container: &str, name: &[u8]) -> Self {
        let name = shorten(name, SHOWN_BYTES);
        let container = container.to_uppercase();
        Self::err(
            [
                b"unknown subcommand or wrong number of arguments for '",
                name,
                b"'. Try ",
                container.as_bytes(),
                b" HELP.",
            ]
            .concat(),
        )
    }

    /// PUBSUB TRACE while so many others do so, which is the most.
    pub(crate) fn too_many_tracers(most: u64) -> Self {
        Self::err(format!("{most} clients trace already, as channel-trace-clients allows"))
    }

    /// A channel or a pattern that is longer than its directive allows.
    pub fn too_long(what: &str, limit: u64, directive: &str) -> Self {
        Self::err(format!("{what} is longer than {limit} bytes, which is what '{directive}' allows"))
    }

    /// Too few or too many arguments; `full_name` as in `pubsub|numpat`.
    pub fn arity(full_name: &str) -> Self {
        Self::err(format!("wrong number of arguments for '{full_name}' command"))
    }

    /// A command that a RESP2 subscriber may not send.
    pub fn subscribed_mode(full_name: &str) -> Self {
        Self::err(format!(
            "Can't execute '{full_name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
             this context"
        ))
    }

    /// EXEC where something keeps the queued commands from running.
    pub fn exec_abort(cause: &ReplyError) -> Self {
        let cause = cause.text();
        let cause = cause.strip_prefix(b"ERR ").unwrap_or(cause);
        Self::coded("EXECABORT", [b"Transaction discarded because of: ", cause].concat())
    }

    /// A violation of the protocol, the last reply of a connection.
    pub fn protocol(text: &[u8]) -> Self {
        Self::err([b"Protocol error: ", text].concat())
    }

    /// An option of HELLO that is not known or lacks its arguments.
    pub fn hello_option(option: &[u8]) -> Self {
        Self::err([b"Syntax error in HELLO option '", option, b"'"].concat())
    }

    /// CLIENT LIST and CLIENT KILL with a TYPE that does not exist.
    pub fn unknown_client_type(name: &[u8]) -> Self {
        Self::err([b"Unknown client type '", name, b"'"].concat())
    }

    /// A filter FLAGS with letters that no client has.
    pub fn unknown_client_flags(letters: &[u8]) -> Self {
        Self::err([b"Unknown flags found in the provided filter: ", letters].concat())
    }

    /// ACL CAT with a category that does not exist.
    pub fn unknown_category(name: &[u8]) -> Self {
        Self::err([b"Unknown category '", name, b"'"].concat())
    }

    /// An integer outside the bounds that the command gives.
    pub fn out_of_bounds(min: i64, max: i64) -> Self {
        Self::err(format!("value is out of range, value must between {min} and {max}"))
    }

    /// CLIENT SETINFO of something else than the library's name and version.
    pub fn unrecognized_option(option: &[u8]) -> Self {
        Self::err([b"Unrecognized option '", option, b"'"].concat())
    }

    /// CLIENT SETINFO with white space or other bytes outside the printable range.
    pub fn client_attribute(attribute: &[u8]) -> Self {
        Self::err([attribute, b" cannot contain spaces, newlines or special characters."].concat())
    }

    /// CLIENT KILL USER with a user that does not exist.
    pub fn no_such_user(name: &[u8]) -> Self {
        Self::err([b"No such user '", name, b"'"].concat())
    }

    /// CLIENT TRACKING with prefixes of which one begins with the other.
    pub fn prefixes_overlap(one: &[u8], two: &[u8]) -> Self {
        let end = b"'. Prefixes for a single client must not overlap.";
        Self::err([b"Prefix '", one, b"' overlaps with another provided prefix '", two, end].concat())
    }

    /// LATENCY GRAPH of an event that has not happened.
    pub fn no_samples(event: &[u8]) -> Self {
        Self::err([b"No samples available for event '", event, b"'"].concat())
    }

    /// The text with its code, without line end.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The first word of the text.
    pub fn code(&self) -> &[u8] {
        self.0.split(|byte| *byte == b' ').next().unwrap_or_default()
    }
}

/// A violation of the protocol: reported once, then the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The count behind `*` is not an integer or too large.
    InvalidMultibulkLength,
    /// The length behind `$` is not an integer, negative or too large.
    InvalidBulkLength,
    /// No end of line within the first 64 KiB of a count.
    TooBigMultibulkCount,
    /// No end of line within the first 64 KiB of a length.
    TooBigBulkCount,
    /// No end of line within the first 64 KiB of an inline request.
    TooBigInline,
    /// A quote in an inline request is not closed.
    UnbalancedQuotes,
    /// An argument does not begin with `$` but with this byte.
    ExpectedDollar(u8),
    /// More than ten arguments before authentication.
    UnauthenticatedMultibulkLength,
    /// An argument of more than 16 KiB before authentication.
    UnauthenticatedBulkLength,
    /// The beginning of a TLS handshake.
    Encrypted,
}

impl ProtocolError {
    /// The text behind `-ERR Protocol error: `, as bytes because it may quote one of the peer's.
    pub fn text(&self) -> Vec<u8> {
        let fixed: &[u8] = match self {
            Self::InvalidMultibulkLength => b"invalid multibulk length",
            Self::InvalidBulkLength => b"invalid bulk length",
            Self::TooBigMultibulkCount => b"too big mbulk count string",
            Self::TooBigBulkCount => b"too big bulk count string",
            Self::TooBigInline => b"too big inline request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::ExpectedDollar(got) => return [b"expected '$', got '", &[*got][..], b"'"].concat(),
            Self::UnauthenticatedMultibulkLength => b"unauthenticated multibulk length",
            Self::UnauthenticatedBulkLength => b"unauthenticated bulk length",
            Self::Encrypted => b"TLS is not spoken on this port",
        };
        fixed.to_vec()
    }
}

/// How much of a peer's own words an error repeats, in bytes.
const SHOWN_BYTES: usize = 128;

/// The first `limit` bytes of `text`, and no further than a NUL, as a formatted C string would be shown.
fn shorten(text: &[u8], limit: usize) -> &[u8] {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    &text[..end.min(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: ReplyError) -> String {
        String::from_utf8_lossy(error.text()).into_owned()
    }

    #[test]
    fn an_unknown_command_is_shown_with_its_first_arguments() {
        let args: [&[u8]; 2] = [b"a", b"b\r\nc"];
        assert_eq!(
            text(ReplyError::unknown_command(b"foo", args.into_iter())),
            "ERR unknown command 'foo', with args beginning with: 'a' 'b  c' "
        );
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = [b'x'; 300];
        let shown = text(ReplyError::unknown_command(&name, [].into_iter()));
        assert_eq!(shown.matches('x').count(), 128, "{shown}");
    }

    #[test]
    fn the_code_is_the_first_word() {
        assert_eq!(ReplyError::NOAUTH.code(), b"NOAUTH");
        assert_eq!(ReplyError::err("x").code(), b"ERR");
    }
}
