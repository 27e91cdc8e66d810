//! Error texts of commands on streams.

use super::ReplyError;
