//! SETUSER, DELUSER, LOAD, SAVE. When the first two have answered, their changes hold for all connections: those of users that have gone have
//! ended, and those whose subscriptions their user may not have any more.

use std::sync::Arc;

use crate::acl::rule::{has_blanks, join_selectors};
use crate::acl::{DEFAULT_USER, User};
use crate::client::registry::ClientInfo;
use crate::command::LocalCall;
use crate::command::client::kill;
use crate::command::config;
use crate::resp::errors::ReplyError;
use crate::server::governor::FileWork;

pub(super) fn setuser(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    call.secret_args.extend(2..args.len());
    let name = &args[2];
    if has_blanks(name) {
        return Err(ReplyError::USER_NAME);
    }
    let _alone = call.alone();
    let rules = join_selectors(args.from(3)).map_err(|place| ReplyError::unmatched_parenthesis(&args[3 + place]))?;
    let all_channels = call.settings.acl_pubsub_default.all_channels();
    let acl = &call.server.acl;
    let rights =
        acl.changed(name, &rules, all_channels).map_err(|(rule, error)| ReplyError::setuser(&rule, error.text()))?;
    let narrowed = acl.set(name, rights);
    if let Some(user) = narrowed {
        let clients = clients_of(call, |own| Arc::ptr_eq(own, &user));
        kill::judge(call, &clients);
    }
    call.reply.ok();
    Ok(())
}

pub(super) fn deluser(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    if args.from(2).any(|name| name == DEFAULT_USER.as_bytes()) {
        return Err(ReplyError::DEFAULT_USER_STAYS);
    }
    let _alone = call.alone();
    let deleted: Vec<Arc<User>> = args.from(2).filter_map(|name| call.server.acl.remove(name)).collect();
    let clients = clients_of(call, |own| deleted.iter().any(|user| Arc::ptr_eq(own, user)));
    kill::end_all(call, clients);
    call.reply.count(deleted.len());
    Ok(())
}

/// LOAD and SAVE.
pub(super) fn file(call: &mut LocalCall<'_, '_>, work: FileWork) -> Result<(), ReplyError> {
    if call.settings.aclfile.is_none() {
        return Err(ReplyError::NO_ACL_FILE);
    }
    if call.scope.executing {
        return Err(ReplyError::ACL_FILE_IN_MULTI);
    }
    config::file(call, work)
}

/// The clients that are users of which this holds.
fn clients_of(call: &LocalCall<'_, '_>, holds: impl Fn(&Arc<User>) -> bool) -> Vec<Arc<ClientInfo>> {
    let all = call.server.clients.all().into_iter();
    all.filter(|info| holds(&info.user(&call.server.acl))).collect()
}
