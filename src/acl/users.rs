//! All users.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::catalogue::Catalogue;
use super::file::{self, Definitions};
use super::guesses::Guesses;
use super::log::AclLog;
use super::rights::Rights;
use super::rule::{self, Context};
use super::user::User;
use crate::config::{StartError, UserLine};

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
    /// Who has given wrong passwords.
    pub(crate) guesses: Guesses,
}

impl Acl {
    /// The default user alone, with this password if there is one.
    pub(crate) fn new(catalogue: Catalogue, password: Option<&[u8]>) -> Self {
        let context = Context { catalogue: &catalogue, all_channels: false };
        let default = User::new(DEFAULT_USER.as_bytes(), Rights::all(context));
        let users = BTreeMap::from([(DEFAULT_USER.as_bytes().into(), default.clone())]);
        let acl =
            Acl { catalogue, default, users: Mutex::new(users), log: AclLog::default(), guesses: Guesses::default() };
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

/// All users at once: what files say.
impl Acl {
    /// The users that the text of an ACL file gives, which is called `name`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in one line.
    pub(crate) fn read(&self, name: &str, text: &[u8], all_channels: bool) -> Result<Definitions, String> {
        file::read(name, text, &self.catalogue, all_channels)
    }

    /// The users that lines of the configuration give: name and rules of each.
    ///
    /// # Errors
    ///
    /// What is wrong with the first that is.
    pub(crate) fn of_lines(&self, lines: &[UserLine], all_channels: bool) -> Result<Definitions, StartError> {
        file::of_lines(lines, &self.catalogue, all_channels)
    }

    /// The text of an ACL file that gives the users of now.
    pub(crate) fn text(&self) -> Vec<u8> {
        let users = self.all();
        file::write(users.iter().map(|user| (user.name(), user.rights().describe())))
    }

    /// Name and rules of each user, as lines of the configuration; none while there is only the default user and nothing
    /// but its password has been changed.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        let users = self.all();
        let mut rights = Rights::clone(&self.default.rights());
        rights.reset_passwords(true);
        let context = Context { catalogue: &self.catalogue, all_channels: false };
        if users.len() == 1 && rights.describe() == Rights::all(context).describe() {
            return Vec::new();
        }
        users.iter().map(|user| [user.name(), b" ", &user.rights().describe()].concat()).collect()
    }

    /// Adds these users, in place of those that are there.
    pub(crate) fn add(&self, users: Definitions) {
        for (name, rights) in users {
            self.set(&name, rights);
        }
    }

    /// Makes these all the users that there are, but for the default user, which has every right and this password if they do
    /// not name it. Answers those that have gone, and those that may listen to less than before.
    pub(crate) fn replace(&self, mut wanted: Definitions, password: Option<&[u8]>) -> (Vec<Arc<User>>, Vec<Arc<User>>) {
        let context = Context { catalogue: &self.catalogue, all_channels: false };
        wanted.entry(DEFAULT_USER.into()).or_insert_with(|| {
            let mut rights = Rights::all(context);
            if let Some(password) = password {
                rights.add_password(super::rights::digest(password));
            }
            rights
        });
        let mut users = self.users.lock();
        let gone = users.extract_if(.., |name, _| !wanted.contains_key(&**name)).map(|(_, user)| user).collect();
        let mut narrowed = Vec::new();
        for (name, rights) in wanted {
            match users.get(&*name) {
                Some(user) => narrowed.extend(user.set(rights).then(|| user.clone())),
                None => {
                    let user = User::new(&name, rights);
                    users.insert(name.into(), user);
                }
            }
        }
        (gone, narrowed)
    }
}
