//! All commands in order, each followed by its subcommands, and by the names under which a server has them.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::spec::{Command, Flags};
use crate::acl::{Catalogue, Listed};
use crate::config::{Rename, StartError};
use crate::ids::CommandIndex;
use crate::resp::decode::Args;
use crate::server::names::{Names, with_lower_case};

/// The same for all servers of a process: what differs are the [`Names`].
static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut table = Vec::new();
    super::families().into_iter().flatten().for_each(|command| add(&mut table, command));
    table
});

/// A command with its place.
#[derive(Debug)]
pub struct Entry {
    /// Its place.
    pub index: CommandIndex,
    /// What it is.
    pub command: &'static Command,
    /// Its name, with its container's name before it: `client|list`.
    pub full_name: String,
    /// Its container's place.
    pub container: Option<CommandIndex>,
    /// Its subcommands' places by name.
    subcommands: HashMap<&'static str, CommandIndex, RandomState>,
}

impl Entry {
    /// Its subcommands' places, in the order of their definition.
    pub fn subcommands(&self) -> impl Iterator<Item = CommandIndex> + use<'_> {
        (self.index + 1..).take(self.subcommands.len())
    }
}

/// What a request asks for.
#[derive(Debug)]
pub enum Lookup {
    /// This command.
    Found(&'static Entry),
    /// No command of this name.
    Unknown,
    /// A container, without a subcommand that it has.
    UnknownSubcommand(&'static Entry),
}

fn add(table: &mut Vec<Entry>, command: &'static Command) {
    let index = table.len() as CommandIndex;
    let places = command.subcommands.iter().enumerate().map(|(i, sub)| (sub.name, index + 1 + i as CommandIndex));
    table.push(Entry {
        index,
        command,
        full_name: command.name.to_owned(),
        container: None,
        subcommands: places.collect(),
    });
    for sub in command.subcommands {
        table.push(Entry {
            index: table.len() as CommandIndex,
            command: sub,
            full_name: format!("{}|{}", command.name, sub.name),
            container: Some(index),
            subcommands: HashMap::default(),
        });
    }
}

/// The names of all commands, some of them renamed.
///
/// # Errors
///
/// [`StartError`] if a command to rename exists neither here nor in Redis, or a new name is taken or too long.
pub(crate) fn names(renames: &[Rename]) -> Result<Names, StartError> {
    let top_level = TABLE.iter().filter(|entry| entry.container.is_none());
    Names::new(top_level.map(|entry| (entry.command.name, entry.index)), TABLE.len(), renames)
}

/// The names that rules about users may use: those of all commands, whatever clients call them.
pub(crate) fn catalogue() -> Catalogue {
    let listed = TABLE.iter().map(|entry| Listed {
        full_name: &entry.full_name,
        place: entry.index,
        subcommands: entry.subcommands.len() as CommandIndex,
        is_subcommand: entry.container.is_some(),
        categories: categories(entry.command),
    });
    Catalogue::new(CATEGORIES, listed)
}

/// The command that `args` ask for.
pub(crate) fn lookup(names: &Names, args: Args<'_>) -> Lookup {
    let Some(entry) = get(names, &args[0]) else { return Lookup::Unknown };
    if entry.subcommands.is_empty() {
        return Lookup::Found(entry);
    }
    match args.get(1) {
        None => Lookup::Found(entry),
        Some(name) => match subcommand(entry, name) {
            Some(entry) => Lookup::Found(entry),
            None => Lookup::UnknownSubcommand(entry),
        },
    }
}

/// The top-level command of this name, in upper or lower case.
pub(crate) fn get(names: &Names, name: &[u8]) -> Option<&'static Entry> {
    names.get(name).map(entry)
}

fn subcommand(container: &Entry, name: &[u8]) -> Option<&'static Entry> {
    let index = with_lower_case(name, |name| {
        std::str::from_utf8(name).ok().and_then(|name| container.subcommands.get(name).copied())
    })?;
    Some(entry(index))
}

/// The command of this full name: `config|get`.
pub(crate) fn by_full_name(names: &Names, name: &[u8]) -> Option<&'static Entry> {
    match name.iter().position(|byte| *byte == b'|') {
        None => get(names, name),
        Some(bar) => subcommand(get(names, &name[..bar])?, &name[bar + 1..]),
    }
}

/// The command at this place.
pub(crate) fn entry(index: CommandIndex) -> &'static Entry {
    &TABLE[usize::from(index)]
}

/// All commands that clients can call, containers before their subcommands.
pub fn entries(names: &Names) -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().filter(|entry| names.reach(entry.container.unwrap_or(entry.index)))
}

/// All commands that are not subcommands.
pub(crate) fn top_level(names: &Names) -> impl Iterator<Item = &'static Entry> {
    entries(names).filter(|entry| entry.container.is_none())
}

/// The ACL categories of a command, from its flags, its group and what its entry adds.
pub fn categories(command: &Command) -> Vec<&'static str> {
    use super::spec::Group;
    let flags = command.flags;
    // What only holds subcommands is in no family's category.
    let group = command.runner().map(|_| command.group);
    // WAIT is generic and about connections, SORT about lists.
    let elsewhere = command.categories.iter().any(|name| ["connection", "list"].contains(name));
    let implied = [
        (flags.has(Flags::WRITE), "write"),
        (flags.has(Flags::READONLY) && command.group != Group::Scripting, "read"),
        (flags.has(Flags::ADMIN), "admin"),
        (flags.has(Flags::ADMIN), "dangerous"),
        (flags.has(Flags::PUBSUB), "pubsub"),
        (flags.has(Flags::FAST), "fast"),
        (!flags.has(Flags::FAST), "slow"),
        (flags.has(Flags::BLOCKING), "blocking"),
        (group == Some(Group::Connection), "connection"),
        (group == Some(Group::Transactions), "transaction"),
        (group == Some(Group::Generic) && !elsewhere, "keyspace"),
        (group == Some(Group::Scripting), "scripting"),
        (group == Some(Group::String), "string"),
        (group == Some(Group::List), "list"),
        (group == Some(Group::Stream), "stream"),
    ];
    let implied = implied.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name);
    let mut all: Vec<&str> = implied.collect();
    for name in command.categories {
        if !all.contains(name) {
            all.push(name);
        }
    }
    // In the order in which Redis lists them, which clients that compare answers rely on.
    all.sort_by_key(|name| CATEGORIES.iter().position(|known| known == name));
    all
}

/// All ACL categories, in Redis' order.
pub const CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];
