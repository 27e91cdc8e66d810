//! What commands do with files, on a thread that may wait for them: CONFIG REWRITE, ACL LOAD, ACL SAVE; and the users that
//! there are from the start.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::acl::User;
use crate::client::order::{Errand, Receipt};
use crate::client::registry::ClientInfo;
use crate::config::{StartError, rewrite};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::server::governor::FileWork;

/// Does what a client has asked for.
///
/// # Errors
///
/// What has gone wrong, for the log.
pub(crate) fn carry_out(server: &Server, client: &Arc<ClientInfo>, work: FileWork) -> Result<(), String> {
    match work {
        FileWork::RewriteConfig => {
            let config = server.config.lock().clone();
            let users = config.settings().aclfile.is_none().then(|| server.acl.lines());
            config.rewrite(users.as_deref()).map_err(|error| error.to_string())
        }
        FileWork::SaveUsers => {
            let path = path(server).unwrap_or_default();
            rewrite::write(&path, &server.acl.text()).map_err(|error| format!("{}: {error}", path.display()))
        }
        FileWork::LoadUsers => load(server, client),
    }
}

/// What the client is answered when it has gone wrong.
pub(crate) fn answer(work: FileWork, error: String) -> ReplyError {
    match work {
        FileWork::SaveUsers => ReplyError::ACL_NOT_SAVED,
        FileWork::RewriteConfig | FileWork::LoadUsers => ReplyError::err(error),
    }
}

/// Makes the users that the configuration and the ACL file give.
///
/// # Errors
///
/// [`StartError`] if there are both, or something is wrong with one.
pub(super) fn load_first_users(server: &Server) -> Result<(), StartError> {
    let settings = server.settings();
    let all_channels = settings.acl_pubsub_default.all_channels();
    if !settings.user.0.is_empty() {
        if settings.aclfile.is_some() {
            let text = "users are defined both by user lines and by an aclfile, of which only one would count";
            return Err(StartError::new(text, "keep them in one place"));
        }
        server.acl.add(server.acl.of_lines(&settings.user.0, all_channels)?);
    }
    if let Some(path) = path(server) {
        let wrong = |why| StartError::new(why, "correct the file, or remove aclfile");
        let users = read(server, &path).map_err(wrong)?;
        server.acl.replace(users, settings.requirepass.password());
    }
    Ok(())
}

/// Where the ACL file is, if there is one.
fn path(server: &Server) -> Option<PathBuf> {
    let settings = server.settings();
    settings.aclfile.as_deref().map(|path| settings.dir.place(path))
}

fn read(server: &Server, path: &std::path::Path) -> Result<crate::acl::Definitions, String> {
    let name = path.display().to_string();
    let text = fs::read(path).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" (os error").next().unwrap_or_default();
        format!("Error loading ACLs, opening file '{name}': {why}")
    })?;
    server.acl.read(&name, &text, server.settings().acl_pubsub_default.all_channels())
}

/// Makes the users of the file all that there are. Connections of users that have gone are ended, and those that listen to what
/// their users may not listen to any more.
fn load(server: &Server, client: &Arc<ClientInfo>) -> Result<(), String> {
    let users = read(server, &path(server).unwrap_or_default())?;
    let _alone = server.administration.lock();
    let (gone, narrowed) = server.acl.replace(users, server.settings().requirepass.password());
    let is_among = |users: &[Arc<User>], own: &Arc<User>| users.iter().any(|user| Arc::ptr_eq(user, own));
    for info in server.clients.all() {
        let user = info.user(&server.acl);
        // Nobody waits for it: what is published from now on comes behind the order.
        let receipt = Receipt { missing: Arc::new(AtomicUsize::new(1)), client: client.clone() };
        if is_among(&gone, &user) && info.doom() {
            server.send(info, Errand::Kill(receipt));
        } else if is_among(&narrowed, &user) {
            server.send(info, Errand::Judge(receipt));
        }
    }
    Ok(())
}
