//! Error texts of CLIENT TRACKING and what belongs to it.

use super::ReplyError;

fixed! {
    /// CLIENT CACHING where tracking is off.
    CACHING_WITHOUT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN \
        or OPTOUT mode enabled";
    /// CLIENT TRACKING with REDIRECT twice.
    REDIRECT_TWICE = "ERR A client can only redirect to a single other client";
    /// CLIENT TRACKING REDIRECT to nobody.
    REDIRECT_UNKNOWN = "ERR The client ID you want redirect to does not exist";
    /// CLIENT TRACKING with PREFIX and without BCAST.
    PREFIX_WITHOUT_BCAST = "ERR PREFIX option requires BCAST mode to be enabled";
    /// CLIENT TRACKING with BCAST and OPTIN or OPTOUT.
    OPT_WITH_BCAST = "ERR OPTIN and OPTOUT are not compatible with BCAST";
    /// CLIENT TRACKING with OPTIN and OPTOUT.
    OPTIN_WITH_OPTOUT = "ERR You can't specify both OPTIN mode and OPTOUT mode";
    /// CLIENT TRACKING in another mode than before.
    BCAST_SWITCHED = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
        re-enabling it with a different mode.";
    /// CLIENT TRACKING with OPTIN after OPTOUT, or the other way round.
    OPT_SWITCHED = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
        re-enabling it with a different mode.";
    /// CLIENT CACHING YES without OPTIN.
    CACHING_YES = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    /// CLIENT CACHING NO without OPTOUT.
    CACHING_NO = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
}

impl ReplyError {
    /// CLIENT TRACKING with a prefix of which the client has one already.
    pub fn prefix_overlaps_existing(one: &[u8], two: &[u8]) -> Self {
        let end = b"'. Prefixes for a single client must not overlap.";
        Self::err([b"Prefix '", one, b"' overlaps with an existing prefix '", two, end].concat())
    }
}
