//! Which commands a set of permissions has.

use std::collections::BTreeMap;
use std::ops::Range;

use super::catalogue::{Catalogue, Known};
use super::rule::RuleError;
use crate::ids::CommandIndex;
use crate::resp::decode::Args;

/// The commands that may be executed.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    /// One bit for each place.
    bits: Vec<u64>,
    /// Whether it began with all commands, those that a later version brings among them.
    began_with_all: bool,
    /// Whether nothing has been taken away since.
    all: bool,
    /// First arguments with which a command may be executed that may not be otherwise.
    first_args: BTreeMap<CommandIndex, Vec<Box<[u8]>>>,
    /// What was allowed and denied since, as it was written, each behind its sign.
    written: Vec<Vec<u8>>,
}

impl Commands {
    /// None of them.
    pub(super) fn none(catalogue: &Catalogue) -> Self {
        Commands {
            bits: vec![0; catalogue.len().div_ceil(64)],
            began_with_all: false,
            all: false,
            first_args: BTreeMap::new(),
            written: Vec::new(),
        }
    }

    /// Whether it has all commands.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Allows all, or denies all.
    pub(super) fn set_all(&mut self, allowed: bool) {
        self.bits.fill(if allowed { u64::MAX } else { 0 });
        self.began_with_all = allowed;
        self.all = allowed;
        self.first_args.clear();
        self.written.clear();
    }

    /// Carries out a rule that begins with a sign.
    pub(super) fn apply(&mut self, rule: &[u8], catalogue: &Catalogue) -> Result<(), RuleError> {
        let (allowed, name) = (rule[0] == b'+', &rule[1..]);
        if let Some(category) = name.strip_prefix(b"@") {
            let members = catalogue.members(category).ok_or(RuleError::UnknownName)?;
            members.iter().for_each(|places| self.set(places, allowed));
        } else if let Some(bar) = name.iter().rposition(|byte| *byte == b'|').filter(|_| allowed) {
            self.allow_part(name, bar, catalogue)?;
        } else {
            let known = catalogue.find(name).ok_or(RuleError::UnknownName)?;
            self.set(&known.places, allowed);
        }
        self.note(name, allowed);
        Ok(())
    }

    /// Allows a subcommand, or a command with a first argument.
    fn allow_part(&mut self, name: &[u8], bar: usize, catalogue: &Catalogue) -> Result<(), RuleError> {
        let part = &name[bar + 1..];
        let whole = catalogue.find(&name[..bar]).ok_or(RuleError::UnknownName)?;
        match whole {
            Known { is_subcommand: true, .. } => return Err(RuleError::FirstArgOfSubcommand),
            _ if part.is_empty() => return Err(RuleError::Syntax),
            Known { has_subcommands: true, .. } => {
                let known = catalogue.find(name).ok_or(RuleError::UnknownName)?;
                self.set(&known.places, true);
            }
            Known { places, .. } => {
                if let Some(place) = places.clone().next() {
                    let args = self.first_args.entry(place).or_default();
                    if !args.iter().any(|arg| arg.eq_ignore_ascii_case(part)) {
                        args.push(part.into());
                    }
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, places: &Range<CommandIndex>, allowed: bool) {
        for place in places.clone() {
            let (word, bit) = (usize::from(place / 64), 1 << (place % 64));
            if allowed {
                self.bits[word] |= bit;
            } else {
                self.bits[word] &= !bit;
                self.all = false;
            }
            self.first_args.remove(&place);
        }
    }

    /// Keeps a rule as it was written, in place of those that it makes void: of the same name, and of parts of it.
    fn note(&mut self, name: &[u8], allowed: bool) {
        let name = name.to_ascii_lowercase();
        let is_void = |written: &Vec<u8>| {
            let rest = written[1..].strip_prefix(&name[..]);
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'|')
        };
        self.written.retain(|written| !is_void(written));
        let sign = if allowed { b'+' } else { b'-' };
        self.written.push([&[sign], &name[..]].concat());
    }

    /// Whether a request for the command at this place may be executed; its first argument stands behind its name, or
    /// that of the subcommand.
    pub(super) fn permit(&self, place: CommandIndex, is_subcommand: bool, args: Args<'_>) -> bool {
        if self.all || self.bits[usize::from(place / 64)] >> (place % 64) & 1 == 1 {
            return true;
        }
        let first = args.get(if is_subcommand { 2 } else { 1 });
        let allowed = self.first_args.get(&place).into_iter().flatten();
        first.is_some_and(|first| allowed.into_iter().any(|arg| arg.eq_ignore_ascii_case(first)))
    }

    /// The rules that make it what it is.
    pub(super) fn show(&self) -> Vec<u8> {
        let first: &[u8] = if self.began_with_all { b"+@all" } else { b"-@all" };
        let all: Vec<&[u8]> = [first].into_iter().chain(self.written.iter().map(Vec::as_slice)).collect();
        all.join(&b' ')
    }
}
