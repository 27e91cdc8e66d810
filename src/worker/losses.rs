//! What subscribers lose, by channel: gathered, so that who publishes does not wait for the hub's lock as often as something is
//! lost.

use std::collections::HashMap;

use super::Worker;
use crate::client::order::HubAccess;
use crate::hub::NAMES_AT_ONCE;
use crate::message::Kind;

/// Channels that are told apart until the hub is told.
const TOLD_AT_ONCE: usize = 64;

/// What has been lost of each channel since the hub was last told: messages, and subscribers that were cut.
#[derive(Debug, Default)]
pub(super) struct Losses(HashMap<(Kind, Box<[u8]>), [u64; 2]>);

impl Losses {
    /// Adds to a channel's.
    pub(super) fn add(&mut self, kind: Kind, channel: &[u8], lost: [u64; 2]) {
        let sums = self.0.entry((kind, channel.into())).or_default();
        *sums = [sums[0] + lost[0], sums[1] + lost[1]];
    }

    /// Whether the hub should be told before there are more.
    pub(super) fn are_many(&self) -> bool {
        self.0.len() >= TOLD_AT_ONCE
    }
}

impl Worker {
    /// Tells the hub what has been lost since it was last told.
    pub(crate) fn tell_losses(&self, hub: &mut HubAccess<'_>) {
        if self.losses.borrow().0.is_empty() {
            return;
        }
        let losses = self.losses.take().0;
        let (settings, now_ms) = (self.settings(), self.now().ms());
        let told: Vec<_> = losses.iter().collect();
        for some in told.chunks(NAMES_AT_ONCE) {
            hub.with(|hub| {
                some.iter().for_each(|((kind, channel), [drops, cuts])| hub.count_lost(*kind, channel, *drops, *cuts));
            });
        }
        for ((kind, channel), [drops, _]) in losses.iter().filter(|(_, [drops, _])| *drops > 0) {
            self.stats().channels.note_drops(*kind, channel, *drops, &settings, now_ms);
        }
    }

    /// Notes that a subscriber was cut when a message of this channel was the newest that waited for it.
    pub(crate) fn note_cut(&self, kind: Kind, channel: &[u8]) {
        self.losses.borrow_mut().add(kind, channel, [0, 1]);
    }
}
