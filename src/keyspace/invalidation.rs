//! What clients that cache keys are told: pushes in RESP3, messages on a channel of its own in RESP2.
//!
//! Source: `sendTrackingMessage` in Redis 7.2 (tracking.c).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::effects::Outlet;
use super::tracking::{Forget, Tracking};
use crate::clients::{ClientId, ClientInfo, Flag};
use crate::hub::Control;
use crate::message::Frame;
use crate::resp::Proto;
use crate::resp::encode::Reply;

/// The channel on which RESP2 clients are told.
const CHANNEL: &str = "__redis__:invalidate";

/// Tells `client`, or the one that is told in its place, which keys to forget.
pub(super) fn send(tracking: &mut Tracking, client: ClientId, forget: &Forget, outlet: &mut Outlet<'_, '_>) {
    let Some(redirect) = tracking.tracker(client).map(|tracker| tracker.redirect) else { return };
    let Some(info) = outlet.clients.get(client) else { return };
    let Some(redirect) = redirect else { return push(info, |reply| invalidate(reply, forget, false), outlet) };
    match outlet.clients.get(redirect) {
        Some(told) => {
            let subscribes = told.is_subscriber();
            push(told, |reply| invalidate(reply, forget, subscribes), outlet);
        }
        None => {
            tracking.mark_broken(client);
            info.set_flag(Flag::TrackingBroken, true);
            push(info, |reply| report_broken(reply, redirect), outlet);
        }
    }
}

/// Queues what `write` writes in the client's version of the protocol, if that is anything.
fn push(info: Arc<ClientInfo>, write: impl FnOnce(&mut Reply), outlet: &mut Outlet<'_, '_>) {
    let proto = if info.proto.load(Relaxed) == Proto::Resp3.number() { Proto::Resp3 } else { Proto::Resp2 };
    let mut reply = Reply::new(Vec::new(), proto);
    write(&mut reply);
    if !reply.bytes().is_empty() {
        outlet.order(info.shard, Control::Push(info, Frame::whole(reply.into_bytes())));
    }
}

/// A client that speaks RESP2 is told only if it is told in another one's place, and `subscribes` to anything.
fn invalidate(reply: &mut Reply, forget: &Forget, subscribes: bool) {
    let keys = |reply: &mut Reply| match forget {
        Forget::Keys(keys) => reply.bulks(keys),
        Forget::All => reply.null(),
    };
    match reply.proto() {
        Proto::Resp3 => reply.push(2, |reply| {
            reply.bulk("invalidate");
            keys(reply);
        }),
        Proto::Resp2 if subscribes => reply.push(3, |reply| {
            reply.bulk("message");
            reply.bulk(CHANNEL);
            keys(reply);
        }),
        Proto::Resp2 => {}
    }
}

/// Says that nobody is told any more, to a client that may be pushed to.
fn report_broken(reply: &mut Reply, redirect: ClientId) {
    if reply.proto() == Proto::Resp3 {
        reply.push(2, |reply| {
            reply.bulk("tracking-redir-broken");
            reply.integer(redirect as i64);
        });
    }
}
