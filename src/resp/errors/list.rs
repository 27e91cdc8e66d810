//! Error texts of commands on lists.

use super::{ReplyError, fixed};

fixed! {}
