//! All commands by name.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::spec::{Command, Flags};
use crate::config::{Rename, StartError};
use crate::resp::decode::Args;

/// A command's place in the table: commands in order, each followed by its subcommands.
pub type CommandIndex = u16;

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
pub enum Lookup<'a> {
    /// This command.
    Found(&'a Entry),
    /// No command of this name.
    Unknown,
    /// A container, without a subcommand that it has.
    UnknownSubcommand(&'a Entry),
}

/// The table of one server: the commands, and the names that `rename-command` gave them.
#[derive(Debug)]
pub struct CommandTable {
    entries: Vec<Entry>,
    /// Top-level commands by the name that clients use.
    names: HashMap<Box<[u8]>, CommandIndex, RandomState>,
    /// The same names as clients mostly spell them, all in lower case or all in upper case: found without a copy.
    spellings: HashMap<Box<[u8]>, CommandIndex, RandomState>,
}

/// Longer names than this are not commands, in bytes; it bounds the work of a look-up. A renamed command may be as long.
const MAX_NAME: usize = 64;

impl CommandTable {
    /// The table with these commands renamed, or taken away where the new name is empty.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a command to rename does not exist, or a new name is taken or too long.
    pub fn new(renames: &[Rename]) -> Result<Self, StartError> {
        let mut table = CommandTable { entries: Vec::new(), names: HashMap::default(), spellings: HashMap::default() };
        for command in super::families().into_iter().flatten() {
            table.add(command);
        }
        for rename in renames {
            table.rename(rename)?;
        }
        for (name, index) in &table.names {
            table.spellings.insert(name.clone(), *index);
            table.spellings.insert(name.to_ascii_uppercase().into(), *index);
        }
        Ok(table)
    }

    fn add(&mut self, command: &'static Command) {
        let index = self.entries.len() as CommandIndex;
        let places = command.subcommands.iter().enumerate().map(|(i, sub)| (sub.name, index + 1 + i as CommandIndex));
        self.entries.push(Entry {
            index,
            command,
            full_name: command.name.to_owned(),
            container: None,
            subcommands: places.collect(),
        });
        for sub in command.subcommands {
            self.entries.push(Entry {
                index: self.entries.len() as CommandIndex,
                command: sub,
                full_name: format!("{}|{}", command.name, sub.name),
                container: Some(index),
                subcommands: HashMap::default(),
            });
        }
        self.names.insert(command.name.as_bytes().into(), index);
    }

    fn rename(&mut self, rename: &Rename) -> Result<(), StartError> {
        let old = rename.from.to_ascii_lowercase();
        let new = rename.to.to_ascii_lowercase();
        let Some(index) = self.names.remove(&*old) else {
            return Err(rename_error(rename, "there is no such command", "name a command that this server has"));
        };
        if new.is_empty() {
            return Ok(());
        }
        if new.len() > MAX_NAME {
            return Err(rename_error(rename, "the new name is too long", &format!("use at most {MAX_NAME} bytes")));
        }
        match self.names.insert(new.into(), index) {
            Some(_) => Err(rename_error(rename, "the new name is taken", "use a name that no command has")),
            None => Ok(()),
        }
    }

    /// The command that `args` ask for.
    pub fn lookup(&self, args: Args<'_>) -> Lookup<'_> {
        let Some(entry) = self.get(&args[0]) else { return Lookup::Unknown };
        if entry.subcommands.is_empty() {
            return Lookup::Found(entry);
        }
        match args.get(1) {
            None => Lookup::Found(entry),
            Some(name) => match self.subcommand(entry, name) {
                Some(entry) => Lookup::Found(entry),
                None => Lookup::UnknownSubcommand(entry),
            },
        }
    }

    /// The top-level command of this name, in upper or lower case.
    pub fn get(&self, name: &[u8]) -> Option<&Entry> {
        let spelled = self.spellings.get(name).copied();
        let index = spelled.or_else(|| with_lower_case(name, |name| self.names.get(name).copied()))?;
        Some(self.entry(index))
    }

    /// The subcommand of this name.
    pub fn subcommand(&self, container: &Entry, name: &[u8]) -> Option<&Entry> {
        let index = with_lower_case(name, |name| {
            std::str::from_utf8(name).ok().and_then(|name| container.subcommands.get(name).copied())
        })?;
        Some(self.entry(index))
    }

    /// The command of this full name: `config|get`.
    pub fn by_full_name(&self, name: &[u8]) -> Option<&Entry> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.get(name),
            Some(bar) => self.subcommand(self.get(&name[..bar])?, &name[bar + 1..]),
        }
    }

    /// The command at this place.
    pub fn entry(&self, index: CommandIndex) -> &Entry {
        &self.entries[usize::from(index)]
    }

    /// All commands that clients can call, containers before their subcommands.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let reachable = |index: CommandIndex| self.names.values().any(|named| *named == index);
        self.entries.iter().filter(move |entry| reachable(entry.container.unwrap_or(entry.index)))
    }

    /// All commands that are not subcommands.
    pub fn top_level(&self) -> impl Iterator<Item = &Entry> {
        self.entries().filter(|entry| entry.container.is_none())
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no commands.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
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

fn rename_error(rename: &Rename, why: &str, cure: &str) -> StartError {
    let show = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    StartError::new(format!("rename-command {} {}: {why}", show(&rename.from), show(&rename.to)), cure)
}

fn with_lower_case<R>(name: &[u8], then: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut buffer = [0; MAX_NAME];
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    then(lower)
}
