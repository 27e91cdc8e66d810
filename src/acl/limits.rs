//! What rules say of how much the connections of a user may have and do together.

use super::rule::RuleError;
use crate::config::ByteSize;

/// What can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Connections that are the user.
    Connections,
    /// Channels, patterns and sharded channels that they listen to, each as often as it is listened to.
    Subscriptions,
    /// Bytes that they publish in a second: of messages, and of the names of their channels.
    PublishBytes,
    /// Messages that they publish in a second.
    PublishMessages,
}

impl Limit {
    const ALL: [Limit; 4] = [Limit::Connections, Limit::Subscriptions, Limit::PublishBytes, Limit::PublishMessages];

    /// Its name in rules.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Limit::Connections => "connections",
            Limit::Subscriptions => "subscriptions",
            Limit::PublishBytes => "publish-bytes",
            Limit::PublishMessages => "publish-messages",
        }
    }

    fn read(self, value: &[u8]) -> Option<u64> {
        let number = match self {
            Limit::PublishBytes if value.first().is_some_and(u8::is_ascii_digit) => ByteSize::read(value)?.0,
            _ if value.iter().all(u8::is_ascii_digit) => std::str::from_utf8(value).ok()?.parse().ok()?,
            _ => return None,
        };
        (number <= MOST).then_some(number)
    }

    fn show(self, value: u64) -> String {
        match self {
            Limit::PublishBytes => ByteSize(value).with_unit(),
            _ => value.to_string(),
        }
    }
}

/// No limit is higher, so that sums of what is limited do not overflow.
const MOST: u64 = i64::MAX as u64;

/// The limits of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits([Option<u64>; Limit::ALL.len()]);

impl Limits {
    /// Carries out what stands behind `limit:` in a rule, as `connections=100`; 0 takes a limit away.
    pub(super) fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let (name, value) = match rule.iter().position(|byte| *byte == b'=') {
            Some(place) => (&rule[..place], &rule[place + 1..]),
            None => (rule, &[][..]),
        };
        let named = Limit::ALL.into_iter().find(|limit| limit.name().as_bytes().eq_ignore_ascii_case(name));
        let limit = named.ok_or(RuleError::UnknownLimit)?;
        let value = limit.read(value).ok_or(RuleError::LimitValue)?;
        self.0[limit as usize] = (value > 0).then_some(value);
        Ok(())
    }

    /// How much of this there may be.
    pub(super) fn of(&self, limit: Limit) -> Option<u64> {
        self.0[limit as usize]
    }

    /// The rules that make it what it is, between blanks.
    pub(super) fn show(&self) -> String {
        let rule = |limit: Limit| self.of(limit).map(|value| format!("limit:{}={}", limit.name(), limit.show(value)));
        Limit::ALL.into_iter().filter_map(rule).collect::<Vec<_>>().join(" ")
    }
}
