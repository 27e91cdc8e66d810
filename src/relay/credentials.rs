//! Who a client is to the upstream of its keys.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::config::{BackplaneForwardAuth, Settings};

/// The longest password that is kept, in bytes, because a user without a password takes every one.
const LONGEST_PASSWORD: usize = 4096;

/// A user and its password, as a client has given them. They are kept while it is that user, because each of its connections to
/// the upstream needs them, shown nowhere, and overwritten in the end.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    user: Box<[u8]>,
    password: Zeroizing<Vec<u8>>,
}

/// The password is longer than one that is kept.
#[derive(Debug)]
pub(crate) struct TooLong;

impl Credentials {
    /// What is to be kept of what a client has given, if the upstream is to be shown it.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub(crate) fn to_show(settings: &Settings, user: &[u8], password: &[u8]) -> Result<Option<Arc<Self>>, TooLong> {
        if !settings.forwards_keys() || settings.backplane_forward_auth == BackplaneForwardAuth::Backplane {
            return Ok(None);
        }
        if password.len() > LONGEST_PASSWORD {
            return Err(TooLong);
        }
        Ok(Some(Arc::new(Credentials { user: user.into(), password: Zeroizing::new(password.to_vec()) })))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({})", self.user.escape_ascii())
    }
}

/// Whose requests the upstream takes them for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Those of the user of the backplane's address.
    #[default]
    Node,
    /// Those of the user that the client has said to be; of the upstream's default user if it has not.
    Client(Option<Arc<Credentials>>),
}

impl Asker {
    /// User and password, if the upstream is to be shown any; `node` are those of the backplane.
    pub(super) fn credentials<'c>(&'c self, node: Option<(&'c [u8], &'c [u8])>) -> Option<(&'c [u8], &'c [u8])> {
        match self {
            Asker::Node => node,
            Asker::Client(given) => given.as_ref().map(|given| (&*given.user, given.password.as_slice())),
        }
    }

    /// Whether the upstream judges the client, so that the client is told what it says.
    pub(super) fn is_client(&self) -> bool {
        matches!(self, Asker::Client(_))
    }
}
