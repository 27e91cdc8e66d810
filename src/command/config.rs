//! CONFIG: directives read, changed at run time and written back to their file.

use super::spec::{Arg, Command, Flags, Group};
use super::{Call, LocalCall, introspect};
use crate::config::{Caller, Plan, SetError, Settings, find};
use crate::observe::stats::WorkerStats;
use crate::process::resources;
use crate::resp::errors::ReplyError;
use crate::server::Server;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);
const DEFAULT: Command = Command { group: Group::Server, since: "2.0.0", flags: FLAGS, ..Command::DEFAULT };
/// A change concerns every node, and succeeds when it does on all of them.
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "config",
    summary: "Groups the commands that read and change directives",
    complexity: "Depends on subcommand",
    arity: -2,
    flags: Flags::NONE,
    subcommands: CONFIG,
    ..DEFAULT
}];

const CONFIG: &[Command] = &[
    Command {
        name: "get",
        summary: "Returns the directives that match, with their values",
        complexity: "O(N) when N is the number of configuration parameters provided",
        arity: -3,
        args: &[Arg::string("parameter").multiple()],
        history: &[("7.0.0", "Several patterns may be given in one call.")],
        run: Some(get),
        ..DEFAULT
    },
    Command {
        name: "set",
        summary: "Changes directives while the server runs, all of those given or none",
        complexity: "O(N) when N is the number of configuration parameters provided",
        arity: -4,
        tips: ALL_NODES,
        args: &[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).multiple()],
        history: &[("7.0.0", "Several parameters may be set in one call.")],
        run_here: Some(set),
        ..DEFAULT
    },
    Command {
        name: "resetstat",
        summary: "Sets the counters of INFO back to zero",
        arity: 2,
        flags: FLAGS.and(Flags::KEYSPACE),
        tips: ALL_NODES,
        run: Some(reset_stat),
        ..DEFAULT
    },
    Command {
        name: "rewrite",
        summary: "Writes changed directives into the configuration file",
        since: "2.8.0",
        arity: 2,
        tips: ALL_NODES,
        run_here: Some(rewrite),
        ..DEFAULT
    },
    introspect::help_of(Group::Server),
];

impl From<SetError> for ReplyError {
    fn from(error: SetError) -> Self {
        ReplyError::err(error.to_string())
    }
}

fn get(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let patterns: Vec<&[u8]> = call.args.from(2).collect();
    let found = call.server.config.lock().get(&patterns);
    call.reply.map(found.len());
    for (name, value) in &found {
        call.reply.bulk(name);
        call.reply.bulk(value);
    }
    Ok(())
}

/// All or nothing: what can fail, within this server and around it, is tried before anything changes.
fn set(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let args = call.args;
    let names = (2..args.len()).step_by(2);
    let secret = |index: &usize| find(&args[*index]).is_some_and(|param| param.sensitive);
    call.secret_args.extend(names.clone().filter(secret).map(|index| index + 1));
    if !args.len().is_multiple_of(2) {
        return Err(ReplyError::SYNTAX);
    }
    let pairs: Vec<(&[u8], &[u8])> = names.map(|index| (&args[index], &args[index + 1])).collect();
    let caller = if call.info.address.is_local() { Caller::Local } else { Caller::Remote };
    let mut config = call.server.config.lock();
    let plan = config.plan(&pairs, caller)?;
    prepare(call.server, config.settings(), &plan)?;
    if !plan.changed().is_empty() {
        config.commit(plan);
        call.server.apply_settings(config.settings().clone());
    }
    call.reply.ok();
    Ok(())
}

/// Does what a planned change means to the system, as the last step that can fail.
fn prepare(server: &Server, old: &Settings, plan: &Plan) -> Result<(), SetError> {
    let (new, changed) = (plan.settings(), plan.changed());
    if changed.contains(&"maxclients") {
        ensure_descriptors(new)?;
    }
    if let Some(name) = changed.iter().find(|name| matches!(**name, "port" | "bind")) {
        server.reconfigured.relisten(old, new).map_err(|error| {
            tracing::warn!(%error, "addresses not changed");
            let port_reason = "Unable to listen on this port. Check server logs.";
            let bind_reason = "Failed to bind to specified addresses.";
            SetError::failed(*name, if *name == "port" { port_reason } else { bind_reason })
        })?;
    }
    if changed.contains(&"tcp-keepalive") {
        server.reconfigured.set_keepalive(new);
    }
    Ok(())
}

/// Each client needs a file descriptor.
fn ensure_descriptors(settings: &Settings) -> Result<(), SetError> {
    let refusal = |possible| {
        let text = "The operating system is not able to handle the specified number of clients, try with";
        SetError::failed("maxclients", format!("{text} {possible}"))
    };
    resources::ensure_descriptors(settings.maxclients, settings.io_threads.0).map(drop).map_err(refusal)
}

fn reset_stat(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    // The keys' lock is taken before the hub's.
    call.keys.hold(call.now).0.counts.reset();
    let _alone = call.alone();
    call.server.workers.iter().map(|worker| &worker.stats).for_each(WorkerStats::reset);
    call.server.stats.reset();
    call.reply.ok();
    Ok(())
}

fn rewrite(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let result = call.server.config.lock().rewrite();
    match result {
        Ok(()) => tracing::info!("configuration file rewritten"),
        Err(error) => {
            tracing::warn!(%error, "configuration file not rewritten");
            return Err(ReplyError::err(error.to_string()));
        }
    }
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
