//! What stands between two stars, and where in a text it is found.

use memchr::memmem;

use super::automaton;
use super::positions::Text;
use super::token::{Case, Token};

/// A run of tokens without a star: each stands for one byte, so all that it matches has one length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'p> {
    pattern: &'p [u8],
    len: usize,
    kind: Kind,
    /// The last byte of those that stand for themselves, with the number of tokens before it.
    literal: Option<(usize, u8)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bytes that stand for themselves.
    Plain,
    /// The same, some of them escaped.
    Escaped,
    /// Sets or question marks, too.
    Classes,
}

/// A plain part of so many bytes is tried at one place after the other: at most so many steps for each byte of the text.
/// Preparing a search would cost more.
const SHORT: usize = 64;

/// A part with sets or question marks is tried at so many places where one of its bytes is, before a search is prepared.
const TRIES: usize = 4;

impl<'p> Part<'p> {
    /// Takes what comes before the first star off a pattern, and returns it with what follows that star, if there is one.
    pub(super) fn split_first(pattern: &'p [u8]) -> (Part<'p>, Option<&'p [u8]>) {
        let mut part = Part { pattern, len: 0, kind: Kind::Plain, literal: None };
        let mut rest = pattern;
        while let Some((token, after)) = Token::split_first(rest) {
            match token {
                Token::Star => {
                    part.pattern = &pattern[..pattern.len() - rest.len()];
                    return (part, Some(after));
                }
                Token::Byte(byte) => {
                    part.literal = Some((part.len, byte));
                    if part.kind == Kind::Plain && rest.len() - after.len() > 1 {
                        part.kind = Kind::Escaped;
                    }
                }
                Token::Any | Token::Set(_) => part.kind = Kind::Classes,
            }
            (rest, part.len) = (after, part.len + 1);
        }
        (part, None)
    }

    /// Whether `text` ends with it.
    pub(super) fn ends(self, text: &[u8], case: Case, steps: &mut usize) -> bool {
        text.len() >= self.len && self.fits(&text[text.len() - self.len..], case, steps)
    }

    /// What follows the first place at which the text has it.
    ///
    /// Takes a number of steps in proportion to the text and the part. For a part of more than 64 tokens that has sets or
    /// question marks it is one step for each byte of the text and 64 tokens of the part, as far as the text agrees with
    /// it. Where case is ignored, it takes as many steps as both have bytes, multiplied: texts are names of ours then.
    pub(super) fn find<'t>(self, text: &'t [u8], case: Case, steps: &mut usize) -> Option<&'t [u8]> {
        self.find_with(text, case, TRIES, steps, |rest, steps| automaton::find(self.tokens(), self.len, rest, steps))
    }

    /// The same between two positions of a text in which much is searched. Answers where the text goes on.
    ///
    /// Sets and question marks take one step for each token of the part and [`BLOCK`](super::positions::BLOCK) bytes of the
    /// text.
    pub(super) fn find_in(
        self,
        text: &mut Text<'_>,
        (from, until): (usize, usize),
        steps: &mut usize,
    ) -> Option<usize> {
        let tries = if text.is_read() { 0 } else { TRIES };
        let window = &text.bytes()[from..until];
        let after = self.find_with(window, Case::Exact, tries, steps, |rest, steps| {
            let positions = text.positions();
            let start = until - rest.len();
            positions.find(|| self.tokens(), self.len, (start, until), steps).map(|end| end - start)
        });
        after.map(|after| until - after.len())
    }

    /// The same, where `search` finds sets and question marks after so many tries, and answers where they end.
    fn find_with<'t>(
        self,
        text: &'t [u8],
        case: Case,
        tries: usize,
        steps: &mut usize,
        search: impl FnOnce(&'t [u8], &mut usize) -> Option<usize>,
    ) -> Option<&'t [u8]> {
        if self.len > text.len() {
            return None;
        }
        let end = match (self.kind, case, self.literal) {
            (_, Case::Ignored, _) => self.try_all(text, case, steps)?,
            (Kind::Plain | Kind::Escaped, _, _) if self.pattern.len() > SHORT => {
                *steps += self.pattern.len() + text.len();
                memmem::find(text, &self.plain())? + self.len
            }
            (Kind::Plain | Kind::Escaped, _, Some(literal)) => self.try_at(literal, text, usize::MAX, steps).ok()??,
            (Kind::Plain | Kind::Escaped, _, None) => 0,
            (Kind::Classes, _, Some(literal)) => match self.try_at(literal, text, tries, steps) {
                Ok(end) => end?,
                Err(tried) => tried + search(&text[tried..], steps)?,
            },
            (Kind::Classes, _, None) => search(text, steps)?,
        };
        Some(&text[end..])
    }

    /// Where the text goes on behind the part, of all places tried in turn.
    fn try_all(self, text: &[u8], case: Case, steps: &mut usize) -> Option<usize> {
        let starts = 0..=text.len() - self.len;
        starts.map(|start| start + self.len).find(|&end| self.fits(&text[end - self.len..], case, steps))
    }

    /// The same, but only where the text has a byte of the part with so many tokens before it. With more than `tries` of
    /// these, answers from where on nothing has been tried.
    fn try_at(
        self,
        (before, byte): (usize, u8),
        text: &[u8],
        tries: usize,
        steps: &mut usize,
    ) -> Result<Option<usize>, usize> {
        let possible = &text[before..text.len() - (self.len - before - 1)];
        for (tried, start) in memchr::memchr_iter(byte, possible).enumerate() {
            if tried == tries {
                *steps += start;
                return Err(start);
            }
            if self.fits(&text[start..], Case::Exact, steps) {
                *steps += start;
                return Ok(Some(start + self.len));
            }
        }
        *steps += possible.len();
        Ok(None)
    }

    /// Whether `text`, which is not shorter, begins with it.
    fn fits(self, text: &[u8], case: Case, steps: &mut usize) -> bool {
        if let (Kind::Plain, Case::Exact) = (self.kind, case) {
            *steps += self.len;
            return text.starts_with(self.pattern);
        }
        let (mut pattern, mut bytes) = (self.pattern, text.iter());
        let fits = loop {
            let Some((token, rest)) = Token::split_first(pattern) else { break true };
            if !bytes.next().is_some_and(|&byte| token.accepts(byte, case)) {
                break false;
            }
            pattern = rest;
        };
        *steps += 1 + self.pattern.len() - pattern.len();
        fits
    }

    fn tokens(self) -> impl Iterator<Item = Token<'p>> {
        let mut left = self.pattern;
        std::iter::from_fn(move || {
            let (token, rest) = Token::split_first(left)?;
            left = rest;
            Some(token)
        })
    }

    /// The bytes of a part without sets and question marks.
    fn plain(self) -> Vec<u8> {
        let byte = |token| if let Token::Byte(byte) = token { Some(byte) } else { None };
        self.tokens().filter_map(byte).collect()
    }
}
