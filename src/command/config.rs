//! CONFIG: directives read, changed at run time and written back to their file.

use super::spec::{Arg, Command, Flags, Group};
use super::{Call, LocalCall, files, introspect};
use crate::client::held::Holding;
use crate::client::registry::Flag;
use crate::config::{Caller, Config, Effect, Plan, SetError, Settings, find};
use crate::observe::stats::WorkerStats;
use crate::observe::{log, resources};
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::server::governor::{Answer, FileWork};
use crate::session::Blocked;

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

fn set(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let names = (2..args.len()).step_by(2);
    let secret = |index: &usize| find(&args[*index]).is_some_and(|param| param.sensitive);
    call.secret_args.extend(names.filter(secret).map(|index| index + 1));
    if !args.len().is_multiple_of(2) {
        return Err(ReplyError::SYNTAX);
    }
    let (pairs, caller) = (pairs(args), Caller::from_here(call.info.address.is_local()));
    let plan = call.server.config.lock().plan(&pairs, caller)?;
    let system = plan.effects().find(|(_, effect)| effect.may_wait()).filter(|_| call.server.governor.is_open());
    if let Some((name, _)) = system {
        if call.scope.executing {
            return Err(SetError::failed(name, "can't be changed within a transaction").into());
        }
        let answer = call.server.governor.change(call.info, args.to_owned());
        return wait(call, answer);
    }
    let _alone = call.alone();
    change(call.server, |config| config.plan(&pairs, caller))?;
    call.reply.ok();
    Ok(())
}

/// The names and values of a CONFIG SET with these arguments.
pub(crate) fn pairs(args: Args<'_>) -> Vec<(&[u8], &[u8])> {
    (2..args.len()).step_by(2).filter_map(|index| Some((args.get(index)?, args.get(index + 1)?))).collect()
}

/// Lets the client wait until the thread that governs has done what was asked of it.
fn wait(call: &mut LocalCall<'_, '_>, answer: Option<Answer>) -> Result<(), ReplyError> {
    let answer = answer.ok_or(ReplyError::TOO_MANY_CHANGES)?;
    let muted = call.scope.is_muted();
    call.info.set_flag(Flag::Blocked, true);
    call.info.held.set(Holding::Postponed, call.args.to_owned().size_bytes());
    call.session.blocked = Some(Blocked::Governed { answer, muted });
    Ok(())
}

/// Changes directives as planned for what they are at this moment, all of them or none. What the system takes its time for
/// has been done.
///
/// # Errors
///
/// Whatever `plan` and [`prepare`] refuse.
pub(crate) fn change(server: &Server, plan: impl FnOnce(&Config) -> Result<Plan, SetError>) -> Result<(), SetError> {
    let (settings, logs, password) = {
        let mut config = server.config.lock();
        let plan = plan(&config)?;
        prepare(&plan)?;
        if plan.changed().is_empty() {
            return Ok(());
        }
        let logs = plan.effects().any(|(_, effect)| effect == Effect::Log);
        let password = plan.effects().any(|(_, effect)| effect == Effect::Password);
        config.commit(plan);
        server.apply_settings(config.settings().clone());
        (config.settings().clone(), logs, password)
    };
    if password {
        server.acl.set_default_password(settings.requirepass.password());
    }
    if logs {
        log::apply(&settings);
    }
    Ok(())
}

/// Asks the system for what a planned change needs of it and takes no time.
///
/// # Errors
///
/// [`SetError`] with what is possible instead.
pub(crate) fn prepare(plan: &Plan) -> Result<(), SetError> {
    for (name, _) in plan.effects().filter(|(_, effect)| *effect == Effect::Descriptors) {
        let Settings { maxclients, io_threads, .. } = plan.settings();
        resources::ensure_descriptors(*maxclients, plan.settings().descriptors_of_client(), io_threads.0).map_err(
            |possible| {
                let text = "The operating system is not able to handle the specified number of clients, try with";
                SetError::failed(name, format!("{text} {possible}"))
            },
        )?;
    }
    Ok(())
}

fn reset_stat(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    // The keys' lock is taken before the hub's.
    call.keys.hold(call.now).0.counts.reset();
    let _alone = call.alone();
    call.server.all_stats().for_each(WorkerStats::reset);
    call.server.stats.reset();
    call.reply.ok();
    Ok(())
}

fn rewrite(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if call.scope.executing {
        return Err(ReplyError::REWRITE_IN_MULTI);
    }
    file(call, FileWork::RewriteConfig)
}

/// Does work on a file, where nobody waits for it but this client.
pub(super) fn file(call: &mut LocalCall<'_, '_>, work: FileWork) -> Result<(), ReplyError> {
    if call.server.governor.is_open() {
        let answer = call.server.governor.file(call.info, work);
        return wait(call, answer);
    }
    files::carry_out(call.server, call.info, work).map_err(|error| files::answer(work, error))?;
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests;
