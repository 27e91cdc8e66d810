//! TRACKING, TRACKINGINFO, CACHING, GETREDIR: clients that cache keys.

use std::collections::BTreeSet;
use std::ops::Bound::{Included, Unbounded};
use std::sync::atomic::Ordering::Relaxed;

use crate::client::registry::{ClientInfo, Flag};
use crate::clock::Now;
use crate::command::Call;
use crate::command::keys;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::tracking::{Mode, Terms};
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;
use crate::session::Scope;

/// The options of CLIENT TRACKING.
#[derive(Debug, Default)]
struct Options<'a> {
    terms: Terms,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    prefixes: Vec<&'a [u8]>,
}

/// Lets a client not track any more.
pub(in crate::command) fn stop(info: &ClientInfo, scope: &mut Scope, keys: &mut KeyAccess<'_>, now: Now) {
    if info.has_flag(Flag::Tracking) {
        keys.hold(now).0.tracking.stop(info.id);
        scope.caching = false;
    }
}

/// Remembers the keys that the command of a client that tracks has read.
pub(in crate::command) fn remember_reads(call: &mut Call<'_, '_>) {
    let (state, _) = call.keys.hold(call.now);
    for key in keys::find(call.entry.command, call.args).unwrap_or_default() {
        state.tracking.remember(call.info.id, &call.args[key.index]);
    }
    state.trim_tracked(call.settings.tracking_table_max_keys);
}

pub(super) fn tracking(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let options = parse(call)?;
    if call.is_word(2, "off") {
        stop(call.info, call.scope, call.keys, call.now);
    } else if call.is_word(2, "on") {
        let (state, _) = call.keys.hold(call.now);
        let terms = check(options, state.tracking.terms(call.info.id))?;
        state.tracking.start(call.info, terms);
    } else {
        return Err(ReplyError::SYNTAX);
    }
    call.reply.ok();
    Ok(())
}

