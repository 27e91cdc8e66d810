//! Neighbours with very many keys or very large values.

use std::io;

use super::client::{key, request, with_names};
use super::stage::Stage;

const MILLION: usize = 1_000_000;
/// Letters of the strings whose longest common subsequence is asked for.
const LCS_LEN: usize = 11 * 1024;
/// Bytes of the largest argument, below the 512 MB that servers take by default.
const HUGE: usize = 400_000_000;

/// KEYS of a million.
pub(super) fn keys(stage: &Stage<'_>) -> io::Result<()> {
    stage.client()?.fill_keys(MILLION)?;
    repeated(stage, &["KEYS", "*"])
}

/// SORT of a list of a million.
pub(super) fn sort(stage: &Stage<'_>) -> io::Result<()> {
    stage.client()?.fill_list("list", MILLION)?;
    repeated(stage, &["SORT", "list"])
}

/// LCS of two long strings.
pub(super) fn lcs(stage: &Stage<'_>) -> io::Result<()> {
    fill_lcs(stage)?;
    repeated(stage, &["LCS", "one", "other"])
}

/// LRANGE of a list of a million.
pub(super) fn lrange(stage: &Stage<'_>) -> io::Result<()> {
    stage.client()?.fill_list("list", MILLION)?;
    repeated(stage, &["LRANGE", "list", "0", "-1"])
}

/// XRANGE of a stream of very many entries.
pub(super) fn xrange(stage: &Stage<'_>) -> io::Result<()> {
    stage.client()?.repeat(300_000, &["XADD", "stream", "*", "field", "value"])?;
    repeated(stage, &["XRANGE", "stream", "-", "+"])
}

/// DEL of lists of a million, one after the other.
pub(super) fn del_lists(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    let lists: Vec<String> = (0..5).map(key).collect();
    lists.iter().try_for_each(|list| client.fill_list(list, MILLION))?;
    stage.begin()?;
    lists.iter().filter(|_| stage.goes_on()).try_for_each(|list| client.ask(&["DEL", list]))
}

/// DEL of a million names.
pub(super) fn del_names(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    client.fill_keys(MILLION)?;
    let del = request(&with_names(&["DEL"], MILLION));
    stage.begin()?;
    while stage.goes_on() {
        client.send(&del)?;
        client.answers(1)?;
    }
    Ok(())
}

/// FLUSHALL of a million keys.
pub(super) fn flushall(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    client.fill_keys(MILLION)?;
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&["FLUSHALL", "SYNC"])?;
        client.fill_keys(MILLION / 10)?;
    }
    Ok(())
}

/// MSET of half a million.
pub(super) fn mset(stage: &Stage<'_>) -> io::Result<()> {
    let names = with_names(&[], MILLION / 2).into_iter();
    let args: Vec<String> = ["MSET".into()].into_iter().chain(names.flat_map(|name| [name, "1".into()])).collect();
    repeated(stage, &args)
}

/// EXEC of very many short commands.
pub(super) fn exec_many(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&["MULTI"])?;
        client.repeat(100_000, &["SET", "key", "value"])?;
        client.ask(&["EXEC"])?;
    }
    Ok(())
}

/// EXEC of long commands.
pub(super) fn exec_lcs(stage: &Stage<'_>) -> io::Result<()> {
    fill_lcs(stage)?;
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&["MULTI"])?;
        client.repeat(20, &["LCS", "one", "other", "LEN"])?;
        client.ask(&["EXEC"])?;
    }
    Ok(())
}

/// One read full of commands that are not short.
pub(super) fn read_of_keys(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    client.fill_keys(10_000)?;
    stage.begin()?;
    let one = request(&["KEYS", "x*"]);
    let count = 64 * 1024 / one.len();
    let many = one.repeat(count);
    while stage.goes_on() {
        client.send(&many)?;
        client.answers(count)?;
    }
    Ok(())
}

/// A message to many and then 300 commands that are not short, in one write.
pub(super) fn publish_and_keys(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    client.fill_keys(10_000)?;
    let channel = |_| "neighbours".to_owned();
    let _listening = stage.target.subscribers(100, super::super::wire::Proto::Resp2, channel)?;
    let many = [request(&["PUBLISH", "neighbours", "1"]), request(&["KEYS", "x*"]).repeat(300)].concat();
    stage.begin()?;
    while stage.goes_on() {
        client.send(&many)?;
        client.answers(301)?;
    }
    Ok(())
}

/// SETRANGE that makes a string of 500 MB.
pub(super) fn setrange(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.ask(&["SETRANGE", "huge", "499999999", "x"])?;
        client.ask(&["DEL", "huge"])?;
    }
    Ok(())
}

/// SET of 400 MB.
pub(super) fn set_huge(stage: &Stage<'_>) -> io::Result<()> {
    repeated(stage, &[b"SET".to_vec(), b"huge".to_vec(), vec![b'x'; HUGE]])
}

/// PUBLISH of 400 MB where nobody listens.
pub(super) fn publish_huge(stage: &Stage<'_>) -> io::Result<()> {
    repeated(stage, &[b"PUBLISH".to_vec(), b"huge".to_vec(), vec![b'x'; HUGE]])
}

/// Five million arguments of no length.
pub(super) fn empty_arguments(stage: &Stage<'_>) -> io::Result<()> {
    let mut args = vec!["EXISTS"];
    args.resize(5 * MILLION, "");
    repeated(stage, &args)
}

/// The same request again and again.
pub(super) fn repeated<A: AsRef<[u8]>>(stage: &Stage<'_>, args: &[A]) -> io::Result<()> {
    let mut client = stage.client()?;
    let bytes = request(args);
    stage.begin()?;
    while stage.goes_on() {
        client.send(&bytes)?;
        client.answers(1)?;
    }
    Ok(())
}

fn fill_lcs(stage: &Stage<'_>) -> io::Result<()> {
    let letters = |step: usize| (0..LCS_LEN).map(|place| b'a' + (place * step % 23) as u8).collect::<Vec<u8>>();
    let mut client = stage.client()?;
    client.ask(&[b"SET".to_vec(), b"one".to_vec(), letters(7)])?;
    client.ask(&[b"SET".to_vec(), b"other".to_vec(), letters(11)])
}
