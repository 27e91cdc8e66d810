//! Errors of scripts.

use super::ReplyError;

fixed! {
    /// A digest of no script that the server knows.
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    /// A command on keys while a script runs for long.
    BUSY = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    /// SCRIPT KILL without a script.
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    /// SCRIPT KILL of a script that has written.
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait \
        the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    /// SCRIPT FLUSH with a word that it does not know.
    SCRIPT_FLUSH = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
    /// SCRIPT DEBUG.
    NO_SCRIPT_DEBUG = "ERR scripts cannot be debugged here: there is no debugger";
    /// FUNCTION and FCALL.
    NO_FUNCTIONS = "ERR functions are not supported: this server runs scripts, with EVAL and EVALSHA";
}
