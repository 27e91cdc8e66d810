//! Redis' pattern language on bytes, for PSUBSCRIBE, KEYS, CONFIG GET and ACL rules.
//!
//! | Pattern | Stands for |
//! |---|---|
//! | `*` | any run of bytes, the empty one too |
//! | `?` | any one byte |
//! | `[abc]`, `[a-z]` | one byte of the set; a reversed range is swapped |
//! | `[^abc]` | one byte that is not in the set |
//! | `\x` | the byte `x`, whatever it means otherwise |
//!
//! Corners that clients can see, all of them as in Redis 7.2 (`util.c`, `stringmatchlen`):
//!
//! - An empty text is matched by the empty pattern and by nothing else, so `*` does not match it. The rule belongs to
//!   matching itself and not to PUBLISH: it holds for keys and directives as well.
//! - A `[` that is never closed takes the rest of the pattern as its set. A set may be empty: `[]` matches no byte and
//!   `[^]` matches every byte, which means that a `]` cannot be written first to stand for itself.
//! - In a set `\x` is the byte `x` and never starts a range; the end of a range is taken as it stands, so `[a-\]` ends at
//!   the backslash and `[a-]` is an unclosed range up to `]`.
//! - A backslash at the very end stands for itself.
//! - Ranges order bytes as signed numbers, the way Redis does on x86-64: 0x80-0xFF come before 0x00.
//! - Ignoring case concerns ASCII letters only. The ends of a range are swapped before they are folded and an escaped
//!   byte in a set is not folded.

/// Whether `pattern` matches the whole of `text`.
///
/// Takes at most `pattern.len() * text.len()` steps whatever the pattern, and allocates nothing.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Exact)
}

/// Whether `pattern` matches the whole of `text` when ASCII letters of either case are equal.
///
/// Costs what [`matches()`] costs.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Ignored)
}

