//! Error texts of commands on keys of any type.

use super::ReplyError;

fixed! {
    /// EXPIRE with NX and another condition.
    NX_WITH_OTHERS = "ERR NX and XX, GT or LT options at the same time are not compatible";
    /// EXPIRE with GT and LT.
    GT_WITH_LT = "ERR GT and LT options at the same time are not compatible";
    /// WATCH when it is too late.
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    /// SCAN with a cursor that is no number.
    INVALID_CURSOR = "ERR invalid cursor";
    /// COPY or MOVE of a key to where it is.
    SAME_OBJECT = "ERR source and destination objects are the same";
    /// SWAPDB with something else than a number first.
    FIRST_DB_INVALID = "ERR invalid first DB index";
    /// SWAPDB with something else than a number last.
    SECOND_DB_INVALID = "ERR invalid second DB index";
    /// SORT of something else than numbers without ALPHA.
    SCORES_NOT_DOUBLES = "ERR One or more scores can't be converted into double";
    /// OBJECT IDLETIME where frequency is noted.
    NO_IDLE_TIME = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
        between policies at runtime LRU and LFU data will take some time to adjust.";
    /// OBJECT FREQ where recency is noted.
    NO_FREQUENCY = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
        switching between policies at runtime LRU and LFU data will take some time to adjust.";
    /// DEBUG LISTPACK and its relatives.
    NO_LAYOUT = "ERR values are laid out in another way here";
    /// DUMP
    NO_DUMP = "ERR DUMP is not supported: this server has no serialized form of values";
    /// RESTORE
    NO_RESTORE = "ERR RESTORE is not supported: this server has no serialized form of values";
}

impl ReplyError {
    /// An option of EXPIRE that does not exist.
    pub fn unsupported_option(option: &[u8]) -> Self {
        ReplyError::err([b"Unsupported option ", option].concat())
    }
}
