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
    /// CLIENT TRACKING ON.
    NO_TRACKING = "ERR CLIENT TRACKING ON is not supported: this server does not tell clients which keys to forget";
}
