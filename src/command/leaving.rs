//! How a client lets go of what it holds elsewhere in the server: at once where that is little, and otherwise where others
//! do not wait for it.

use std::sync::Arc;

use super::Place;
use super::elsewhere::job::{EndWatch, LetGo};
use super::run::obtain_keys;
use crate::client::Client;
use crate::client::held::Holding;
use crate::client::registry::{ClientInfo, Flag};
use crate::clock::Now;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::effects::Outlet;
use crate::server::Server;
use crate::session::{Blocked, Conversation, Scope, Turn};
use crate::worker::Worker;

/// Answers a client that its time is up, if it still waits for keys.
pub(super) fn give_up(place: &mut Place<'_, '_>, client: &ClientInfo) {
    let (state, _) = place.keys.hold(place.server.clock.now());
    if let Some(answer) = state.waiters.give_up(client.id, None) {
        answer.send(&mut Outlet { hub: place.hub, sent: &mut place.outcome.sent, used: false });
    }
}

/// Lets go of what a client that has gone holds of the keys: what it watches, caches and waits for.
pub(super) fn let_go_of_keys(client: &ClientInfo, scope: &mut Scope, keys: &mut KeyAccess<'_>, now: Now) {
    keys.hold(now).0.waiters.remove(client.id);
    if let Some(watch) = super::transaction::take_watch(client, scope) {
        watch.end(keys.hold(now).0);
    }
    super::client::stop_tracking(client, scope, keys, now);
}

/// Whether a client watches or is told of so many keys that to end that takes longer than others should wait.
fn has_much_to_leave(client: &ClientInfo) -> bool {
    client.held.get(Holding::Watched) + client.held.get(Holding::Prefixes) > MUCH_TO_LEAVE
}

/// From so much on, in bytes: some hundred keys.
const MUCH_TO_LEAVE: usize = 64 * 1024;

/// Ends what a client watches: at once, or elsewhere where that takes long. The keys can be had.
pub(super) fn forget_watch(
    server: &Server,
    info: &Arc<ClientInfo>,
    scope: &mut Scope,
    keys: &mut KeyAccess<'_>,
    now: Now,
) {
    let (executor, much) = (&server.executors.keys, has_much_to_leave(info));
    let Some(watch) = super::transaction::take_watch(info, scope) else { return };
    if executor.is_attached() && much {
        executor.add(EndWatch(info.clone(), watch.ending()));
    } else {
        watch.end(keys.hold(now).0);
    }
}

/// Leaves a transaction that is refused. What the client watches goes when the keys can be had.
pub(super) fn discard(turn: &mut Turn<'_>, conversation: &mut Conversation) {
    super::transaction::forget_queue(&turn.client.info, &mut conversation.state);
    if conversation.scope.watch.is_none() {
        return;
    }
    let executor = &turn.worker.server.executors.keys;
    let elsewhere = executor.is_attached() && has_much_to_leave(&turn.client.info);
    if !elsewhere && obtain_keys(turn) {
        let scope = &mut conversation.scope;
        forget_watch(&turn.worker.server, &turn.client.info, scope, &mut turn.keys, turn.now);
        turn.keys.release();
    } else if let Some(watch) = super::transaction::take_watch(&turn.client.info, &mut conversation.scope) {
        executor.add(EndWatch(turn.client.info.clone(), watch.ending()));
    }
}

/// Lets go of what the client's conversation holds elsewhere in the server. What it holds of the keys goes when these can
/// be had.
pub(crate) fn end(worker: &Worker, client: &Client, conversation: &mut Conversation) {
    worker.stop_monitoring(client);
    worker.stop_tracing(client);
    super::transaction::forget_queue(&client.info, &mut conversation.state);
    let (server, info) = (&worker.server, &client.info);
    let mut slot = None;
    let blocked = match conversation.state.blocked.take() {
        Some(Blocked::Subscribing(subscribing)) => {
            subscribing.abandon(server);
            None
        }
        other => other,
    };
    match blocked {
        Some(Blocked::Executing(execution)) => execution.abandon(server, info, conversation),
        Some(Blocked::Elsewhere(left, _)) => slot = Some(left),
        Some(Blocked::OnKeys(_)) => {}
        _ if conversation.scope.watch.is_none() && !info.has_flag(Flag::Tracking) => return,
        _ => {}
    }
    let mut keys = KeyAccess::new(&server.keyspace);
    let executor = &server.executors.keys;
    let here = slot.is_none() && !has_much_to_leave(info) && executor.is_idle();
    if !executor.is_attached() || (here && keys.try_hold(worker.now())) {
        let_go_of_keys(info, &mut conversation.scope, &mut keys, worker.now());
        keys.release();
    } else {
        let scope = std::mem::take(&mut conversation.scope);
        executor.add(LetGo(info.clone(), scope, slot));
    }
}
