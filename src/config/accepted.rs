//! Types of values that only directives without effect have. Each checks as Redis does, so that a mistake in a
//! configuration file is found here as well.

use super::error::WRONG_COUNT;
use super::value::{Given, Rule, Value, word_index};
use crate::quoting::quoted;

/// Any single text.
#[derive(Default)]
pub(super) struct Text(Vec<u8>);

impl Value for Text {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        Ok(Self(given.one().to_vec()))
    }

    fn show(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![quoted(&self.0)]
    }

    fn expects(_rule: &Rule) -> String {
        "a text".into()
    }
}

/// One of the words that the rule names.
#[derive(Default)]
pub(super) struct Word(&'static str);

impl Value for Word {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        word_index(given.one(), given.rule.words).map(|index| Self(given.rule.words[index]))
    }

    fn show(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn expects(rule: &Rule) -> String {
        rule.words.join("|")
    }
}

/// One or more arguments of any kind.
#[derive(Default)]
pub(super) struct Anything(Vec<Vec<u8>>);

impl Value for Anything {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        if given.args.is_empty() { Err(WRONG_COUNT.into()) } else { Ok(Self(given.args.to_vec())) }
    }

    fn show(&self) -> Vec<u8> {
        self.0.join(&b' ')
    }

    fn expects(_rule: &Rule) -> String {
        "one or more arguments".into()
    }
}

const INVALID_SAVE: &str = "Invalid save parameters";

/// Pairs of seconds and changes; lines of one file add up.
#[derive(Clone, Default)]
pub(super) struct Save(Vec<(i64, i64)>);

impl Value for Save {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String> {
        if matches!(given.args, [only] if only.is_empty()) {
            return Ok(Self::default());
        }
        let (pairs, rest) = given.args.as_chunks::<2>();
        let mut saves = if given.again { old.0.clone() } else { Vec::new() };
        for [seconds, changes] in pairs {
            match (integer(seconds), integer(changes)) {
                (Some(seconds @ 1..), Some(changes @ 0..)) => saves.push((seconds, changes)),
                _ => return Err(INVALID_SAVE.into()),
            }
        }
        if rest.is_empty() { Ok(Self(saves)) } else { Err(INVALID_SAVE.into()) }
    }

    fn show(&self) -> Vec<u8> {
        self.pairs().join(&b' ')
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        if self.0.is_empty() { vec![quoted(b"")] } else { self.pairs() }
    }

    fn expects(_rule: &Rule) -> String {
        "pairs of seconds and changes, or \"\"".into()
    }
}

impl Save {
    fn pairs(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|(seconds, changes)| format!("{seconds} {changes}").into_bytes()).collect()
    }
}

/// Three scores from -2000 to 2000.
#[derive(Default)]
pub(super) struct OomScores([i64; 3]);

impl Value for OomScores {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        if given.args.len() != 3 {
            return Err(WRONG_COUNT.into());
        }
        let mut scores = Self::default();
        for (score, arg) in scores.0.iter_mut().zip(given.args) {
            *score = integer(arg)
                .filter(|score| (-2000..=2000).contains(score))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        Ok(scores)
    }

    fn show(&self) -> Vec<u8> {
        self.0.map(|score| score.to_string()).join(" ").into_bytes()
    }

    fn expects(_rule: &Rule) -> String {
        "three numbers from -2000 to 2000".into()
    }
}

/// Host and port of a master, or `no one`.
#[derive(Default)]
pub(super) struct ReplicaOf(Vec<u8>);

impl Value for ReplicaOf {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        match given.args {
            [host, port] if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") => {
                Ok(Self::default())
            }
            [host, _] if !is_plain(host) => Err("Invalid master host".into()),
            [host, port] => match integer(port) {
                Some(0..=65535) => Ok(Self([host.as_slice(), port.as_slice()].join(&b' '))),
                _ => Err("Invalid master port".into()),
            },
            _ => Err(WRONG_COUNT.into()),
        }
    }

    fn show(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        if self.0.is_empty() { Vec::new() } else { vec![self.show()] }
    }

    fn expects(_rule: &Rule) -> String {
        "host and port, or: no one".into()
    }
}

/// Whether a word means the same in a file without quotes around it.
fn is_plain(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte))
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
