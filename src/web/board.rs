//! What the page shows of one moment, and `/json` beside what INFO says.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::channels;
use super::history::History;
use super::laggards;
use super::text::shown;
use super::warnings::{Condition, warnings};
use crate::client::held::Holding;
use crate::client::registry::{ClientInfo, Flag};
use crate::message::Kind;
use crate::net::tls::acceptor::Acceptor;
use crate::observe::incidents::Fate;
use crate::observe::memory::AllocatorUse;
use crate::server::{Server, Unready};
use crate::version::VERSION;

/// Nodes that are listed at most.
const MOST_NODES: usize = 256;

/// What is shown of this moment, without what the history has of the seconds before.
pub(super) fn board(server: &Server, acceptor: &Acceptor, history: &History) -> Value {
    let (settings, now) = (server.settings(), server.clock.now());
    let clients = server.clients.all();
    let census = Census::of(&clients);
    let used = AllocatorUse::now().allocated;
    let condition = Condition { server, settings: &settings, acceptor, history, clients: &clients, used };
    json!({
        "number": history.number(),
        "at_ms": now.unix_ms(),
        "state": server.unready().map_or("ready", Unready::word),
        "server": identity(server),
        "rates": history.last(),
        "clients": census.json(server, settings.maxclients),
        "subscriptions": subscriptions(server),
        "memory": {
            "used_bytes": used,
            "limit_bytes": settings.maxmemory.0,
            "clients_bytes": server.clients.held.total(),
        },
        "threads": threads(server, now.ms()),
        "channels": channels::page(server, &settings, now.ms()),
        "slow": laggards::slowest(server, &settings, &clients, now.ms()),
        "incidents": incidents(server),
        "warnings": warnings(&condition),
        "backplane": backplane(server, now.ms()),
    })
}

fn identity(server: &Server) -> Value {
    let settings = server.settings();
    let port = if settings.port == 0 { settings.tls_port } else { settings.port };
    json!({
        "host": rustix::system::uname().nodename().to_string_lossy(),
        "port": port,
        "version": VERSION,
        "pid": std::process::id(),
        "run_id": server.run_id,
        "uptime_seconds": server.clock.now().ms() / 1000,
    })
}

/// Clients by what they are doing, each counted once.
#[derive(Debug, Default)]
struct Census {
    monitors: u64,
    subscribers: u64,
    blocked: u64,
    transactions: u64,
    others: u64,
    /// What waits to be written to those who listen to anything, and to all others, in bytes.
    waiting: [u64; 2],
}

impl Census {
    fn of(clients: &[Arc<ClientInfo>]) -> Self {
        let mut census = Census::default();
        clients.iter().for_each(|client| census.count(client));
        census
    }

    fn count(&mut self, client: &ClientInfo) {
        let is_subscriber = client.is_subscriber();
        let kind = if client.has_flag(Flag::Monitor) {
            &mut self.monitors
        } else if is_subscriber {
            &mut self.subscribers
        } else if client.has_flag(Flag::Blocked) {
            &mut self.blocked
        } else if client.has_flag(Flag::Multi) {
            &mut self.transactions
        } else {
            &mut self.others
        };
        *kind += 1;
        self.waiting[usize::from(!is_subscriber)] += client.held.get(Holding::Output) as u64;
    }

    fn json(&self, server: &Server, limit: u32) -> Value {
        let [pubsub_bytes, normal_bytes] = self.waiting;
        json!({
            "connections": server.connections.load(Relaxed),
            "limit": limit,
            "subscribers": self.subscribers,
            "monitors": self.monitors,
            "blocked": self.blocked,
            "transactions": self.transactions,
            "others": self.others,
            "waiting_bytes": { "pubsub": pubsub_bytes, "normal": normal_bytes },
        })
    }
}

fn subscriptions(server: &Server) -> Value {
    let hub = server.hub.lock();
    json!({
        "channels": hub.channel_count(Kind::Channel),
        "patterns": hub.pattern_count(),
        "shard_channels": hub.channel_count(Kind::ShardChannel),
    })
}

fn threads(server: &Server, now_ms: u64) -> Value {
    let thread = |(number, worker): (usize, &crate::server::WorkerHandle)| {
        json!({
            "number": number,
            "clients": worker.connections.load(Relaxed),
            "subscribers": worker.load.subscribers(),
            "busy_percent": worker.load.busy(),
            "stuck": worker.load.is_stuck(now_ms),
        })
    };
    server.workers.iter().enumerate().map(thread).collect()
}

/// Who was cut or has lost messages, the newest first.
fn incidents(server: &Server) -> Value {
    let all = server.incidents.all().into_iter().map(|incident| {
        let mut shown = json!({
            "at_ms": incident.unix_ms,
            "client": incident.client,
            "address": incident.peer,
            "user": shown(incident.user.as_bytes()),
            "name": shown(incident.name.as_bytes()),
        });
        match incident.fate {
            Fate::Cut { reason, output_bytes } => {
                shown["kind"] = "cut".into();
                shown["reason"] = reason.into();
                shown["waiting_bytes"] = output_bytes.into();
            }
            Fate::Lost { policy, messages } => {
                // It may go on losing.
                let now = server.clients.get(incident.client).map_or(messages, |client| client.slow.lost());
                shown["kind"] = "lost".into();
                shown["reason"] = policy.into();
                shown["messages"] = now.max(messages).into();
            }
        }
        shown
    });
    all.collect()
}

/// The connection to the engine, and all nodes, this one first; null without a backplane.
fn backplane(server: &Server, now_ms: u64) -> Value {
    let Some(backplane) = &server.backplane else { return Value::Null };
    let condition = backplane.status.condition();
    let dropped = server.hub.lock().dropped();
    let others = backplane.nodes.all();
    let own = json!({
        "id": shown(backplane.nodes.id.as_bytes()),
        "address": condition.address,
        "version": VERSION,
        "clients": server.connections.load(Relaxed),
        "silent_ms": 0,
    });
    let other = others.iter().take(MOST_NODES).map(|other| {
        json!({
            "id": shown(other.presence.id.as_bytes()),
            "address": shown(other.presence.address.as_bytes()),
            "version": shown(other.presence.version.as_bytes()),
            "clients": other.presence.clients,
            "silent_ms": now_ms.saturating_sub(other.heard_ms),
        })
    });
    json!({
        "state": condition.phase.word(),
        "engine": condition.engine,
        "last_error": shown(condition.last_error.as_bytes()),
        "dropped_messages": dropped,
        "node_count": others.len() + 1,
        "nodes": std::iter::once(own).chain(other).collect::<Value>(),
    })
}
