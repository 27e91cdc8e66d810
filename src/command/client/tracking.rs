//! TRACKING, TRACKINGINFO, CACHING, GETREDIR: who is told which keys to forget.

use std::sync::atomic::Ordering::Relaxed;

use crate::clients::{ClientId, Flag};
use crate::command::{Call, gate};
use crate::keyspace::tracking::{Caching, Tracker};
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

/// The options of CLIENT TRACKING.
#[derive(Debug, Default)]
struct Options<'a> {
    redirect: Option<ClientId>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl Options<'_> {
    fn caching(&self) -> Caching {
        match (self.opt_in, self.opt_out) {
            (true, _) => Caching::OptIn,
            (false, true) => Caching::OptOut,
            (false, false) => Caching::All,
        }
    }
}

pub(super) fn tracking(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let options = parse(call)?;
    if call.is_word(2, "off") {
        gate::stop_tracking(call.client, call.session, call.keys, call.now);
    } else if call.is_word(2, "on") {
        start(call, &options)?;
    } else {
        return Err(ReplyError::SYNTAX);
    }
    call.reply.ok();
    Ok(())
}

fn start(call: &mut Call<'_, '_>, options: &Options<'_>) -> Result<(), ReplyError> {
    let info = &call.client.info;
    let (state, _) = call.keys.hold(call.now);
    check(options, state.tracking.tracker(info.id))?;
    let tracker = Tracker {
        broadcast: options.broadcast,
        caching: options.caching(),
        no_loop: options.no_loop,
        redirect: options.redirect,
        prefixes: options.prefixes.iter().map(|prefix| Box::from(*prefix)).collect(),
        broken: false,
    };
    state.tracking.start(info.id, tracker);
    info.redirect.store(options.redirect.map_or(0, |id| id as i64), Relaxed);
    info.set_flag(Flag::Tracking, true);
    info.set_flag(Flag::TrackingBroadcast, options.broadcast);
    info.set_flag(Flag::TrackingBroken, false);
    Ok(())
}

pub(super) fn trackinginfo(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let caching = call.session.caching;
    let (state, _) = call.keys.hold(call.now);
    let tracker = state.tracking.tracker(call.client.info.id);
    let mut flags = vec![if tracker.is_some() { "on" } else { "off" }];
    let off = Tracker::default();
    let Tracker { broadcast, caching: mode, no_loop, redirect, prefixes, broken } = tracker.unwrap_or(&off);
    let known = [
        (*broadcast, "bcast"),
        (*mode == Caching::OptIn, "optin"),
        (*mode == Caching::OptIn && caching, "caching-yes"),
        (*mode == Caching::OptOut, "optout"),
        (*mode == Caching::OptOut && caching, "caching-no"),
        (*no_loop, "noloop"),
        (*broken, "broken_redirect"),
    ];
    flags.extend(known.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name));
    let reply = &mut *call.reply;
    reply.map(3);
    reply.bulk("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("redirect");
    reply.integer(if tracker.is_some() { redirect.map_or(0, |id| id as i64) } else { -1 });
    reply.bulk("prefixes");
    let mut prefixes = prefixes.clone();
    prefixes.sort();
    reply.bulks(&prefixes);
    Ok(())
}

pub(super) fn getredir(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.integer(call.client.info.redirect.load(Relaxed));
    Ok(())
}

pub(super) fn caching(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let (state, _) = call.keys.hold(call.now);
    let tracker = state.tracking.tracker(call.client.info.id).ok_or(ReplyError::CACHING_WITHOUT_TRACKING)?;
    let mode = tracker.caching;
    if call.is_word(2, "yes") {
        if mode != Caching::OptIn {
            return Err(ReplyError::CACHING_YES);
        }
    } else if call.is_word(2, "no") {
        if mode != Caching::OptOut {
            return Err(ReplyError::CACHING_NO);
        }
    } else {
        return Err(ReplyError::SYNTAX);
    }
    call.session.caching = true;
    call.reply.ok();
    Ok(())
}

fn parse<'c>(call: &Call<'c, '_>) -> Result<Options<'c>, ReplyError> {
    let mut options = Options::default();
    let mut args = call.args.from(3);
    while let Some(option) = args.next() {
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        if is("redirect") && args.len() > 0 {
            if options.redirect.is_some() {
                return Err(ReplyError::REDIRECT_TWICE);
            }
            let id = args.next().and_then(parse_integer).ok_or(ReplyError::NOT_AN_INTEGER)?;
            let known = u64::try_from(id).ok().filter(|id| call.server.clients.get(*id).is_some());
            options.redirect = Some(known.ok_or(ReplyError::REDIRECT_UNKNOWN)?);
        } else if is("prefix") && args.len() > 0 {
            options.prefixes.extend(args.next());
        } else if is("bcast") {
            options.broadcast = true;
        } else if is("optin") {
            options.opt_in = true;
        } else if is("optout") {
            options.opt_out = true;
        } else if is("noloop") {
            options.no_loop = true;
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    Ok(options)
}

/// Whether the options go together, and with those `before`.
fn check(options: &Options<'_>, before: Option<&Tracker>) -> Result<(), ReplyError> {
    if !options.broadcast && !options.prefixes.is_empty() {
        return Err(ReplyError::PREFIX_WITHOUT_BCAST);
    }
    if before.is_some_and(|before| before.broadcast != options.broadcast) {
        return Err(ReplyError::BCAST_SWITCHED);
    }
    if options.broadcast && (options.opt_in || options.opt_out) {
        return Err(ReplyError::OPT_WITH_BCAST);
    }
    if options.opt_in && options.opt_out {
        return Err(ReplyError::OPTIN_WITH_OPTOUT);
    }
    let old = before.map_or(Caching::All, |before| before.caching);
    if [options.caching(), old].contains(&Caching::OptIn) && [options.caching(), old].contains(&Caching::OptOut) {
        return Err(ReplyError::OPT_SWITCHED);
    }
    let overlap = |one: &[u8], two: &[u8]| one.starts_with(two) || two.starts_with(one);
    for (i, one) in options.prefixes.iter().enumerate() {
        let existing = before.into_iter().flat_map(|before| &before.prefixes).find(|two| overlap(one, two));
        if let Some(two) = existing {
            return Err(ReplyError::prefix_overlaps_existing(one, two));
        }
        if let Some(two) = options.prefixes[i + 1..].iter().find(|two| overlap(one, two)) {
            return Err(ReplyError::prefixes_overlap(one, two));
        }
    }
    Ok(())
}
