//! What the server's COMMAND DOCS say, as `help`, hints and completion show it.

mod syntax;

use std::collections::BTreeSet;

use super::options::VERSION_SHOWN;
use super::reply::Reply;
use crate::quoting;

/// All commands and their groups.
#[derive(Debug, Default)]
pub(super) struct Docs {
    /// By name.
    commands: Vec<Command>,
    groups: BTreeSet<String>,
}

#[derive(Debug)]
struct Command {
    /// `CLIENT LIST`
    name: String,
    /// What follows the name.
    syntax: String,
    summary: String,
    since: Option<String>,
    group: String,
}

impl Docs {
    /// Understands the reply of COMMAND DOCS; from anything else nothing is known.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut docs = Self::default();
        for (name, facts) in pairs(reply) {
            docs.add(text(name).to_ascii_uppercase(), facts);
        }
        docs.commands.sort_by(|one, other| one.name.cmp(&other.name));
        docs
    }

    /// Adds a command and its subcommands, whose names come as `client|list`.
    fn add(&mut self, name: String, facts: &Reply) {
        let fact = |wanted: &str| pairs(facts).find(|(key, _)| text(key) == wanted).map(|(_, value)| value);
        let group = fact("group").map(text).unwrap_or_default();
        self.groups.insert(group.clone());
        for (subcommand, facts) in fact("subcommands").into_iter().flat_map(pairs) {
            let subcommand = text(subcommand).to_ascii_uppercase();
            let last = subcommand.rsplit('|').next().unwrap_or_default();
            self.add(format!("{name} {last}"), facts);
        }
        self.commands.push(Command {
            name,
            syntax: fact("arguments").map(syntax::of).unwrap_or_default(),
            summary: fact("summary").map(text).unwrap_or_default(),
            since: fact("since").map(text),
            group,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// What `help` says of these words: the start of a command's name, or an `@` and a group.
    pub(super) fn help(&self, words: &[Vec<u8>]) -> String {
        let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let group = words.first().and_then(|word| word.strip_prefix('@'));
        let mut help = String::new();
        for command in &self.commands {
            match group {
                Some(group) if command.group.eq_ignore_ascii_case(group) => help += &command.help(false),
                None if command.starts_with(&words) => help += &command.help(true),
                _ => {}
            }
        }
        help + "\r\n"
    }

    /// What may follow a line that is being typed.
    pub(super) fn hint(&self, line: &str) -> Option<String> {
        let words = quoting::split(line.as_bytes()).ok()?;
        let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let command = self.commands.iter().rev().find(|command| {
            let name = command.name.split(' ');
            name.clone().count() <= words.len() && name.zip(&words).all(|(one, other)| one.eq_ignore_ascii_case(other))
        })?;
        let typed = words.len() - command.name.split(' ').count();
        let rest = syntax::without(&command.syntax, typed);
        let space = if line.ends_with(char::is_whitespace) { "" } else { " " };
        (!rest.is_empty()).then(|| format!("{space}{rest}"))
    }

    /// What the start of a line may become, after `help ` with the groups.
    pub(super) fn completions(&self, line: &str) -> Vec<String> {
        let is_help = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("help "));
        let start = if is_help { line.len() - line[5..].trim_start().len() } else { 0 };
        let (kept, typed) = line.split_at(start);
        let groups = self.groups.iter().filter(|_| is_help).map(|group| format!("@{group}"));
        let names = groups.chain(self.commands.iter().map(|command| command.name.clone()));
        let fits = |name: &String| name.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed));
        names.filter(fits).map(|name| format!("{kept}{name}")).collect()
    }
}

impl Command {
    fn starts_with(&self, words: &[String]) -> bool {
        let mut name = self.name.split(' ');
        words.iter().all(|word| name.next().is_some_and(|part| part.eq_ignore_ascii_case(word)))
    }

    fn help(&self, with_group: bool) -> String {
        let Self { name, syntax, summary, since, group } = self;
        let mut help = format!("\r\n  \x1b[1m{name}\x1b[0m \x1b[90m{syntax}\x1b[0m\r\n");
        help += &format!("  \x1b[33msummary:\x1b[0m {summary}\r\n");
        if let Some(since) = since {
            help += &format!("  \x1b[33msince:\x1b[0m {since}\r\n");
        }
        if with_group {
            help += &format!("  \x1b[33mgroup:\x1b[0m {group}\r\n");
        }
        help
    }
}

/// What `help` alone says.
pub(super) fn general_help() -> String {
    format!(
        "redis-cli {}\n\
         To get help about Redis commands type:\n      \
         \"help @<group>\" to get a list of commands in <group>\n      \
         \"help <command>\" for help on <command>\n      \
         \"help <tab>\" to get a list of possible help topics\n      \
         \"quit\" to exit\n\
         \n\
         To set redis-cli preferences:\n      \
         \":set hints\" enable online hints\n      \
         \":set nohints\" disable online hints\n\
         Set your preferences in ~/.redisclirc\n",
        *VERSION_SHOWN
    )
}

/// The entries of a map, which in RESP2 is a flat array.
fn pairs(map: &Reply) -> Box<dyn Iterator<Item = (&Reply, &Reply)> + '_> {
    match map {
        Reply::Map(pairs) => Box::new(pairs.iter().map(|(key, value)| (key, value))),
        Reply::Array(items) => Box::new(items.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))),
        _ => Box::new(std::iter::empty()),
    }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(text) | Reply::Status(text) | Reply::Verbatim(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
