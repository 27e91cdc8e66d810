//! Which of several subscriptions that bring the same message is the one that counts.

use std::collections::HashSet;

use crate::hub::pattern_index::PatternIndex;
use crate::ids::Topic;

/// What the upstream has confirmed.
#[derive(Debug, Default)]
pub(super) struct Owners {
    channels: HashSet<Vec<u8>>,
    /// Patterns, with when they began.
    patterns: PatternIndex<u64>,
    begun: u64,
}

impl Owners {
    /// From here on it brings messages for this.
    pub(super) fn begin(&mut self, topic: Topic, name: &[u8]) {
        if topic == Topic::Pattern {
            self.begun += 1;
            let begun = self.begun;
            self.patterns.get_or_insert_with(name, || begun);
        } else {
            self.channels.insert(name.to_vec());
        }
    }

    /// From here on it brings none.
    pub(super) fn end(&mut self, topic: Topic, name: &[u8]) {
        if topic == Topic::Pattern {
            self.patterns.remove(name);
        } else {
            self.channels.remove(name);
        }
    }

    /// Whether a message to `channel` that came for `pattern` counts.
    pub(super) fn is_owner(&mut self, pattern: &[u8], channel: &[u8]) -> bool {
        if self.channels.contains(channel) {
            return false;
        }
        let mut oldest: Option<(u64, bool)> = None;
        self.patterns.for_each_match(channel, |name, begun| {
            if oldest.is_none_or(|(other, _)| *begun < other) {
                oldest = Some((*begun, **name == *pattern));
            }
        });
        oldest.is_some_and(|(_, is_it)| is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_that_bring_a_message_one_counts() {
        let mut owners = Owners::default();
        owners.begin(Topic::Pattern, b"a*");
        owners.begin(Topic::Pattern, b"*b");
        assert!(owners.is_owner(b"a*", b"ab") && !owners.is_owner(b"*b", b"ab"));
        assert!(owners.is_owner(b"*b", b"bb") && owners.is_owner(b"a*", b"ac"));
        owners.begin(Topic::Channel, b"ab");
        assert!(!owners.is_owner(b"a*", b"ab") && !owners.is_owner(b"*b", b"ab"));
        owners.end(Topic::Channel, b"ab");
        owners.end(Topic::Pattern, b"a*");
        assert!(owners.is_owner(b"*b", b"ab"));
        owners.begin(Topic::Pattern, b"a*");
        assert!(!owners.is_owner(b"a*", b"ab"), "it is younger now");
    }
}
