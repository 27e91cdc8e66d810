//! LINSERT, LREM, LSET, LTRIM.

use super::access::place;
use super::{range, shortened};
use crate::command::Call;
use crate::config::KeyspaceEvents;
use crate::keyspace::list::Item;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

pub(super) fn linsert(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let behind = if call.is_word(2, "after") {
        1
    } else if call.is_word(2, "before") {
        0
    } else {
        return Err(ReplyError::SYNTAX);
    };
    let (mut keys, reply) = call.keys();
    let Some(list) = keys.list_mut(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let pivot = Item::from(&args[3]);
    let found = list.iter().position(|item| item == pivot);
    let Some(index) = found else {
        reply.integer(-1);
        return Ok(());
    };
    list.insert(index + behind, &args[4]);
    reply.count(list.len());
    keys.changed(KeyspaceEvents::LIST, "linsert", key);
    Ok(())
}

pub(super) fn lrem(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (key, element) = (&args[1], &args[3]);
    let count = call.integer(2)?;
    let (mut keys, reply) = call.keys();
    let Some(list) = keys.list_mut(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let removed = match count {
        0 => list.remove_equal(element, 0, usize::MAX),
        1.. => list.remove_equal(element, 0, most),
        _ => {
            let wanted = Item::from(element);
            let equal = list.iter().filter(|item| *item == wanted).count();
            list.remove_equal(element, equal.saturating_sub(most), most)
        }
    };
    if removed > 0 {
        shortened(&mut keys, key, "lrem")?;
    }
    reply.count(removed);
    Ok(())
}

pub(super) fn lset(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (mut keys, reply) = call.keys();
    let list = keys.list_mut(key)?.ok_or(ReplyError::NO_SUCH_KEY)?;
    let index = parse_integer(&args[2]).ok_or(ReplyError::NOT_AN_INTEGER)?;
    let index = place(list, index).ok_or(ReplyError::INDEX_OUT_OF_RANGE)?;
    list.set(index, &args[3]);
    keys.changed(KeyspaceEvents::LIST, "lset", key);
    reply.ok();
    Ok(())
}

pub(super) fn ltrim(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let key = &args[1];
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    let (mut keys, reply) = call.keys();
    if let Some(list) = keys.list_mut(key)? {
        let (first, count) = range(list, start, end);
        let removed = [list.remove_range(first + count, usize::MAX), list.remove_range(0, first)];
        removed.into_iter().for_each(|elements| keys.state.discard_elements(elements));
        shortened(&mut keys, key, "ltrim")?;
    }
    reply.ok();
    Ok(())
}
