//! Error texts of commands on strings.

use super::ReplyError;

fixed! {
    /// A string that should be a number.
    NOT_A_FLOAT = "ERR value is not a valid float";
    /// INCR and its relatives beyond 64 bits.
    INCREMENT_OVERFLOWS = "ERR increment or decrement would overflow";
    /// DECRBY by the smallest integer.
    DECREMENT_OVERFLOWS = "ERR decrement would overflow";
    /// INCRBYFLOAT by infinity.
    INCREMENT_INFINITE = "ERR increment would produce NaN or Infinity";
    /// SETRANGE at a position below zero.
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    /// A string would become longer than any may be.
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// LCS of something else than strings.
    LCS_NEEDS_STRINGS = "ERR The specified keys must contain string values";
    /// LCS with LEN and IDX.
    LCS_LEN_OR_IDX = "ERR If you want both the length and indexes, please just use IDX.";
    /// LCS of strings that are too long.
    LCS_TOO_LARGE = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
}

impl ReplyError {
    /// A time to live or a moment of expiry that is none, given to `command`.
    pub fn invalid_expire_time(command: &str) -> Self {
        ReplyError::err(format!("invalid expire time in '{command}' command"))
    }
}
