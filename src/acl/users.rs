//! All users.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::catalogue::Catalogue;
use super::log::AclLog;
use super::rights::Rights;
use super::rule::{self, Context};
use super::user::User;

/// The name of the user that everybody is who has not logged in as another.
pub(crate) const DEFAULT_USER: &str = "default";

/// All users, and what was refused to them.
#[derive(Debug)]
pub(crate) struct Acl {
    /// The names that rules may use.
    pub(crate) catalogue: Catalogue,
    /// The user that everybody is who has not logged in as another. It cannot be deleted.
    pub(crate) default: Arc<User>,
    users: Mutex<BTreeMap<Box<[u8]>, Arc<User>>>,
    /// What was refused.
    pub(crate) log: AclLog,
}

impl Acl {
    /// The default user alone, with this password if there is one.
    pub(crate) fn new(catalogue: Catalogue, password: Option<&[u8]>) -> Self {
        let context = Context { catalogue: &catalogue, all_channels: false };
        let default = User::new(DEFAULT_USER.as_bytes(), Rights::all(context));
        let users = BTreeMap::from([(DEFAULT_USER.as_bytes().into(), default.clone())]);
        let acl = Acl { catalogue, default, users: Mutex::new(users), log: AclLog::default() };
        acl.set_default_password(password);
        acl
    }

    /// The user of this name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.lock().get(name).cloned()
    }

    /// All users by name.
    pub(crate) fn all(&self) -> Vec<Arc<User>> {
        self.users.lock().values().cloned().collect()
    }

    /// Gives the user of this name other rights, or makes it. Answers the user if it may listen to less than before.
    pub(crate) fn set(&self, name: &[u8], rights: Rights) -> Option<Arc<User>> {
        let mut users = self.users.lock();
        match users.get(name) {
            Some(user) => user.set(rights).then(|| user.clone()),
            None => {
                users.insert(name.into(), User::new(name, rights));
                None
            }
        }
    }

    /// Deletes a user, and answers it.
    pub(crate) fn remove(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.lock().remove(name)
    }

    /// Gives the default user this password alone, or none.
    pub(crate) fn set_default_password(&self, password: Option<&[u8]>) {
        let mut rights = Rights::clone(&self.default.rights());
        match password {
            Some(password) => {
                rights.reset_passwords(false);
                rights.add_password(super::rights::digest(password));
            }
            None => rights.reset_passwords(true),
        }
        self.default.set(rights);
    }

    /// The rights that the user of this name would have behind these rules.
    ///
    /// # Errors
    ///
    /// The first rule that is wrong, and how.
    pub(crate) fn changed(
        &self,
        name: &[u8],
        rules: &[Vec<u8>],
        all_channels: bool,
    ) -> Result<Rights, (Vec<u8>, rule::RuleError)> {
        let context = Context { catalogue: &self.catalogue, all_channels };
        let known = self.get(name).map(|user| Rights::clone(&user.rights()));
        let mut rights = known.unwrap_or_else(|| Rights::none(context));
        for rule in rules {
            rule::apply(&mut rights, rule, context).map_err(|error| (rule.clone(), error))?;
        }
        Ok(rights)
    }
}
