//! PUBSUB TRACE: who is told of which messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, RwLock};

use crate::client::registry::ClientInfo;
use crate::ids::ClientId;
use crate::pattern;

/// So many clients trace at once at most: each publisher compares its channels with the patterns of all.
pub(crate) const MOST: usize = 8;
/// A client is told of so many messages in a second at most.
const TOLD_PER_SECOND: u64 = 1000;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Tracers {
    count: AtomicUsize,
    list: RwLock<Vec<Tracer>>,
}

/// One client that traces.
#[derive(Debug)]
struct Tracer {
    client: Arc<ClientInfo>,
    pattern: Box<[u8]>,
    /// It is told of one of so many messages.
    one_in: u64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Messages that its pattern matches.
    messages: u64,
    /// The second that it is, of the server's clock.
    second: u64,
    /// Messages of which it was told in it.
    told: u64,
}

impl Tracer {
    /// Whether it is told of a message of this channel.
    fn takes(&self, channel: &[u8], now_ms: u64) -> bool {
        if !pattern::matches(&self.pattern, channel) {
            return false;
        }
        let mut seen = self.seen.lock();
        seen.messages += 1;
        if !(seen.messages - 1).is_multiple_of(self.one_in) {
            return false;
        }
        let second = now_ms / 1000;
        if second != seen.second {
            (seen.second, seen.told) = (second, 0);
        }
        seen.told += 1;
        seen.told <= TOLD_PER_SECOND
    }
}

impl Tracers {
    /// Lets a client be told of one in so many messages of channels that match a pattern, instead of what it was told of
    /// before; false if there are too many.
    pub(crate) fn add(&self, client: &Arc<ClientInfo>, pattern: &[u8], one_in: u64) -> bool {
        let mut list = self.list.write();
        list.retain(|tracer| tracer.client.id != client.id);
        let has_room = list.len() < MOST;
        if has_room {
            let seen = Mutex::default();
            list.push(Tracer { client: client.clone(), pattern: pattern.into(), one_in: one_in.max(1), seen });
        }
        self.count.store(list.len(), Relaxed);
        has_room
    }

    /// It is told of nothing more.
    pub(crate) fn remove(&self, client: ClientId) {
        let mut list = self.list.write();
        list.retain(|tracer| tracer.client.id != client);
        self.count.store(list.len(), Relaxed);
    }

    /// Who is to be told of a message that is published to this channel now; none while nobody traces.
    pub(crate) fn of(&self, channel: &[u8], now_ms: u64) -> Vec<Arc<ClientInfo>> {
        if self.count.load(Relaxed) == 0 {
            return Vec::new();
        }
        let list = self.list.read();
        list.iter().filter(|tracer| tracer.takes(channel, now_ms)).map(|tracer| tracer.client.clone()).collect()
    }
}
