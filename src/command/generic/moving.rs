//! COPY, MOVE, RENAME, RENAMENX.

use crate::command::{Call, redirect};
use crate::config::KeyspaceEvents;
use crate::keyspace::DatabaseId;
use crate::resp::errors::ReplyError;

/// The database whose number is the argument at `index`.
fn database(call: &Call<'_, '_>, index: usize) -> Result<DatabaseId, ReplyError> {
    let number = call.integer(index)?;
    if i32::try_from(number).is_err() {
        return Err(ReplyError::out_of_bounds(i32::MIN.into(), i32::MAX.into()));
    }
    let known = u32::try_from(number).ok().filter(|number| *number < call.settings.databases);
    known.and_then(|number| number.try_into().ok()).ok_or(ReplyError::DB_OUT_OF_RANGE)
}

pub(super) fn rename(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    rename_key(call, true)?;
    call.reply.ok();
    Ok(())
}

pub(super) fn renamenx(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let renamed = rename_key(call, false)?;
    call.reply.integer(renamed.into());
    Ok(())
}

/// Answers false if the new name is taken and may not be, or is the old one.
fn rename_key(call: &mut Call<'_, '_>, replaces: bool) -> Result<bool, ReplyError> {
    let args = call.args;
    let (from, to) = (&args[1], &args[2]);
    let (mut keys, _) = call.keys();
    if keys.get_mut(from).is_none() {
        return Err(ReplyError::NO_SUCH_KEY);
    }
    if from == to || (!replaces && keys.contains(to)) {
        return Ok(false);
    }
    keys.remove(to);
    if let Some(entry) = keys.take(from) {
        keys.bring(to, entry);
    }
    keys.touch(from);
    keys.touch(to);
    keys.notify(KeyspaceEvents::GENERIC, "rename_from", from);
    keys.notify(KeyspaceEvents::GENERIC, "rename_to", to);
    Ok(true)
}

pub(super) fn move_key(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_MOVE);
    }
    let args = call.args;
    let key = &args[1];
    let to = database(call, 2)?;
    if to == call.scope.db {
        return Err(ReplyError::SAME_OBJECT);
    }
    let (mut keys, reply) = call.keys();
    let moves = keys.contains(key) && !keys.in_database(to).contains(key);
    if moves && let Some(entry) = keys.take(key) {
        keys.in_database(to).bring(key, entry);
        keys.touch(key);
        keys.in_database(to).touch(key);
        keys.notify(KeyspaceEvents::GENERIC, "move_from", key);
        keys.in_database(to).notify(KeyspaceEvents::GENERIC, "move_to", key);
    }
    reply.integer(moves.into());
    Ok(())
}

pub(super) fn copy(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let (from, to) = (&args[1], &args[2]);
    let (mut db, mut replaces) = (call.scope.db, false);
    let mut index = 3;
    while index < args.len() {
        if call.is_word(index, "replace") {
            replaces = true;
        } else if call.is_word(index, "db") && index + 1 < args.len() {
            index += 1;
            db = database(call, index)?;
            if db != call.scope.db && redirect::is_clustered(call.server) {
                return Err(ReplyError::NO_COPY);
            }
        } else {
            return Err(ReplyError::SYNTAX);
        }
        index += 1;
    }
    if db == call.scope.db && from == to {
        return Err(ReplyError::SAME_OBJECT);
    }
    let (mut keys, reply) = call.keys();
    let found = keys.get(from).is_some();
    let copies = found && (replaces || !keys.in_database(db).contains(to));
    if copies && let Some(entry) = keys.peek(from) {
        let (value, deadline_ms) = (entry.value.clone(), entry.deadline_ms());
        let mut keys = keys.in_database(db);
        keys.remove(to);
        keys.add(to, value);
        keys.set_deadline(to, deadline_ms);
        keys.changed(KeyspaceEvents::GENERIC, "copy_to", to);
    }
    reply.integer(copies.into());
    Ok(())
}
