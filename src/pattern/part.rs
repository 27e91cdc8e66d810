//! What stands between two stars, and where in a text it is found.

use memchr::memmem;

use super::automaton::Automaton;
use super::token::{Case, Token};

/// A run of tokens without a star: each stands for one byte, so all that it matches has one length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'p> {
    pattern: &'p [u8],
    len: usize,
    kind: Kind,
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

/// A part of so many bytes is tried at one place after the other: at most so many steps for each byte of the text.
/// Preparing a search would cost more.
const SHORT: usize = 64;

impl<'p> Part<'p> {
    /// Takes what comes before the first star off a pattern, and returns it with what follows that star, if there is one.
    pub(super) fn split_first(pattern: &'p [u8]) -> (Part<'p>, Option<&'p [u8]>) {
        let (mut rest, mut len, mut kind) = (pattern, 0, Kind::Plain);
        while let Some((token, after)) = Token::split_first(rest) {
            match token {
                Token::Star => {
                    return (Part { pattern: &pattern[..pattern.len() - rest.len()], len, kind }, Some(after));
                }
                Token::Byte(_) if rest.len() - after.len() == 1 => {}
                Token::Byte(_) => kind = if kind == Kind::Plain { Kind::Escaped } else { kind },
                Token::Any | Token::Set(_) => kind = Kind::Classes,
            }
            (rest, len) = (after, len + 1);
        }
        (Part { pattern, len, kind }, None)
    }

    /// Whether `text` ends with it.
    pub(super) fn ends(self, text: &[u8], case: Case, steps: &mut usize) -> bool {
        text.len() >= self.len && self.fits(&text[text.len() - self.len..], case, steps)
    }

    /// What follows the first place at which the text has it.
    ///
    /// Takes a number of steps in proportion to the text and the part. For a part longer than [`SHORT`] that has sets or
    /// question marks it is one step for each byte of the text and 64 tokens of the part, as far as the text agrees with
    /// it. Where case is ignored, it takes as many steps as both have bytes, multiplied: texts are names of ours then.
    pub(super) fn find<'t>(self, text: &'t [u8], case: Case, steps: &mut usize) -> Option<&'t [u8]> {
        if self.len > text.len() {
            return None;
        }
        let end = match (self.kind, case) {
            _ if self.pattern.len() <= SHORT => self.try_all(text, case, steps)?,
            (_, Case::Ignored) => self.try_all(text, case, steps)?,
            (Kind::Classes, Case::Exact) => {
                *steps += self.pattern.len();
                Automaton::of(self.tokens(), self.len).find(text, steps)?
            }
            (Kind::Plain | Kind::Escaped, Case::Exact) => {
                *steps += self.pattern.len() + text.len();
                memmem::find(text, &self.literal())? + self.len
            }
        };
        Some(&text[end..])
    }

    /// Where the text goes on behind the part, of all places tried in turn.
    fn try_all(self, text: &[u8], case: Case, steps: &mut usize) -> Option<usize> {
        let starts = 0..=text.len() - self.len;
        starts.map(|start| start + self.len).find(|&end| self.fits(&text[end - self.len..], case, steps))
    }

    /// Whether `text`, which is not shorter, begins with it.
    fn fits(self, text: &[u8], case: Case, steps: &mut usize) -> bool {
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
    fn literal(self) -> Vec<u8> {
        let byte = |token| if let Token::Byte(byte) = token { Some(byte) } else { None };
        self.tokens().filter_map(byte).collect()
    }
}
