//! SETNAME, GETNAME, SETINFO, REPLY, NO-EVICT, NO-TOUCH: what a client says of itself and how it wants to be treated.

use crate::client::registry::Flag;
use crate::command::Call;
use crate::resp::errors::ReplyError;
use crate::session::ReplyMode;

/// A name or library name as CLIENT SETNAME takes it: printable ASCII without blanks; an empty one removes it.
pub(in crate::command) fn valid_label(label: &[u8]) -> Option<&str> {
    let printable = label.iter().all(|byte| (b'!'..=b'~').contains(byte));
    std::str::from_utf8(label).ok().filter(|_| printable)
}

pub(super) fn setname(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let name = valid_label(&call.args[2]).ok_or(ReplyError::CLIENT_NAME)?;
    call.info.relabel(|labels| labels.name = name.into());
    call.reply.ok();
    Ok(())
}

pub(super) fn getname(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let labels = call.info.labels();
    if labels.name.is_empty() {
        call.reply.null();
    } else {
        call.reply.bulk(&*labels.name);
    }
    Ok(())
}

pub(super) fn setinfo(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let attribute = &call.args[2];
    let is_name = call.is_word(2, "lib-name");
    if !is_name && !call.is_word(2, "lib-ver") {
        return Err(ReplyError::unrecognized_option(attribute));
    }
    let label = valid_label(&call.args[3]).ok_or_else(|| ReplyError::client_attribute(attribute))?;
    call.info.relabel(|labels| {
        let place = if is_name { &mut labels.lib_name } else { &mut labels.lib_version };
        *place = label.into();
    });
    call.reply.ok();
    Ok(())
}

/// Changes whether this client is answered. Within EXEC every command answers in its place, so that the array stays
/// whole; what was asked for holds from the next command on.
pub(super) fn reply(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let silent = call.scope.reply_mode == ReplyMode::Off;
    let executing = call.scope.executing;
    if call.is_word(2, "on") {
        call.scope.reply_mode = ReplyMode::On;
        if !executing {
            call.reply.set_muted(false);
        }
        call.reply.ok();
        return Ok(());
    }
    if call.is_word(2, "off") {
        call.scope.reply_mode = ReplyMode::Off;
    } else if !call.is_word(2, "skip") {
        return Err(ReplyError::SYNTAX);
    } else if !silent {
        call.scope.reply_mode = ReplyMode::SkipNext;
    }
    if executing {
        call.reply.ok();
    }
    Ok(())
}

pub(super) fn no_evict(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    switch(call, Flag::NoEvict)
}

pub(super) fn no_touch(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    switch(call, Flag::NoTouch)
}

fn switch(call: &mut Call<'_, '_>, flag: Flag) -> Result<(), ReplyError> {
    let on = call.is_word(2, "on");
    if !on && !call.is_word(2, "off") {
        return Err(ReplyError::SYNTAX);
    }
    call.info.set_flag(flag, on);
    call.reply.ok();
    Ok(())
}
