//! The server itself: TIME, MONITOR, ROLE, MODULE, and what the modules below hold.
//!
//! | module | what it holds |
//! |---|---|
//! | [`acl`] | ACL: users, and what each of them may do |
//! | [`cluster`] | CLUSTER and its companions, all refused |
//! | [`debug`] | DEBUG, for the test suites of clients |
//! | [`disk`] | SAVE and what else a disk would do |
//! | [`lolwut`] | LOLWUT |
//! | [`replication`] | REPLICAOF, ROLE, WAIT and WAITAOF, without replicas |
//! | [`shutdown`] | SHUTDOWN |

mod acl;
mod cluster;
mod databases;
mod debug;
mod disk;
mod lolwut;
mod replication;
mod shutdown;
#[cfg(test)]
mod tests;

use super::spec::{Command, Flags, Group};
use super::{Call, LocalCall, introspect};
use crate::resp::errors::ReplyError;

const DEFAULT: Command = Command { group: Group::Server, ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "time",
        summary: "Returns the server's time",
        since: "2.6.0",
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST).and(Flags::FORWARDED),
        tips: &["nondeterministic_output"],
        run: Some(time),
        ..DEFAULT
    },
    Command {
        name: "monitor",
        summary: "Shows every request that the server executes, as it does so",
        complexity: "",
        flags: Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE),
        run_here: Some(monitor),
        ..DEFAULT
    },
    Command {
        name: "module",
        summary: "Groups the commands about modules",
        since: "4.0.0",
        complexity: "Depends on subcommand",
        arity: -2,
        subcommands: MODULE,
        ..DEFAULT
    },
    acl::ACL,
    cluster::ASKING,
    cluster::CLUSTER,
    cluster::READONLY,
    cluster::READWRITE,
    databases::DBSIZE,
    databases::FLUSHALL,
    databases::FLUSHDB,
    databases::SWAPDB,
    debug::DEBUG,
    disk::BGREWRITEAOF,
    disk::BGSAVE,
    disk::LASTSAVE,
    disk::SAVE,
    lolwut::LOLWUT,
    replication::REPLICAOF,
    replication::ROLE,
    replication::SLAVEOF,
    replication::WAIT,
    replication::WAITAOF,
    shutdown::SHUTDOWN,
];

const MODULE: &[Command] = &[
    Command {
        name: "list",
        summary: "Lists modules: there are none",
        since: "4.0.0",
        complexity: "O(N) where N is the number of loaded modules",
        arity: 2,
        flags: Flags::ADMIN.and(Flags::NOSCRIPT),
        tips: &["nondeterministic_output_order"],
        run: Some(|call| {
            call.reply.array(0);
            Ok(())
        }),
        ..DEFAULT
    },
    introspect::help_of(Group::Server),
];

fn time(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let unix = call.now.unix();
    call.reply.array(2);
    call.reply.bulk(unix.as_secs().to_string());
    call.reply.bulk(unix.subsec_micros().to_string());
    Ok(())
}

/// What was executed before is delivered first: the client must see nothing that is older than its request. A second
/// MONITOR is answered like the first (Redis never answers it, which clients cannot tell from a dead server).
fn monitor(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if call.scope.executing {
        return Err(ReplyError::MONITOR_IN_EXEC);
    }
    if !call.client.is_monitor() {
        call.queue_reply();
        call.worker.deliver(call.call.hub);
        call.worker.start_monitoring(call.client);
    }
    call.reply.ok();
    Ok(())
}
