//! The names that rules may use.

use std::collections::HashMap;
use std::ops::Range;

use crate::config::absent;
use crate::ids::CommandIndex;

/// Subcommands that only Redis has, of containers that exist here.
const ABSENT_SUBCOMMANDS: &str = "\
    function|delete function|dump function|flush function|help function|kill function|list function|load \
    function|restore function|stats module|load module|loadex module|unload";

/// A command, as the table of commands lists it.
#[derive(Debug)]
pub(crate) struct Listed<'a> {
    /// Its name, with its container's before it: `config|get`.
    pub(crate) full_name: &'a str,
    /// Its place.
    pub(crate) place: CommandIndex,
    /// How many places behind it belong to its subcommands.
    pub(crate) subcommands: CommandIndex,
    /// Whether it is a subcommand.
    pub(crate) is_subcommand: bool,
    /// Its categories.
    pub(crate) categories: Vec<&'static str>,
}

/// A command that rules may name.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Its place and those of its subcommands; empty for a command that this server does not have.
    pub(super) places: Range<CommandIndex>,
    pub(super) is_subcommand: bool,
    pub(super) has_subcommands: bool,
}

/// All commands and categories that rules may name: what this server has, and the commands that only Redis has, because rules
/// that were written for Redis name them. To allow or deny one of those changes nothing here.
#[derive(Debug)]
pub(crate) struct Catalogue {
    names: HashMap<Box<str>, Known>,
    categories: Vec<(&'static str, Vec<Range<CommandIndex>>)>,
    len: usize,
}

impl Catalogue {
    /// Of these commands, with these categories.
    pub(crate) fn new<'a>(categories: &[&'static str], commands: impl Iterator<Item = Listed<'a>>) -> Self {
        let mut catalogue = Catalogue {
            names: HashMap::new(),
            categories: categories.iter().map(|name| (*name, Vec::new())).collect(),
            len: 0,
        };
        for name in absent::names().chain(ABSENT_SUBCOMMANDS.split_ascii_whitespace()) {
            let known = Known { places: 0..0, is_subcommand: name.contains('|'), has_subcommands: false };
            catalogue.names.insert(name.into(), known);
        }
        commands.for_each(|listed| catalogue.add(&listed));
        catalogue
    }

    fn add(&mut self, listed: &Listed<'_>) {
        let places = listed.place..listed.place + 1 + listed.subcommands;
        self.len = self.len.max(usize::from(places.end));
        for (name, members) in &mut self.categories {
            if listed.categories.contains(name) {
                members.push(places.clone());
            }
        }
        let known = Known { places, is_subcommand: listed.is_subcommand, has_subcommands: listed.subcommands > 0 };
        self.names.insert(listed.full_name.into(), known);
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The command of this full name, in any case.
    pub(super) fn find(&self, full_name: &[u8]) -> Option<&Known> {
        let name = std::str::from_utf8(full_name).ok()?.to_ascii_lowercase();
        self.names.get(&*name)
    }

    /// The places of the commands of a category, each with those of its subcommands.
    pub(super) fn members(&self, category: &[u8]) -> Option<&[Range<CommandIndex>]> {
        let found = self.categories.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(category));
        found.map(|(_, members)| &members[..])
    }
}