/// Whether what is left of a pattern matches what is left of a text, once the whole text is known not to be empty.
///
/// Differs from [`matches()`] in the text that is empty only because it has been used up: stars match it.
pub(crate) fn rest_matches(pattern: &[u8], text: &[u8]) -> bool {
    rest_matches_with(pattern, text, Case::Exact)
}

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

    fn accepts(self, byte: u8, case: Case) -> bool {
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
enum Case {
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

fn matches_with(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    rest_matches_with(pattern, text, case)
}

/// Remembers only the last star: what the earlier ones took need not be reconsidered, because the last one can take
/// whatever a longer run of theirs would have taken. That is what bounds the time.
fn rest_matches_with(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (Token::split_first(pattern), text.split_first()) {
            (Some((Token::Star, rest)), _) => {
                if rest.is_empty() {
                    return true;
                }
                pattern = rest;
                last_star = Some((rest, text));
                continue;
            }
            (Some((token, rest)), Some((&byte, text_rest))) if token.accepts(byte, case) => {
                (pattern, text) = (rest, text_rest);
                continue;
            }
            (None, None) => return true,
            // a star that takes more leaves less text, which cannot help a pattern that is left over
            (Some(_), None) => return false,
            _ => {}
        }
        let Some((after_star, [_, longer @ ..])) = last_star else {
            return false;
        };
        (pattern, text) = (after_star, longer);
        last_star = Some((after_star, longer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The definition, written out: exponential, so for short input only. Sets go through [`Token`], which the tests
    /// by example cover.
    fn reference(pattern: &[u8], text: &[u8], case: Case) -> bool {
        match Token::split_first(pattern) {
            None => text.is_empty(),
            Some((Token::Star, rest)) => (0..=text.len()).any(|taken| reference(rest, &text[taken..], case)),
            Some((token, rest)) => {
                !text.is_empty() && token.accepts(text[0], case) && reference(rest, &text[1..], case)
            }
        }
    }

    fn short(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
        vec(prop::sample::select(alphabet), 0..=most)
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            pattern in short(b"aAb*?*[]^-\\", 9),
            text in short(b"aAb]-\\", 8),
        ) {
            for case in [Case::Exact, Case::Ignored] {
                let expected = if text.is_empty() { pattern.is_empty() } else { reference(&pattern, &text, case) };
                prop_assert_eq!(matches_with(&pattern, &text, case), expected);
            }
        }

        #[test]
        fn agrees_with_the_definition_on_stars(pattern in short(b"ab**?", 10), text in short(b"ab", 10)) {
            let expected = if text.is_empty() { pattern.is_empty() } else { reference(&pattern, &text, Case::Exact) };
            prop_assert_eq!(matches(&pattern, &text), expected);
        }

        #[test]
        fn an_escaped_text_matches_itself(text in vec(any::<u8>(), 0..20)) {
            let pattern: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
            prop_assert!(matches(&pattern, &text));
        }
    }

    #[track_caller]
    fn check(pattern: &[u8], matching: &[&[u8]], other: &[&[u8]]) {
        for text in matching {
            assert!(matches(pattern, text), "{} {}", pattern.escape_ascii(), text.escape_ascii());
        }
        for text in other {
            assert!(!matches(pattern, text), "{} {}", pattern.escape_ascii(), text.escape_ascii());
        }
    }

    #[test]
    fn a_star_takes_any_run() {
        check(b"*", &[b"a", b"a.b", b"\0\xff"], &[]);
        check(b"h*llo", &[b"hllo", b"heeeello"], &[b"hell", b"ello"]);
        check(b"a**b*", &[b"ab", b"axbx"], &[b"a", b"b"]);
    }

    #[test]
    fn a_question_mark_takes_one_byte() {
        check(b"h?llo", &[b"hello", b"h\xffllo"], &[b"hllo", b"heello", "hällo".as_bytes()]);
    }

    #[test]
    fn an_empty_text_is_matched_by_the_empty_pattern_only() {
        check(b"", &[b""], &[b"a"]);
        for pattern in [&b"*"[..], b"**", b"?", b"[^"] {
            check(pattern, &[], &[b""]);
        }
        assert!(!matches_ignoring_case(b"*", b""));
    }

    #[test]
    fn a_set_takes_one_of_its_bytes() {
        check(b"h[ae]llo", &[b"hallo", b"hello"], &[b"hillo", b"hllo"]);
        check(b"h[^e]llo", &[b"hallo", b"h^llo"], &[b"hello"]);
        check(b"[a-c]", &[b"a", b"b", b"c"], &[b"d", b"-"]);
        check(b"[-a]", &[b"-", b"a"], &[b"b"]);
    }

    #[test]
    fn a_reversed_range_is_swapped() {
        check(b"[c-a]", &[b"a", b"b", b"c"], &[b"d", b"-"]);
    }

    #[test]
    fn a_range_orders_bytes_as_signed_numbers() {
        check(b"[\xf0-a]", &[b"\xf0", b"\xff", b"\0", b"a"], &[b"\x90", b"b"]);
        check(b"[\x80-\xff]", &[b"\x80", b"\xc0"], &[b"\0", b"\x7f"]);
    }

    #[test]
    fn an_empty_set_matches_nothing_and_its_negation_every_byte() {
        check(b"[]", &[], &[b"]", b"a"]);
        check(b"[]a]", &[], &[b"a", b"]", b"a]"]);
        check(b"[^]", &[b"a", b"]"], &[b"aa"]);
    }

    #[test]
    fn an_unclosed_set_reaches_the_end_of_the_pattern() {
        check(b"[", &[], &[b"[", b"a"]);
        check(b"x[ab", &[b"xa", b"xb"], &[b"x", b"x[", b"xab"]);
        check(b"[^", &[b"a"], &[b"aa"]);
        check(b"[a-", &[b"a", b"-"], &[b"b"]);
        check(b"[a-]", &[b"a", b"]", b"_"], &[b"b", b"-"]);
        check(b"[a\\", &[b"a", b"\\"], &[b"b"]);
    }

    #[test]
    fn an_escape_stands_for_the_next_byte() {
        check(b"\\*\\?\\[", &[b"*?["], &[b"aa["]);
        check(b"\\a\\\\", &[b"a\\"], &[b"\\a\\"]);
        check(b"[\\]\\^]", &[b"]", b"^"], &[b"\\"]);
    }

    #[test]
    fn an_escape_in_a_set_starts_no_range_and_ends_one_as_a_backslash() {
        check(b"[\\a-c]", &[b"a", b"-", b"c"], &[b"b"]);
        check(b"[a-\\]]", &[b"_]", b"\\]"], &[b"_", b"]"]);
    }

    #[test]
    fn a_backslash_at_the_end_stands_for_itself() {
        check(b"\\", &[b"\\"], &[b"a"]);
        check(b"a*\\", &[b"a\\", b"ab\\"], &[b"a"]);
    }

    #[test]
    fn case_is_ignored_on_request_only() {
        check(b"Max*", &[b"Maxmemory"], &[b"maxmemory"]);
        assert!(matches_ignoring_case(b"Max*", b"mAXmemory"));
        assert!(matches_ignoring_case(b"\\A[B-d][X]", b"aCx"));
        assert!(!matches_ignoring_case(b"[\\a]", b"A"));
        assert!(!matches_ignoring_case(b"[Z-a]", b"z"), "folded, this range runs from z down to a");
    }

    #[test]
    fn hostile_patterns_end_in_time() {
        let text = vec![b'a'; 5_000];
        let stars = b"a*".repeat(2_000);
        let mut unmatched = stars.clone();
        unmatched.push(b'b');
        assert!(matches(&stars, &text));
        assert!(!matches(&unmatched, &text));
        assert!(!matches(&b"*a?".repeat(1_000).into_iter().chain(*b"*b").collect::<Vec<_>>(), &text));
        assert!(!matches(&[&b"*"[..], &vec![b'a'; 1_000], b"b"].concat(), &text));
    }
}
