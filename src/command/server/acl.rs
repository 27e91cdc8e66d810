//! ACL, as far as a server with one user can answer truly: everybody is `default`.

use super::DEFAULT;
use crate::command::connection::DEFAULT_USER;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::command::{Call, introspect, table};
use crate::resp::errors::ReplyError;

const FLAGS: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);

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
        name: "users",
        summary: "Lists the names of all users",
        since: "6.0.0",
        complexity: "O(N) where N is the number of users",
        arity: 2,
        flags: FLAGS.and(Flags::ADMIN),
        run: Some(|call| {
            call.reply.array(1);
            whoami(call)
        }),
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
    Command { since: "6.0.0", ..introspect::help_of(Group::Server) },
];

fn whoami(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.bulk(DEFAULT_USER);
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
