//! LASTSAVE, and the commands that would write to a disk: nothing is kept there, so they are refused rather than
//! answered as if data were safe.

use super::DEFAULT;
use crate::command::Call;
use crate::command::spec::{Arg, Command, Flags};
use crate::resp::errors::ReplyError;

const SAVING: Flags = Flags::NO_ASYNC_LOADING.and(Flags::ADMIN).and(Flags::NOSCRIPT).and(Flags::FORWARDED);

pub(super) const LASTSAVE: Command = Command {
    name: "lastsave",
    summary: "Returns the time of the last save to disk: the server's start",
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST).and(Flags::FORWARDED),
    categories: &["admin", "dangerous"],
    tips: &["nondeterministic_output"],
    run: Some(lastsave),
    ..DEFAULT
};

pub(super) const SAVE: Command = Command {
    name: "save",
    summary: "Saves all databases to disk; refused, because nothing is kept there",
    complexity: "O(N) where N is the number of keys in all databases",
    flags: SAVING.and(Flags::NO_MULTI),
    run: Some(refuse),
    ..DEFAULT
};

pub(super) const BGSAVE: Command = Command {
    name: "bgsave",
    summary: "Saves all databases to disk in the background; refused, because nothing is kept there",
    arity: -1,
    flags: SAVING,
    args: &[Arg::word("schedule", "SCHEDULE").since("3.2.2").optional()],
    history: &[("3.2.2", "SCHEDULE may be given.")],
    run: Some(bgsave),
    ..DEFAULT
};

pub(super) const BGREWRITEAOF: Command = Command {
    name: "bgrewriteaof",
    summary: "Rewrites the append-only file in the background; refused, because nothing is kept on disk",
    flags: SAVING,
    run: Some(refuse),
    ..DEFAULT
};

fn lastsave(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.integer(call.now.started_at().as_secs() as i64);
    Ok(())
}

fn refuse(_: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    Err(ReplyError::NO_DISK)
}

fn bgsave(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    match call.args.len() {
        1 => Err(ReplyError::NO_DISK),
        2 if call.is_word(1, "schedule") => Err(ReplyError::NO_DISK),
        _ => Err(ReplyError::SYNTAX),
    }
}
