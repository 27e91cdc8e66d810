//! GETUSER, LIST, USERS, LOG, DRYRUN: what users are, what was refused to them, and what would be.

use crate::acl::{Denial, Shown};
use crate::command::table::{self, Lookup};
use crate::command::{Call, introspect, permission};
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;

/// Entries of the log that are shown if nothing else is asked for.
const SHOWN_ENTRIES: i64 = 10;

pub(super) fn users(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let users = call.server.acl.all();
    call.reply.array(users.len());
    users.iter().for_each(|user| call.reply.bulk(user.name()));
    Ok(())
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let users = call.server.acl.all();
    call.reply.array(users.len());
    for user in users {
        call.reply.bulk([b"user ", user.name(), b" ", &user.rights().describe()].concat());
    }
    Ok(())
}

pub(super) fn getuser(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let Some(user) = call.server.acl.get(&call.args[2]) else {
        call.reply.null();
        return Ok(());
    };
    let rights = user.rights();
    let (limits, slow, lost) = (rights.limits(), rights.slow(), user.usage().lost());
    let reply = &mut *call.reply;
    reply.map(6 + usize::from(limits.is_some()) + usize::from(slow.is_some()) + usize::from(lost > 0));
    reply.bulk("flags");
    let flags = rights.flags();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag));
    reply.bulk("passwords");
    reply.bulks(&rights.digests());
    let mut sets = rights.shown().into_iter();
    sets.next().iter().for_each(|root| show_set(reply, root));
    reply.bulk("selectors");
    reply.array(sets.len());
    for set in sets {
        reply.map(3);
        show_set(reply, &set);
    }
    if let Some(limits) = limits {
        reply.bulk("limits");
        reply.bulk(limits);
    }
    if let Some(slow) = slow {
        reply.bulk("slow");
        reply.bulk(slow.word());
    }
    if lost > 0 {
        reply.bulk("lost");
        reply.integer(lost as i64);
    }
    Ok(())
}

fn show_set(reply: &mut Reply, set: &Shown) {
    for (name, value) in [("commands", &set.commands), ("keys", &set.keys), ("channels", &set.channels)] {
        reply.bulk(name);
        reply.bulk(value);
    }
}

pub(super) fn log(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.args.len() > 3 {
        return Err(introspect::wrong_subcommand(call));
    }
    if call.is_word(2, "reset") {
        call.server.acl.log.clear();
        call.reply.ok();
        return Ok(());
    }
    let count = if call.args.len() == 3 { call.integer(2)? } else { SHOWN_ENTRIES };
    let entries = call.server.acl.log.newest(usize::try_from(count).unwrap_or(0));
    let now_ms = call.now.unix().as_millis() as u64;
    let reply = &mut *call.reply;
    reply.array(entries.len());
    for entry in entries {
        reply.map(10);
        reply.bulk("count");
        reply.integer(entry.count as i64);
        let refusal = &entry.refusal;
        for (name, value) in [
            ("reason", refusal.reason.name().as_bytes()),
            ("context", refusal.place.name().as_bytes()),
            ("object", &refusal.object),
            ("username", &refusal.user),
        ] {
            reply.bulk(name);
            reply.bulk(value);
        }
        reply.bulk("age-seconds");
        reply.double(now_ms.saturating_sub(entry.updated_ms) as f64 / 1000.0);
        reply.bulk("client-info");
        reply.bulk(&refusal.client);
        for (name, value) in [
            ("entry-id", entry.id),
            ("timestamp-created", entry.created_ms),
            ("timestamp-last-updated", entry.updated_ms),
        ] {
            reply.bulk(name);
            reply.integer(value as i64);
        }
    }
    Ok(())
}

pub(super) fn dryrun(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let name = &call.args[2];
    let user = call.server.acl.get(name).ok_or_else(|| ReplyError::user_not_found(name))?;
    let request = call.args.behind(3).ok_or(ReplyError::SYNTAX)?;
    let Lookup::Found(entry) = table::lookup(&call.server.names, request) else {
        return Err(ReplyError::command_not_found(&request[0]));
    };
    if !entry.command.accepts(request.len()) {
        return Err(ReplyError::arity(&entry.full_name));
    }
    let denied = |what: &[u8]| [b"User ", user.name(), b" has no permissions to ", what].concat();
    match permission::judge(&user.rights(), entry, request, call.settings) {
        Ok(()) => call.reply.ok(),
        Err(Denial::Command) => call.reply.bulk(denied(format!("run the '{}' command", entry.full_name).as_bytes())),
        Err(Denial::Key(index)) => call.reply.bulk(denied(&[b"access the '", &request[index], b"' key"].concat())),
        Err(Denial::Channel(index)) => {
            call.reply.bulk(denied(&[b"access the '", &request[index], b"' channel"].concat()));
        }
    }
    Ok(())
}
