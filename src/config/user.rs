//! What is said of users.

use std::fmt;

use super::error::{Place, StartError, WRONG_COUNT};
use super::value::{Given, PatternSubscribe, PubsubDefault, Rule, Value};
use crate::quoting::quoted;

impl PubsubDefault {
    /// Whether new users have all channels.
    pub fn all_channels(self) -> bool {
        self == Self::AllChannels
    }
}

impl PatternSubscribe {
    /// Whether patterns that are covered may be subscribed to.
    pub fn covered(self) -> bool {
        self == Self::Covered
    }
}

/// Users. Whether the rules make sense is for others to judge.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserLines(pub Vec<UserLine>);

/// A user with its name and its rules, one word each.
#[derive(Clone)]
pub struct UserLine {
    /// The name, and the rules.
    pub words: Vec<Vec<u8>>,
    /// Where that stands, once it is known, for errors.
    pub(super) place: Option<Place>,
}

/// Wherever they stand.
impl PartialEq for UserLine {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for UserLine {}

impl UserLine {
    /// What is wrong with it.
    pub(crate) fn error(&self, why: &str) -> StartError {
        let name = String::from_utf8_lossy(self.words.first().map_or(&[], Vec::as_slice));
        let error =
            StartError::new(format!("user '{name}': {why}"), "correct the rules, which are those of ACL SETUSER");
        error.at_place(self.place.as_ref())
    }
}

impl fmt::Debug for UserLines {
    /// Without the rules: passwords are among them.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "UserLines({})", self.0.len())
    }
}

impl Value for UserLines {
    const SEVERAL: bool = true;
    const SENSITIVE: bool = true;
    const SAMPLE: Option<&'static str> = Some("ann on >secret ~cache:* &news:* +@read +@pubsub");

    fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String> {
        let Some(name) = given.args.first() else { return Err(WRONG_COUNT.into()) };
        let mut users = if given.again { old.0.clone() } else { Vec::new() };
        if users.iter().any(|user| user.words.first() == Some(name)) {
            return Err("Duplicate user found. A user can only be defined once in config files".into());
        }
        users.push(UserLine { words: given.args.to_vec(), place: None });
        Ok(Self(users))
    }

    fn show(&self) -> Vec<u8> {
        self.lines().join(&b' ')
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let line =
            |user: &UserLine| user.words.iter().map(|word| plain_or_quoted(word)).collect::<Vec<_>>().join(&b' ');
        self.0.iter().map(line).collect()
    }

    fn expects(_rule: &Rule) -> String {
        "a name and the rules of ACL SETUSER".into()
    }
}

/// A word as a file keeps it.
pub(super) fn plain_or_quoted(word: &[u8]) -> Vec<u8> {
    let is_plain = !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte));
    if is_plain { word.to_vec() } else { quoted(word) }
}
