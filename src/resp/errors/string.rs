//! Error texts of commands on strings.

use super::{ReplyError, fixed};

fixed! {}
