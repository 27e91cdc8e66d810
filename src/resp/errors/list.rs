//! Error texts of commands on lists.

use super::ReplyError;

fixed! {
    /// LSET beyond the end.
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    /// LPOS with RANK 0.
    RANK_ZERO = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
        start from the end of the list";
    /// LPOS with COUNT below zero.
    COUNT_NEGATIVE = "ERR COUNT can't be negative";
    /// LPOS with MAXLEN below zero.
    MAXLEN_NEGATIVE = "ERR MAXLEN can't be negative";
    /// LMPOP of no keys.
    NUMKEYS_POSITIVE = "ERR numkeys should be greater than 0";
    /// LMPOP of no elements.
    COUNT_POSITIVE = "ERR count should be greater than 0";
}
