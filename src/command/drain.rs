//! PREGON DRAIN: the server empties itself and stays, until it is ended.

use super::spec::{Arg, Command, Flags, Group, OWN};
use super::{Call, LocalCall};
use crate::client::registry::Flag;
use crate::resp::errors::ReplyError;

pub(super) const DRAIN: Command = Command {
    name: "drain",
    summary: "Ends all clients but this one, as drain-wait and drain-time say, before the server is ended",
    complexity: "O(N) where N is the number of clients",
    arity: -2,
    group: Group::Server,
    since: OWN,
    flags: Flags::ADMIN
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_MULTI)
        .and(Flags::ALLOW_BUSY),
    categories: &["dangerous"],
    args: &[Arg::word("abort", "ABORT").optional()],
    run_here: Some(drain),
    ..Command::DEFAULT
};

fn drain(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    match call.args.len() {
        2 => begin(call),
        3 if call.is_word(2, "abort") => abort(call)?,
        _ => return Err(ReplyError::SYNTAX),
    }
    call.reply.ok();
    Ok(())
}

/// The client itself stays, so that it can withdraw it or end the server.
fn begin(call: &Call<'_, '_>) {
    let info = &call.info;
    tracing::warn!(client = info.id, peer = info.address.peer(), "drain requested by a client");
    info.set_flag(Flag::Spared, true);
    call.server.shutdown.request_drain();
}

fn abort(call: &Call<'_, '_>) -> Result<(), ReplyError> {
    if !call.server.shutdown.abort_drain() {
        return Err(ReplyError::NO_DRAIN);
    }
    let info = &call.info;
    tracing::warn!(client = info.id, peer = info.address.peer(), "drain withdrawn by a client");
    info.set_flag(Flag::Spared, false);
    Ok(())
}
