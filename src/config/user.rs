//! What is said of users.

use super::value::{PatternSubscribe, PubsubDefault};

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
