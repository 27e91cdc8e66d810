//! The subscribers that keep up worst, and why.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::text::shown;
use crate::client::held::Holding;
use crate::client::registry::ClientInfo;
use crate::config::{Settings, SlowPolicy};
use crate::server::Server;

/// How many are shown.
const MOST: usize = 10;

/// How far a client is behind; by this they are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lag {
    waiting_bytes: usize,
    lost: u64,
}

impl Lag {
    /// None of a client that keeps up, and has always done so.
    fn of(client: &ClientInfo) -> Option<Self> {
        let is_behind = client.slow.behind_since_ms().is_some();
        let waiting_bytes = if is_behind { client.held.get(Holding::Output) } else { 0 };
        let lost = client.slow.lost();
        (is_behind || lost > 0).then_some(Lag { waiting_bytes, lost })
    }
}

/// Those that are behind most, or have lost most, each with what is known of it.
pub(super) fn slowest(server: &Server, settings: &Settings, clients: &[Arc<ClientInfo>], now_ms: u64) -> Value {
    let mut slow: Vec<(Lag, &ClientInfo)> =
        clients.iter().filter_map(|client| Some((Lag::of(client)?, &**client))).collect();
    if slow.len() > MOST {
        slow.select_nth_unstable_by_key(MOST - 1, |(lag, client)| Reverse((*lag, Reverse(client.id))));
        slow.truncate(MOST);
    }
    slow.sort_unstable_by_key(|(lag, client)| Reverse((*lag, Reverse(client.id))));
    slow.into_iter().map(|(lag, client)| one(server, settings, lag, client, now_ms)).collect()
}

fn one(server: &Server, settings: &Settings, lag: Lag, client: &ClientInfo, now_ms: u64) -> Value {
    let user = client.user(&server.acl);
    let (policy, lower) = client.slow_policy(&user, settings);
    let limits = &settings.client_output_buffer_limit;
    let class = if client.is_subscriber() { limits.pubsub } else { limits.normal };
    let ago = |then_ms: Option<u64>| then_ms.map(|then_ms| now_ms.saturating_sub(then_ms));
    json!({
        "client": client.id,
        "address": client.address.peer(),
        "user": shown(user.name()),
        "name": shown(client.labels().name.as_bytes()),
        "thread": client.worker(),
        "subscriptions": client.subscriptions.iter().map(|count| u64::from(count.load(Relaxed))).sum::<u64>(),
        "policy": policy.word(),
        "waiting_bytes": lag.waiting_bytes,
        "waiting_pieces": client.output_pieces.load(Relaxed),
        "limit_bytes": lowest([class.hard.0, if policy == SlowPolicy::Disconnect { 0 } else { lower.bytes.0 }]),
        "behind_ms": ago(client.slow.behind_since_ms()),
        "refused_ms": ago(client.slow.refused_ms()),
        "lost_messages": lag.lost,
        "sent_bytes": client.total_out.load(Relaxed),
    })
}

/// The lowest of some limits, of which 0 is none.
fn lowest(limits: [u64; 2]) -> u64 {
    limits.into_iter().filter(|limit| *limit > 0).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::test_support::World;

    /// The ids and what waits of those that are shown, when so many clients wait for so much and have lost so much.
    fn shown_of(lags: &[(usize, u64)]) -> Vec<(u64, u64, u64)> {
        let world = World::new();
        let peers: Vec<_> = lags.iter().map(|_| world.client()).collect();
        for (peer, (waiting_bytes, lost)) in peers.iter().zip(lags) {
            let info = &peer.client.info;
            info.held.set(Holding::Output, *waiting_bytes);
            info.slow.note_behind(*waiting_bytes > 0, || 1);
            info.slow.count(*lost);
        }
        let server = &world.server;
        let value = slowest(server, &server.settings(), &server.clients.all(), 5);
        let number = |one: &Value, name: &str| one[name].as_u64().unwrap_or_default();
        let all = value.as_array().cloned().unwrap_or_default();
        let facts = |one: &Value| (number(one, "client"), number(one, "waiting_bytes"), number(one, "lost_messages"));
        all.iter().map(facts).collect()
    }

    #[test]
    fn who_is_behind_most_comes_first_and_who_keeps_up_is_not_shown() {
        assert_eq!(shown_of(&[(0, 0), (5, 0), (70, 0), (0, 3), (5, 9)]), [(3, 70, 0), (5, 5, 9), (2, 5, 0), (4, 0, 3)]);
        let many: Vec<_> = (0..50).map(|number| (100 + number, 0)).collect();
        let expected: Vec<_> = (0..10).map(|place| (50 - place, 149 - place, 0)).collect();
        assert_eq!(shown_of(&many), expected);
    }

    #[test]
    fn of_each_it_is_said_why() {
        let world = World::with(&[("slow-subscriber-policy", "drop-oldest"), ("slow-subscriber-limit", "1mb 0")]);
        let peer = world.client();
        peer.say("SUBSCRIBE a b");
        let info = &peer.client.info;
        info.held.set(Holding::Output, 7);
        info.slow.note_behind(false, || 0);
        info.slow.note_behind(true, || 1_000);
        info.slow.note_refusal(3_000);
        let server = &world.server;
        let one = &slowest(server, &server.settings(), &server.clients.all(), 5_000)[0];
        for (name, expected) in [
            ("policy", Value::from("drop-oldest")),
            ("behind_ms", 4_000.into()),
            ("refused_ms", 2_000.into()),
            ("limit_bytes", (1024 * 1024).into()),
            ("subscriptions", 2.into()),
            ("user", "default".into()),
        ] {
            assert_eq!(one[name], expected, "{name}");
        }
    }
}
