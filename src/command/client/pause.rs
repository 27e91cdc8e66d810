//! PAUSE, UNPAUSE, UNBLOCK.

use crate::command::{Call, introspect};
use crate::hub::Control;
use crate::pause::PauseMode;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

pub(super) fn pause(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let mode = match call.args.len() {
        3 => PauseMode::All,
        4 if call.is_word(3, "write") => PauseMode::Write,
        4 if call.is_word(3, "all") => PauseMode::All,
        4 => return Err(ReplyError::PAUSE_MODE),
        _ => return Err(introspect::wrong_subcommand(call)),
    };
    let timeout_ms = parse_integer(&call.args[2]).ok_or(ReplyError::TIMEOUT_NOT_AN_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)?;
    let latest_ms = i64::MAX as u64 - call.now.unix().as_millis() as u64;
    if timeout_ms > latest_ms {
        return Err(ReplyError::TIMEOUT_OUT_OF_RANGE);
    }
    call.server.pause.start(mode, call.now.ms() + timeout_ms, call.now.ms());
    call.reply.ok();
    Ok(())
}

pub(super) fn unpause(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.server.pause.end() {
        resume_all(call);
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

fn resume_all(call: &mut Call<'_, '_>) {
    for shard in 0..call.server.shards.len() {
        call.order(shard, Control::ResumeAll);
    }
}
