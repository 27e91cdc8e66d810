//! The arguments of the client and the environment, made into what it does.

mod arguments;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};

use super::connection::{Family, Target};
use super::encryption::Encryption;
use super::format::Style;
use super::modes::scan::Selection;
use crate::quoting;
pub(super) use arguments::{Arguments, VERSION_SHOWN};

/// What surrounds the client, apart from its arguments.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `REDISCLI_AUTH`: a password that the list of processes does not show.
    pub(super) password: Option<OsString>,
    /// `PREGON_CLI_OPTIONS`: what stands before the arguments, quoted as in a configuration file.
    pub(super) options: Option<OsString>,
    /// Whether standard output is a terminal.
    pub(super) terminal: bool,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Run(Box<Options>),
    /// Print this and be done: help, version.
    Show(String),
}

/// How to reach the server, what to send and how to print.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) target: Target,
    /// How long connecting may take; as long as the system lets it where zero.
    pub(super) timeout: Duration,
    /// Which addresses of a name to try first.
    pub(super) family: Family,
    /// How the connection is encrypted, if it is.
    pub(super) encryption: Option<Encryption>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Option<Vec<u8>>,
    /// Whether the user is to be told that others can read the password on the command line.
    pub(super) password_warning: bool,
    pub(super) database: i32,
    pub(super) protocol: Protocol,
    /// How often the command is sent; for ever if negative.
    pub(super) repeat: i64,
    /// The pause after each command.
    pub(super) interval: Duration,
    pub(super) argument_from_stdin: StdinArgument,
    /// Whether the arguments of the command are quoted strings.
    pub(super) quoted_input: bool,
    /// Whether the user is asked for the password.
    pub(super) ask_password: bool,
    pub(super) fail_on_error: bool,
    pub(super) style: Style,
    /// Whether pushes outside of a subscription are printed.
    pub(super) show_pushes: bool,
    pub(super) mode: Mode,
    /// Empty: commands are read from standard input.
    pub(super) command: Vec<Vec<u8>>,
}

/// Beside what is connected to and printed how: what is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// The command of the arguments, or those of standard input.
    Commands,
    Eval(PathBuf),
    Scan(Selection),
    BigKeys(Selection),
    /// With how many elements of each key to look at, if not as many as the server does by itself.
    MemoryKeys(Selection, Option<u64>),
    Stat,
    Latency {
        /// Whether one interval follows the other.
        history: bool,
    },
    Spectrum {
        /// Shades of grey instead of colours.
        grey: bool,
    },
    Pipe {
        /// How long to wait for a reply when all is sent; for ever without.
        timeout: Option<Duration>,
    },
}

/// Which argument of the command standard input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StdinArgument {
    None,
    Last,
    /// The one that is this word.
    Tagged(Vec<u8>),
}

/// Which version of the protocol to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Resp2,
    Resp3,
    /// RESP3, and no complaint where the server refuses it; for JSON, whose objects need maps.
    PreferResp3,
}

/// Reads the arguments, of which the first is the program's name.
///
/// # Errors
///
/// One line for the user.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Result<Action, String> {
    let mut words: Vec<OsString> = arguments.into_iter().collect();
    if let Some(options) = &environment.options {
        let options = quoting::split(options.as_bytes()).map_err(|_| "Unbalanced quotes in PREGON_CLI_OPTIONS")?;
        let behind_name = words.len().min(1);
        words.splice(behind_name..behind_name, options.into_iter().map(OsString::from_vec));
    }
    if words.last().is_some_and(|last| last == "-h") && words.len() == 2 {
        words[1] = "--help".into();
    }
    let last = words.last().cloned().unwrap_or_default();
    let complaint = |error: &clap::Error| complaint(error, &last.to_string_lossy());
    let matches = match Arguments::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Action::Show(error.to_string()));
        }
        Err(error) => return Err(complaint(&error)),
    };
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| complaint(&error))?;
    arguments.into_options(&matches, environment).map(|options| Action::Run(Box::new(options)))
}

/// The word that a quoted string is, if it is one.
pub(super) fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let words = quoting::split(text).ok()?;
    <[_; 1]>::try_from(words).ok().map(|[word]| word)
}

/// Options of redis-cli that are not here, and what is to be known instead. An entry whose name ends with `-` stands
/// for all that begin with it.
const ABSENT: [(&str, &str); 14] = [
    ("--cluster", "there is no cluster to manage: one server holds everything"),
    ("--cluster-", "there is no cluster to manage: one server holds everything"),
    ("--rdb", "there are no snapshots: nothing is on disk"),
    ("--functions-rdb", "there are no functions"),
    ("--replica", "there is no replication; MONITOR shows commands as they run"),
    ("--slave", "there is no replication; MONITOR shows commands as they run"),
    ("--lru-test", "use redis-cli of the package redis-tools"),
    ("--intrinsic-latency", "use redis-cli of the package redis-tools; it needs no server"),
    ("--hotkeys", "OBJECT FREQ tells it of one key; redis-cli of the package redis-tools looks at all"),
    ("--keystats", "use --bigkeys and --memkeys"),
    ("--keystats-samples", "use --bigkeys and --memkeys-samples"),
    ("--ldb", "there is no debugger for scripts"),
    ("--tls-", "what the server and it agree on is safe"),
    ("--ldb-sync-mode", "there is no debugger for scripts"),
];

/// Why an option of redis-cli is not here.
fn absent(option: &str) -> Option<String> {
    let is_it = |name: &str| name == option || (name.ends_with('-') && option.starts_with(name));
    let (_, instead) = ABSENT.iter().find(|(name, _)| is_it(name))?;
    Some(format!("This client does not know '{option}': {instead}."))
}

/// One line, worded as redis-cli words it. An option misses its value only as the last word.
fn complaint(error: &clap::Error, last: &str) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let option = text(ContextKind::InvalidArg).split(' ').next().unwrap_or_default();
    let value = text(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::ValueValidation if option == "-p" => "Invalid server port.".to_owned(),
        ErrorKind::ValueValidation if option == "-t" => "Invalid connection timeout for -t.".to_owned(),
        ErrorKind::InvalidValue => unrecognized(last),
        ErrorKind::ValueValidation => format!("Invalid value for '{option}': '{value}'"),
        ErrorKind::UnknownArgument => absent(option).unwrap_or_else(|| unrecognized(option)),
        _ => unrecognized(option),
    }
}

fn unrecognized(option: &str) -> String {
    format!("Unrecognized option or bad number of args for: '{option}'")
}

#[cfg(test)]
mod tests;
