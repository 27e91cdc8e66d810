//! Where a request's keys are, in a cluster: whether this node has their slot, or which other one has.
//!
//! Source: `getNodeByQuery` in Redis 7.2 (cluster.c).

use std::sync::Arc;

use super::elsewhere::task::Request;
use super::keys;
use super::table::{self, Entry};
use crate::backplane::slots::{SlotMap, slot_of};
use crate::client::registry::{ClientInfo, Flag};
use crate::resp::decode::Args;
use crate::resp::errors::ReplyError;
use crate::server::Server;

/// Which node has which slot.
///
/// # Errors
///
/// Not in a cluster; not known yet.
pub(super) fn map(server: &Server) -> Result<Arc<SlotMap>, ReplyError> {
    let cluster = server.backplane.as_ref().and_then(|backplane| backplane.cluster.as_ref());
    cluster.ok_or(ReplyError::NO_CLUSTER)?.read().clone().ok_or(ReplyError::CLUSTER_DOWN)
}

/// Whether this server is a node of a cluster to its clients.
pub(super) fn is_clustered(server: &Server) -> bool {
    server.backplane.as_ref().is_some_and(|backplane| backplane.cluster.is_some())
}

/// Refuses a request for keys that another node has, or that several have.
pub(super) fn ensure_here(server: &Server, info: &ClientInfo, entry: &Entry, args: Args<'_>) -> Result<(), ReplyError> {
    slot(server, entry, args)?.map_or(Ok(()), |slot| ensure_slot_here(server, info, slot))
}

/// Refuses a transaction of keys that another node has now, or that several slots have. Its commands were judged when they were
/// queued, each by itself.
pub(super) fn ensure_all_here(server: &Server, info: &ClientInfo, queue: &[Request]) -> Result<(), ReplyError> {
    let mut of_all = None;
    for (index, args) in queue {
        if let Some(slot) = slot(server, table::entry(*index), args.args())?
            && *of_all.get_or_insert(slot) != slot
        {
            return Err(ReplyError::CROSS_SLOT);
        }
    }
    of_all.map_or(Ok(()), |slot| ensure_slot_here(server, info, slot))
}

/// Whether an error says that keys are not (all) here.
pub(super) fn is_redirection(error: &ReplyError) -> bool {
    [ReplyError::CROSS_SLOT.code(), ReplyError::CLUSTER_DOWN.code(), b"MOVED"].contains(&error.code())
}

fn ensure_slot_here(server: &Server, info: &ClientInfo, slot: u16) -> Result<(), ReplyError> {
    match map(server)?.elsewhere(slot) {
        Some(owner) => Err(ReplyError::moved(slot, &owner.address(info.has_flag(Flag::Encrypted)))),
        None => Ok(()),
    }
}

/// What a client is told that waits for a key of another node; none if this one has it.
pub(crate) fn moved(server: &Server, info: &ClientInfo, key: &[u8]) -> Option<ReplyError> {
    ensure_slot_here(server, info, slot_of(key)).err()
}

/// Refuses a command of a script for a key that another node has.
pub(super) fn ensure_local(server: &Server, entry: &Entry, args: Args<'_>) -> Result<(), ReplyError> {
    let Some(slot) = slot(server, entry, args)? else { return Ok(()) };
    match map(server)?.elsewhere(slot) {
        Some(_) => Err(ReplyError::NOT_LOCAL),
        None => Ok(()),
    }
}

/// The slot of all keys of a request; none if it has no keys, or there is no cluster.
fn slot(server: &Server, entry: &Entry, args: Args<'_>) -> Result<Option<u16>, ReplyError> {
    if !is_clustered(server) || !keys::takes_keys(entry.command) {
        return Ok(None);
    }
    // What makes no sense is refused by the command.
    let keys = keys::find(entry.command, args).unwrap_or_default();
    let mut slots = keys.iter().map(|key| slot_of(&args[key.index]));
    let Some(first) = slots.next() else { return Ok(None) };
    if slots.all(|slot| slot == first) { Ok(Some(first)) } else { Err(ReplyError::CROSS_SLOT) }
}
