//! TRACKING, TRACKINGINFO, CACHING, GETREDIR: answered as where tracking is off, which it always is.

use crate::command::Call;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

/// The options of CLIENT TRACKING.
#[derive(Debug, Default)]
struct Options<'a> {
    redirected: bool,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    prefixes: Vec<&'a [u8]>,
}

pub(super) fn tracking(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let options = parse(call)?;
    if call.is_word(2, "off") {
        call.reply.ok();
        return Ok(());
    }
    if !call.is_word(2, "on") {
        return Err(ReplyError::SYNTAX);
    }
    check(&options)?;
    Err(ReplyError::NO_TRACKING)
}

pub(super) fn trackinginfo(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let reply = &mut *call.reply;
    reply.map(3);
    reply.bulk("flags");
    reply.set(1);
    reply.bulk("off");
    reply.bulk("redirect");
    reply.integer(-1);
    reply.bulk("prefixes");
    reply.array(0);
    Ok(())
}

pub(super) fn getredir(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.integer(-1);
    Ok(())
}

pub(super) fn caching(_: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    Err(ReplyError::CACHING_WITHOUT_TRACKING)
}

fn parse<'c>(call: &Call<'c, '_>) -> Result<Options<'c>, ReplyError> {
    let mut options = Options::default();
    let mut args = call.args.from(3);
    while let Some(option) = args.next() {
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        if is("redirect") && args.len() > 0 {
            if options.redirected {
                return Err(ReplyError::REDIRECT_TWICE);
            }
            let id = args.next().and_then(parse_integer).ok_or(ReplyError::NOT_AN_INTEGER)?;
            let known = u64::try_from(id).is_ok_and(|id| call.server.clients.get(id).is_some());
            if !known {
                return Err(ReplyError::REDIRECT_UNKNOWN);
            }
            options.redirected = true;
        } else if is("prefix") && args.len() > 0 {
            options.prefixes.extend(args.next());
        } else if is("bcast") {
            options.broadcast = true;
        } else if is("optin") {
            options.opt_in = true;
        } else if is("optout") {
            options.opt_out = true;
        } else if !is("noloop") {
            return Err(ReplyError::SYNTAX);
        }
    }
    Ok(options)
}

/// Whether the options go together.
fn check(options: &Options<'_>) -> Result<(), ReplyError> {
    if !options.broadcast && !options.prefixes.is_empty() {
        return Err(ReplyError::PREFIX_WITHOUT_BCAST);
    }
    if options.broadcast && (options.opt_in || options.opt_out) {
        return Err(ReplyError::OPT_WITH_BCAST);
    }
    if options.opt_in && options.opt_out {
        return Err(ReplyError::OPTIN_WITH_OPTOUT);
    }
    for (i, one) in options.prefixes.iter().enumerate() {
        let overlapping = options.prefixes[i + 1..].iter().find(|two| one.starts_with(two) || two.starts_with(one));
        if let Some(two) = overlapping {
            return Err(ReplyError::prefixes_overlap(one, two));
        }
    }
    Ok(())
}
