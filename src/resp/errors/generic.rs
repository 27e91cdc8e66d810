//! Error texts of commands on keys of any type.

use super::{ReplyError, fixed};

fixed! {}
