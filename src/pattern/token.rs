//! The units of which patterns are made.

/// One unit of a pattern: a star, or something that stands for exactly one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'p> {
    Star,
    Any,
    Byte(u8),
    Set(Set<'p>),
}

impl<'p> Token<'p> {
    /// Takes the first token off a pattern and returns it with what follows; `None` at the pattern's end.
    ///
    /// Every sequence of bytes is a pattern, so this cannot fail.
    pub(crate) fn split_first(pattern: &'p [u8]) -> Option<(Token<'p>, &'p [u8])> {
        let (&first, rest) = pattern.split_first()?;
        Some(match (first, rest) {
            (b'*', _) => (Token::Star, rest),
            (b'?', _) => (Token::Any, rest),
            (b'[', _) => {
                let (set, rest) = Set::split_after_bracket(rest);
                (Token::Set(set), rest)
            }
            (b'\\', [escaped, rest @ ..]) => (Token::Byte(*escaped), rest),
            _ => (Token::Byte(first), rest),
        })
    }

    /// Whether the token can stand for this one byte, in exactly this case.
    pub(crate) fn accepts_exactly(self, byte: u8) -> bool {
        self.accepts(byte, Case::Exact)
    }

    pub(super) fn accepts(self, byte: u8, case: Case) -> bool {
        match self {
            Token::Star | Token::Any => true,
            Token::Byte(own) => case.equal(own, byte),
            Token::Set(set) => set.accepts(byte, case),
        }
    }
}

/// The bytes between `[` and `]`, still as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Set<'p> {
    members: &'p [u8],
    negated: bool,
}

impl<'p> Set<'p> {
    /// Whether the set stands for the bytes that are not in its ranges.
    pub(crate) fn is_negated(self) -> bool {
        self.negated
    }

    /// The set's members as ranges, both ends included, the lower end first in the order of signed bytes.
    pub(crate) fn ranges(self) -> impl Iterator<Item = (u8, u8)> + use<'p> {
        let mut left = self.members;
        std::iter::from_fn(move || {
            let (member, rest) = Member::split_first(left)?;
            left = rest;
            Some(match member {
                Member::Escaped(byte) | Member::Byte(byte) => (byte, byte),
                Member::Range(low, high) => (low, high),
            })
        })
    }

    /// Finds the end of a set whose `[` has been taken; returns what follows its `]`.
    fn split_after_bracket(after: &'p [u8]) -> (Self, &'p [u8]) {
        let (negated, all) = match after {
            [b'^', members @ ..] => (true, members),
            _ => (false, after),
        };
        let mut left = all;
        while let Some((_, rest)) = Member::split_first(left) {
            left = rest;
        }
        let members = &all[..all.len() - left.len()];
        (Set { members, negated }, left.get(1..).unwrap_or_default())
    }

    fn accepts(self, byte: u8, case: Case) -> bool {
        let mut left = self.members;
        while let Some((member, rest)) = Member::split_first(left) {
            if member.accepts(byte, case) {
                return !self.negated;
            }
            left = rest;
        }
        self.negated
    }
}

/// One entry of a set.
enum Member {
    Escaped(u8),
    Byte(u8),
    /// Both ends belong to it; the lower one is first, in the order of signed bytes.
    Range(u8, u8),
}

impl Member {
    /// Takes the first member off a set; `None` at its `]` or at the pattern's end.
    ///
    /// A set's text may also be given without its `]`, as long as it was cut there: no member reads past it.
    fn split_first(set: &[u8]) -> Option<(Member, &[u8])> {
        match set {
            [b'\\', escaped, rest @ ..] => Some((Member::Escaped(*escaped), rest)),
            [] | [b']', ..] => None,
            [one, b'-', other, rest @ ..] => {
                let swapped = *one as i8 > *other as i8;
                let (low, high) = if swapped { (other, one) } else { (one, other) };
                Some((Member::Range(*low, *high), rest))
            }
            [byte, rest @ ..] => Some((Member::Byte(*byte), rest)),
        }
    }

    fn accepts(&self, byte: u8, case: Case) -> bool {
        match *self {
            Member::Escaped(own) => own == byte,
            Member::Byte(own) => case.equal(own, byte),
            Member::Range(low, high) => {
                let rank = |byte| case.fold(byte) as i8;
                (rank(low)..=rank(high)).contains(&rank(byte))
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Case {
    Exact,
    Ignored,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        match self {
            Case::Exact => byte,
            Case::Ignored => byte.to_ascii_lowercase(),
        }
    }

    fn equal(self, one: u8, other: u8) -> bool {
        self.fold(one) == self.fold(other)
    }
}
