//! Texts about users and what they may do.

use super::ReplyError;

fixed! {
    /// A key that the user may not use so.
    NO_KEY_PERMISSION = "NOPERM No permissions to access a key";
    /// A channel that the user may not use so.
    NO_CHANNEL_PERMISSION = "NOPERM No permissions to access a channel";
    /// SORT with BY and not the right to read all keys.
    SORT_BY_DENIED = "ERR BY option of SORT denied due to insufficient ACL permissions.";
    /// SORT with GET and not the right to read all keys.
    SORT_GET_DENIED = "ERR GET option of SORT denied due to insufficient ACL permissions.";
    /// ACL SETUSER with a name that a list of rules could not keep.
    USER_NAME = "ERR Usernames can't contain spaces or null characters";
    /// ACL DELUSER of the default user.
    DEFAULT_USER_STAYS = "ERR The 'default' user cannot be removed";
    /// ACL LOAD and ACL SAVE without an ACL file.
    NO_ACL_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL \
        SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to \
        store users in the Redis configuration.";
    /// ACL SAVE where the file cannot be written.
    ACL_NOT_SAVED = "ERR There was an error trying to save the ACLs. Please check the server logs for more information";
    /// ACL LOAD or ACL SAVE between MULTI and EXEC.
    ACL_FILE_IN_MULTI = "ERR ACL LOAD and ACL SAVE are not allowed within a transaction: nothing there waits for a file";
    /// ACL GENPASS with something else than a number of bits.
    GENPASS_BITS = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to \
        4096";
}

impl ReplyError {
    /// A command that the user may not execute.
    pub fn no_command_permission(user: &[u8], full_name: &str) -> Self {
        Self::coded(
            "NOPERM",
            [b"User ", user, b" has no permissions to run the '", full_name.as_bytes(), b"' command"].concat(),
        )
    }

    /// A command of a script that the user may not execute.
    pub(crate) fn in_script(&self) -> Vec<u8> {
        let text = self.text();
        [b"-ERR ACL failure in script: ", text.strip_prefix(b"NOPERM ").unwrap_or(text)].concat()
    }

    /// A queued command that the user may not execute any more.
    pub fn no_longer_permitted(reason: &str) -> Self {
        Self::coded(
            "NOPERM",
            format!(
                "ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
                 is no longer allowed for the following reason: {reason}"
            ),
        )
    }

    /// ACL SETUSER with a rule that is wrong.
    pub fn setuser(rule: &[u8], why: &str) -> Self {
        Self::err([b"Error in ACL SETUSER modifier '", rule, b"': ", why.as_bytes()].concat())
    }

    /// A parenthesis that nothing closes.
    pub fn unmatched_parenthesis(word: &[u8]) -> Self {
        Self::err([b"Unmatched parenthesis in acl selector starting at '", word, b"'."].concat())
    }

    /// More than a limit of the user allows: connections, subscriptions, or messages, of which the next is in time after so many
    /// milliseconds. Redis has no such limits.
    pub fn limit_reached(user: &[u8], limit: &str, wait_ms: Option<u64>) -> Self {
        let rest =
            wait_ms.map(|ms| format!(": the message was not published, try again in {ms} ms")).unwrap_or_default();
        Self::coded("LIMIT", [b"User ", user, b" has reached its limit:", limit.as_bytes(), rest.as_bytes()].concat())
    }

    /// PREGON SLOW with a policy that lets more wait than the user's rule.
    pub fn laxer_policy(user: &[u8], rule: &str) -> Self {
        let rest = format!(" may have no laxer policy for slow subscribers than {rule}");
        Self::coded("NOPERM", [b"User ", user, rest.as_bytes()].concat())
    }

    /// ACL DRYRUN for a user that does not exist.
    pub fn user_not_found(name: &[u8]) -> Self {
        Self::err([b"User '", name, b"' not found"].concat())
    }

    /// ACL DRYRUN of a command that does not exist.
    pub fn command_not_found(name: &[u8]) -> Self {
        Self::err([b"Command '", name, b"' not found"].concat())
    }
}
