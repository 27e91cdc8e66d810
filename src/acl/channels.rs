//! Which channels a set of permissions has, and in which direction.

use std::collections::HashSet;

use super::covering::Wanted;
use super::rule::{RuleError, has_blanks};
use crate::pattern;

/// What is done to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Something is sent to it.
    Publish,
    /// It is listened to.
    Subscribe,
}

/// What a request does to channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelUse {
    /// Which way messages go.
    pub(crate) direction: Direction,
    /// Whether its arguments are patterns.
    pub(crate) patterns: bool,
    /// The first argument that is a channel or pattern.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) count: usize,
}

/// Steps of comparing one pattern with those that may cover it; what has not been found by then counts as not covered. They
/// take about a millisecond.
const MOST_STEPS: usize = 256 * 1024;
/// For how many comparisons of a channel with a pattern it counts to ask whether a pattern covers another.
const COVERED_STEPS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
struct ChannelPattern {
    pattern: Box<[u8]>,
    publish: bool,
    subscribe: bool,
}

impl ChannelPattern {
    fn is_for(&self, direction: Direction) -> bool {
        match direction {
            Direction::Publish => self.publish,
            Direction::Subscribe => self.subscribe,
        }
    }
}

/// The channels that may be used.
#[derive(Clone, Debug, Default)]
pub(super) struct ChannelPatterns {
    all: bool,
    patterns: Vec<ChannelPattern>,
    /// Where the patterns are looked up, by direction. Made when all rules have been carried out.
    indexes: [Index; 2],
    /// The patterns that may be subscribed to literally. Made at the same time.
    literal: HashSet<Box<[u8]>>,
}

impl ChannelPatterns {
    /// All channels, or none.
    pub(super) fn new(all: bool) -> Self {
        ChannelPatterns { all, ..Self::default() }
    }

    /// Whether it has all channels, in both directions.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Allows all channels, or none.
    pub(super) fn set_all(&mut self, allowed: bool) {
        self.all = allowed;
        self.patterns.clear();
    }

    /// Whether a rule that begins with `%` is one about channels: with the letters P and S in front of `&`.
    pub(super) fn are_meant(rule: &[u8]) -> bool {
        let letters = rule.iter().position(|byte| *byte == b'&').map(|end| &rule[1..end]);
        letters.is_some_and(|letters| letters.iter().all(|letter| b"PpSs".contains(letter)))
    }

    /// Carries out a rule: `&pattern`, or with letters `%P&pattern`.
    pub(super) fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all {
            return Err(RuleError::ChannelsAreAll);
        }
        let start = rule.iter().position(|byte| *byte == b'&').ok_or(RuleError::Syntax)?;
        let (letters, pattern) = (rule[..start].to_ascii_uppercase(), &rule[start + 1..]);
        let (publish, subscribe) = match &letters[..] {
            b"" | b"%PS" | b"%SP" => (true, true),
            b"%P" => (true, false),
            b"%S" => (false, true),
            _ => return Err(RuleError::Syntax),
        };
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.patterns.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => {
                known.publish |= publish;
                known.subscribe |= subscribe;
            }
            None => self.patterns.push(ChannelPattern { pattern: pattern.into(), publish, subscribe }),
        }
        if self.patterns.iter().any(|known| known.publish && known.subscribe && *known.pattern == *b"*") {
            self.set_all(true);
        }
        Ok(())
    }

    /// Makes what the patterns are looked up in.
    pub(super) fn index(&mut self) {
        self.indexes = [Direction::Publish, Direction::Subscribe].map(|direction| {
            let patterns = self.patterns.iter().filter(|known| known.is_for(direction));
            Index::new(patterns.map(|known| &*known.pattern))
        });
        let subscribed = self.patterns.iter().filter(|known| known.subscribe);
        self.literal = subscribed.map(|known| known.pattern.clone()).collect();
    }

    /// Whether a channel may be used so.
    pub(super) fn permit(&self, channel: &[u8], direction: Direction) -> bool {
        self.all || self.indexes[direction as usize].matches(channel)
    }

    /// Whether a pattern may be subscribed to: literally one of those that there are, or, if `covered` says so, one that
    /// matches no channel that one of those does not match.
    pub(super) fn permit_pattern(&self, wanted: &[u8], covered: bool) -> bool {
        let mut left = MOST_STEPS;
        let mut is_covered = || {
            let mut known = self.patterns.iter().filter(|known| known.subscribe);
            let wanted = Wanted::new(wanted);
            known.any(|known| wanted.is_covered_by(&known.pattern, &mut left))
        };
        self.all || self.literal.contains(wanted) || self.literal.contains(&b"*"[..]) || (covered && is_covered())
    }

    /// Whether channels are compared with patterns, one by one, for this direction.
    pub(super) fn compares(&self, direction: Direction) -> bool {
        !self.indexes[direction as usize].others.is_empty()
    }

    /// How many steps it takes at most to say whether a name may be listened to; of patterns that may be covered, where most of
    /// the others begin differently.
    pub(super) fn listening_steps(&self, covered: bool) -> usize {
        let compared = self.indexes[Direction::Subscribe as usize].others.len();
        if covered { compared.max(COVERED_STEPS * self.patterns.len()) } else { compared }
    }

    /// Whether it allows to listen to all that `other` allows, as far as that can be told without looking at channels.
    pub(super) fn contains(&self, other: &Self) -> bool {
        self.all || (!other.all && other.literal.iter().all(|pattern| self.literal.contains(pattern)))
    }

    /// The rules that make it what it is, between blanks.
    pub(super) fn show(&self) -> Vec<u8> {
        if self.all {
            return b"&*".to_vec();
        }
        let rule = |known: &ChannelPattern| {
            let sign: &[u8] = match (known.publish, known.subscribe) {
                (true, false) => b"%P&",
                (false, true) => b"%S&",
                _ => b"&",
            };
            [sign, &known.pattern].concat()
        };
        self.patterns.iter().map(rule).collect::<Vec<_>>().join(&b' ')
    }
}

