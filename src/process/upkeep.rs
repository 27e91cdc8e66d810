//! What a worker does for its clients from time to time: idle timeouts, soft output limits, limits on all clients
//! together, dead peers.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::backplane::slots::slot_of;
use crate::client::order::HubAccess;
use crate::client::registry::Flag;
use crate::client::{Client, Closing};
use crate::command::redirect;
use crate::config::Settings;
use crate::keyspace::Rules;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effects::Outlet;
use crate::keyspace::eviction::{self, Room};
use crate::mailbox::Sent;
use crate::server::Server;
use crate::worker::Worker;

/// How often [`often`] is to be called.
pub(crate) const OFTEN: Duration = Duration::from_millis(100);

/// What is due ten times a second.
pub fn often(worker: &Worker) {
    worker.empty_some(OFTEN);
    worker.tell_losses(&mut HubAccess::new(&worker.server.hub));
    worker.server.memory.count(worker.id());
    if worker.id() == 0 {
        worker.evict_clients();
        worker.server.sample_rates();
        worker.server.adapt_samplers();
    }
}

/// Removes keys whose time is over and, if the server uses too much memory, which may be so without any command on keys,
/// some others. Answers whether there may be more: then call it again when others have had their turn. `thread` is the
/// number of the calling thread in the gauge of memory.
pub fn remove_keys(server: &Server, thread: usize) -> bool {
    look_after_keys(server, |settings, outlet| {
        let mut keys = KeyAccess::new(&server.keyspace);
        let expired = server.keyspace.expire(server.clock.now().unix_ms(), Rules::of(settings), outlet);
        let in_use = || server.memory_in_use(thread);
        let room = eviction::make_room(settings, &server.clock, in_use, &mut keys, outlet);
        keys.release();
        expired || room == Room::Soon
    })
}

/// Drops some of what is remembered of clients that cache keys if that is too much, which may be so without any command
/// because the limit was lowered, and of clients that waited for very many keys. Answers whether more will have to go.
pub fn trim(server: &Server) -> bool {
    look_after_keys(server, |settings, outlet| {
        let (most, now_ms) = (settings.tracking_table_max_keys, server.clock.now().unix_ms());
        server.keyspace.trim(most, now_ms, Rules::of(settings), outlet)
    })
}

/// Clients that are looked at in one step of [`redirect_waiters`].
const WAITERS_AT_ONCE: usize = 256;

/// Sends some clients that wait for keys to the nodes that have got these, as Redis does. Answers whether there may be more.
pub fn redirect_waiters(server: &Server) -> bool {
    let Some(backplane) = &server.backplane else { return false };
    let Some(behind) = backplane.moved.waiters() else { return false };
    let clients = server.clients.behind(behind, WAITERS_AT_ONCE);
    look_after_keys(server, |_, outlet| {
        let mut keys = KeyAccess::new(&server.keyspace);
        let (state, _) = keys.hold(server.clock.now());
        for client in clients.iter().filter(|client| client.has_flag(Flag::Blocked)) {
            // All keys of a command have one slot.
            let error = state.waiters.first_key(client.id).and_then(|key| redirect::moved(server, client, key));
            if let Some(told) = error.and_then(|error| state.waiters.give_up(client.id, Some(&error))) {
                told.send(outlet);
            }
        }
        keys.release();
        let last = clients.last().map(|client| client.id);
        backplane.moved.note_waiters(behind, last);
        last.is_some()
    })
}

/// Drops some keys whose slots other nodes have got, once that is due. Answers whether there may be more.
pub fn drop_moved_keys(server: &Server) -> bool {
    let patience_ms = server.settings().cluster_moved_keys_timeout.0 * 1000;
    let Some((backplane, map)) = server.backplane.as_ref().and_then(|backplane| Some((backplane, backplane.slots()?)))
    else {
        return false;
    };
    let due = || backplane.moved.cursor(&map, patience_ms, server.clock.now().ms());
    let Some(cursor) = (patience_ms > 0).then(due).flatten() else { return false };
    look_after_keys(server, |settings, outlet| {
        // What a client stores whose slot has come back meanwhile is judged by the newer map, before it has the lock.
        let is_elsewhere = |key: &[u8]| map.elsewhere(slot_of(key)).is_some();
        let judge = || backplane.slots().filter(|current| Arc::ptr_eq(current, &map)).map(|_| is_elsewhere);
        let terms = (server.clock.now().unix_ms(), Rules::of(settings));
        let Some((next, removed)) = server.keyspace.sweep(cursor, judge, terms, outlet) else { return false };
        backplane.status.figures.moved_keys.add_shared(removed);
        match backplane.moved.note_step(next, removed) {
            Some(keys) => tracing::info!(keys, "what was left of slots that other nodes have got is dropped"),
            None => return true,
        }
        false
    })
}

/// Does something to the keys, unless those who were to hear of it when that was done before have still to catch up.
fn look_after_keys(server: &Server, step: impl FnOnce(&Settings, &mut Outlet<'_, '_>) -> bool) -> bool {
    let mut behind = server.behind_keys.lock();
    if !behind.is_empty() {
        *behind = server.hub.lock().crowded(*behind);
    }
    if !behind.is_empty() {
        return false;
    }
    let mut hub = HubAccess::new(&server.hub);
    let mut sent = Sent::default();
    let more = step(&server.settings(), &mut Outlet { hub: &mut hub, sent: &mut sent, used: false });
    server.wake(sent.wake);
    *behind = sent.crowded;
    more
}

/// What is due once a second for each client of a worker; for some of them, so that others have their turn in between.
pub fn each_second(worker: &Worker, clients: &[Rc<Client>]) {
    let settings = worker.settings();
    let now_ms = worker.now().ms();
    for client in clients {
        client.forget_cost();
        close_if_idle(client, &settings, now_ms);
        if client.over_soft_limit_since_ms.get().is_some() {
            worker.enforce_output_limits(client);
        }
        close_if_peer_is_dead(client, &settings, now_ms);
        if let Some(limit) = settings.subscriber_sign_of_life.enabled() {
            worker.show_life(client, limit, now_ms);
        }
    }
}

fn close_if_idle(client: &Client, settings: &Settings, now_ms: u64) {
    let Some(limit) = settings.timeout.enabled() else { return };
    let waits = client.is_subscriber()
        || client.is_monitor()
        || client.info.has_flag(Flag::Blocked)
        || client.info.has_flag(Flag::Tracer)
        || client.awaits_answer.get();
    let idle_ms = now_ms.saturating_sub(client.info.active_ms.load(Relaxed));
    if !waits && u128::from(idle_ms) > limit.as_millis() {
        client.close(Closing::Idle);
    }
}

/// A subscriber that is only sent to would not be noticed to be gone for a quarter of an hour.
fn close_if_peer_is_dead(client: &Client, settings: &Settings, now_ms: u64) {
    let limit = settings.subscriber_dead_peer_timeout.enabled().filter(|_| client.is_subscriber());
    if limit.is_some_and(|limit| client.is_peer_dead(now_ms, limit)) {
        client.close(Closing::DeadPeer);
    }
}
