//! The value of `notify-keyspace-events`.

use super::value::{Given, Rule, Value};
use crate::quoting::quoted;

/// Classes of keyspace events, a letter for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceEvents(u32);

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $letter:literal;)*) => {
        impl KeyspaceEvents {
            $($(#[$doc])* pub const $name: KeyspaceEvents = KeyspaceEvents(1 << $bit);)*
            /// Every class with its letter, in the order in which CONFIG GET answers.
            const LETTERS: &'static [(KeyspaceEvents, u8)] = &[$((KeyspaceEvents::$name, $letter)),*];
        }
    };
}

classes! {
    /// Commands on keys of any type.
    GENERIC = 0, b'g';
    /// Commands on strings.
    STRING = 1, b'$';
    /// Commands on lists.
    LIST = 2, b'l';
    /// Commands on sets: there are none.
    SET = 3, b's';
    /// Commands on hashes: there are none.
    HASH = 4, b'h';
    /// Commands on sorted sets: there are none.
    SORTED_SET = 5, b'z';
    /// Keys whose time is over.
    EXPIRED = 6, b'x';
    /// Keys that had to go because of `maxmemory`.
    EVICTED = 7, b'e';
    /// Commands on streams.
    STREAM = 8, b't';
    /// Events of modules: there are none.
    MODULE = 9, b'd';
    /// Keys that are new.
    NEW = 10, b'n';
    /// Messages to `__keyspace@<db>__:<key>`.
    KEYSPACE = 11, b'K';
    /// Messages to `__keyevent@<db>__:<event>`.
    KEYEVENT = 12, b'E';
    /// Keys that were asked for and are not there.
    MISS = 13, b'm';
}

impl KeyspaceEvents {
    /// The classes that `A` stands for.
    const ALL: KeyspaceEvents = KeyspaceEvents((1 << 10) - 1);

    /// Whether any class of `other` is among them.
    pub fn has(self, other: KeyspaceEvents) -> bool {
        self.0 & other.0 != 0
    }
}

impl Value for KeyspaceEvents {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let mut classes = 0;
        for letter in given.one() {
            classes |= match Self::LETTERS.iter().find(|(_, known)| known == letter) {
                _ if *letter == b'A' => Self::ALL.0,
                Some((class, _)) => class.0,
                None => return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            };
        }
        Ok(Self(classes))
    }

    /// `n` is no part of `A`, and is not answered beside it: so does Redis.
    fn show(&self) -> Vec<u8> {
        let all = self.0 & Self::ALL.0 == Self::ALL.0;
        let hidden = if all { Self::ALL.0 | Self::NEW.0 } else { 0 };
        let shown = Self::LETTERS.iter().filter(|(class, _)| self.0 & class.0 & !hidden != 0);
        let shown = shown.map(|(_, letter)| *letter);
        all.then_some(b'A').into_iter().chain(shown).collect()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![quoted(&self.show())]
    }

    fn expects(_rule: &Rule) -> String {
        "letters of Ag$lshzxeKEtmdn".into()
    }
}
