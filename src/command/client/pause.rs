//! PAUSE, UNPAUSE, UNBLOCK.

use crate::command::{Call, introspect};
use crate::pause::PauseMode;
use crate::resp::errors::ReplyError;

pub(super) fn pause(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.exclude_others();
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
    call.exclude_others();
    if call.server.pause.end() {
        call.resume_all();
    }
    call.reply.ok();
    Ok(())
}

/// Answers whether a client was waiting in a blocking command. None does: only pauses make clients wait, and those
/// end for all at once.
pub(super) fn unblock(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    match call.args.len() {
        3 => {}
        4 if call.is_word(3, "timeout") || call.is_word(3, "error") => {}
        4 => return Err(ReplyError::UNBLOCK_REASON),
        _ => return Err(introspect::wrong_subcommand(call)),
    }
    call.integer(2)?;
    call.reply.integer(0);
    Ok(())
}
