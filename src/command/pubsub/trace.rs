//! PUBSUB TRACE: an operator is told of messages as they are published. Redis has nothing of the kind.

use super::OPERATION;
use crate::client::registry::Flag;
use crate::command::LocalCall;
use crate::command::spec::{Arg, Command, Group, OWN};
use crate::ids::Topic;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

pub(super) const TRACE: Command = Command {
    name: "trace",
    summary: "Tells the connection of messages to channels that match a pattern, one in so many, or ends that if none is given",
    complexity: "O(1); a message of which somebody is told costs more than others",
    group: Group::PubSub,
    since: OWN,
    arity: -2,
    flags: OPERATION,
    categories: &["dangerous"],
    args: &[Arg::pattern("channel-pattern").optional(), Arg::string("rate").token("RATE").optional()],
    run_here: Some(trace),
    ..Command::DEFAULT
};

fn trace(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let Some(pattern) = call.args.get(2) else {
        call.worker.stop_tracing(call.client);
        call.reply.ok();
        return Ok(());
    };
    super::ensure_length(call.settings, Topic::Pattern, pattern)?;
    let one_in = match call.args.len() {
        3 => 1,
        5 if call.is_word(3, "rate") => read_rate(&call.args[4]).ok_or(ReplyError::TRACE_RATE)?,
        _ => return Err(ReplyError::SYNTAX),
    };
    let most = call.settings.channel_trace_clients;
    if !call.server.tracers.add(call.info, pattern, one_in, most) {
        call.info.set_flag(Flag::Tracer, false);
        return Err(ReplyError::too_many_tracers(most));
    }
    call.info.set_flag(Flag::Tracer, true);
    call.reply.ok();
    Ok(())
}

/// `1/n` or `n`.
fn read_rate(text: &[u8]) -> Option<u64> {
    let number = parse_integer(text.strip_prefix(b"1/").unwrap_or(text))?;
    u64::try_from(number).ok().filter(|one_in| *one_in > 0)
}
