//! SHUTDOWN.

use super::DEFAULT;
use crate::client::registry::Flag;
use crate::command::spec::{Arg, Command, Flags};
use crate::command::{Call, LocalCall};
use crate::resp::errors::ReplyError;
use crate::session::Blocked;

pub(super) const SHUTDOWN: Command = Command {
    name: "shutdown",
    summary: "Ends the server, after what is queued for clients has been written",
    complexity: "O(N) where N is the number of clients",
    arity: -1,
    flags: Flags::ADMIN
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_MULTI)
        .and(Flags::ALLOW_BUSY),
    args: &[
        Arg::one_of("save-selector", &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")]).optional(),
        Arg::word("now", "NOW").since("7.0.0").optional(),
        Arg::word("force", "FORCE").since("7.0.0").optional(),
        Arg::word("abort", "ABORT").since("7.0.0").optional(),
    ],
    history: &[("7.0.0", "NOW, FORCE and ABORT may be given.")],
    run_here: Some(shutdown),
    ..DEFAULT
};

/// What the arguments ask for.
#[derive(Debug, Default)]
struct Wish {
    save: bool,
    nosave: bool,
    now: bool,
    force: bool,
    abort: bool,
}

impl Wish {
    fn read(call: &Call<'_, '_>) -> Result<Self, ReplyError> {
        let mut wish = Wish::default();
        for index in 1..call.args.len() {
            let words = [
                ("save", &mut wish.save),
                ("nosave", &mut wish.nosave),
                ("now", &mut wish.now),
                ("force", &mut wish.force),
                ("abort", &mut wish.abort),
            ];
            match words.into_iter().find(|(word, _)| call.is_word(index, word)) {
                Some((_, given)) => *given = true,
                None => return Err(ReplyError::SYNTAX),
            }
        }
        let others = wish.save || wish.nosave || wish.now || wish.force;
        if (wish.abort && others) || (wish.save && wish.nosave) { Err(ReplyError::SYNTAX) } else { Ok(wish) }
    }
}

/// Without an answer the client waits for its connection to end, or for somebody to withdraw the request. FORCE has no
/// effect: there is no failing save to end in spite of.
fn shutdown(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let wish = Wish::read(call)?;
    if wish.abort {
        return abort(call);
    }
    if wish.save {
        return Err(ReplyError::NO_DISK);
    }
    let info = &call.info;
    tracing::warn!(client = info.id, peer = info.address.peer(), now = wish.now, "shutdown requested by a client");
    info.set_flag(Flag::Spared, true);
    info.set_flag(Flag::Blocked, true);
    call.session.blocked = Some(Blocked::ShuttingDown(call.server.shutdown.request(wish.now)));
    Ok(())
}

fn abort(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if !call.server.shutdown.abort() {
        return Err(ReplyError::NO_SHUTDOWN);
    }
    let info = &call.info;
    tracing::warn!(client = info.id, peer = info.address.peer(), "shutdown withdrawn by a client");
    call.resume_all();
    call.reply.ok();
    Ok(())
}
