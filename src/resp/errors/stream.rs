//! Error texts of commands on streams.

use super::ReplyError;

fixed! {
    /// An id of an entry that is none.
    INVALID_STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    /// An interval that begins behind the last id.
    INVALID_START_ID = "ERR invalid start ID for the interval";
    /// An interval that ends before the first id.
    INVALID_END_ID = "ERR invalid end ID for the interval";
    /// XADD with 0-0.
    STREAM_ID_ZERO = "ERR The ID specified in XADD must be greater than 0-0";
    /// XADD with an id that is not behind the last.
    STREAM_ID_TOO_LOW = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    /// XADD behind the last id there can be.
    STREAM_EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items";
    /// XADD with more bytes than an entry may have.
    ENTRY_TOO_LARGE = "ERR Elements are too large to be stored";
    /// Two ways to trim at once.
    MAXLEN_WITH_MINID = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    /// MAXLEN below zero.
    STREAM_MAXLEN_NEGATIVE = "ERR The MAXLEN argument must be >= 0.";
    /// LIMIT below zero.
    LIMIT_NEGATIVE = "ERR The LIMIT argument must be >= 0.";
    /// LIMIT alone.
    LIMIT_WITHOUT_TRIM = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    /// LIMIT of an exact trim.
    LIMIT_NEEDS_APPROXIMATION = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    /// XTRIM without MAXLEN and MINID.
    TRIM_WITHOUT_STRATEGY = "ERR syntax error, XTRIM must be called with a trimming strategy";
    /// XSETID with ENTRIESADDED below zero.
    ENTRIES_ADDED_NEGATIVE = "ERR entries_added must be positive";
    /// XSETID below its own MAXDELETEDID.
    XSETID_BELOW_GIVEN_DELETED = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    /// XSETID below an entry that was deleted.
    XSETID_BELOW_DELETED = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    /// XSETID below the last entry.
    XSETID_BELOW_TOP = "ERR The ID specified in XSETID is smaller than the target stream top item";
    /// XSETID with ENTRIESADDED below the length.
    XSETID_ADDED_TOO_LOW = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    /// XGROUP CREATE or SETID with ENTRIESREAD below -1.
    ENTRIES_READ_NEGATIVE = "ERR value for ENTRIESREAD must be positive or -1";
    /// XGROUP on no stream.
    XGROUP_NEEDS_KEY = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
        MKSTREAM option to create an empty stream automatically.";
    /// XGROUP CREATE of a group that exists.
    BUSY_GROUP = "BUSYGROUP Consumer Group name already exists";
    /// XREAD with GROUP.
    GROUP_IN_XREAD = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
    /// XREAD with NOACK.
    NOACK_IN_XREAD = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
    /// XREADGROUP without GROUP.
    XREADGROUP_WITHOUT_GROUP = "ERR Missing GROUP option for XREADGROUP";
    /// XREADGROUP with $.
    XREADGROUP_FROM_NOW = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
        consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
        result set.";
    /// XREADGROUP with +.
    XREADGROUP_LAST = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this \
        consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty \
        result set.";
    /// XREAD with >.
    XREAD_NEW = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    /// XCLAIM with a minimum that is no number.
    XCLAIM_IDLE = "ERR Invalid min-idle-time argument for XCLAIM";
    /// XAUTOCLAIM with a minimum that is no number.
    XAUTOCLAIM_IDLE = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    /// XAUTOCLAIM of no entries.
    XAUTOCLAIM_COUNT = "ERR COUNT must be > 0";
}

impl ReplyError {
    /// XREAD or XREADGROUP with keys and ids of different numbers.
    pub fn unbalanced_streams(grouped: bool) -> Self {
        let (command, symbol) = if grouped { ("xreadgroup", '>') } else { ("xread", '$') };
        Self::err(format!(
            "Unbalanced '{command}' list of streams: for each stream key an ID or '{symbol}' must be specified."
        ))
    }

    /// A group that a stream does not have.
    pub fn no_group_of(group: &[u8], key: &[u8]) -> Self {
        Self::coded("NOGROUP", [b"No such consumer group '", group, b"' for key name '", key, b"'"].concat())
    }

    /// A key without this group.
    pub fn no_group(key: &[u8], group: &[u8]) -> Self {
        Self::coded("NOGROUP", [b"No such key '", key, b"' or consumer group '", group, b"'"].concat())
    }

    /// A key without the group that XREADGROUP names.
    pub fn no_group_to_read(key: &[u8], group: &[u8]) -> Self {
        let behind = b"' in XREADGROUP with GROUP option";
        Self::coded("NOGROUP", [b"No such key '", key, b"' or consumer group '", group, behind].concat())
    }

    /// An option of XCLAIM that does not exist.
    pub fn unrecognized_xclaim_option(option: &[u8]) -> Self {
        Self::err([b"Unrecognized XCLAIM option '", option, b"'"].concat())
    }

    /// An option of XCLAIM with something else than a number.
    pub fn invalid_xclaim_option(option: &str) -> Self {
        Self::err(format!("Invalid {option} option argument for XCLAIM"))
    }
}
