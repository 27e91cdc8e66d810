//! What is too much for a user: connections, subscriptions and messages beyond its limits are refused, counted, and kept for
//! ACL LOG.

use std::sync::Arc;

use super::client::list;
use super::permission::{Refused, keep};
use super::{Call, LocalCall};
use crate::acl::log::{Place, Reason, Refusal};
use crate::acl::{Limit, User};
use crate::client::registry::ClientInfo;
use crate::clock::Now;
use crate::ids::Topic;
use crate::resp::errors::ReplyError;
use crate::server::Server;

/// Takes a connection in that has just been accepted: as this user, whom its certificate names, or as the default user if no
/// password is needed for that.
///
/// # Errors
///
/// What it is told if that user has as many connections as it may have.
pub(crate) fn let_in(server: &Server, info: &ClientInfo, named: Option<Arc<User>>, now: Now) -> Result<(), ReplyError> {
    let acl = &server.acl;
    let Some(user) = named.or_else(|| acl.default.is_open().then(|| acl.default.clone())) else { return Ok(()) };
    if info.log_in(&user, acl) {
        return Ok(());
    }
    let limit = Limit::Connections;
    server.stats.counters.limited_connections.add_shared(1);
    let client = list::describe(server, now, None, info);
    let (object, name) = (limit.name().as_bytes().to_vec(), user.name().to_vec());
    let refusal = Refusal { reason: Reason::Limit, place: Place::Toplevel, object, user: name, client };
    keep(server, &server.settings(), now, refusal);
    Err(ReplyError::limit_reached(user.name(), limit.name(), None))
}

/// Lets the client that calls be this user.
///
/// # Errors
///
/// What it is told if that user has as many connections as it may have.
pub(super) fn log_in(call: &LocalCall<'_, '_>, user: &Arc<User>) -> Result<(), ReplyError> {
    if call.client.log_in(user, &call.server.acl) {
        return Ok(());
    }
    Err(refuse(call, user, Limit::Connections, None))
}

/// Refuses subscriptions to the names that a command gives if they would be more than the user may have, and counts them for it
/// otherwise. Names that the client listens to already do not count; one that is given several times counts each time.
///
/// # Errors
///
/// What the client is told. None of them begins then: a command is judged as a whole.
pub(super) fn ensure_subscribable(call: &LocalCall<'_, '_>, topic: Topic) -> Result<(), ReplyError> {
    let (client, acl) = (call.client, &call.server.acl);
    if !client.has_limited_subscriptions(acl) {
        return Ok(());
    }
    let new = call.args.from(1).filter(|name| !client.listens_to(topic, name)).count();
    if client.claim_subscriptions(new, acl) {
        return Ok(());
    }
    Err(refuse(call, &client.user(acl), Limit::Subscriptions, None))
}

/// Refuses a message that is more than the user may publish at this moment, and counts it for it otherwise, with the name of its
/// channel.
///
/// # Errors
///
/// What the client is told.
pub(super) fn ensure_publishable(call: &Call<'_, '_>, user: &User) -> Result<(), ReplyError> {
    count_published(&Refused::of(call), user, place(call))
}

/// The same for what is published elsewhere for the client.
///
/// # Errors
///
/// What the client is told.
pub(super) fn count_published(request: &Refused<'_>, user: &User, place: Place) -> Result<(), ReplyError> {
    let bytes = request.args[1].len() + request.args[2].len();
    user.usage().publish(bytes, request.now).map_err(|excess| {
        request.note_excess(user, excess.limit, place);
        ReplyError::limit_reached(user.name(), excess.limit.name(), Some(excess.wait_ms))
    })
}

fn refuse(call: &Call<'_, '_>, user: &User, limit: Limit, wait_ms: Option<u64>) -> ReplyError {
    Refused::of(call).note_excess(user, limit, place(call));
    ReplyError::limit_reached(user.name(), limit.name(), wait_ms)
}

/// Where the request was that calls.
fn place(call: &Call<'_, '_>) -> Place {
    match (call.scope.scripted, call.scope.executing) {
        (true, _) => Place::Lua,
        (false, true) => Place::Multi,
        (false, false) => Place::Toplevel,
    }
}
