//! LINDEX, LLEN, LPOS, LRANGE.

use super::range;
use crate::command::Call;
use crate::keyspace::list::{Item, List};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

pub(super) fn llen(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    reply.count(keys.list(&args[1])?.map_or(0, List::len));
    Ok(())
}

pub(super) fn lindex(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (mut keys, reply) = call.keys();
    let Some(list) = keys.list(&args[1])? else {
        reply.null();
        return Ok(());
    };
    let index = parse_integer(&args[2]).ok_or(ReplyError::NOT_AN_INTEGER)?;
    match place(list, index).and_then(|index| list.get(index)) {
        Some(item) => answer(reply, item),
        None => reply.null(),
    }
    Ok(())
}

/// The place of the element at `index`, which counts from the end if negative.
pub(super) fn place(list: &List, index: i64) -> Option<usize> {
    let index = if index < 0 { (list.len() as i64).checked_add(index)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < list.len())
}

pub(super) fn answer(reply: &mut Reply, item: Item<'_>) {
    reply.bulk(item.bytes(&mut itoa::Buffer::new()));
}

pub(super) fn lrange(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (start, end) = (call.integer(2)?, call.integer(3)?);
    let (mut keys, reply) = call.keys();
    let Some(list) = keys.list(&args[1])? else {
        reply.array(0);
        return Ok(());
    };
    let (first, count) = range(list, start, end);
    reply.array(count);
    list.iter_from(first).take(count).for_each(|item| answer(reply, item));
    Ok(())
}

/// The options of LPOS.
struct Search {
    /// From the end.
    backwards: bool,
    /// Matches to be left out.
    skip: usize,
    /// Matches that are wanted, for an answer in an array.
    count: Option<usize>,
    /// Elements that are looked at.
    most: usize,
}

pub(super) fn lpos(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let search = search(args)?;
    let (mut keys, reply) = call.keys();
    let found = keys.list(&args[1])?.map_or_else(Vec::new, |list| places(list, &args[2], &search));
    match (search.count, found.first()) {
        (Some(_), _) => {
            reply.array(found.len());
            found.into_iter().for_each(|place| reply.count(place));
        }
        (None, Some(place)) => reply.count(*place),
        (None, None) => reply.null(),
    }
    Ok(())
}

fn search(args: Args<'_>) -> Result<Search, ReplyError> {
    let mut search = Search { backwards: false, skip: 0, count: None, most: usize::MAX };
    let mut rest = args.from(3);
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or(ReplyError::SYNTAX)?;
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        let size = |error: ReplyError| {
            let number = parse_integer(value).and_then(|number| usize::try_from(number).ok());
            number.ok_or(error)
        };
        if is("rank") {
            let rank = parse_integer(value).ok_or(ReplyError::NOT_AN_INTEGER)?;
            search.backwards = rank < 0;
            search.skip = match rank {
                0 => return Err(ReplyError::RANK_ZERO),
                i64::MIN => return Err(ReplyError::out_of_bounds(-i64::MAX, i64::MAX)),
                rank => rank.unsigned_abs() as usize - 1,
            };
        } else if is("count") {
            search.count = Some(size(ReplyError::COUNT_NEGATIVE)?);
        } else if is("maxlen") {
            let most = size(ReplyError::MAXLEN_NEGATIVE)?;
            search.most = if most == 0 { usize::MAX } else { most };
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    Ok(search)
}

fn places(list: &List, element: &[u8], search: &Search) -> Vec<usize> {
    let wanted = Item::from(element);
    let most = match search.count {
        Some(0) => usize::MAX,
        Some(count) => count,
        None => 1,
    };
    let take = |items: &mut dyn Iterator<Item = (usize, Item<'_>)>| {
        let equal = items.take(search.most).filter(|(_, item)| *item == wanted);
        equal.map(|(place, _)| place).skip(search.skip).take(most).collect()
    };
    let last = list.len() - 1;
    if search.backwards {
        take(&mut list.iter_back_from(last).enumerate().map(|(i, item)| (last - i, item)))
    } else {
        take(&mut list.iter().enumerate())
    }
}
