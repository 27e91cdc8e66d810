//! What becomes of subscribers that do not keep up.

use super::value::{ByteSize, Given, Rule, Value, word_index};

/// What happens when a subscriber's socket refuses what it is sent and more waits than may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// It is closed at the limits of client-output-buffer-limit.
    #[default]
    Disconnect,
    /// Of each channel only the newest message waits.
    Conflate,
    /// The oldest message that waits goes.
    DropOldest,
    /// The message that comes goes.
    DropNewest,
}

impl SlowPolicy {
    /// All, and the words that stand for them.
    pub const ALL: [(SlowPolicy, &'static str); 4] = [
        (SlowPolicy::Disconnect, "disconnect"),
        (SlowPolicy::DropOldest, "drop-oldest"),
        (SlowPolicy::DropNewest, "drop-newest"),
        (SlowPolicy::Conflate, "conflate"),
    ];

    /// The policy that this word stands for, in any case.
    pub fn read(word: &[u8]) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|(_, known)| word.eq_ignore_ascii_case(known.as_bytes()));
        known.map(|(policy, _)| policy)
    }

    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(policy, _)| *policy == self).map_or("", |(_, word)| word)
    }

    /// A number for a policy, or for none, as a field keeps it that several threads use.
    pub(crate) fn number(policy: Option<Self>) -> u8 {
        Self::ALL.iter().position(|(known, _)| Some(*known) == policy).map_or(0, |place| place as u8 + 1)
    }

    /// The policy that has this number, if one has.
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).map(|(policy, _)| *policy)
    }

    /// Whether it lets the server keep no more for a subscriber that does not keep up than `other` does: nothing, because it
    /// goes; the newest message of each channel; or as much as the limit says, whichever messages these are.
    pub fn is_no_laxer_than(self, other: SlowPolicy) -> bool {
        let rank = |policy| match policy {
            SlowPolicy::Disconnect => 0,
            SlowPolicy::Conflate => 1,
            SlowPolicy::DropOldest | SlowPolicy::DropNewest => 2,
        };
        rank(self) <= rank(other)
    }
}

impl Value for SlowPolicy {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        word_index(given.one(), &Self::ALL.map(|(_, word)| word)).map(|index| Self::ALL[index].0)
    }

    fn show(&self) -> Vec<u8> {
        self.word().as_bytes().to_vec()
    }

    fn expects(_rule: &Rule) -> String {
        Self::ALL.map(|(_, word)| word).join("|")
    }
}

/// How much may wait for a subscriber that loses messages beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowLimit {
    /// Bytes; 0 is no limit.
    pub bytes: ByteSize,
    /// Messages; 0 is no limit.
    pub messages: u64,
}

impl Default for SlowLimit {
    fn default() -> Self {
        SlowLimit { bytes: ByteSize::mib(1), messages: 10_000 }
    }
}

impl SlowLimit {
    /// Reads a number of bytes, which may have a unit, and one of messages.
    pub fn read(bytes: &[u8], messages: &[u8]) -> Option<Self> {
        let number = std::str::from_utf8(messages).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let starts = bytes.first().is_some_and(u8::is_ascii_digit);
        let bytes = ByteSize::read(bytes).filter(|bytes| starts && bytes.0 <= i64::MAX as u64)?;
        let messages = number?.parse().ok().filter(|messages| *messages <= i64::MAX as u64)?;
        Some(SlowLimit { bytes, messages })
    }

    /// The lower of both limits, each.
    pub fn lower_of(self, other: SlowLimit) -> Self {
        let lower = |one: u64, other: u64| if one == 0 || other == 0 { one.max(other) } else { one.min(other) };
        SlowLimit {
            bytes: ByteSize(lower(self.bytes.0, other.bytes.0)),
            messages: lower(self.messages, other.messages),
        }
    }
}

impl Value for SlowLimit {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let read = match given.args {
            [bytes, messages] => SlowLimit::read(bytes, messages),
            _ => None,
        };
        read.ok_or_else(|| "argument must be a memory value and a number of messages".into())
    }

    fn show(&self) -> Vec<u8> {
        format!("{} {}", self.bytes.0, self.messages).into_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![format!("{} {}", self.bytes.with_unit(), self.messages).into_bytes()]
    }

    fn expects(_rule: &Rule) -> String {
        "bytes, and a number of messages".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_no_laxer_than_one_that_lets_as_much_wait() {
        use SlowPolicy::{Conflate, Disconnect, DropNewest, DropOldest};
        let no_laxer = |than: SlowPolicy| SlowPolicy::ALL.map(|(policy, _)| policy.is_no_laxer_than(than));
        assert_eq!(SlowPolicy::ALL.map(|(policy, _)| policy), [Disconnect, DropOldest, DropNewest, Conflate]);
        assert_eq!(no_laxer(Disconnect), [true, false, false, false]);
        assert_eq!(no_laxer(Conflate), [true, false, false, true]);
        assert_eq!(no_laxer(DropOldest), [true; 4]);
        assert_eq!(no_laxer(DropNewest), [true; 4]);
    }

    #[test]
    fn of_two_limits_the_lower_one_holds_and_none_is_the_highest() {
        let limit = |bytes, messages| SlowLimit { bytes: ByteSize(bytes), messages };
        assert_eq!(limit(5, 0).lower_of(limit(7, 9)), limit(5, 9));
        assert_eq!(limit(0, 8).lower_of(limit(0, 3)), limit(0, 3));
        assert_eq!(SlowLimit::read(b"1mb", b"7"), Some(limit(1024 * 1024, 7)));
        for (bytes, messages) in [("", "1"), ("1", ""), ("-1", "1"), ("1", "-1"), ("1x", "1"), ("1", "1k")] {
            assert_eq!(SlowLimit::read(bytes.as_bytes(), messages.as_bytes()), None, "{bytes} {messages}");
        }
    }
}