/// Patterns, so ordered that a channel need not be compared with each: names, beginnings of names, and others.
#[derive(Clone, Debug, Default)]
struct Index {
    names: HashSet<Box<[u8]>>,
    /// In order, and none begins with another.
    beginnings: Vec<Box<[u8]>>,
    others: Vec<Box<[u8]>>,
}

impl Index {
    fn new<'p>(patterns: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut index = Index::default();
        for pattern in patterns {
            let is_plain = |text: &[u8]| !text.iter().any(|byte| b"*?[\\".contains(byte));
            match pattern.strip_suffix(b"*") {
                Some(beginning) if is_plain(beginning) => index.beginnings.push(beginning.into()),
                None if is_plain(pattern) => {
                    index.names.insert(pattern.into());
                }
                _ => index.others.push(pattern.into()),
            }
        }
        index.beginnings.sort_unstable();
        // What begins with another comes right behind it, or behind others that do.
        index.beginnings.dedup_by(|later, earlier| later.starts_with(earlier));
        index
    }

    fn matches(&self, channel: &[u8]) -> bool {
        // The last that does not come behind the channel: a beginning of it has nothing between itself and the channel but
        // what begins with it, too.
        let place = self.beginnings.partition_point(|beginning| &**beginning <= channel);
        let begins = place > 0 && channel.starts_with(&self.beginnings[place - 1]) && !channel.is_empty();
        begins
            || (!self.names.is_empty() && self.names.contains(channel))
            || self.others.iter().any(|pattern| pattern::matches(pattern, channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(rules: &[&str]) -> ChannelPatterns {
        let mut patterns = ChannelPatterns::default();
        rules.iter().for_each(|rule| patterns.apply(rule.as_bytes()).expect("a rule"));
        patterns.index();
        patterns
    }

    #[test]
    fn what_the_index_finds_is_what_the_patterns_match() {
        let rules = ["a", "ab*", "abc*", "b*", "*z", "n?w", "", "c", "c*", "[xy]*", "q\\*"];
        let all = patterns(&rules.map(|rule| "&".to_owned() + rule).each_ref().map(String::as_str));
        let names = ["", "a", "ab", "abc", "abcd", "ac", "b", "bz", "c", "cz", "d", "z", "now", "xa", "q*", "qa", "q"];
        for name in names {
            let matched = rules.iter().any(|rule| pattern::matches(rule.as_bytes(), name.as_bytes()));
            assert_eq!(all.permit(name.as_bytes(), Direction::Publish), matched, "{name}");
        }
    }

    #[test]
    fn a_right_for_one_direction_is_none_for_the_other_until_both_are_given() {
        let mut one = patterns(&["%P&news", "%s&*"]);
        assert!(one.permit(b"news", Direction::Publish) && one.permit(b"news", Direction::Subscribe));
        assert!(!one.permit(b"x", Direction::Publish) && one.permit(b"x", Direction::Subscribe));
        assert_eq!(one.show(), b"%P&news %S&*");
        one.apply(b"%S&news").expect("a rule");
        assert_eq!(one.show(), b"&news %S&*");
        one.apply(b"%P&*").expect("a rule");
        assert!(one.is_all());
    }
}
