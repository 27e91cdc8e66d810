//! COMMAND and its subcommands, and the HELP of every container: the table, shown to clients.

use super::Call;
use super::spec::{Arg, ArgKind, Command, Flags, Group};
use crate::resp::errors::ReplyError;

pub(super) const COMMANDS: &[Command] = &[];

/// The entry of a container's HELP.
pub(super) const fn help_of(group: Group) -> Command {
    Command {
        name: "help",
        summary: "Returns helpful text about the different subcommands",
        since: "5.0.0",
        group,
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE),
        run: Some(help),
        ..Command::DEFAULT
    }
}

/// The error of a subcommand that exists and got arguments that it does not take.
pub(super) fn wrong_subcommand(call: &Call<'_, '_>) -> ReplyError {
    let container = call.server.commands.entry(call.entry.container.unwrap_or(call.entry.index));
    ReplyError::wrong_subcommand(&container.full_name, &call.args[1])
}

/// Answers a container's usage: a line with the arguments and one with the summary for each subcommand.
pub(super) fn help(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let container = call.server.commands.entry(call.entry.container.unwrap_or(call.entry.index)).command;
    let mut lines =
        vec![format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.name.to_uppercase())];
    for sub in container.subcommands.iter().filter(|sub| sub.name != "help") {
        lines.push(format!("{}{}", sub.name.to_uppercase(), usage(sub.args)));
        lines.push(format!("    {}.", sub.summary));
    }
    lines.extend(["HELP".to_owned(), "    Print this help.".to_owned()]);
    call.reply.array(lines.len());
    lines.iter().for_each(|line| call.reply.simple(line));
    Ok(())
}

/// Arguments as people write them: `<name>`, `[optional]`, `<a|b>`, `<repeated> [<repeated> ...]`.
pub fn usage(args: &[Arg]) -> String {
    args.iter().map(|arg| format!(" {}", arg_usage(arg))).collect()
}

fn arg_usage(arg: &Arg) -> String {
    let inner = match arg.kind {
        ArgKind::PureToken => String::new(),
        ArgKind::OneOf => {
            let options: Vec<String> = arg.parts.iter().map(arg_usage).collect();
            format!("<{}>", options.join("|"))
        }
        ArgKind::Block => arg.parts.iter().map(arg_usage).collect::<Vec<_>>().join(" "),
        _ => format!("<{}>", arg.name),
    };
    let one = match arg.token {
        Some(token) if inner.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {inner}"),
        None => inner.clone(),
    };
    let repeated = if arg.multiple_token { &one } else { &inner };
    let all = if arg.multiple { format!("{one} [{repeated} ...]") } else { one.clone() };
    if arg.optional { format!("[{all}]") } else { all }
}
