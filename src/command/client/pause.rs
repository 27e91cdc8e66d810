//! PAUSE, UNPAUSE, UNBLOCK.

use crate::command::{Call, introspect};
use crate::keyspace::effects::Outlet;
use crate::pause::PauseMode;
use crate::resp::errors::ReplyError;

pub(super) fn pause(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let mode = match call.args.len() {
        3 => PauseMode::All,
        4 if call.is_word(3, "write") => PauseMode::Write,
        4 if call.is_word(3, "all") => PauseMode::All,
        4 => return Err(ReplyError::PAUSE_MODE),
        _ => return Err(introspect::wrong_subcommand(call)),
    };
    let timeout_ms = call.timeout_ms(2)?;
    call.server.pause.start(mode, call.now.ms() + timeout_ms, call.now.ms());
    call.reply.ok();
    Ok(())
}

pub(super) fn unpause(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    if call.server.pause.end() {
        call.resume_all();
    }
    call.reply.ok();
    Ok(())
}

/// Lets a client go on that waits in a blocking command, and answers whether one did.
pub(super) fn unblock(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let error = match call.args.len() {
        3 => None,
        4 if call.is_word(3, "timeout") => None,
        4 if call.is_word(3, "error") => Some(&ReplyError::UNBLOCKED),
        4 => return Err(ReplyError::UNBLOCK_REASON),
        _ => return Err(introspect::wrong_subcommand(call)),
    };
    let id = call.integer(2)?;
    let (state, _) = call.keys.hold(call.now);
    let answer = u64::try_from(id).ok().and_then(|id| state.waiters.give_up(id, error));
    call.reply.integer(answer.is_some().into());
    if let Some(answer) = answer {
        answer.send(&mut Outlet { hub: call.hub, sent: &mut call.outcome.sent, used: false });
    }
    Ok(())
}
