//! XRANGE, XREVRANGE.

use super::{answer_entries, end, start};
use crate::command::Call;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

pub(super) fn xrange(call: &mut Call<'_, '_>, backwards: bool) -> Result<(), ReplyError> {
    let args = call.args;
    let (low, high) = if backwards { (3, 2) } else { (2, 3) };
    let (start, end) = (start(&args[low])?, end(&args[high])?);
    let mut count = None;
    let mut rest = args.from(4);
    while let Some(option) = rest.next() {
        if !option.eq_ignore_ascii_case(b"count") || rest.len() == 0 {
            return Err(ReplyError::SYNTAX);
        }
        let number = rest.next().and_then(parse_integer).ok_or(ReplyError::NOT_AN_INTEGER)?;
        count = Some(usize::try_from(number).unwrap_or(0));
    }
    let (mut keys, reply) = call.keys();
    let Some(stream) = keys.stream(&args[1])? else {
        reply.array(0);
        return Ok(());
    };
    let most = count.unwrap_or(usize::MAX);
    if most == 0 {
        reply.null_array();
    } else if backwards {
        answer_entries(reply, stream.log.range_back(start, end).take(most));
    } else {
        answer_entries(reply, stream.log.range(start, end).take(most));
    }
    Ok(())
}
