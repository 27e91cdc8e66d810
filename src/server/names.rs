//! The names under which clients reach commands: their own, but for those that `rename-command` gave others.
//!
//! What the commands are is known to the layer above, whose table they are in; here each is its place in that.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::config::absent::is_absent;
use crate::config::{Rename, StartError};
use crate::ids::CommandIndex;

/// Longer names than this are not commands, in bytes; it bounds the work of a look-up. A renamed command may be as long.
pub(crate) const MAX_NAME: usize = 64;

/// The names of one server.
#[derive(Debug, Default)]
pub struct Names {
    names: HashMap<Box<[u8]>, CommandIndex, RandomState>,
    /// The same names as clients mostly spell them, all in lower case or all in upper case: found without a copy.
    spellings: HashMap<Box<[u8]>, CommandIndex, RandomState>,
    /// How many commands and subcommands there are in the table.
    places: usize,
}

impl Names {
    /// The names of these commands in a table of `places`, some of them renamed, or taken away where the new name is empty.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a command to rename exists neither here nor in Redis, or a new name is taken or too long.
    pub(crate) fn new(
        commands: impl Iterator<Item = (&'static str, CommandIndex)>,
        places: usize,
        renames: &[Rename],
    ) -> Result<Self, StartError> {
        let own = commands.map(|(name, index)| (name.as_bytes().into(), index)).collect();
        let mut names = Names { names: own, spellings: HashMap::default(), places };
        for rename in renames {
            names.rename(rename)?;
        }
        for (name, index) in &names.names {
            names.spellings.insert(name.clone(), *index);
            names.spellings.insert(name.to_ascii_uppercase().into(), *index);
        }
        Ok(names)
    }

    fn rename(&mut self, rename: &Rename) -> Result<(), StartError> {
        let old = rename.from.to_ascii_lowercase();
        let new = rename.to.to_ascii_lowercase();
        let Some(index) = self.names.remove(&*old) else {
            if is_absent(&old) {
                return Ok(());
            }
            return Err(rename.error("there is no such command", "name a command that this server has"));
        };
        if new.is_empty() {
            return Ok(());
        }
        if new.len() > MAX_NAME {
            return Err(rename.error("the new name is too long", &format!("use at most {MAX_NAME} bytes")));
        }
        match self.names.insert(new.into(), index) {
            Some(_) => Err(rename.error("the new name is taken", "use a name that no command has")),
            None => Ok(()),
        }
    }

    /// The command of this name, in upper or lower case.
    pub(crate) fn get(&self, name: &[u8]) -> Option<CommandIndex> {
        let spelled = self.spellings.get(name).copied();
        spelled.or_else(|| with_lower_case(name, |name| self.names.get(name).copied()))
    }

    /// Whether clients can call this command, under whatever name.
    pub(crate) fn reach(&self, command: CommandIndex) -> bool {
        self.names.values().any(|named| *named == command)
    }

    /// How many places there are in the table of commands, those of subcommands included.
    pub(crate) fn places(&self) -> usize {
        self.places
    }
}

/// Calls `then` with a name in lower case, unless it is longer than any command's.
pub(crate) fn with_lower_case<R>(name: &[u8], then: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut buffer = [0; MAX_NAME];
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    then(lower)
}
