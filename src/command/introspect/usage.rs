//! HELP, and arguments as people write them.

use crate::command::Call;
use crate::command::spec::{Arg, ArgKind, Flags};
use crate::command::table;
use crate::resp::errors::ReplyError;

/// Answers a container's usage: a line with the arguments and one with the summary for each subcommand.
pub(in crate::command) fn help(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let container = table::entry(call.entry.container.unwrap_or(call.entry.index)).command;
    let mut lines =
        vec![format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.name.to_uppercase())];
    if container.runner().is_some() {
        lines.extend(["(no subcommand)".to_owned(), format!("    {}", container.description())]);
    }
    for sub in container.subcommands.iter().filter(|sub| !sub.flags.has(Flags::HELP)) {
        lines.push(format!("{}{}", sub.name.to_uppercase(), usage(sub.args)));
        lines.push(format!("    {}", sub.description()));
    }
    lines.extend(["HELP".to_owned(), "    Print this help.".to_owned()]);
    call.reply.array(lines.len());
    lines.iter().for_each(|line| call.reply.simple(line));
    Ok(())
}

/// Arguments as people write them: `<name>`, `[optional]`, `(this|or that)`, `<repeated> [<repeated> ...]`.
pub fn usage(args: &[Arg]) -> String {
    args.iter().map(|arg| format!(" {}", arg_usage(arg))).collect()
}

fn arg_usage(arg: &Arg) -> String {
    let inner = match arg.kind {
        ArgKind::PureToken => String::new(),
        // The alternatives of what may be left out are between brackets already.
        ArgKind::OneOf if arg.optional && arg.token.is_none() && !arg.multiple => alternatives(arg.parts),
        ArgKind::OneOf => format!("({})", alternatives(arg.parts)),
        ArgKind::Block => usage(arg.parts).trim_start().to_owned(),
        _ => format!("<{}>", arg.display.unwrap_or(arg.name)),
    };
    let one = match arg.token {
        Some(token) if inner.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {inner}"),
        None => inner.clone(),
    };
    let all = match arg.kind {
        _ if !arg.multiple => one,
        ArgKind::OneOf | ArgKind::Block => format!("{one} ..."),
        _ if arg.multiple_token => format!("{one} [{one} ...]"),
        _ => format!("{one} [{inner} ...]"),
    };
    if arg.optional { format!("[{all}]") } else { all }
}

/// What may be chosen from; that a choice may be left out is said of the whole.
fn alternatives(parts: &[Arg]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| arg_usage(&Arg { optional: false, ..*part })).collect();
    parts.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_OFF: &[Arg] = &[Arg::word("on", "ON"), Arg::word("off", "OFF")];
    const PAIR: &[Arg] = &[Arg::string("a"), Arg::string("b").optional()];

    #[test]
    fn arguments_are_written_as_people_write_them() {
        let string = Arg::string("name");
        let cases = [
            (string, "<name>"),
            (string.optional(), "[<name>]"),
            (string.multiple(), "<name> [<name> ...]"),
            (string.optional().multiple(), "[<name> [<name> ...]]"),
            (string.token("SETNAME"), "SETNAME <name>"),
            (string.token("ID").multiple(), "ID <name> [<name> ...]"),
            (string.token("PREFIX").multiple_token(), "PREFIX <name> [PREFIX <name> ...]"),
            (string.display("ip:port"), "<ip:port>"),
            (Arg::word("noloop", "NOLOOP").optional(), "[NOLOOP]"),
            (Arg::one_of("enabled", ON_OFF), "(ON|OFF)"),
            (Arg::one_of("enabled", ON_OFF).optional(), "[ON|OFF]"),
            (Arg::one_of("enabled", ON_OFF).token("SKIPME").optional(), "[SKIPME (ON|OFF)]"),
            (Arg::one_of("enabled", ON_OFF).multiple(), "(ON|OFF) ..."),
            (Arg::block("pair", PAIR), "<a> [<b>]"),
            (Arg::block("pair", PAIR).token("AUTH"), "AUTH <a> [<b>]"),
        ];
        for (arg, text) in cases {
            assert_eq!(usage(&[arg]), format!(" {text}"));
        }
    }
}