pub(super) fn trackinginfo(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let (state, _) = call.keys.hold(call.now);
    let terms = state.tracking.terms(call.info.id);
    let mode = terms.map(|terms| terms.mode);
    let (opt_in, opt_out) = (mode == Some(Mode::OptIn), mode == Some(Mode::OptOut));
    let flags = [
        (terms.is_some(), "on"),
        (terms.is_none(), "off"),
        (mode == Some(Mode::Broadcast), "bcast"),
        (opt_in, "optin"),
        (opt_in && call.scope.caching, "caching-yes"),
        (opt_out, "optout"),
        (opt_out && call.scope.caching, "caching-no"),
        (terms.is_some_and(|terms| terms.no_loop), "noloop"),
        (call.info.has_flag(Flag::TrackingBroken), "broken_redirect"),
    ];
    let flags: Vec<_> = flags.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect();
    let reply = &mut *call.reply;
    reply.map(3);
    reply.bulk("flags");
    reply.set(flags.len());
    flags.iter().for_each(|word| reply.bulk(word));
    reply.bulk("redirect");
    reply.integer(call.info.redirect.load(Relaxed));
    reply.bulk("prefixes");
    reply.array(terms.map_or(0, |terms| terms.prefixes.len()));
    terms.iter().flat_map(|terms| &terms.prefixes).for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

pub(super) fn getredir(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.integer(call.info.redirect.load(Relaxed));
    Ok(())
}

pub(super) fn caching(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let (state, _) = call.keys.hold(call.now);
    let terms = state.tracking.terms(call.info.id).ok_or(ReplyError::CACHING_WITHOUT_TRACKING)?;
    let (needed, error) = match &call.args[2] {
        word if word.eq_ignore_ascii_case(b"yes") => (Mode::OptIn, ReplyError::CACHING_YES),
        word if word.eq_ignore_ascii_case(b"no") => (Mode::OptOut, ReplyError::CACHING_NO),
        _ => return Err(ReplyError::SYNTAX),
    };
    if terms.mode != needed {
        return Err(error);
    }
    call.scope.caching = true;
    call.reply.ok();
    Ok(())
}

fn parse<'c>(call: &Call<'c, '_>) -> Result<Options<'c>, ReplyError> {
    let mut options = Options::default();
    let mut args = call.args.from(3);
    while let Some(option) = args.next() {
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        if is("redirect") && args.len() > 0 {
            if options.terms.redirect.is_some() {
                return Err(ReplyError::REDIRECT_TWICE);
            }
            let id = args.next().and_then(parse_integer).ok_or(ReplyError::NOT_AN_INTEGER)?;
            let other = u64::try_from(id).ok().and_then(|id| call.server.clients.get(id));
            options.terms.redirect = Some(other.ok_or(ReplyError::REDIRECT_UNKNOWN)?);
        } else if is("prefix") && args.len() > 0 {
            options.prefixes.extend(args.next());
        } else if is("bcast") {
            options.broadcast = true;
        } else if is("optin") {
            options.opt_in = true;
        } else if is("optout") {
            options.opt_out = true;
        } else if is("noloop") {
            options.terms.no_loop = true;
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    Ok(options)
}

/// What the options mean, if they go together and with what the client has asked for `before`.
fn check(options: Options<'_>, before: Option<&Terms>) -> Result<Terms, ReplyError> {
    let Options { mut terms, broadcast, opt_in, opt_out, prefixes } = options;
    let was = before.map(|before| before.mode);
    if !broadcast && !prefixes.is_empty() {
        return Err(ReplyError::PREFIX_WITHOUT_BCAST);
    }
    if was.is_some_and(|was| (was == Mode::Broadcast) != broadcast) {
        return Err(ReplyError::BCAST_SWITCHED);
    }
    terms.mode = match (broadcast, opt_in, opt_out) {
        (true, false, false) => Mode::Broadcast,
        (true, _, _) => return Err(ReplyError::OPT_WITH_BCAST),
        (false, true, true) => return Err(ReplyError::OPTIN_WITH_OPTOUT),
        (false, true, false) => Mode::OptIn,
        (false, false, true) => Mode::OptOut,
        (false, false, false) => Mode::Reads,
    };
    if matches!((was, terms.mode), (Some(Mode::OptIn), Mode::OptOut) | (Some(Mode::OptOut), Mode::OptIn)) {
        return Err(ReplyError::OPT_SWITCHED);
    }
    check_prefixes(&prefixes, before.map(|before| &before.prefixes))?;
    terms.prefixes = prefixes.into_iter().map(Box::from).collect();
    Ok(terms)
}

/// Whether no prefix begins with another or with one that the client has already.
fn check_prefixes(prefixes: &[&[u8]], existing: Option<&BTreeSet<Box<[u8]>>>) -> Result<(), ReplyError> {
    let overlaps = overlapping(prefixes);
    for (i, one) in prefixes.iter().enumerate() {
        if let Some(existing) = existing.and_then(|existing| overlapping_existing(existing, one)) {
            return Err(ReplyError::prefix_overlaps_existing(one, existing));
        }
        if overlaps[i]
            && let Some(other) = prefixes[i + 1..].iter().find(|other| one.starts_with(other) || other.starts_with(one))
        {
            return Err(ReplyError::prefixes_overlap(one, other));
        }
    }
    Ok(())
}

/// Which of these prefixes begin with another of them or another with them.
fn overlapping(prefixes: &[&[u8]]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..prefixes.len()).collect();
    order.sort_by_key(|i| prefixes[*i]);
    let mut found = vec![false; prefixes.len()];
    // Those that the one at hand begins with, each longer than the one before.
    let mut beginnings: Vec<usize> = Vec::new();
    for i in order {
        while beginnings.pop_if(|last| !prefixes[i].starts_with(prefixes[*last])).is_some() {}
        if let Some(last) = beginnings.last() {
            (found[i], found[*last]) = (true, true);
        }
        beginnings.push(i);
    }
    found
}

/// The first of the client's prefixes that begins with `one` or with which that begins. None of them begins with another.
fn overlapping_existing<'e>(existing: &'e BTreeSet<Box<[u8]>>, one: &[u8]) -> Option<&'e [u8]> {
    let before =
        existing.range::<[u8], _>((Unbounded, Included(one))).next_back().filter(|before| one.starts_with(before));
    let behind = existing.range::<[u8], _>((Included(one), Unbounded)).next().filter(|behind| behind.starts_with(one));
    before.or(behind).map(|prefix| &**prefix)
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    /// The same, each with each.
    fn check_each(prefixes: &[&[u8]], existing: &BTreeSet<Box<[u8]>>) -> Result<(), ReplyError> {
        for (i, one) in prefixes.iter().enumerate() {
            let overlaps = |other: &[u8]| one.starts_with(other) || other.starts_with(one);
            if let Some(existing) = existing.iter().find(|existing| overlaps(existing)) {
                return Err(ReplyError::prefix_overlaps_existing(one, existing));
            }
            if let Some(other) = prefixes[i + 1..].iter().find(|other| overlaps(other)) {
                return Err(ReplyError::prefixes_overlap(one, other));
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn prefixes_that_overlap_are_found_as_if_each_was_compared_with_each(
            prefixes in vec("[ab]{0,4}", 0..5),
            given in btree_set("[ab]{0,4}", 0..5),
        ) {
            let prefixes: Vec<&[u8]> = prefixes.iter().map(String::as_bytes).collect();
            let mut existing = BTreeSet::new();
            for one in given {
                if overlapping_existing(&existing, one.as_bytes()).is_none() {
                    existing.insert(Box::from(one.as_bytes()));
                }
            }
            prop_assert_eq!(check_prefixes(&prefixes, Some(&existing)), check_each(&prefixes, &existing));
        }
    }
}
