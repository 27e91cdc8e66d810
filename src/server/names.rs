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
    /// The short ones as clients mostly spell them, all in lower case or all in upper case, each with its length: found without
    /// a copy, and without a look at memory elsewhere.
    spellings: HashMap<u64, (u8, CommandIndex), RandomState>,
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
            for spelling in [name.to_vec(), name.to_ascii_uppercase()] {
                if let Some(word) = as_word(&spelling) {
                    names.spellings.insert(word, (spelling.len() as u8, *index));
                }
            }
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
        // A name that has a zero at its end is the same word as one without it.
        let spelled = as_word(name).and_then(|word| self.spellings.get(&word));
        match spelled.filter(|(len, _)| usize::from(*len) == name.len()) {
            Some((_, index)) => Some(*index),
            None => with_lower_case(name, |name| self.names.get(name).copied()),
        }
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

/// A name of up to eight bytes as one number, the first byte the lowest.
fn as_word(name: &[u8]) -> Option<u64> {
    let number = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    match (name.first_chunk(), name.last_chunk()) {
        _ if name.len() > 8 => None,
        // Where the two overlap they are the same.
        (Some(first), Some(last)) => Some(number(first) | number(last) << (8 * (name.len() - 4))),
        _ => Some(name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_are_told_apart_and_found_in_every_spelling() {
        let known = ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "abcdefghi"];
        let commands = known.iter().enumerate().map(|(index, name)| (*name, index as CommandIndex));
        let names = Names::new(commands, known.len(), &[]).expect("nothing is renamed");
        for (index, name) in known.iter().enumerate() {
            let mixed = name.replacen('a', "A", 1);
            for spelling in [*name, &name.to_uppercase(), &mixed] {
                assert_eq!(names.get(spelling.as_bytes()), Some(index as CommandIndex), "{spelling}");
            }
            let with_zero = format!("{name}\0");
            for other in ["", &with_zero, &name.replace('a', "x"), &format!("{name}z")] {
                assert_eq!(names.get(other.as_bytes()), None, "{other:?}");
            }
        }
    }
}
