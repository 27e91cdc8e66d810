//! Which keys a set of permissions has, and what for.

use super::rule::{RuleError, has_blanks};
use crate::pattern;

/// A key of a request, and what the command does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUse {
    /// Which argument it is.
    pub(crate) index: usize,
    /// Whether the command tells something of its value.
    pub(crate) reads: bool,
    /// Whether the command changes it.
    pub(crate) writes: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPattern {
    pattern: Box<[u8]>,
    reads: bool,
    writes: bool,
}

/// The keys that may be used.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyPatterns {
    all: bool,
    patterns: Vec<KeyPattern>,
}

impl KeyPatterns {
    /// Whether it has all keys.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Allows all keys, or none.
    pub(super) fn set_all(&mut self, allowed: bool) {
        self.all = allowed;
        self.patterns.clear();
    }

    /// Carries out a rule: `~pattern`, or with letters `%R~pattern`; without `~` the pattern is empty, as in Redis.
    pub(super) fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all {
            return Err(RuleError::KeysAreAll);
        }
        let end = rule.iter().position(|byte| *byte == b'~').unwrap_or(rule.len());
        let (letters, pattern) = (&rule[..end], rule.get(end + 1..).unwrap_or_default());
        let (reads, writes) = match &letters.to_ascii_uppercase()[..] {
            b"" | b"%RW" | b"%WR" => (true, true),
            b"%R" => (true, false),
            b"%W" => (false, true),
            _ => return Err(RuleError::Syntax),
        };
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.patterns.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => {
                known.reads |= reads;
                known.writes |= writes;
            }
            None => self.patterns.push(KeyPattern { pattern: pattern.into(), reads, writes }),
        }
        Ok(())
    }

    /// Whether a key may be used so.
    pub(super) fn permit(&self, key: &[u8], used: KeyUse) -> bool {
        let suits = |known: &KeyPattern| (known.reads || !used.reads) && (known.writes || !used.writes);
        self.all || self.patterns.iter().any(|known| suits(known) && pattern::matches(&known.pattern, key))
    }

    /// Whether every key may be read.
    pub(super) fn permit_reading_all(&self) -> bool {
        self.all || self.patterns.iter().any(|known| known.reads && *known.pattern == *b"*")
    }

    /// The rules that make it what it is, between blanks.
    pub(super) fn show(&self) -> Vec<u8> {
        if self.all {
            return b"~*".to_vec();
        }
        let rule = |known: &KeyPattern| {
            let sign: &[u8] = match (known.reads, known.writes) {
                (true, false) => b"%R~",
                (false, true) => b"%W~",
                _ => b"~",
            };
            [sign, &known.pattern].concat()
        };
        self.patterns.iter().map(rule).collect::<Vec<_>>().join(&b' ')
    }
}
