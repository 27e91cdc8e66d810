//! EVAL and its family, SCRIPT, and what is said of functions, which do not exist here.

mod brief;
mod calling;
mod evaluating;

use evaluating::Source;

use super::cost::Cost;
use super::spec::{Arg, BeginSearch, Command, FindKeys, Flags, Group, KeySpec};
use super::{Call, introspect};
use crate::resp::errors::ReplyError;
use crate::script::cache::Sha;
use crate::script::running::Unkillable;

const RUNS: Flags = Flags::NOSCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLE_KEYS)
    .and(Flags::KEYSPACE)
    .and(Flags::RUNS_SCRIPT);
const WRITES: Flags = RUNS.and(Flags::MAY_REPLICATE);
const READS: Flags = RUNS.and(Flags::READONLY);
const DEFAULT: Command = Command {
    group: Group::Scripting,
    since: "2.6.0",
    flags: Flags::NOSCRIPT,
    cost: Cost::Arguments,
    ..Command::DEFAULT
};
const RUNNING: Command =
    Command { complexity: "Depends on the script that is executed", arity: -3, flags: WRITES, ..DEFAULT };

/// The keys behind their number.
const fn keys(flags: &'static [&'static str]) -> KeySpec {
    KeySpec { flags, begin: BeginSearch::Index(2), find: FindKeys::Count { count: 0, first: 1, step: 1 } }
}

const ARGS: [Arg; 3] =
    [Arg::integer("numkeys"), Arg::key("key").optional().multiple(), Arg::string("arg").optional().multiple()];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "eval",
        summary: "Runs a script",
        keys: &[keys(&["RW", "access", "update"])],
        args: &[Arg::string("script"), ARGS[0], ARGS[1], ARGS[2]],
        cost: Cost::Counted(brief::of_body),
        run: Some(|call| evaluating::run(call, Source::Body, false)),
        ..RUNNING
    },
    Command {
        name: "evalsha",
        summary: "Runs a script that the server knows by its digest",
        keys: &[keys(&["RW", "access", "update"])],
        args: &[Arg::string("sha1"), ARGS[0], ARGS[1], ARGS[2]],
        cost: Cost::Counted(brief::of_digest),
        run: Some(|call| evaluating::run(call, Source::Digest, false)),
        ..RUNNING
    },
    Command {
        name: "eval_ro",
        summary: "Runs a script that writes nothing",
        since: "7.0.0",
        flags: READS,
        keys: &[keys(&["RO", "access"])],
        args: &[Arg::string("script"), ARGS[0], ARGS[1], ARGS[2]],
        cost: Cost::Counted(brief::of_body),
        run: Some(|call| evaluating::run(call, Source::Body, true)),
        ..RUNNING
    },
    Command {
        name: "evalsha_ro",
        summary: "Runs a script that writes nothing and that the server knows by its digest",
        since: "7.0.0",
        flags: READS,
        keys: &[keys(&["RO", "access"])],
        args: &[Arg::string("sha1"), ARGS[0], ARGS[1], ARGS[2]],
        cost: Cost::Counted(brief::of_digest),
        run: Some(|call| evaluating::run(call, Source::Digest, true)),
        ..RUNNING
    },
    Command {
        name: "script",
        summary: "Groups the commands about scripts that the server knows",
        complexity: "Depends on subcommand",
        arity: -2,
        flags: Flags::NONE,
        subcommands: SCRIPT,
        ..DEFAULT
    },
    Command {
        name: "function",
        summary: "Refused: there are scripts, but no libraries of functions",
        since: "7.0.0",
        arity: -2,
        run: Some(|_| Err(ReplyError::NO_FUNCTIONS)),
        ..DEFAULT
    },
    Command {
        name: "fcall",
        summary: "Refused: there are scripts, but no libraries of functions",
        since: "7.0.0",
        arity: -3,
        run: Some(|_| Err(ReplyError::NO_FUNCTIONS)),
        ..DEFAULT
    },
    Command {
        name: "fcall_ro",
        summary: "Refused: there are scripts, but no libraries of functions",
        since: "7.0.0",
        arity: -3,
        run: Some(|_| Err(ReplyError::NO_FUNCTIONS)),
        ..DEFAULT
    },
];

const SCRIPT: &[Command] = &[
    Command {
        name: "load",
        summary: "Keeps a script, which EVALSHA runs",
        complexity: "O(N) with N being the length in bytes of the script body",
        arity: 3,
        // Made ready on the thread that runs scripts, which has the interpreter.
        flags: Flags::NOSCRIPT.and(Flags::STALE).and(Flags::KEYSPACE),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        args: &[Arg::string("script")],
        cost: Cost::Long,
        run: Some(evaluating::load),
        ..DEFAULT
    },
    Command {
        name: "exists",
        summary: "Returns which scripts the server knows",
        complexity: "O(N) with N being the number of scripts to check",
        arity: -3,
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
        args: &[Arg::string("sha1").multiple()],
        run: Some(exists),
        ..DEFAULT
    },
    Command {
        name: "show",
        summary: "Returns a script that the server knows",
        since: "8.0.0",
        arity: 3,
        args: &[Arg::string("sha1")],
        run: Some(show),
        ..DEFAULT
    },
    Command {
        name: "flush",
        summary: "Forgets all scripts",
        complexity: "O(N) with N being the number of scripts in cache",
        arity: -2,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        args: &[Arg::one_of("flush-type", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")])
            .since("6.2.0")
            .optional()],
        run: Some(flush),
        ..DEFAULT
    },
    Command {
        name: "kill",
        summary: "Ends the script that is running, unless it has written",
        arity: 2,
        flags: Flags::NOSCRIPT.and(Flags::ALLOW_BUSY),
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        run: Some(kill),
        ..DEFAULT
    },
    Command {
        name: "debug",
        summary: "Refused: scripts cannot be debugged here",
        since: "3.2.0",
        arity: 3,
        args: &[Arg::string("mode")],
        run: Some(|_| Err(ReplyError::NO_SCRIPT_DEBUG)),
        ..DEFAULT
    },
    Command { flags: Flags::LOADING.and(Flags::STALE).and(Flags::HELP), ..introspect::help_of(Group::Scripting) },
];

/// A digest in any case, if it is one.
fn digest(text: &[u8]) -> Option<Sha> {
    let mut sha: Sha = text.try_into().ok()?;
    sha.make_ascii_lowercase();
    Some(sha)
}

fn exists(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let digests = call.args.from(2);
    call.reply.array(digests.len());
    let cache = call.server.scripts.cache.lock();
    digests.for_each(|text| call.reply.integer(i64::from(digest(text).is_some_and(|sha| cache.has(&sha)))));
    Ok(())
}

fn show(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let found = digest(&call.args[2]).and_then(|sha| call.server.scripts.cache.lock().find(&sha));
    let script = found.ok_or(ReplyError::NO_SCRIPT)?;
    call.reply.bulk(&script.body);
    Ok(())
}

fn flush(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let understood = match call.args.len() {
        2 => true,
        3 => call.is_word(2, "async") || call.is_word(2, "sync"),
        _ => false,
    };
    if !understood {
        return Err(ReplyError::SCRIPT_FLUSH);
    }
    call.server.scripts.cache.lock().flush();
    call.reply.ok();
    Ok(())
}

fn kill(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.server.scripts.running.kill().map_err(|obstacle| match obstacle {
        Unkillable::Idle => ReplyError::NOT_BUSY,
        Unkillable::HasWritten => ReplyError::UNKILLABLE,
    })?;
    tracing::warn!(client = call.info.id, "the running script is killed");
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
