//! ACL: users, and what each of them may do.
//!
//! Source: `aclCommand` in Redis 7.2 (acl.c).

mod changing;
mod showing;
#[cfg(test)]
mod tests;

use super::DEFAULT;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::command::{Call, introspect, table};
use crate::resp::errors::ReplyError;
use crate::server::governor::FileWork;

const FLAGS: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
const ADMINISTRATION: Flags = FLAGS.and(Flags::ADMIN);
const EVERY_USER: &str = "O(N) where N is the number of users";

pub(super) const ACL: Command = Command {
    name: "acl",
    summary: "Groups the commands about users and their rights",
    since: "6.0.0",
    complexity: "Depends on subcommand",
    arity: -2,
    subcommands: SUBCOMMANDS,
    ..DEFAULT
};

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "cat",
        summary: "Lists the categories of commands, or the commands of a category",
        since: "6.0.0",
        complexity: "O(1) since the categories and commands are a fixed set",
        arity: -2,
        flags: FLAGS,
        args: &[Arg::string("category").optional()],
        run: Some(cat),
        ..DEFAULT
    },
    Command {
        name: "deluser",
        summary: "Deletes users and ends their connections",
        since: "6.0.0",
        complexity: "O(N) where N is the number of clients",
        arity: -3,
        flags: ADMINISTRATION,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        args: &[Arg::string("username").multiple()],
        run_here: Some(changing::deluser),
        ..DEFAULT
    },
    Command {
        name: "dryrun",
        summary: "Tells whether a user may execute a command, without executing it",
        since: "7.0.0",
        arity: -4,
        flags: ADMINISTRATION,
        args: &[Arg::string("username"), Arg::string("command"), Arg::string("arg").optional().multiple()],
        run: Some(showing::dryrun),
        ..DEFAULT
    },
    Command {
        name: "genpass",
        summary: "Generates a password that nobody can guess",
        since: "6.0.0",
        arity: -2,
        flags: FLAGS,
        args: &[Arg::integer("bits").optional()],
        run: Some(genpass),
        ..DEFAULT
    },
    Command {
        name: "getuser",
        summary: "Returns how a user logs in and what it may do",
        since: "6.0.0",
        complexity: "O(N) where N is the number of passwords, commands and patterns of the user",
        arity: 3,
        flags: ADMINISTRATION,
        args: &[Arg::string("username")],
        history: &[
            ("6.2.0", "Shows the patterns of channels."),
            ("7.0.0", "Shows selectors, and patterns as the rules that give them."),
        ],
        run: Some(showing::getuser),
        ..DEFAULT
    },
    Command { since: "6.0.0", ..introspect::help_of(Group::Server) },
    Command {
        name: "list",
        summary: "Lists all users with the rules that make them what they are",
        since: "6.0.0",
        complexity: EVERY_USER,
        arity: 2,
        flags: ADMINISTRATION,
        run: Some(showing::list),
        ..DEFAULT
    },
    Command {
        name: "load",
        summary: "Reads the users from the ACL file again, all of them or none",
        since: "6.0.0",
        complexity: EVERY_USER,
        arity: 2,
        flags: ADMINISTRATION,
        run_here: Some(|call| changing::file(call, FileWork::LoadUsers)),
        ..DEFAULT
    },
    Command {
        name: "log",
        summary: "Returns what was refused to users lately, or forgets it",
        since: "6.0.0",
        complexity: "O(N) with N being the number of entries shown",
        arity: -2,
        flags: ADMINISTRATION,
        args: &[Arg::one_of("operation", &[Arg::integer("count"), Arg::word("reset", "RESET")]).optional()],
        history: &[("7.2.0", "Shows the entry's number, and when it was made and last changed.")],
        run: Some(showing::log),
        ..DEFAULT
    },
    Command {
        name: "save",
        summary: "Writes the users into the ACL file",
        since: "6.0.0",
        complexity: EVERY_USER,
        arity: 2,
        flags: ADMINISTRATION,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run_here: Some(|call| changing::file(call, FileWork::SaveUsers)),
        ..DEFAULT
    },
    Command {
        name: "setuser",
        summary: "Makes a user, or changes one, by rules",
        since: "6.0.0",
        complexity: "O(N) where N is the number of rules provided",
        arity: -3,
        flags: ADMINISTRATION,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        args: &[Arg::string("username"), Arg::string("rule").optional().multiple()],
        history: &[
            ("6.2.0", "There are rules about channels."),
            ("7.0.0", "There are selectors, and rights to read or to write keys."),
        ],
        run_here: Some(changing::setuser),
        ..DEFAULT
    },
    Command {
        name: "users",
        summary: "Lists the names of all users",
        since: "6.0.0",
        complexity: EVERY_USER,
        arity: 2,
        flags: ADMINISTRATION,
        run: Some(showing::users),
        ..DEFAULT
    },
    Command {
        name: "whoami",
        summary: "Returns the name of the connection's user",
        since: "6.0.0",
        arity: 2,
        flags: FLAGS,
        run: Some(whoami),
        ..DEFAULT
    },
];

fn whoami(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let user = call.info.user(&call.server.acl);
    call.reply.bulk(user.name());
    Ok(())
}

fn cat(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.args.len() > 3 {
        return Err(introspect::wrong_subcommand(call));
    }
    let Some(category) = call.args.get(2) else {
        call.reply.bulks(table::CATEGORIES);
        return Ok(());
    };
    let Some(category) = table::CATEGORIES.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(category)) else {
        return Err(ReplyError::unknown_category(category));
    };
    let members =
        table::entries(&call.server.names).filter(|entry| table::categories(entry.command).contains(category));
    let names: Vec<&str> = members.map(|entry| entry.full_name.as_str()).collect();
    call.reply.bulks(&names);
    Ok(())
}

/// Bits of a password that GENPASS makes if nothing else is asked for, and at most.
const PASSWORD_BITS: i64 = 256;
const MOST_PASSWORD_BITS: i64 = 4096;

fn genpass(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.args.len() > 3 {
        return Err(introspect::wrong_subcommand(call));
    }
    let bits = if call.args.len() == 3 { call.integer(2)? } else { PASSWORD_BITS };
    if !(1..=MOST_PASSWORD_BITS).contains(&bits) {
        return Err(ReplyError::GENPASS_BITS);
    }
    let digits = (bits as usize).div_ceil(4);
    let mut random = vec![0; digits];
    getrandom::fill(&mut random)
        .map_err(|error| ReplyError::err(format!("the system has no random numbers: {error}")))?;
    let password: Vec<u8> = random.iter().map(|byte| b"0123456789abcdef"[usize::from(byte & 15)]).collect();
    call.reply.bulk(password);
    Ok(())
}
