//! PUBSUB TRACE: who is told of which messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, RwLock};

use crate::client::registry::ClientInfo;
use crate::ids::ClientId;
use crate::pattern;

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
    fn takes(&self, channel: &[u8], most_in_second: u64, now_ms: u64) -> bool {
        if !pattern::matches(&self.pattern, channel) {
            return false;
        }
        let mut seen = self.seen.lock();
        seen.messages += 1;
        if !(seen.messages - 1).is_multiple_of(self.one_in) {
            return false;
        }
        let second = now_ms / 1000;
        // Publishers on several threads have read their clocks at different times.
        if second > seen.second {
            (seen.second, seen.told) = (second, 0);
        }
        seen.told += 1;
        most_in_second == 0 || seen.told <= most_in_second
    }
}

impl Tracers {
    /// Lets a client be told of one in so many messages of channels that match a pattern, instead of what it was told of
    /// before; false if there are as many as there may be: each publisher compares its channels with the patterns of all.
    pub(crate) fn add(&self, client: &Arc<ClientInfo>, pattern: &[u8], one_in: u64, most: u64) -> bool {
        let mut list = self.list.write();
        list.retain(|tracer| tracer.client.id != client.id);
        let has_room = (list.len() as u64) < most;
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

    /// Whether nobody traces.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Who is to be told of a message that is published to this channel now, each of so many in a second at most; none while
    /// nobody traces.
    pub(crate) fn of(&self, channel: &[u8], most_in_second: u64, now_ms: u64) -> Vec<Arc<ClientInfo>> {
        if self.is_empty() {
            return Vec::new();
        }
        let list = self.list.read();
        let takers = list.iter().filter(|tracer| tracer.takes(channel, most_in_second, now_ms));
        takers.map(|tracer| tracer.client.clone()).collect()
    }
}
