//! COMMAND and its subcommands, and the HELP of every container: the table, shown to clients.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@info`] | what COMMAND INFO says of a command |
//! | [`mod@docs`] | what COMMAND DOCS says of a command |
//! | [`mod@usage`] | HELP, and arguments as people write them |

mod docs;
mod info;
#[cfg(test)]
mod tests;
mod usage;

pub(super) use usage::help;
pub use usage::usage;

use super::Call;
use super::cost::Cost;
use super::spec::{Arg, Command, Flags, Group};
use super::table::{self, Entry, Lookup};
use crate::pattern;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

const FLAGS: Flags = Flags::LOADING.and(Flags::STALE);
const DEFAULT: Command = Command {
    group: Group::Server,
    flags: FLAGS.and(Flags::FORWARDED),
    categories: &["connection"],
    ..Command::DEFAULT
};
const LOOK_UPS: &str = "O(N) where N is the number of commands to look up";
const ARGUMENTS: &str = "O(N) where N is the number of arguments to the command";
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

const NAMES: &[Arg] = &[Arg::string("command-name").optional().multiple()];
const REQUEST: &[Arg] = &[Arg::string("command"), Arg::string("arg").optional().multiple()];

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "command",
    summary: "Describes every command: arity, flags, keys, categories",
    since: "2.8.13",
    complexity: "O(N) where N is the total number of Redis commands",
    arity: -1,
    tips: UNORDERED,
    cost: Cost::Long,
    run: Some(all_info),
    subcommands: SUBCOMMANDS,
    ..DEFAULT
}];

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "count",
        summary: "Returns how many commands there are",
        since: "2.8.13",
        arity: 2,
        run: Some(count),
        ..DEFAULT
    },
    Command {
        name: "docs",
        summary: "Returns the documentation of one, several or all commands",
        since: "7.0.0",
        complexity: LOOK_UPS,
        arity: -2,
        tips: UNORDERED,
        args: NAMES,
        cost: Cost::Long,
        run: Some(docs),
        ..DEFAULT
    },
    Command {
        name: "getkeys",
        summary: "Returns the keys among the arguments of any command",
        since: "2.8.13",
        complexity: ARGUMENTS,
        arity: -3,
        args: REQUEST,
        run: Some(|call| getkeys(call, false)),
        ..DEFAULT
    },
    Command {
        name: "getkeysandflags",
        summary: "Returns the keys among the arguments of any command, and what it does to them",
        since: "7.0.0",
        complexity: ARGUMENTS,
        arity: -3,
        args: REQUEST,
        run: Some(|call| getkeys(call, true)),
        ..DEFAULT
    },
    Command { categories: &["connection"], ..help_of(Group::Server) },
    Command {
        name: "info",
        summary: "Returns information about one, several or all commands",
        since: "2.8.13",
        complexity: LOOK_UPS,
        arity: -2,
        tips: UNORDERED,
        args: NAMES,
        history: &[("7.0.0", "Without a name it tells about all commands.")],
        cost: Cost::Long,
        run: Some(info),
        ..DEFAULT
    },
    Command {
        name: "list",
        summary: "Returns the names of commands",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Redis commands",
        arity: -2,
        tips: UNORDERED,
        args: &[Arg::one_of(
            "filterby",
            &[
                Arg::string("module-name").token("MODULE"),
                Arg::string("category").token("ACLCAT"),
                Arg::pattern("pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()],
        run: Some(list),
        ..DEFAULT
    },
];

/// The entry of a container's HELP.
pub(super) const fn help_of(group: Group) -> Command {
    Command {
        name: "help",
        summary: "Shows how the subcommands are used",
        since: "5.0.0",
        group,
        arity: 2,
        flags: FLAGS.and(Flags::HELP),
        run: Some(help),
        ..Command::DEFAULT
    }
}

/// The error of a subcommand that exists and got arguments that it does not take.
pub(super) fn wrong_subcommand(call: &Call<'_, '_>) -> ReplyError {
    let container = table::entry(call.entry.container.unwrap_or(call.entry.index));
    ReplyError::wrong_subcommand(&container.full_name, &call.args[1])
}

fn all_info(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.array(table::top_level(&call.server.names).count());
    table::top_level(&call.server.names).for_each(|entry| info::write(call.reply, entry));
    Ok(())
}

fn info(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.args.len() == 2 {
        return all_info(call);
    }
    let names = call.args.from(2);
    call.reply.array(names.len());
    for name in names {
        match table::by_full_name(&call.server.names, name) {
            Some(entry) => info::write(call.reply, entry),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn docs(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let entries: Vec<&Entry> = if call.args.len() == 2 {
        table::top_level(&call.server.names).collect()
    } else {
        call.args.from(2).filter_map(|name| table::by_full_name(&call.server.names, name)).collect()
    };
    call.reply.map(entries.len());
    for entry in entries {
        call.reply.bulk(&entry.full_name);
        docs::write(call.reply, entry);
    }
    Ok(())
}

fn count(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.count(table::top_level(&call.server.names).count());
    Ok(())
}

fn list(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let wanted: Box<dyn Fn(&Entry) -> bool> = match call.args.len() {
        2 => Box::new(|_| true),
        5 if call.is_word(2, "filterby") => {
            let value = call.args[4].to_vec();
            if call.is_word(3, "module") {
                Box::new(|_| false)
            } else if call.is_word(3, "aclcat") {
                let has = move |name: &&str| value.eq_ignore_ascii_case(name.as_bytes());
                Box::new(move |entry| table::categories(entry.command).iter().any(&has))
            } else if call.is_word(3, "pattern") {
                Box::new(move |entry| pattern::matches_ignoring_case(&value, entry.full_name.as_bytes()))
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        _ => return Err(ReplyError::SYNTAX),
    };
    let names: Vec<&str> =
        table::entries(&call.server.names).filter(|entry| wanted(entry)).map(|entry| &*entry.full_name).collect();
    call.reply.bulks(&names);
    Ok(())
}

fn getkeys(call: &mut Call<'_, '_>, with_flags: bool) -> Result<(), ReplyError> {
    let request = call.args.behind(2).ok_or(ReplyError::INVALID_COMMAND)?;
    let Lookup::Found(entry) = table::lookup(&call.server.names, request) else {
        return Err(ReplyError::INVALID_COMMAND);
    };
    let command = entry.command;
    if !super::keys::takes_keys(command) {
        return Err(ReplyError::NO_KEY_ARGUMENTS);
    }
    if !command.accepts(request.len()) {
        return Err(ReplyError::INVALID_COMMAND_ARITY);
    }
    let found = super::keys::find(command, request).unwrap_or_default();
    if found.is_empty() && !command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(ReplyError::INVALID_COMMAND_ARGUMENTS);
    }
    call.reply.array(found.len());
    for key in found {
        if with_flags {
            call.reply.array(2);
            call.reply.bulk(&request[key.index]);
            words(call.reply, key.flags);
        } else {
            call.reply.bulk(&request[key.index]);
        }
    }
    Ok(())
}

/// A set of simple strings.
fn words(reply: &mut Reply, words: &[&str]) {
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word));
}
