//! Why the server closes a connection.

use std::io;

/// Why a connection ends before its peer ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// CLIENT KILL.
    Killed,
    /// It listened to what its user may not listen to any more.
    Revoked,
    /// More waits to be written than the hard limit allows.
    HardLimit,
    /// More waits to be written than the soft limit allows, for longer than it allows.
    SoftLimit,
    /// Nothing was received for `timeout`.
    Idle,
    /// What it has sent and still waits to be run is longer than `client-query-buffer-limit`.
    QueryBuffer,
    /// All clients together need more memory than `maxmemory-clients`.
    Evicted,
    /// Its peer's system does not answer any more.
    DeadPeer,
    /// The server empties itself, and it has had its time.
    Drained,
    /// The socket does not take output any more.
    WriteFailed,
    /// Its command has failed as none should.
    Failed,
    /// The upstream has gone in the midst of an answer.
    UpstreamLost,
}

impl Closing {
    /// What a failure of the socket means: its system gives up a peer that does not answer, too.
    pub(crate) fn of_failure(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Closing::DeadPeer } else { Closing::WriteFailed }
    }

    /// Whether nobody needs to be warned of it: it is ordered, or happens all the time.
    pub(crate) fn is_usual(self) -> bool {
        matches!(self, Closing::Killed | Closing::Revoked | Closing::Idle | Closing::Drained | Closing::WriteFailed)
    }

    /// The reason as the log gives it.
    pub fn reason(self) -> &'static str {
        match self {
            Closing::Killed => "killed by CLIENT KILL",
            Closing::Revoked => "its user may not listen to that any more",
            Closing::HardLimit => "output buffer hard limit reached",
            Closing::SoftLimit => "output buffer soft limit reached",
            Closing::Idle => "idle for longer than timeout",
            Closing::QueryBuffer => "query buffer limit reached",
            Closing::Evicted => "evicted: maxmemory-clients reached",
            Closing::DeadPeer => "the peer does not answer any more",
            Closing::Drained => "the server is draining",
            Closing::WriteFailed => "the socket takes no more output",
            Closing::Failed => "its command failed",
            Closing::UpstreamLost => "the upstream has gone in the midst of an answer",
        }
    }
}
